//! Two ends joined by queues, and a record of all that went in and came out.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use hardlight_proto::{
    CallError, CallId, Client, ClientConfig, ClientEvent, CloseReason, Connection, ConnectionError,
    EncodedEvent, EventSchema, Extensions, FeatureSet, FieldSchema, Fingerprint, GapReason, Limits,
    MethodSchema, Mismatch, Resume, Role, SchemaPart, Server, ServerConfig, ServerEvent,
    ServiceSchema, Time, Transmit,
};
use serde_json::{Map, Value, json};

use crate::{
    frame_json::{code, extensions_json, reason_code, resume_json, start_name},
    hex_text::{hex, micros},
};

/// What one end has, by names and descriptions.
#[derive(Clone, Default)]
pub(crate) struct Service {
    /// Name, description, and the feature that it needs.
    pub(crate) methods: Vec<(&'static str, &'static str, Option<&'static str>)>,
    /// Index, name, description, feature.
    pub(crate) state: Vec<(u32, &'static str, &'static str, Option<&'static str>)>,
    /// Name and description.
    pub(crate) events: Vec<(&'static str, &'static str, Option<&'static str>)>,
}

/// How one end is set up.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) service: Service,
    pub(crate) limits: Limits,
    pub(crate) compression: bool,
    /// Of a client: it goes on without state fields that do not fit.
    pub(crate) partial_state: bool,
    /// Of a server.
    pub(crate) epoch: Option<u64>,
    /// Of a server.
    pub(crate) features: &'static [&'static str],
    /// Of a server.
    pub(crate) snapshot: Bytes,
    /// Of a client.
    pub(crate) resume: Option<Resume>,
}

/// A recorded session.
pub(crate) struct Session {
    now: Time,
    client: Connection<Client>,
    server: Connection<Server>,
    to_client: VecDeque<Transmit>,
    to_server: VecDeque<Transmit>,
    /// The server's transport takes nothing for now.
    full: bool,
    config: Value,
    steps: Vec<Value>,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Client,
    Server,
}

impl Setup {
    pub(crate) fn new(service: Service) -> Self {
        Self {
            service,
            limits: Limits::new(),
            compression: false,
            partial_state: false,
            epoch: None,
            features: &[],
            snapshot: Bytes::new(),
            resume: None,
        }
    }

    pub(crate) fn feature_set(names: &[&str]) -> FeatureSet {
        let mut features = FeatureSet::new();
        names.iter().for_each(|name| features.insert(*name).expect("a good name"));
        features
    }

    /// What differs from the defaults.
    fn to_json(&self) -> Value {
        let mut setup = json!({ "service": self.service.to_json() });
        let limits = limits_json(&self.limits);
        if !limits.is_empty() {
            setup["limits"] = limits.into();
        }
        if self.compression {
            setup["compression"] = true.into();
        }
        if self.partial_state {
            setup["partial_state"] = true.into();
        }
        if let Some(epoch) = self.epoch {
            setup["epoch"] = epoch.to_string().into();
        }
        if !self.features.is_empty() {
            setup["features"] = json!(self.features);
        }
        if !self.snapshot.is_empty() {
            setup["snapshot"] = hex(&self.snapshot).into();
        }
        if let Some(resume) = &self.resume {
            setup["resume"] = resume_json(resume);
        }
        setup
    }
}

impl Service {
    fn schema(&self) -> &'static ServiceSchema {
        let mut schema = ServiceSchema::new("Service");
        for (name, text, feature) in &self.methods {
            let method = MethodSchema::with_fingerprint(name, Fingerprint::of_text(text));
            let method = match feature {
                Some(feature) => method.with_feature(feature),
                None => method,
            };
            schema.methods.push(method);
        }
        for (index, name, text, feature) in &self.state {
            let field = FieldSchema::with_fingerprint(*index, name, Fingerprint::of_text(text));
            let field = match feature {
                Some(feature) => field.with_feature(feature),
                None => field,
            };
            schema.state.push(field);
        }
        for (name, text, feature) in &self.events {
            let event = EventSchema::with_fingerprint(name, Fingerprint::of_text(text));
            let event = match feature {
                Some(feature) => event.with_feature(feature),
                None => event,
            };
            schema.events.push(event);
        }
        Box::leak(Box::new(schema))
    }

    fn to_json(&self) -> Value {
        let methods = self.methods.iter().map(|(name, text, feature)| {
            with_feature(json!({ "name": name, "text": text }), *feature)
        });
        let state = self.state.iter().map(|(index, name, text, feature)| {
            with_feature(json!({ "index": index, "name": name, "type": text }), *feature)
        });
        let events = self.events.iter().map(|(name, text, feature)| {
            with_feature(json!({ "name": name, "text": text }), *feature)
        });
        json!({
            "methods": methods.collect::<Vec<_>>(),
            "state": state.collect::<Vec<_>>(),
            "events": events.collect::<Vec<_>>(),
        })
    }
}

fn with_feature(mut part: Value, feature: Option<&str>) -> Value {
    if let Some(feature) = feature {
        part["feature"] = feature.into();
    }
    part
}

fn limits_json(limits: &Limits) -> Map<String, Value> {
    let default = Limits::new();
    let mut found = Map::new();
    let mut number = |name: &str, value: usize, usual: usize| {
        if value != usual {
            found.insert(name.into(), value.to_string().into());
        }
    };
    number("max_frame_bytes", limits.max_frame_bytes(), default.max_frame_bytes());
    number("max_transfer_bytes", limits.max_transfer_bytes(), default.max_transfer_bytes());
    number("max_input_bytes", limits.max_input_bytes(), default.max_input_bytes());
    number("max_buffered_bytes", limits.max_buffered_bytes(), default.max_buffered_bytes());
    let events = (limits.max_queued_event_bytes(), default.max_queued_event_bytes());
    number("max_queued_event_bytes", events.0, events.1);
    number("max_state_bytes", limits.max_state_bytes(), default.max_state_bytes());
    number("max_topic_bytes", limits.max_topic_bytes(), default.max_topic_bytes());
    if limits.heartbeat_interval() != default.heartbeat_interval() {
        let interval = limits.heartbeat_interval().map(micros);
        found.insert("heartbeat_interval".into(), json!(interval));
    }
    found
}

impl Session {
    /// Both ends have started: the server's greeting is on its way.
    pub(crate) fn start(client: &Setup, server: &Setup) -> Self {
        let now = Time::ZERO;
        let config = ClientConfig::new(client.service.schema())
            .with_limits(client.limits.clone())
            .with_compression(client.compression)
            .with_partial_state(client.partial_state)
            .with_resume(client.resume.clone());
        let client_connection = Connection::client(config, now);
        let mut config = ServerConfig::new(server.service.schema())
            .with_limits(server.limits.clone())
            .with_compression(server.compression)
            .with_features(Setup::feature_set(server.features));
        if let Some(epoch) = server.epoch {
            config = config.with_epoch(epoch);
        }
        let mut session = Self {
            now,
            client: client_connection,
            server: Connection::server(config, server.snapshot.clone(), now),
            to_client: VecDeque::new(),
            to_server: VecDeque::new(),
            full: false,
            config: json!({ "client": client.to_json(), "server": server.to_json() }),
            steps: Vec::new(),
        };
        session.record(End::Server, json!({ "start": true }));
        session.record(End::Client, json!({ "start": true }));
        session
    }

    /// Both ends are open.
    pub(crate) fn open(client: &Setup, server: &Setup) -> Self {
        let mut session = Self::start(client, server);
        session.settle();
        assert!(session.client.is_open() && session.server.is_open());
        session
    }

    /// What the ends are, and what went in and came out.
    pub(crate) fn into_parts(self) -> (Value, Value) {
        (self.config, self.steps.into())
    }

    /// The last step.
    pub(crate) fn last(&self) -> &Value {
        self.steps.last().expect("a session has steps")
    }

    pub(crate) fn client(&self) -> &Connection<Client> {
        &self.client
    }

    /// Delivers the next message to the client: whether there was one.
    pub(crate) fn deliver_to_client(&mut self) -> bool {
        let Some(transmit) = self.to_client.pop_front() else { return false };
        let input = deliver(transmit, &mut self.client);
        self.record(End::Client, input);
        true
    }

    /// Delivers the next message to the server: whether there was one.
    pub(crate) fn deliver_to_server(&mut self) -> bool {
        let Some(transmit) = self.to_server.pop_front() else { return false };
        let input = deliver(transmit, &mut self.server);
        self.record(End::Server, input);
        true
    }

    /// Delivers until nothing is on its way.
    pub(crate) fn settle(&mut self) {
        while self.deliver_to_client() || self.deliver_to_server() {}
    }

    /// The client receives what its server did not send.
    pub(crate) fn forge_to_client(&mut self, message: &[u8]) {
        let message = Transmit::Message(Bytes::copy_from_slice(message));
        let input = deliver(message, &mut self.client);
        self.record(End::Client, input);
    }

    /// The server receives what its client did not send.
    pub(crate) fn forge_to_server(&mut self, message: &[u8]) {
        let message = Transmit::Message(Bytes::copy_from_slice(message));
        let input = deliver(message, &mut self.server);
        self.record(End::Server, input);
    }

    pub(crate) fn text_to_server(&mut self) {
        self.server.handle_text();
        self.record(End::Server, json!({ "text": true }));
    }

    pub(crate) fn text_to_client(&mut self) {
        self.client.handle_text();
        self.record(End::Client, json!({ "text": true }));
    }

    /// The transport fails for both.
    pub(crate) fn cut(&mut self) {
        (self.to_client, self.to_server) = Default::default();
        self.client.handle_lost("");
        self.record(End::Client, json!({ "lost": true }));
        self.server.handle_lost("");
        self.record(End::Server, json!({ "lost": true }));
    }

    /// The server's transport takes nothing from now on, or takes everything again.
    pub(crate) fn fill(&mut self, full: bool) {
        self.full = full;
        self.record(End::Server, json!({ "transport": if full { "full" } else { "ready" } }));
    }

    /// Time passes, for both.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.tick();
    }

    /// Both ends are told the time.
    pub(crate) fn tick(&mut self) {
        self.server.handle_timeout(self.now);
        self.record(End::Server, json!({ "time": true }));
        self.client.handle_timeout(self.now);
        self.record(End::Client, json!({ "time": true }));
    }

    pub(crate) fn call(&mut self, method: u32, payload: Bytes) -> CallId {
        self.call_with(method, payload, Extensions::new())
    }

    pub(crate) fn call_with(&mut self, method: u32, payload: Bytes, more: Extensions) -> CallId {
        let mut command = json!({ "command": "call", "method": method, "payload": hex(&payload) });
        if !more.is_empty() {
            command["extensions"] = extensions_json(&more);
        }
        let id = self.client.call_with(method, payload, more).expect("it may be called");
        command["id"] = id.0.into();
        self.record(End::Client, command);
        id
    }

    /// A call that the client itself refuses.
    pub(crate) fn refused_call(&mut self, method: u32, payload: Bytes) {
        let mut command = json!({ "command": "call", "method": method, "payload": hex(&payload) });
        let error = self.client.call(method, payload).expect_err("it is refused");
        command["refused"] = error_name(&error).into();
        self.record(End::Client, command);
    }

    pub(crate) fn cancel(&mut self, id: CallId) {
        self.client.cancel(id);
        self.record(End::Client, json!({ "command": "cancel", "id": id.0 }));
    }

    pub(crate) fn answer(&mut self, id: CallId, payload: Bytes) {
        let command = json!({ "command": "answer", "id": id.0, "payload": hex(&payload) });
        self.server.answer(id, Ok(payload));
        self.record(End::Server, command);
    }

    pub(crate) fn fail(&mut self, id: CallId, error: CallError, more: Extensions) {
        let mut command = json!({ "command": "fail", "id": id.0, "code": code(&error) });
        if !more.is_empty() {
            command["extensions"] = extensions_json(&more);
        }
        self.server.answer_with(id, Err(error), more);
        self.record(End::Server, command);
    }

    pub(crate) fn change_state(&mut self, operations: Bytes) {
        let command = json!({ "command": "state", "operations": hex(&operations) });
        self.server.send_state(operations);
        self.record(End::Server, command);
    }

    pub(crate) fn set_features(&mut self, features: &[&str]) {
        self.server.set_features(Setup::feature_set(features));
        self.record(End::Server, json!({ "command": "features", "features": features }));
    }

    pub(crate) fn announce(&mut self, topic: u64, next: u64, name: &'static str) {
        self.server.announce_topic(topic, next, Bytes::from_static(name.as_bytes()));
        let (topic, next) = (topic.to_string(), next.to_string());
        let command = json!({ "topic": topic, "next": next, "name": hex(name.as_bytes()) });
        self.record(End::Server, with_command("announce", command));
    }

    pub(crate) fn leave(&mut self, topic: u64) {
        self.server.leave_topic(topic);
        let command = json!({ "command": "leave", "topic": topic.to_string() });
        self.record(End::Server, command);
    }

    pub(crate) fn emit(&mut self, topic: u64, sequence: u64, event: u32, payload: Bytes) {
        let command = json!({
            "topic": topic.to_string(),
            "sequence": sequence.to_string(),
            "event": event,
            "payload": hex(&payload),
        });
        self.server.send_event(&EncodedEvent::new(topic, sequence, event, payload));
        self.record(End::Server, with_command("emit", command));
    }

    pub(crate) fn skip(&mut self, topic: u64, last: u64, reason: GapReason) {
        self.server.skip_events(topic, last, reason);
        let command = json!({
            "topic": topic.to_string(),
            "last": last.to_string(),
            "reason": reason_code(reason),
        });
        self.record(End::Server, with_command("skip", command));
    }

    pub(crate) fn reject_state(&mut self) {
        self.client.reject_state();
        self.record(End::Client, json!({ "command": "reject_state" }));
    }

    pub(crate) fn reject_state_size(&mut self) {
        self.client.reject_state_size();
        self.record(End::Client, json!({ "command": "reject_state_size" }));
    }

    pub(crate) fn close_server(&mut self, reason: CloseReason) {
        let command = with_command("close", reason_json(&reason));
        self.server.close(reason, self.now);
        self.record(End::Server, command);
    }

    pub(crate) fn close_client(&mut self, reason: CloseReason) {
        let command = with_command("close", reason_json(&reason));
        self.client.close(reason, self.now);
        self.record(End::Client, command);
    }

    pub(crate) fn abort_server(&mut self, reason: CloseReason) {
        let command = with_command("abort", reason_json(&reason));
        self.server.abort(reason);
        self.record(End::Server, command);
    }

    /// Takes what comes out of an end, and writes it down.
    fn record(&mut self, end: End, input: Value) {
        let (events, sent) = match end {
            End::Client => {
                drain(&mut self.client, false, Connection::<Client>::poll_event, client_event)
            }
            End::Server => {
                drain(&mut self.server, self.full, Connection::<Server>::poll_event, server_event)
            }
        };
        let name = if end == End::Client { "client" } else { "server" };
        let mut step =
            json!({ "end": name, "at": self.now.as_micros().to_string(), "input": input });
        let messages: Vec<_> = sent.iter().filter_map(message_json).collect();
        if !messages.is_empty() {
            step["messages"] = messages.into();
        }
        if let Some(Transmit::Close(reason)) = sent.last() {
            step["close"] = reason_json(reason);
        }
        if !events.is_empty() {
            step["events"] = events.into();
        }
        self.steps.push(step);
        match end {
            End::Client => self.to_server.extend(sent),
            End::Server => self.to_client.extend(sent),
        }
    }
}

/// Everything that comes out of an end, until there is no more.
fn drain<R: Role, E>(
    connection: &mut Connection<R>,
    full: bool,
    poll_event: fn(&mut Connection<R>) -> Option<E>,
    to_json: fn(E) -> Option<Value>,
) -> (Vec<Value>, Vec<Transmit>) {
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    loop {
        let (before, mut polled) = (sent.len(), false);
        while let Some(event) = poll_event(connection) {
            polled = true;
            events.extend(to_json(event));
        }
        if !full {
            sent.extend(std::iter::from_fn(|| connection.poll_transmit()));
        }
        if !polled && sent.len() == before {
            return (events, sent);
        }
    }
}

fn deliver<R: Role>(transmit: Transmit, to: &mut Connection<R>) -> Value {
    match transmit {
        Transmit::Message(message) => {
            let input = json!({ "message": hex(&message) });
            to.handle_message(message);
            input
        }
        Transmit::Close(reason) => {
            let mut closed = reason_json(&reason);
            // Here too it is for people.
            closed.as_object_mut().expect("it is one").entry("reason").or_insert("".into());
            let input = json!({ "closed": closed });
            to.handle_close(Some(reason));
            input
        }
    }
}

fn with_command(name: &str, mut fields: Value) -> Value {
    fields["command"] = name.into();
    fields
}

fn message_json(transmit: &Transmit) -> Option<String> {
    match transmit {
        Transmit::Message(message) => Some(hex(message)),
        Transmit::Close(_) => None,
    }
}

/// A close. What a peer is told of a violation is for people; the name of a limit is not.
fn reason_json(reason: &CloseReason) -> Value {
    let code = reason.code().0;
    if (4000..4002).contains(&code) || code == 4003 || code == 4006 {
        return json!({ "code": code });
    }
    json!({ "code": code, "reason": reason.reason() })
}

fn server_event(event: ServerEvent) -> Option<Value> {
    Some(match event {
        ServerEvent::Open => json!({ "event": "open" }),
        ServerEvent::Call { id, method, extensions, payload } => {
            let mut call = json!({
                "event": "call",
                "id": id.0,
                "method": method,
                "payload": hex(&payload),
            });
            if !extensions.is_empty() {
                call["extensions"] = extensions_json(&extensions);
            }
            call
        }
        ServerEvent::Cancel { id } => json!({ "event": "cancel", "id": id.0 }),
        ServerEvent::Closed(error) => closed(&error),
        ServerEvent::Busy => return None,
        other => panic!("{other:?} has no form in the vectors yet"),
    })
}

fn client_event(event: ClientEvent) -> Option<Value> {
    Some(match event {
        ClientEvent::Open { snapshot } => {
            json!({ "event": "open", "operations": hex(&snapshot) })
        }
        ClientEvent::Mismatch(mismatch) => {
            let part = match mismatch.part {
                SchemaPart::Method => "method",
                SchemaPart::Event => "event",
                SchemaPart::StateField => "state field",
            };
            let why = match mismatch.why {
                Mismatch::Unknown => "unknown",
                Mismatch::Incompatible => "incompatible",
            };
            json!({ "event": "mismatch", "part": part, "name": mismatch.name, "why": why })
        }
        ClientEvent::State { operations } => {
            json!({ "event": "state", "operations": hex(&operations) })
        }
        ClientEvent::Subscribed { topic, start } => {
            json!({ "event": "subscribed", "topic": hex(&topic), "start": start_name(start) })
        }
        ClientEvent::Unsubscribed { topic } => {
            json!({ "event": "unsubscribed", "topic": hex(&topic) })
        }
        ClientEvent::Event { topic, sequence, event, extensions: _, payload } => json!({
            "event": "event",
            "topic": hex(&topic),
            "sequence": sequence.to_string(),
            "type": event,
            "payload": hex(&payload),
        }),
        ClientEvent::Gap { topic, first, last, reason } => json!({
            "event": "gap",
            "topic": hex(&topic),
            "first": first.to_string(),
            "last": last.to_string(),
            "reason": reason_code(reason),
        }),
        ClientEvent::Features => json!({ "event": "features" }),
        ClientEvent::GoingAway { grace } => {
            json!({ "event": "going away", "grace": micros(grace) })
        }
        ClientEvent::Answer { id, result, extensions } => {
            let mut answer = json!({ "event": "answer", "id": id.0 });
            match result {
                Ok(payload) => answer["payload"] = hex(&payload).into(),
                Err(error) => answer["code"] = code(&error).into(),
            }
            if !extensions.is_empty() {
                answer["extensions"] = extensions_json(&extensions);
            }
            answer
        }
        ClientEvent::Unanswered { id, .. } => json!({ "event": "unanswered", "id": id.0 }),
        ClientEvent::Closed(error) => closed(&error),
        ClientEvent::Busy => return None,
        other => panic!("{other:?} has no form in the vectors yet"),
    })
}

fn closed(error: &ConnectionError) -> Value {
    json!({ "event": "closed", "why": why_closed(error) })
}

/// Why a connection ended, in a word or two.
pub(crate) fn why_closed(error: &ConnectionError) -> &'static str {
    match error {
        ConnectionError::Closed { initiator, .. } => match initiator {
            hardlight_proto::Initiator::Local => "closed here",
            hardlight_proto::Initiator::Remote => "closed there",
        },
        ConnectionError::Lost(_) => "lost",
        ConnectionError::Protocol(error) => error.name(),
        ConnectionError::Incompatible(_) => "incompatible",
        ConnectionError::LimitExceeded { limit, .. } => limit,
        ConnectionError::HandshakeTimeout => "handshake timeout",
        ConnectionError::HeartbeatTimeout => "heartbeat timeout",
        ConnectionError::Internal(_) => "internal error",
        other => panic!("{other:?} has no name in the vectors yet"),
    }
}

/// What a client finds by itself.
fn error_name(error: &CallError) -> &'static str {
    match error {
        CallError::TooManyCallsInFlight => "too many calls in flight",
        CallError::InputTooLarge { .. } => "input too large",
        CallError::GoingAway => "going away",
        CallError::UnknownMethod => "unknown method",
        CallError::IncompatibleMethod => "incompatible method",
        other => panic!("{other:?} has no name in the vectors yet"),
    }
}
