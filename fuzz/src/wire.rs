//! What both sides' targets need of the wire.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hardlight_proto::{
    EventSchema, FieldSchema, Fingerprint, Frame, Hello, HelloEntry, HelloField, Limits,
    MethodSchema, REVISION, ServiceSchema, read_varint,
};

/// The service of every script: two methods, one field of state, two types of event.
pub fn schema() -> &'static ServiceSchema {
    static SCHEMA: std::sync::OnceLock<ServiceSchema> = std::sync::OnceLock::new();
    SCHEMA.get_or_init(|| {
        let fingerprint = fingerprint();
        let mut schema = ServiceSchema::new("Counter");
        schema.methods = vec![
            MethodSchema::with_fingerprint("increment", fingerprint),
            MethodSchema::with_fingerprint("get", fingerprint),
        ];
        schema.state = vec![FieldSchema::with_fingerprint(0, "counter", fingerprint)];
        schema.events = vec![
            EventSchema::with_fingerprint("Incremented", fingerprint),
            EventSchema::with_fingerprint("Reset", fingerprint),
        ];
        schema
    })
}

/// So small that a script reaches them.
pub fn limits() -> Limits {
    Limits::new()
        .with_max_message_bytes(4096)
        .with_max_buffered_bytes(512)
        .with_max_queued_event_bytes(2048)
        .with_max_topic_bytes(512)
        .with_hello_timeout(Duration::from_secs(10))
        .with_close_timeout(Duration::from_secs(10))
}

/// A frame as a message of its own.
pub fn message(frame: &Frame) -> Bytes {
    let mut out = BytesMut::new();
    frame.encode(&mut out);
    out.freeze()
}

/// The Hello of a server of this service that has the types of event in the other order, and one that the client does
/// not know between them.
pub fn server_hello() -> Frame {
    let field = &schema().state[0];
    let field = HelloField {
        index: field.index,
        name: field.name.into(),
        fingerprint: field.fingerprint,
    };
    let events = ["Reset", "Gone", "Incremented"];
    let events = events.map(|name| EventSchema::with_fingerprint(name, fingerprint()));
    let events = events.map(|event| entry(event.name_hash, event.fingerprint));
    hello(vec![field], Vec::new(), events.into())
}

/// The Hello of a client that has both methods, in the other order, and one that the server does not know.
pub fn client_hello() -> Frame {
    let methods = ["get", "increment", "gone"];
    let methods = methods.map(|name| MethodSchema::with_fingerprint(name, fingerprint()));
    let methods = methods.map(|method| entry(method.name_hash, method.fingerprint));
    hello(Vec::new(), methods.into(), Vec::new())
}

/// The frames of a message that our own side has sent. Panics if it is not one that may be sent.
pub fn frames(message: &Bytes) -> Vec<Frame> {
    let decode = |bytes: Bytes| match Frame::decode(bytes) {
        Ok(Some(frame)) => frame,
        other => panic!("sent {message:?}, which decodes as {other:?}"),
    };
    if message.first() != Some(&0) {
        return vec![decode(message.clone())];
    }
    let mut frames = Vec::new();
    let mut rest = message.slice(1..);
    while !rest.is_empty() {
        let (len, used) = read_varint(&rest).expect("a batch has a length before each frame");
        let mut frame = rest.split_off(used);
        rest = frame.split_off(usize::try_from(len).expect("a length fits a usize"));
        frames.push(decode(frame));
    }
    assert!(frames.len() >= 2, "a batch of {}", frames.len());
    frames
}

/// Of everything in the service.
fn fingerprint() -> Fingerprint {
    Fingerprint::of_text("u32")
}

fn entry(name_hash: u64, fingerprint: Fingerprint) -> HelloEntry {
    HelloEntry {
        name_hash,
        fingerprint,
    }
}

fn hello(state: Vec<HelloField>, methods: Vec<HelloEntry>, events: Vec<HelloEntry>) -> Frame {
    Frame::Hello(Box::new(Hello {
        revision: REVISION,
        max_message_bytes: 2048,
        state,
        methods,
        events,
    }))
}
