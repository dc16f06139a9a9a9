//! The server's side.

use bytes::Bytes;
use hardlight_proto::{
    CallError, CallId, Codable, Connection, ConnectionState, Limits, Server, ServerConfig,
    ServerEvent, StateSource, Time, encode_event, payload::decode,
};

use super::{
    ADD, Add, Application, Counter, PASSED, Passed, REACH, Reach, TAKE, TENS, Take, Underflow,
    encode, schema,
};

/// Stands for the topic's name on this connection.
const TOPIC: u64 = 1;

/// The counter of one connection.
pub(crate) struct CounterServer {
    counter: StateSource<Counter>,
    /// Calls of `reach` that are not answered yet, and the totals they wait for.
    waiting: Vec<(CallId, u32)>,
    /// The number of the next event.
    sequence: u64,
}

impl CounterServer {
    /// A counter and the connection that shows it to a client, who is subscribed to its only topic.
    pub(crate) fn new(limits: Limits, now: Time) -> (Connection<Server>, Self) {
        let (counter, snapshot) = StateSource::new(Counter::initial()).expect("a number fits");
        let config = ServerConfig::new(schema()).with_limits(limits);
        let mut connection = Connection::server(config, snapshot, now);
        connection.announce_topic(TOPIC, 0, Bytes::from_static(TENS));
        (connection, Self { counter, waiting: Vec::new(), sequence: 0 })
    }

    /// Runs a method: its output, `None` if that is to come later.
    fn run(
        &mut self,
        connection: &mut Connection<Server>,
        id: CallId,
        method: u32,
        input: &[u8],
    ) -> Result<Option<Bytes>, CallError> {
        match method {
            ADD => {
                let Add { amount } = read(input)?;
                let total = self.counter.total.saturating_add(amount);
                self.set(total, connection);
                Ok(Some(encode(&total)))
            }
            TAKE => {
                let Take { amount } = read(input)?;
                let total = self.counter.total;
                let left = total.checked_sub(amount).ok_or(Underflow { total });
                if let Ok(left) = left {
                    self.set(left, connection);
                }
                Ok(Some(encode(&left)))
            }
            REACH => {
                let Reach { total } = read(input)?;
                if self.counter.total >= total {
                    return Ok(Some(encode(&self.counter.total)));
                }
                self.waiting.push((id, total));
                Ok(None)
            }
            _ => Err(CallError::UnknownMethod),
        }
    }

    /// Changes the total, and sends all that follows from it: behind that comes the answer of the call that did it.
    fn set(&mut self, total: u32, connection: &mut Connection<Server>) {
        let before = std::mem::replace(&mut self.counter.get_mut().total, total);
        self.counter.send_changes(connection);
        if total / 10 > before / 10 {
            let event = encode_event(TOPIC, self.sequence, PASSED, encode(&Passed { total }));
            connection.send_event(TOPIC, self.sequence, event);
            self.sequence += 1;
        }
        for (id, _) in self.waiting.extract_if(.., |(_, awaited)| *awaited <= total) {
            connection.answer(id, Ok(encode(&total)));
        }
    }
}

impl Application for CounterServer {
    type Side = Server;

    fn handle(&mut self, connection: &mut Connection<Server>, event: ServerEvent, _now: Time) {
        match event {
            ServerEvent::Call { id, method, payload, .. } => {
                let output = self.run(connection, id, method, &payload);
                if let Some(result) = output.transpose() {
                    connection.answer(id, result);
                }
            }
            ServerEvent::Cancel { id } => {
                self.waiting.retain(|(waiting, _)| *waiting != id);
                connection.answer(id, Err(CallError::Cancelled));
            }
            // There is nobody left to answer.
            ServerEvent::Closed(_) => self.waiting.clear(),
            // `Open` and `Busy`, and what is still to come.
            _ => {}
        }
    }
}

/// The arguments of a call: what arrives may be anything.
fn read<T: Codable>(input: &[u8]) -> Result<T, CallError> {
    decode(input).map_err(|_| CallError::InvalidInput)
}
