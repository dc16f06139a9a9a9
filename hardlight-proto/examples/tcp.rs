//! A server and a client over plain blocking TCP sockets: on each side one thread reads and one writes.
//!
//! They share the connection under a lock that neither holds while it waits for the socket. So a side goes on reading
//! while the other does not read; if it did not, two sides with much to say would wait for each other for ever.

mod counter;
mod framing;

use std::{
    error::Error,
    io::{self, ErrorKind},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use counter::{Application, CounterClient, CounterServer};
use framing::{Incoming, PacketReader, write_packet};
use hardlight_proto::{Connection, ConnectionError, Limits, MAX_MESSAGE_BYTES, Time, Transmit};

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;

    // Two that are none of ours.
    let limits = Limits::new().with_hello_timeout(Duration::from_millis(20));
    meet(&listener, limits, "one that says nothing", |_| Ok(()))?;
    meet(&listener, Limits::new(), "one that says too much", |mut stream| {
        let message = Transmit::Message(vec![0; MAX_MESSAGE_BYTES + 1].into());
        (0..20).try_for_each(|_| write_packet(&mut stream, &message))
    })?;

    // And one that counts.
    let server = thread::spawn(move || serve(&listener, Limits::new()));
    let start = Instant::now();
    let (connection, counting) = CounterClient::new(Time::ZERO)?;
    Peer::new(TcpStream::connect(address)?, connection, counting, start)?.run();
    let error = server.join().map_err(|_| "the server panicked")??;
    println!("its server: {error}");
    Ok(())
}

/// Serves a client that is not ours: says how it was told to go, and why.
fn meet(
    listener: &TcpListener,
    limits: Limits,
    name: &str,
    say: impl FnOnce(&TcpStream) -> io::Result<()>,
) -> Result<(), Box<dyn Error>> {
    let address = listener.local_addr()?;
    let listener = listener.try_clone()?;
    let server = thread::spawn(move || serve(&listener, limits));
    let stream = TcpStream::connect(address)?;
    say(&stream)?;
    let mut packets = PacketReader::new(&stream);
    loop {
        if let Incoming::Close(reason) = packets.read()? {
            println!("to {name}: {reason}");
            break;
        }
    }
    drop(stream);
    let error = server.join().map_err(|_| "the server panicked")??;
    println!("its server: {error}");
    Ok(())
}

/// Serves the next client: why that ended.
fn serve(listener: &TcpListener, limits: Limits) -> io::Result<ConnectionError> {
    let (stream, _) = listener.accept()?;
    let start = Instant::now();
    let (connection, counter) = CounterServer::new(limits, Time::ZERO);
    Ok(Peer::new(stream, connection, counter, start)?.run())
}

/// One side: what its two threads share.
struct Peer<A: Application> {
    stream: TcpStream,
    start: Instant,
    /// How long the other side may take to end, once it was told to.
    close_timeout: Duration,
    side: Mutex<Side<A>>,
    /// There may be something to write, another time to wait for, or nothing left to read.
    changed: Condvar,
}

struct Side<A: Application> {
    connection: Connection<A::Side>,
    application: A,
    reading: bool,
}

impl<A: Application<Side: Send> + Send> Peer<A> {
    fn new(
        stream: TcpStream,
        connection: Connection<A::Side>,
        application: A,
        start: Instant,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let close_timeout = connection.limits().close_timeout();
        let side = Mutex::new(Side { connection, application, reading: true });
        Ok(Self { stream, start, close_timeout, side, changed: Condvar::new() })
    }

    /// Runs the connection to its end: why it ended.
    fn run(self) -> ConnectionError {
        thread::scope(|scope| {
            scope.spawn(|| self.write());
            self.read();
        });
        let side = self.lock();
        side.connection.error().cloned().expect("both threads go on until it has ended")
    }

    fn read(&self) {
        let mut packets = PacketReader::new(&self.stream);
        let mut due = self.lock().connection.poll_timeout();
        let (mut peer_ended, mut end) = (false, None);
        while !peer_ended && end.is_none_or(|end| self.now() < end) {
            let read = self.set_read_timeout(due).and_then(|()| packets.read());
            let mut side = self.lock();
            match read {
                Ok(incoming) => {
                    peer_ended = matches!(incoming, Incoming::Close(_));
                    incoming.hand_to(&mut side.connection);
                }
                Err(error) if is_timeout(&error) => side.connection.handle_timeout(self.now()),
                Err(error) => {
                    peer_ended = true;
                    side.connection.handle_lost(error.to_string());
                }
            }
            side.handle_events(self.now());
            self.changed.notify_one();
            // What the peer sends behind the end is read, and comes to nothing.
            if side.connection.is_ended() {
                end = end.or_else(|| Some(self.now() + self.close_timeout));
            }
            due = end.or_else(|| side.connection.poll_timeout());
        }
        self.lock().reading = false;
        self.changed.notify_one();
        // It frees the writer, if the peer no longer reads.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn write(&self) {
        while let Some(transmit) = self.next_transmit() {
            if write_packet(&mut &self.stream, &transmit).is_err() {
                // The peer has gone, and may have said why: the reader comes to it, or to the end.
                break;
            }
        }
        // The peer finds the end behind the last packet, and ends as well. Before that the socket must not be dropped:
        // what the peer has sent meanwhile and nobody has read would make it forget that packet.
        let _ = self.stream.shutdown(Shutdown::Write);
        let (side, timeout) = (self.lock(), self.close_timeout);
        drop(self.changed.wait_timeout_while(side, timeout, |side| side.reading));
        // It frees the reader, if the peer does not end. All of them fail only if the socket is closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Waits for the next to be written; `None` once there is no more to come.
    fn next_transmit(&self) -> Option<Transmit> {
        let mut side = self.lock();
        loop {
            // Each of the two threads tells the time, since the other may be held up.
            side.connection.handle_timeout(self.now());
            side.handle_events(self.now());
            if let Some(transmit) = side.connection.poll_transmit() {
                side.handle_events(self.now());
                return Some(transmit);
            }
            if side.connection.is_finished() {
                return None;
            }
            let due = side.connection.poll_timeout();
            let left = due.map_or(Duration::MAX, |due| due.saturating_since(self.now()));
            let waited = self.changed.wait_timeout(side, left);
            (side, _) = waited.expect("no thread panics while it holds the lock");
        }
    }

    fn set_read_timeout(&self, due: Option<Time>) -> io::Result<()> {
        // A socket takes zero for never.
        let left = due.map(|due| due.saturating_since(self.now()).max(Duration::from_millis(1)));
        self.stream.set_read_timeout(left)
    }

    fn lock(&self) -> MutexGuard<'_, Side<A>> {
        self.side.lock().expect("no thread panics while it holds the lock")
    }

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }
}

impl<A: Application> Side<A> {
    fn handle_events(&mut self, now: Time) {
        while let Some(event) = self.connection.poll_event() {
            self.application.handle(&mut self.connection, event, now);
        }
        // It is not so long that nobody could wait for it.
        while let Some(job) = self.application.take_job() {
            self.application.finish(&mut self.connection, job.run());
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
