//! What both applications did and saw, over all connections of a scenario; and what they may see.

mod events;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hardlight_proto::*;

use super::payloads::{numbered, read_numbered};
use events::Topic;
pub(crate) use events::{TOPICS, name};

#[derive(Default)]
pub(crate) struct Ledger {
    /// The methods of all calls that were ever made.
    methods: Vec<u32>,
    /// Calls that the client waits for.
    open: BTreeMap<CallId, usize>,
    cancelled: BTreeSet<usize>,
    /// Calls that a handler was given.
    started: BTreeSet<usize>,
    ended: BTreeSet<usize>,
    /// Of these, those that the server has ended, or the client itself; of the others nobody knows whether they run.
    answered: BTreeSet<usize>,
    /// Calls that run on the server.
    running: Vec<(CallId, usize)>,
    /// Calls whose handlers have given an output.
    outputs: BTreeSet<usize>,
    /// Nobody has closed in peace: what was sent may be lost.
    may_lose: bool,
    /// Counts the changes of the state, on the server and in the client's copy.
    state: u64,
    copy: Option<u64>,
    topics: [Topic; TOPICS],
    client: Side,
    server: Side,
}

/// How far a side has come in one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    #[default]
    Begun,
    Open,
    Closed,
}

impl Ledger {
    // What the applications do.

    /// The input of the next call.
    pub(crate) fn next_input(&self, len: usize) -> Bytes {
        numbered([self.methods.len() as u64], len)
    }

    /// The call with that input was made.
    pub(crate) fn call(&mut self, id: CallId, method: u32) {
        let known = self.open.insert(id, self.methods.len());
        assert_eq!(known, None, "{id:?} was in use");
        self.methods.push(method);
    }

    /// One of the open calls is given up.
    pub(crate) fn cancel(&mut self, nth: usize) -> Option<CallId> {
        let (&id, &call) = self.open.iter().nth(nth % self.open.len().max(1))?;
        self.cancelled.insert(call);
        Some(id)
    }

    /// Ends one of the running calls: its id, and an output that says what the client is to have seen before it.
    pub(crate) fn answer(&mut self, nth: usize, len: usize) -> Option<(CallId, Bytes)> {
        let (id, call) = self.take_running(nth)?;
        self.outputs.insert(call);
        let [first, second, third] = self.topics.each_ref().map(Topic::posted);
        Some((id, numbered([call as u64, self.state, first, second, third], len)))
    }

    /// Ends one of the running calls.
    pub(crate) fn take_running(&mut self, nth: usize) -> Option<(CallId, usize)> {
        let places = self.running.len();
        (places > 0).then(|| self.running.remove(nth % places))
    }

    /// The handler of a call stops.
    pub(crate) fn stop(&mut self, id: CallId) {
        self.running.retain(|(running, _)| *running != id);
    }

    pub(crate) fn has_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// The state changes: the operations that say so.
    pub(crate) fn change_state(&mut self, len: usize) -> Bytes {
        self.state += 1;
        self.snapshot(len)
    }

    /// The operations that make the client's copy.
    pub(crate) fn snapshot(&self, len: usize) -> Bytes {
        numbered([self.state], len)
    }

    pub(crate) fn topic(&mut self, topic: usize) -> &mut Topic {
        &mut self.topics[topic]
    }

    /// The connection does not end in an orderly way, or has no time for it.
    pub(crate) fn allow_losses(&mut self) {
        self.may_lose = true;
    }

    // What they see.

    pub(crate) fn server_event(&mut self, event: &ServerEvent) {
        assert!(self.server < Side::Closed, "{event:?} behind the end");
        match event {
            ServerEvent::Open => {
                assert_eq!(self.server, Side::Begun);
                self.server = Side::Open;
            }
            ServerEvent::Call { id, method, payload, .. } => self.start(*id, *method, payload),
            ServerEvent::Cancel { id } => {
                let running = self.running.iter().find(|(running, _)| running == id);
                let (_, call) = running.expect("a call that is given up runs");
                assert!(self.cancelled.contains(call), "nobody gave up call {call}");
            }
            ServerEvent::Closed(_) => {
                self.server = Side::Closed;
                self.running.clear();
            }
            event => panic!("{event:?}"),
        }
    }

    fn start(&mut self, id: CallId, method: u32, payload: &[u8]) {
        assert_eq!(self.server, Side::Open);
        let [call] = read_numbered(payload);
        let call = call as usize;
        assert_eq!(self.methods.get(call), Some(&method));
        assert!(self.started.insert(call), "call {call} runs a second time");
        assert!(!self.answered.contains(&call), "call {call} runs behind its end");
        assert!(self.running.iter().all(|(running, _)| *running != id), "{id:?} is in use");
        self.running.push((id, call));
    }

    pub(crate) fn client_event(&mut self, event: &ClientEvent) {
        assert!(self.client < Side::Closed, "{event:?} behind the end");
        match event {
            ClientEvent::Open { snapshot } => {
                assert_eq!(self.client, Side::Begun);
                self.client = Side::Open;
                let [state] = read_numbered(snapshot);
                self.copy = Some(state);
            }
            ClientEvent::State { operations } => {
                let [state] = read_numbered(operations);
                assert_eq!(self.copy.map(|copy| copy + 1), Some(state), "a change was left out");
                self.copy = Some(state);
            }
            ClientEvent::Answer { id, result, .. } => self.end(*id, Some(result)),
            ClientEvent::Unanswered { id, .. } => self.end(*id, None),
            ClientEvent::Closed(_) => {
                assert!(self.open.is_empty(), "calls without an end: {:?}", self.open);
                self.client = Side::Closed;
            }
            ClientEvent::GoingAway { .. } | ClientEvent::Features => {}
            event => events::see(event, &mut self.topics),
        }
    }

    fn end(&mut self, id: CallId, result: Option<&Result<Bytes, CallError>>) {
        let call = self.open.remove(&id).expect("a call ends once");
        assert!(self.ended.insert(call), "call {call} ends twice");
        if result.is_some() {
            self.answered.insert(call);
        }
        match result {
            Some(Ok(output)) => {
                assert!(self.started.contains(&call));
                let [of, state, posted @ ..] = read_numbered::<5>(output);
                assert_eq!(of as usize, call, "the answer of another call");
                assert!(self.copy >= Some(state), "an answer overtook what its call changed");
                for (topic, posted) in self.topics.iter_mut().zip(posted) {
                    topic.answered(posted);
                }
            }
            Some(Err(CallError::Cancelled)) => assert!(self.cancelled.contains(&call)),
            Some(Err(error)) if error.did_not_run() => {
                assert!(!self.started.contains(&call), "call {call} ran: {error}");
            }
            Some(Err(_)) => {}
            None => assert!(
                self.may_lose || !self.outputs.contains(&call),
                "the answer of call {call} was lost in an orderly close"
            ),
        }
    }

    // What must be.

    /// At any time.
    pub(crate) fn check(&self, client: &Connection<Client>, server: &Connection<Server>) {
        assert_eq!(client.open_calls(), self.open.len());
        assert!(server.running_calls() >= self.running.len());
        assert!(server.running_calls() <= MAX_CALLS_IN_FLIGHT);
        assert!(client.is_ended() || self.client < Side::Closed);
        assert!(server.is_ended() || self.server < Side::Closed);
    }

    /// Once nothing is under way.
    pub(crate) fn check_settled(&self, client: &Connection<Client>, server: &Connection<Server>) {
        assert!(self.open.is_empty(), "calls that were not answered: {:?}", self.open);
        assert!(self.running.is_empty());
        assert_eq!(client.is_ended(), server.is_ended(), "one side lives on");
        assert_eq!(client.is_ended(), self.client == Side::Closed);
        assert_eq!(server.is_ended(), self.server == Side::Closed);
        let resume = client.resume_point().map_or(Vec::new(), |resume| resume.topics);
        events::check_resume(&self.topics, &resume);
        if client.is_ended() {
            return;
        }
        assert_eq!(self.copy, Some(self.state), "changes that did not arrive");
        assert_eq!(client.features(), server.features());
        self.topics.iter().for_each(Topic::check_settled);
    }

    /// The next connection begins, of a client that goes on from here.
    pub(crate) fn reconnect(&mut self, resume: Option<&Resume>) {
        assert_eq!((self.client, self.server), (Side::Closed, Side::Closed));
        (self.client, self.server, self.copy) = (Side::Begun, Side::Begun, None);
        self.may_lose = false;
        let resume = resume.map_or(&[][..], |resume| &resume.topics);
        for (topic, number) in self.topics.iter_mut().zip(0..) {
            topic.reconnect(events::position(resume, number));
        }
    }
}
