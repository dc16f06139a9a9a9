//! The server's side.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use hardlight_proto::{
    CallError, CallId, Connection, ConnectionState, EncodedEvent, Limits, Server, ServerConfig,
    ServerEvent, StateSource, Time,
    payload::{decode_input, encode_to_bytes},
};

use super::{
    ADD, Add, Application, Counter, Done, Job, MAX_SQUARES, PASSED, Passed, REACH, Reach, SQUARES,
    Squares, TAKE, TENS, Take, Underflow, schema,
};

/// Stands for the topic's name on this connection.
const TOPIC: u64 = 1;

/// The counter of one connection.
pub(crate) struct CounterServer {
    counter: StateSource<Counter>,
    /// Calls of `reach` that are not answered yet, and the totals they wait for.
    waiting: Vec<(CallId, u32)>,
    /// Calls whose jobs are not done, by their numbers. A job whose number is not here has no call any longer, since its id
    /// may be another's by now.
    running: BTreeMap<u64, CallId>,
    /// The jobs of these that nobody has taken.
    jobs: VecDeque<Job>,
    next_job: u64,
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
        let server = Self {
            counter,
            waiting: Vec::new(),
            running: BTreeMap::new(),
            jobs: VecDeque::new(),
            next_job: 0,
            sequence: 0,
        };
        (connection, server)
    }

    /// Runs a method, which answers now or later, or says why it cannot.
    fn run(
        &mut self,
        connection: &mut Connection<Server>,
        id: CallId,
        method: u32,
        input: &[u8],
    ) -> Result<(), CallError> {
        match method {
            ADD => {
                let Add { amount } = decode_input(input)?;
                let total = self.counter.total.saturating_add(amount);
                self.set(total, connection);
                connection.answer_value(id, &total);
            }
            TAKE => {
                let Take { amount } = decode_input(input)?;
                let total = self.counter.total;
                let left = total.checked_sub(amount).ok_or(Underflow { total });
                if let Ok(left) = left {
                    self.set(left, connection);
                }
                connection.answer_value(id, &left);
            }
            REACH => {
                let Reach { total } = decode_input(input)?;
                if self.counter.total >= total {
                    connection.answer_value(id, &self.counter.total);
                } else {
                    self.waiting.push((id, total));
                }
            }
            SQUARES => {
                let Squares { len } = decode_input(input)?;
                self.running.insert(self.next_job, id);
                self.jobs.push_back(Job { number: self.next_job, len: len.min(MAX_SQUARES) });
                self.next_job += 1;
            }
            _ => return Err(CallError::UnknownMethod),
        }
        Ok(())
    }

    /// Gives up what is under way for a call.
    fn stop(&mut self, id: CallId) {
        self.waiting.retain(|(waiting, _)| *waiting != id);
        self.running.retain(|_, running| *running != id);
        self.jobs.retain(|job| self.running.contains_key(&job.number));
    }

    /// Changes the total, and sends all that follows from it: behind that comes the answer of the call that did it.
    fn set(&mut self, total: u32, connection: &mut Connection<Server>) {
        let before = std::mem::replace(&mut self.counter.get_mut().total, total);
        self.counter.send_changes(connection);
        if total / 10 > before / 10 {
            let passed = encode_to_bytes(&Passed { total }).expect("a number fits");
            connection.send_event(&EncodedEvent::new(TOPIC, self.sequence, PASSED, passed));
            self.sequence += 1;
        }
        for (id, _) in self.waiting.extract_if(.., |(_, awaited)| *awaited <= total) {
            connection.answer_value(id, &total);
        }
    }
}

impl Application for CounterServer {
    type Side = Server;

    fn handle(&mut self, connection: &mut Connection<Server>, event: ServerEvent, _now: Time) {
        match event {
            ServerEvent::Call { id, method, payload, .. } => {
                if let Err(error) = self.run(connection, id, method, &payload) {
                    connection.answer(id, Err(error));
                }
            }
            ServerEvent::Cancel { id } => {
                self.stop(id);
                connection.answer(id, Err(CallError::Cancelled));
            }
            // There is nobody left to answer.
            ServerEvent::Closed(_) => {
                self.waiting.clear();
                self.running.clear();
                self.jobs.clear();
            }
            // `Open` and `Busy`, and what is still to come.
            _ => {}
        }
    }

    fn take_job(&mut self) -> Option<Job> {
        self.jobs.pop_front()
    }

    fn finish(&mut self, connection: &mut Connection<Server>, done: Done) {
        let Done { number, squares } = done;
        if let Some(id) = self.running.remove(&number) {
            connection.answer_value(id, &squares);
        }
    }
}
