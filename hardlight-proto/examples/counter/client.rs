//! The client's side.

use std::fmt::Display;

use bytes::Bytes;
use hardlight_proto::{
    CallError, CallId, Client, ClientConfig, ClientEvent, CloseCode, CloseReason, Connection,
    StateCopy, Time,
    payload::{decode, decode_output},
};

use super::{
    ADD, Add, Application, Counter, Passed, REACH, Reach, SQUARES, Squares, TAKE, Take, Underflow,
    schema,
};

/// Makes most of its calls at once, says what comes of them, and closes.
pub(crate) struct CounterClient {
    counter: StateCopy<Counter>,
    /// The calls that are in flight: each is taken out when it ends, since another may have its id then.
    calls: Vec<(CallId, Call)>,
    /// What is to be called behind these.
    next: Option<Call>,
}

/// A call and its argument.
#[derive(Clone, Copy)]
enum Call {
    Add(u32),
    Take(u32),
    Reach(u32),
    Squares(u32),
}

impl CounterClient {
    /// A connection, and the calls on it; they go out as soon as it is open.
    ///
    /// # Errors
    ///
    /// If a call cannot be made. None of these is the 257th.
    pub(crate) fn new(now: Time) -> Result<(Connection<Client>, Self), CallError> {
        let mut connection = Connection::client(ClientConfig::new(schema()), now);
        let calls =
            [Call::Reach(1000), Call::Reach(10), Call::Add(7), Call::Add(5), Call::Take(20)];
        let calls = calls.into_iter().map(|call| Ok((call.make(&mut connection)?, call)));
        let calls = calls.collect::<Result<_, CallError>>()?;
        let next = Some(Call::Squares(10_000));
        Ok((connection, Self { counter: StateCopy::new(), calls, next }))
    }

    fn apply(&mut self, operations: &[u8], connection: &mut Connection<Client>) {
        if self.counter.apply(operations, connection) {
            println!("the total is {}", self.counter.total);
        }
    }

    fn finish(
        &mut self,
        id: CallId,
        result: Result<Bytes, CallError>,
        connection: &mut Connection<Client>,
        now: Time,
    ) {
        let Some(place) = self.calls.iter().position(|(open, _)| *open == id) else { return };
        let (_, call) = self.calls.swap_remove(place);
        match result.and_then(|output| call.decode(&output)) {
            Ok(output) => println!("{call}: {output}"),
            Err(error) => println!("{call}: {error}"),
        }
        match self.calls[..] {
            // Nobody will add that much.
            [(id, Call::Reach(1000))] => self.call_next_or_cancel(id, connection),
            [] => connection.close(CloseReason::new(CloseCode::NORMAL, "all is counted"), now),
            _ => {}
        }
    }

    fn call_next_or_cancel(&mut self, id: CallId, connection: &mut Connection<Client>) {
        match self.next.take().map(|call| (call.make(connection), call)) {
            Some((Ok(id), call)) => self.calls.push((id, call)),
            Some((Err(error), call)) => println!("{call}: {error}"),
            None => connection.cancel(id),
        }
    }
}

impl Application for CounterClient {
    type Side = Client;

    fn handle(&mut self, connection: &mut Connection<Client>, event: ClientEvent, now: Time) {
        match event {
            ClientEvent::Open { snapshot } => self.apply(&snapshot, connection),
            ClientEvent::State { operations } => self.apply(&operations, connection),
            ClientEvent::Event { topic, payload, .. } => match decode(&payload) {
                Ok(Passed { total }) => println!("{}: passed, {total}", topic.escape_ascii()),
                Err(error) => println!("{}: {error}", topic.escape_ascii()),
            },
            ClientEvent::Gap { topic, first, last, .. } => {
                println!("{}: {} events are missing", topic.escape_ascii(), last - first + 1);
            }
            ClientEvent::Answer { id, result, .. } => self.finish(id, result, connection, now),
            ClientEvent::Unanswered { id, .. } => {
                self.calls.retain(|(open, _)| *open != id);
                println!("a call has no answer, and may have run");
            }
            ClientEvent::Mismatch(mismatch) => println!("the server is another one: {mismatch:?}"),
            ClientEvent::Closed(error) => println!("{error}"),
            // Subscriptions, features, a server that is stopping, and what is still to come.
            _ => {}
        }
    }
}

impl Call {
    fn make(self, connection: &mut Connection<Client>) -> Result<CallId, CallError> {
        match self {
            Self::Add(amount) => connection.call_value(ADD, &Add { amount }),
            Self::Take(amount) => connection.call_value(TAKE, &Take { amount }),
            Self::Reach(total) => connection.call_value(REACH, &Reach { total }),
            Self::Squares(len) => connection.call_value(SQUARES, &Squares { len }),
        }
    }

    /// What the method returned, in words.
    fn decode(self, output: &[u8]) -> Result<String, CallError> {
        match self {
            Self::Add(_) | Self::Reach(_) => {
                decode_output::<u32>(output).map(|total| total.to_string())
            }
            Self::Take(_) => Ok(match decode_output(output)? {
                Ok(total) => u32::to_string(&total),
                Err(Underflow { total }) => format!("there are only {total}"),
            }),
            Self::Squares(_) => {
                let squares = decode_output::<Vec<u64>>(output)?;
                Ok(format!("{} bytes, the sum is {}", output.len(), squares.iter().sum::<u64>()))
            }
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Add(amount) => write!(f, "add {amount}"),
            Self::Take(amount) => write!(f, "take {amount}"),
            Self::Reach(total) => write!(f, "reach {total}"),
            Self::Squares(len) => write!(f, "squares {len}"),
        }
    }
}
