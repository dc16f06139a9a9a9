//! What both sides' targets need of the wire.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hardlight_proto::{
    FieldSchema, Fingerprint, Frame, Hello, HelloField, HelloMethod, Limits, MethodSchema,
    REVISION, ServiceSchema, read_varint,
};

/// The service of every script: two methods, one field of state.
pub fn schema() -> &'static ServiceSchema {
    static SCHEMA: std::sync::OnceLock<ServiceSchema> = std::sync::OnceLock::new();
    SCHEMA.get_or_init(|| {
        let fingerprint = Fingerprint::of_text("u32");
        let mut schema = ServiceSchema::new("Counter");
        schema.methods = vec![
            MethodSchema::with_fingerprint("increment", fingerprint),
            MethodSchema::with_fingerprint("get", fingerprint),
        ];
        schema.state = vec![FieldSchema::with_fingerprint(0, "counter", fingerprint)];
        schema
    })
}

/// So small that a script reaches them.
pub fn limits() -> Limits {
    Limits::new()
        .with_max_message_bytes(4096)
        .with_max_buffered_bytes(512)
        .with_handshake_timeout(Duration::from_secs(10))
        .with_close_timeout(Duration::from_secs(10))
}

/// A frame as a message of its own.
pub fn message(frame: &Frame) -> Bytes {
    let mut out = BytesMut::new();
    frame.encode(&mut out);
    out.freeze()
}

/// The Hello of a server of this service.
pub fn server_hello() -> Frame {
    let field = &schema().state[0];
    let field = HelloField {
        index: field.index,
        name: field.name.into(),
        fingerprint: field.fingerprint,
    };
    hello(vec![field], Vec::new())
}

/// The Hello of a client that has both methods, in the other order, and one that the server does not know.
pub fn client_hello() -> Frame {
    let fingerprint = Fingerprint::of_text("u32");
    let methods = ["get", "increment", "gone"];
    let methods = methods.map(|name| MethodSchema::with_fingerprint(name, fingerprint));
    let methods = methods.map(|method| HelloMethod {
        name_hash: method.name_hash,
        fingerprint: method.fingerprint,
    });
    hello(Vec::new(), methods.into())
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

fn hello(state: Vec<HelloField>, methods: Vec<HelloMethod>) -> Frame {
    Frame::Hello(Box::new(Hello {
        revision: REVISION,
        max_message_bytes: 2048,
        state,
        methods,
    }))
}
