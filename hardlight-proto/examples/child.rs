//! A child process that speaks HardLight on its standard input and output. It is this program once more.
//!
//! Pipes know no timeouts. So one thread reads and one writes, another does the work that takes long, and the one that owns
//! the connection waits for all of them, and for the time.

mod counter;
mod framing;

use std::{
    env,
    error::Error,
    io::{self, ErrorKind, Read, Write},
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use counter::{Application, CounterClient, CounterServer, Done, Job};
use framing::{Incoming, PacketReader, write_packet};
use hardlight_proto::{Connection, ConnectionError, Limits, Time, Transmit};

/// Tells this program that it is the child.
const CHILD: &str = "child";

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    if env::args().nth(1).as_deref() == Some(CHILD) {
        // Standard output belongs to the protocol: whatever else is to be said goes to standard error.
        let (connection, counter) = CounterServer::new(Limits::new(), Time::ZERO);
        return Ok(run(connection, counter, io::stdin(), io::stdout(), start)?);
    }
    let mut child = Command::new(env::current_exe()?)
        .arg(CHILD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (Some(to_child), Some(from_child)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("the child has no pipes".into());
    };
    let (connection, counting) = CounterClient::new(Time::ZERO)?;
    let ran = run(connection, counting, from_child, to_child, start);
    if ran.is_err() {
        // It may be one that does not listen.
        child.kill()?;
    }
    let status = child.wait()?;
    ran?;
    if status.success() { Ok(()) } else { Err(format!("the child failed: {status}").into()) }
}

/// What the owner of a connection waits for, besides the time.
enum Input {
    Read(io::Result<Incoming>),
    /// The writer has done what it was told to, and is free.
    Written(io::Result<()>),
    /// So has the worker.
    Done(Done),
}

/// Runs a connection to its end, which is an error if nobody wanted it.
fn run<A: Application>(
    mut connection: Connection<A::Side>,
    mut application: A,
    from: impl Read + Send + 'static,
    to: impl Write + Send + 'static,
    start: Instant,
) -> Result<(), ConnectionError> {
    let (inputs, inbox) = mpsc::sync_channel(1);
    let (outbox, outputs) = mpsc::sync_channel(1);
    let (desk, jobs) = mpsc::sync_channel(1);
    // They end with their pipes, with this function, or with the program.
    thread::spawn({
        let inputs = inputs.clone();
        move || read_packets(from, &inputs)
    });
    thread::spawn({
        let inputs = inputs.clone();
        move || write_packets(to, &outputs, &inputs)
    });
    thread::spawn(move || work(&jobs, &inputs));

    let mut outbox = Some(outbox);
    let (mut writing, mut working, mut peer_ended) = (false, false, false);
    while !connection.is_finished() {
        if let Some(event) = connection.poll_event() {
            application.handle(&mut connection, event, now(start));
        } else if !working && let Some(job) = application.take_job() {
            working = desk.send(job).is_ok();
        } else if !writing && let Some(transmit) = connection.poll_transmit() {
            writing = outbox.as_ref().is_some_and(|outbox| outbox.send(transmit).is_ok());
        } else {
            match wait(&inbox, connection.poll_timeout(), start) {
                Some(Input::Read(Ok(incoming))) => {
                    peer_ended |= matches!(incoming, Incoming::Close(_));
                    incoming.hand_to(&mut connection);
                }
                Some(Input::Read(Err(error))) => {
                    peer_ended = true;
                    connection.handle_lost(error.to_string());
                }
                Some(Input::Written(written)) => {
                    writing = false;
                    // The peer has gone, and may have said why: that is still to be read.
                    outbox = outbox.filter(|_| written.is_ok());
                }
                Some(Input::Done(done)) => {
                    working = false;
                    application.finish(&mut connection, done);
                }
                None => connection.handle_timeout(now(start)),
            }
        }
    }

    // Behind what is still being written the pipe to the peer ends, which ends as well. That may take so long, but no longer.
    drop(outbox);
    let deadline = now(start) + connection.limits().close_timeout();
    while writing || !peer_ended {
        match wait(&inbox, Some(deadline), start) {
            Some(Input::Read(read)) => {
                peer_ended |= matches!(read, Ok(Incoming::Close(_)) | Err(_));
            }
            Some(Input::Written(_)) => writing = false,
            Some(Input::Done(_)) => {}
            None => return Err(ConnectionError::Lost("the peer does not end".into())),
        }
    }
    match connection.error() {
        None | Some(ConnectionError::Closed { .. }) => Ok(()),
        Some(error) => Err(error.clone()),
    }
}

/// Waits for an input; `None` once it is time.
fn wait(inbox: &Receiver<Input>, until: Option<Time>, start: Instant) -> Option<Input> {
    let left = until.map_or(Duration::MAX, |until| until.saturating_since(now(start)));
    match inbox.recv_timeout(left) {
        Ok(input) => Some(input),
        Err(RecvTimeoutError::Timeout) => None,
        // Both threads have ended, and have said so.
        Err(RecvTimeoutError::Disconnected) => Some(Input::Read(Err(ErrorKind::BrokenPipe.into()))),
    }
}

fn read_packets(from: impl Read, inputs: &SyncSender<Input>) {
    let mut packets = PacketReader::new(from);
    loop {
        let read = packets.read();
        let more = !matches!(read, Ok(Incoming::Close(_)) | Err(_));
        if inputs.send(Input::Read(read)).is_err() || !more {
            return;
        }
    }
}

fn write_packets(mut to: impl Write, outputs: &Receiver<Transmit>, inputs: &SyncSender<Input>) {
    for transmit in outputs {
        let written = write_packet(&mut to, &transmit);
        let failed = written.is_err();
        if inputs.send(Input::Written(written)).is_err() || failed {
            return;
        }
    }
}

fn work(jobs: &Receiver<Job>, inputs: &SyncSender<Input>) {
    for job in jobs {
        if inputs.send(Input::Done(job.run())).is_err() {
            return;
        }
    }
}

fn now(start: Instant) -> Time {
    Time::ZERO + start.elapsed()
}
