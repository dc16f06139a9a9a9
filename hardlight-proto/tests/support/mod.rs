#![allow(dead_code, reason = "each test uses a part of it")]
//! A client and a server joined by two queues, with a clock that only the test moves.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use hardlight_proto::*;

/// Fields of the state and methods are made up by name; fingerprints by hash of a text.
pub(crate) fn schema(
    methods: &[(&'static str, &str)],
    state: &[(&'static str, &str)],
) -> &'static ServiceSchema {
    let methods = methods
        .iter()
        .map(|&(name, of)| MethodSchema::with_fingerprint(name, Fingerprint::of_text(of)));
    let state = state.iter().zip(0..).map(|(&(name, of), index)| {
        FieldSchema::with_fingerprint(index, name, Fingerprint::of_text(of))
    });
    let mut schema = ServiceSchema::new("Counter");
    schema.methods = methods.collect();
    schema.state = state.collect();
    Box::leak(Box::new(schema))
}

/// A service without methods that has these types of events.
pub(crate) fn events(events: &[(&'static str, &str)]) -> &'static ServiceSchema {
    let events = events
        .iter()
        .map(|&(name, of)| EventSchema::with_fingerprint(name, Fingerprint::of_text(of)));
    let mut schema = ServiceSchema::new("Events");
    schema.events = events.collect();
    Box::leak(Box::new(schema))
}

pub(crate) fn counter() -> &'static ServiceSchema {
    let mut counter = schema(&[("increment", "u32"), ("get", "")], &[("counter", "u32")]).clone();
    counter.events = events(&[("message", "a")]).events.clone();
    Box::leak(Box::new(counter))
}

pub(crate) struct Pair {
    pub(crate) now: Time,
    pub(crate) client: Connection<Client>,
    pub(crate) server: Connection<Server>,
    pub(crate) to_client: VecDeque<Transmit>,
    pub(crate) to_server: VecDeque<Transmit>,
    pub(crate) client_events: Vec<ClientEvent>,
    pub(crate) server_events: Vec<ServerEvent>,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(counter(), counter(), Limits::new(), Limits::new())
    }

    pub(crate) fn with(
        client: &'static ServiceSchema,
        server: &'static ServiceSchema,
        client_limits: Limits,
        server_limits: Limits,
    ) -> Self {
        let now = Time::ZERO;
        Self {
            now,
            client: Connection::client(client, client_limits, now),
            server: Connection::server(server, server_limits, Bytes::from_static(b"snap"), now),
            to_client: VecDeque::new(),
            to_server: VecDeque::new(),
            client_events: Vec::new(),
            server_events: Vec::new(),
        }
    }

    /// A pair that has exchanged its Hellos.
    pub(crate) fn open() -> Self {
        let mut pair = Self::new();
        pair.drive();
        assert!(pair.client.is_open() && pair.server.is_open());
        pair.client_events.clear();
        pair.server_events.clear();
        pair
    }

    /// Delivers until nothing moves any more.
    pub(crate) fn drive(&mut self) {
        for _ in 0..10_000 {
            self.client_events.extend(std::iter::from_fn(|| self.client.poll_event()));
            self.server_events.extend(std::iter::from_fn(|| self.server.poll_event()));
            self.to_server.extend(std::iter::from_fn(|| self.client.poll_transmit()));
            self.to_client.extend(std::iter::from_fn(|| self.server.poll_transmit()));
            let (up, down) = (self.to_server.pop_front(), self.to_client.pop_front());
            if up.is_none() && down.is_none() {
                return;
            }
            up.into_iter().for_each(|transmit| deliver(transmit, &mut self.server));
            down.into_iter().for_each(|transmit| deliver(transmit, &mut self.client));
        }
        panic!("the pair does not come to rest");
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
        self.drive();
    }

    /// Makes a call and runs it up to the server: its id.
    pub(crate) fn call(&mut self, method: u32) -> CallId {
        let id = self.client.call(method, Bytes::from_static(b"in")).expect("an id is free");
        self.drive();
        id
    }

    pub(crate) fn take_client_events(&mut self) -> Vec<ClientEvent> {
        std::mem::take(&mut self.client_events)
    }

    pub(crate) fn take_server_events(&mut self) -> Vec<ServerEvent> {
        std::mem::take(&mut self.server_events)
    }
}

pub(crate) fn deliver<R: Role>(transmit: Transmit, to: &mut Connection<R>) {
    match transmit {
        Transmit::Message(message) => to.handle_message(message),
        Transmit::Close(reason) => to.handle_close(Some(reason)),
    }
}
