//! Messages and the frames in them.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hardlight_proto::{
    CallError, CallId, Content, Extensions, Fingerprint, Frame, Frames, GapReason, Hello,
    HelloEntry, HelloField, Mismatch, RefusedMethod, Resume, ResumeTopic, TopicStart,
};
use serde_json::Value;

use crate::{
    frame_json::frame_json,
    hex_text::hex,
    store::{Case, File, check},
};

const HI: Bytes = Bytes::from_static(b"hi");

fn encode(frame: &Frame) -> Vec<u8> {
    let mut out = BytesMut::new();
    frame.encode(&mut out);
    assert_eq!(out.len(), frame.encoded_len());
    out.to_vec()
}

fn decode(message: &[u8]) -> Vec<Frame> {
    let frames = Frames::new(Bytes::copy_from_slice(message));
    frames.collect::<Result<_, _>>().expect("the message is valid")
}

fn frames_json(frames: &[Frame]) -> Value {
    frames.iter().map(frame_json).collect()
}

/// A message of one frame, which is the only way to write it.
fn one(name: &str, sections: &[&str], frame: Frame) -> Case {
    let message = encode(&frame);
    assert_eq!(decode(&message), core::slice::from_ref(&frame), "{name}");
    Case::new(name, sections).with("hex", hex(&message)).with("frames", frames_json(&[frame]))
}

/// A batch.
fn batch(name: &str, sections: &[&str], frames: &[Frame]) -> Case {
    let mut message = vec![0];
    for frame in frames {
        let frame = encode(frame);
        assert!(frame.len() < 128, "{name}: one byte is enough for a length here");
        message.push(frame.len() as u8);
        message.extend(frame);
    }
    assert_eq!(decode(&message), frames, "{name}");
    Case::new(name, sections).with("hex", hex(&message)).with("frames", frames_json(frames))
}

/// A message that a writer of this revision does not make: what is left of it.
fn lenient(name: &str, sections: &[&str], message: &[u8]) -> Case {
    let frames = decode(message);
    Case::new(name, sections)
        .with("hex", hex(message))
        .with("lenient", true)
        .with("frames", frames_json(&frames))
}

fn file(path: &str, about: &'static str, cases: Vec<Case>) -> File {
    let mut file = File::new(path, "frames", about);
    cases.into_iter().for_each(|case| file.add(case));
    file
}

fn call(id: u8, method: u32, payload: impl Into<Content>) -> Frame {
    let extensions = Extensions::new();
    Frame::Call { id: CallId(id), method, extensions, payload: payload.into() }
}

fn answer(id: u8, payload: impl Into<Content>) -> Frame {
    Frame::Answer { id: CallId(id), extensions: Extensions::new(), payload: payload.into() }
}

fn error(id: u8, error: CallError) -> Frame {
    Frame::Error { id: CallId(id), error, extensions: Extensions::new() }
}

fn deflated() -> Content {
    // A stored block of one byte: what every inflater reads.
    Content::Deflated { length: 1, stream: Bytes::from_static(&[0x01, 1, 0, 0xfe, 0xff, b'x']) }
}

fn extensions() -> Extensions {
    let build = || {
        Extensions::new()
            .with_deadline(Duration::from_millis(1500))?
            .with_traceparent(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")?
            .with_tracestate(b"vendor=1")?
            .with_idempotency_key(&[7; 16])?
            .with_application(64, b"")?
            .with_application(127, b"own")
    };
    build().expect("they fit")
}

fn calls() -> File {
    let id = CallId(5);
    let retry = Extensions::new().with_retry_after(Duration::from_secs(2)).expect("it fits");
    let errors = [
        ("CANCELLED", CallError::Cancelled),
        ("HANDLER_PANICKED", CallError::HandlerPanicked),
        ("UNKNOWN_METHOD", CallError::UnknownMethod),
        ("INCOMPATIBLE_METHOD", CallError::IncompatibleMethod),
        ("INVALID_INPUT", CallError::InvalidInput),
        ("OUTPUT_TOO_LARGE", CallError::OutputTooLarge),
        ("ENCODE_FAILED", CallError::EncodeFailed),
        ("GOING_AWAY", CallError::GoingAway),
        ("MISSING_FEATURE", CallError::MissingFeature),
        ("BUSY", CallError::Busy),
        ("DEADLINE_EXCEEDED", CallError::DeadlineExceeded),
        ("not known in this revision", CallError::Unknown(0x7fff_ffff)),
    ];
    let number = Bytes::from_static(&[7, 0, 0, 0]);
    let mut cases = vec![
        one("CALL with a number", &["5.1", "10.1"], call(5, 0, number)),
        one("CALL without arguments", &["10.1", "21.11"], call(0, 1, Bytes::new())),
        one("CALL with the last id", &["10.1"], call(255, 0, HI)),
        one("CALL of method 127", &["2.1", "10.1"], call(1, 127, HI)),
        one("CALL of method 128", &["2.1", "10.1"], call(1, 128, HI)),
        one("CALL of the last method", &["2.1", "10.1"], call(1, u32::MAX, HI)),
        one("CALL, compressed", &["5.1", "8"], call(5, 0, deflated())),
        one(
            "CALL with extensions",
            &["5.1", "7"],
            Frame::Call { id, method: 0, extensions: extensions(), payload: HI.into() },
        ),
        one(
            "CALL with extensions, compressed",
            &["5.1", "7", "8"],
            Frame::Call { id, method: 300, extensions: extensions(), payload: deflated() },
        ),
        one("ANSWER", &["10.1"], answer(5, Bytes::from_static(&[8, 0, 0, 0]))),
        one("ANSWER of unit", &["10.1", "21.11"], answer(5, Bytes::new())),
        one("ANSWER, compressed", &["5.1", "8"], answer(5, deflated())),
        one(
            "ANSWER with an extension",
            &["5.1", "7"],
            Frame::Answer {
                id,
                extensions: Extensions::new().with_application(65, &[1]).expect("it fits"),
                payload: HI.into(),
            },
        ),
        one(
            "ERROR with RETRY_AFTER",
            &["7", "18.1"],
            Frame::Error { id, error: CallError::Busy, extensions: retry },
        ),
        one("CANCEL", &["10.1", "10.2"], Frame::Cancel { id }),
    ];
    for (name, why) in errors {
        cases.push(one(&format!("ERROR: {name}"), &["10.3", "18.1"], error(5, why)));
    }
    cases.push(lenient(
        "CALL with an extension of an unknown tag",
        &["7"],
        b"\x43\x05\x00\x0a\x02\x01a\x20\x01b\xff\x01\x01\x63hi",
    ));
    cases.push(lenient(
        "ANSWER with an extension that is for CALL only",
        &["7"],
        b"\x44\x05\x03\x01\x01\x05hi",
    ));
    file("frames/calls.json", "CALL, ANSWER, ERROR and CANCEL.", cases)
}

fn entry(name: &str, of: &str) -> HelloEntry {
    HelloEntry {
        name_hash: Fingerprint::of_text(name).to_u64(),
        fingerprint: Fingerprint::of_text(of),
    }
}

fn field(index: u32, name: &str, of: &str, feature: &str) -> HelloField {
    HelloField {
        index,
        fingerprint: Fingerprint::of_text(of),
        name: name.into(),
        feature: feature.into(),
    }
}

fn hellos() -> File {
    let hello = |hello: Hello| Frame::Hello(Box::new(hello));
    let servers = Hello {
        max_frame_bytes: 4 << 20,
        heartbeat_interval: Some(Duration::from_secs(20)),
        deflate: true,
        epoch: Some(0x0123_4567_89ab_cdef),
        features: vec!["admin".into(), "größe".into()],
        state: vec![field(0, "counter", "u32", ""), field(7, "name", "string", "admin")],
        events: vec![entry("Message", "event{text:string}"), entry("Left", "event{}")],
        ..Hello::new()
    };
    let topic = |name: &'static [u8], next| ResumeTopic { name: Bytes::from_static(name), next };
    let clients = Hello {
        max_frame_bytes: 1 << 20,
        deflate: true,
        methods: vec![entry("increment", "fn{amount:u32}->u32"), entry("get", "fn{}->u32")],
        resume: Some(Resume {
            epoch: 0x0123_4567_89ab_cdef,
            topics: vec![topic(b"chat", 300), topic(b"chat/\xff", 0)],
        }),
        ..Hello::new()
    };
    let methods = vec![
        RefusedMethod { method: 0, why: Mismatch::Unknown },
        RefusedMethod { method: 200, why: Mismatch::Incompatible },
    ];
    let another = Hello { revision: 2, ..Hello::new() };
    let features = vec!["a".into(), "b".repeat(64), "größe".into()];
    let cases = vec![
        one("HELLO that says nothing", &["6.2"], hello(Hello::new())),
        one("HELLO of a server", &["6.2", "6.3"], hello(servers)),
        one("HELLO of a client", &["6.2", "6.3", "13.5"], hello(clients)),
        one("HELLO of another revision", &["6.2", "23"], hello(another)),
        lenient(
            "HELLO of another revision with what this one cannot read",
            &["6.2"],
            &[1, 2, 0xff],
        ),
        lenient(
            "HELLO with the least max_frame_bytes, which need not be said",
            &["6.2"],
            &[1, 1, 1, 4, 1, 0x80, 0x88, 0x04],
        ),
        lenient(
            "HELLO with unknown sections, limits and capabilities",
            &["6.2", "23"],
            &[1, 1, 1, 6, 1, 0x80, 0x88, 0x08, 9, 9, 2, 2, 1, 0x63, 99, 2, 0xaa, 0xbb],
        ),
        one("METHODS", &["6.4"], Frame::Methods(methods)),
        one("FEATURES", &["14.1"], Frame::Features(features)),
        one("FEATURES: none", &["14.1"], Frame::Features(Vec::new())),
    ];
    file("frames/hello.json", "HELLO, METHODS and FEATURES.", cases)
}

fn state_and_events() -> File {
    let operations = || Content::from(Bytes::from_static(&[0, 4, 42, 0, 0, 0]));
    let topic = |topic, next, start, name: Bytes| Frame::Topic { topic, next, start, name };
    let event = |extensions, payload| Frame::Event {
        topic: 300,
        sequence: 128,
        event: 2,
        extensions,
        payload,
    };
    let chat = Bytes::from_static(b"chat");
    let mut cases = vec![
        one("SNAPSHOT", &["11.1"], Frame::Snapshot { revision: 0, operations: operations() }),
        one(
            "SNAPSHOT without operations",
            &["11.2"],
            Frame::Snapshot { revision: 0, operations: Bytes::new().into() },
        ),
        one("STATE", &["11.1"], Frame::State { revision: 1, operations: operations() }),
        one(
            "STATE with the last revision",
            &["2.1", "11.1"],
            Frame::State { revision: u64::MAX, operations: operations() },
        ),
        one(
            "STATE, compressed",
            &["8", "11.1"],
            Frame::State { revision: 2, operations: deflated() },
        ),
        one("TOPIC: FRESH", &["13.1"], topic(300, 0, TopicStart::Fresh, chat.clone())),
        one("TOPIC: RESUMED", &["13.5"], topic(300, 128, TopicStart::Resumed, chat.clone())),
        one("TOPIC: RESTARTED", &["13.5"], topic(300, 2, TopicStart::Restarted, chat)),
        one("TOPIC without a name", &["13.1"], topic(0, 0, TopicStart::Fresh, Bytes::new())),
        one(
            "TOPIC whose name is no text",
            &["2.3", "13.1"],
            topic(u64::MAX, u64::MAX, TopicStart::Fresh, Bytes::from_static(&[0xff, 0, 0xc0])),
        ),
        one(
            "TOPIC with the longest name",
            &["13.1", "17"],
            topic(1, 0, TopicStart::Fresh, Bytes::from(vec![b'x'; 512])),
        ),
        one("LEAVE", &["13.1"], Frame::Leave { topic: 300 }),
        one("EVENT", &["13.1"], event(Extensions::new(), HI.into())),
        one("EVENT without fields", &["13.1"], event(Extensions::new(), Bytes::new().into())),
        one("EVENT, compressed", &["5.1", "8"], event(Extensions::new(), deflated())),
        one(
            "EVENT with an extension",
            &["5.1", "7"],
            event(Extensions::new().with_application(64, b"own").expect("it fits"), HI.into()),
        ),
    ];
    let reasons = [
        ("LAGGED", GapReason::Lagged),
        ("CONFLATED", GapReason::Conflated),
        ("WITHHELD", GapReason::Withheld),
        ("EXPIRED", GapReason::Expired),
        ("TOO_LONG", GapReason::TooLong),
        ("a reason that is not known in this revision", GapReason::Unknown(99)),
    ];
    for (name, reason) in reasons {
        let gap = Frame::Gap { topic: 300, first: 5, last: 200, reason };
        cases.push(one(&format!("GAP: {name}"), &["13.1", "13.4"], gap));
    }
    file("frames/state_and_events.json", "SNAPSHOT, STATE, TOPIC, LEAVE, EVENT and GAP.", cases)
}

fn link() -> File {
    let piece = |len| Bytes::from(vec![b'x'; len]);
    let cases = vec![
        one(
            "BEGIN with one byte",
            &["9.1"],
            Frame::Begin { transfer: 0, length: 66_561, piece: Bytes::from_static(&[0x04]) },
        ),
        one(
            "BEGIN with the longest piece",
            &["9.1", "17"],
            Frame::Begin { transfer: 1000, length: 1 << 22, piece: piece(32_768) },
        ),
        one("CHUNK", &["9.1"], Frame::Chunk { transfer: 0, piece: HI }),
        one(
            "CHUNK with the longest piece",
            &["9.1"],
            Frame::Chunk { transfer: 300, piece: piece(32_768) },
        ),
        one("CREDIT", &["9.2"], Frame::Credit { transfer: 0, bytes: 131_072 }),
        one("ABORT", &["9.5"], Frame::Abort { transfer: 300 }),
        one("GOING_AWAY", &["2.4", "16.3"], Frame::GoingAway { grace: Duration::from_secs(10) }),
        one("GOING_AWAY at once", &["16.3"], Frame::GoingAway { grace: Duration::ZERO }),
        one("PING", &["15"], Frame::Ping { token: 0 }),
        one("PING with the last token", &["2.1", "15"], Frame::Ping { token: u64::MAX }),
        one("PONG", &["15"], Frame::Pong { token: 300 }),
    ];
    file("frames/link.json", "Transfers, heartbeats and going away.", cases)
}

fn messages() -> File {
    let cancel = |id| Frame::Cancel { id: CallId(id) };
    let long = vec![0x20; 66_560];
    let cases = vec![
        batch(
            "a batch of an ANSWER and an ERROR",
            &["4.2"],
            &[answer(5, Bytes::from_static(b"a")), error(6, CallError::HandlerPanicked)],
        ),
        batch("a batch of many", &["4.2"], &(0..100).map(cancel).collect::<Vec<_>>()),
        batch(
            "a batch of frames for both ends",
            &["4.2", "5.4"],
            &[cancel(1), answer(1, HI), Frame::Ping { token: 1 }],
        ),
        lenient("an unknown frame that may be ignored", &["5.3"], &[0x20, 1, 2, 3]),
        lenient("the last kind, with all flags", &["5.3"], &[0xff]),
        lenient("the longest message", &["4.1", "5.3"], &long),
        lenient(
            "a frame that may be ignored, in a batch",
            &["4.2", "5.3"],
            &[0, 1, 0x20, 2, 0x06, 1, 3, 0xbf, 0, 0],
        ),
    ];
    file("frames/messages.json", "Messages: batches, and frames that may be ignored.", cases)
}

#[test]
fn frames_are_those_of_the_vectors() {
    check(&[calls(), hellos(), state_and_events(), link(), messages()], Some("frames"));
}
