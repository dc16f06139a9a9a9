//! Both sides on one thread, over two queues, with a clock that only moves when everybody waits: no I/O at all.

mod counter;

use std::{collections::VecDeque, error::Error, iter};

use counter::{Application, CounterClient, CounterServer};
use hardlight_proto::{Connection, Limits, Time, Transmit};

/// Messages that a queue takes. A side that finds it full keeps what it has to say, and goes on listening.
const CAPACITY: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let mut now = Time::ZERO;
    let (mut client, mut counting) = CounterClient::new(now)?;
    let (mut server, mut counter) = CounterServer::new(Limits::new(), now);
    let (mut up, mut down) = (VecDeque::new(), VecDeque::new());

    while !(client.is_finished() && server.is_finished()) {
        let moved = turn(&mut client, &mut counting, &mut down, &mut up, now)
            | turn(&mut server, &mut counter, &mut up, &mut down, now);
        if !moved {
            // Both wait for something: it is the next that is due, or it never comes.
            let due = iter::chain(client.poll_timeout(), server.poll_timeout()).min();
            now = now.max(due.ok_or("both sides wait for ever")?);
            client.handle_timeout(now);
            server.handle_timeout(now);
        }
    }
    Ok(())
}

/// Lets one side read, act and write: whether it did anything.
fn turn<A: Application>(
    connection: &mut Connection<A::Side>,
    application: &mut A,
    incoming: &mut VecDeque<Transmit>,
    outgoing: &mut VecDeque<Transmit>,
    now: Time,
) -> bool {
    let mut moved = false;
    if connection.wants_message()
        && let Some(transmit) = incoming.pop_front()
    {
        moved = true;
        match transmit {
            Transmit::Message(message) => connection.handle_message(message),
            Transmit::Close(reason) => connection.handle_close(Some(reason)),
        }
    }
    loop {
        while let Some(event) = connection.poll_event() {
            moved = true;
            application.handle(connection, event, now);
        }
        while let Some(job) = application.take_job() {
            application.finish(connection, job.run());
        }
        if outgoing.len() == CAPACITY {
            return moved;
        }
        let Some(transmit) = connection.poll_transmit() else { return moved };
        moved = true;
        outgoing.push_back(transmit);
    }
}
