//! What must be refused: frames that nobody may send, and what may not be sent at this point.

use bytes::Bytes;
use hardlight_proto::{CloseReason, Frames, Limits, Resume, ResumeTopic};
use serde_json::Value;

use crate::{
    hex_text::hex,
    session::Session,
    sessions::{counter, open, setups},
    store::{Case, File, check},
};

/// A message that is refused by itself, whoever receives it.
fn message(name: &str, sections: &[&str], message: &[u8], error: &str) -> Case {
    let refused = Frames::new(Bytes::copy_from_slice(message)).find_map(Result::err);
    assert_eq!(refused.map(|error| error.name()), Some(error), "{name}");
    Case::new(name, sections)
        .with("hex", hex(message))
        .with("error", error)
        .with("fatal", true)
        .with("close", 4000)
}

fn frames() -> File {
    let about = "Messages that every end refuses, whatever came before.";
    let mut file = File::new("invalid/frames.json", "invalid-frames", about);
    let mut add = |name: &str, sections: &[&str], bytes: &[u8], error: &str| {
        file.add(message(name, sections, bytes, error));
    };
    add("an empty message", &["4.1"], &[], "empty");
    add("a batch of nothing", &["4.2"], &[0], "truncated");
    add("a batch of one frame", &["4.2"], &[0, 2, 6, 1], "invalid-batch");
    add(
        "a batch in a batch",
        &["4.2", "5.3"],
        &[0, 2, 6, 1, 7, 0, 2, 6, 1, 2, 6, 2],
        "invalid-batch",
    );
    add("an empty frame in a batch", &["4.2"], &[0, 0, 2, 6, 1], "empty");
    add("an empty frame at the end of a batch", &["4.2"], &[0, 2, 6, 1, 0], "empty");
    add("a batch that is cut off", &["4.2"], &[0, 2, 6, 1, 3, 6, 2], "truncated");
    add("a batch whose last CALL is cut off", &["4.2"], &[0, 2, 6, 1, 9, 3, 0, 0, 7], "truncated");
    add("a batch whose last ANSWER is cut off", &["4.2"], &[0, 2, 6, 1, 9, 4, 0, 7], "truncated");
    add(
        "a batch with a CALL without a method",
        &["2.2", "4.2"],
        &[0, 2, 6, 1, 2, 3, 5],
        "truncated",
    );
    add(
        "a batch with an ANSWER without an id",
        &["2.2", "4.2"],
        &[0, 2, 6, 1, 1, 4, 2, 6, 1],
        "truncated",
    );
    add(
        "a batch with a length in a longer form",
        &["2.1", "4.2"],
        &[0, 0x82, 0, 6, 1, 2, 6, 2],
        "invalid-varint",
    );
    add("kind 0 with a flag", &["5.3"], &[0x40, 1, 6, 1, 1, 6], "invalid-batch");
    add("a reserved kind: streams", &["5.2", "5.3"], &[0x15, 0], "unknown-frame");
    add("the last kind that may not be ignored", &["5.3"], &[0x1f], "unknown-frame");
    add("an unknown kind with flags", &["5.3"], &[0xdf], "unknown-frame");
    for (name, header) in [
        ("HELLO compressed", 0x81),
        ("HELLO with extensions", 0x41),
        ("METHODS with extensions", 0x42),
        ("ERROR compressed", 0x85),
        ("CANCEL with extensions", 0x46),
        ("SNAPSHOT with extensions", 0x47),
        ("STATE with extensions", 0x48),
        ("TOPIC compressed", 0x89),
        ("LEAVE with extensions", 0x4a),
        ("GAP compressed", 0x8c),
        ("BEGIN compressed", 0x8d),
        ("CHUNK with extensions", 0x4e),
        ("CREDIT with extensions", 0x4f),
        ("ABORT with extensions", 0x50),
        ("FEATURES compressed", 0x91),
        ("GOING_AWAY with extensions", 0x52),
        ("PING with extensions", 0x53),
        ("PONG compressed", 0x94),
    ] {
        add(name, &["5.1", "5.2"], &[header, 1, 1, 1], "invalid-flags");
    }
    add("CALL without a method", &["2.2"], &[3, 5], "truncated");
    add("CALL with a method in a longer form", &["2.1"], &[3, 5, 0x80, 0], "invalid-varint");
    add(
        "CALL with a method of 33 bits",
        &["2.1"],
        &[3, 5, 0x80, 0x80, 0x80, 0x80, 0x10],
        "invalid-varint",
    );
    add("CALL with a method that is cut off", &["2.1", "2.2"], &[3, 5, 0x80], "truncated");
    add(
        "PING with a token of 65 bits",
        &["2.1"],
        &[0x13, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
        "invalid-varint",
    );
    add(
        "PING with a token of 11 bytes",
        &["2.1"],
        &[0x13, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        "invalid-varint",
    );
    add("ANSWER without an id", &["2.2"], &[4], "truncated");
    add("ERROR with bytes behind", &["2.2"], &[5, 1, 1, 0], "trailing-bytes");
    add("CANCEL with bytes behind", &["2.2"], &[6, 1, 0], "trailing-bytes");
    add("LEAVE with bytes behind", &["2.2"], &[0x0a, 1, 0], "trailing-bytes");
    add("GAP without a reason", &["2.2", "13.4"], &[0x0c, 1, 0, 5], "truncated");
    add("CREDIT without a number", &["2.2", "9.2"], &[0x0f, 0], "truncated");
    add("TOPIC that starts in an unknown way", &["13.5"], &[9, 1, 0, 3, b'x'], "invalid-topic");
    add(
        "a length of 0 of a compressed payload",
        &["8"],
        &[0x84, 5, 0, 3, 0],
        "invalid-compression",
    );
    add("a compressed payload without a length", &["8"], &[0x84, 5], "truncated");
    extensions(&mut add);
    hellos(&mut add);
    add("METHODS without entries", &["6.4"], &[2], "invalid-methods");
    add("METHODS out of order", &["6.4"], &[2, 1, 3, 0, 3], "invalid-methods");
    add("METHODS with an entry twice", &["6.4"], &[2, 1, 3, 1, 4], "invalid-methods");
    add("METHODS with another code", &["6.4"], &[2, 0, 5], "invalid-methods");
    add("FEATURES out of order", &["14.1"], &[0x11, 1, b'b', 1, b'a'], "invalid-features");
    add("FEATURES with a name twice", &["14.1"], &[0x11, 1, b'a', 1, b'a'], "invalid-features");
    add("FEATURES without a name", &["14.1"], &[0x11, 0], "invalid-features");
    add("FEATURES with a name that is no text", &["2.3", "14.1"], &[0x11, 1, 0xff], "invalid-utf8");
    add(
        "FEATURES with a name too long",
        &["14.1", "17"],
        &[&[0x11, 65][..], &[b'a'; 65]].concat(),
        "invalid-features",
    );
    let many: Vec<u8> = (0..257_u16)
        .flat_map(|name| [&[3][..], format!("{name:03}").as_bytes()].concat())
        .collect();
    add(
        "FEATURES: 257 of them",
        &["14.1", "17"],
        &[&[0x11][..], &many].concat(),
        "invalid-features",
    );
    file
}

type Add<'a> = dyn FnMut(&str, &[&str], &[u8], &str) + 'a;

fn extensions(add: &mut Add<'_>) {
    let mut refuse = |name: &str, block: &[u8], error| {
        let call = [&[0x43, 5, 0, block.len() as u8][..], block, b"hi"].concat();
        add(name, &["7"], &call, error);
    };
    refuse("no extensions behind the flag", &[], "invalid-extensions");
    refuse("an extension with tag 0", &[0, 0], "invalid-extensions");
    refuse("extensions out of order", &[64, 0, 3, 1, b'a'], "invalid-extensions");
    refuse("an extension twice", &[64, 0, 64, 0], "invalid-extensions");
    refuse("an extension that is cut off", &[64, 2, 1], "truncated");
    refuse("an empty DEADLINE", &[1, 0], "invalid-extensions");
    refuse("a DEADLINE in a longer form", &[1, 2, 0x80, 0], "invalid-extensions");
    refuse("a DEADLINE with bytes behind", &[1, 2, 5, 5], "invalid-extensions");
    refuse("an empty TRACEPARENT", &[2, 0], "invalid-extensions");
    refuse("an empty TRACESTATE", &[3, 0], "invalid-extensions");
    refuse("an empty IDEMPOTENCY_KEY", &[4, 0], "invalid-extensions");
    refuse("an IDEMPOTENCY_KEY too long", &[&[4, 65][..], &[7; 65]].concat(), "invalid-extensions");
    refuse("an empty RETRY_AFTER", &[5, 0], "invalid-extensions");
    let long = |tag: u8, len: usize| {
        let body =
            [&[tag, (len & 0x7f) as u8 | 0x80, (len >> 7) as u8][..], &vec![7; len]].concat();
        let block =
            [&[(body.len() & 0x7f) as u8 | 0x80, (body.len() >> 7) as u8][..], &body].concat();
        [&[0x43, 5, 0][..], &block].concat()
    };
    add("a TRACEPARENT too long", &["7"], &long(2, 256), "invalid-extensions");
    add("a TRACESTATE too long", &["7"], &long(3, 513), "invalid-extensions");
    add("a block of extensions too long", &["7", "17"], &long(64, 4094), "invalid-extensions");
    add("extensions longer than the frame", &["2.2", "7"], &[0x43, 5, 0, 9, 64, 0], "truncated");
}

fn hellos(add: &mut Add<'_>) {
    let mut refuse = |name: &str, body: &[u8], error| {
        add(&format!("HELLO {name}"), &["6.2"], &[&[1, 1][..], body].concat(), error);
    };
    refuse("with a section twice", &[2, 1, 1, 2, 1, 1], "invalid-hello");
    refuse(
        "with sections out of order",
        &[7, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 1],
        "invalid-hello",
    );
    refuse("with a section with tag 0", &[0, 1, 1], "invalid-hello");
    refuse("with an empty section", &[2, 0], "invalid-hello");
    refuse("with an empty section of an unknown tag", &[99, 0], "invalid-hello");
    refuse("with a section that is cut off", &[2, 9, 1], "truncated");
    refuse("with limits out of order", &[1, 6, 2, 1, 1, 0x80, 0x88, 8], "invalid-hello");
    refuse("with a limit without a value", &[1, 1, 1], "truncated");
    refuse("with max_frame_bytes too small", &[1, 4, 1, 0xff, 0x87, 4], "invalid-hello");
    refuse("with a heartbeat_interval of 0", &[1, 2, 2, 0], "invalid-hello");
    refuse("with a capability twice", &[2, 2, 1, 1], "invalid-hello");
    refuse("with an epoch too short", &[3, 7, 0, 0, 0, 0, 0, 0, 0], "truncated");
    refuse("with an epoch too long", &[3, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0], "trailing-bytes");
    refuse("with features out of order", &[4, 4, 1, b'b', 1, b'a'], "invalid-hello");
    refuse("with a feature that is no text", &[4, 2, 1, 0xff], "invalid-utf8");
    let field = |index| [&[index][..], &[0; 8], &[1, b'x', 0]].concat();
    let twice = [&[5, 24][..], &field(1), &field(1)].concat();
    refuse("with a state field twice", &twice, "invalid-hello");
    refuse("with a state field that is cut off", &[5, 3, 0, 0, 0], "truncated");
    refuse("with a method that is cut off", &[6, 8, 0, 0, 0, 0, 0, 0, 0, 0], "truncated");
    refuse(
        "with an event that is cut off",
        &[7, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        "truncated",
    );
    refuse("that resumes no topic", &[8, 8, 0, 0, 0, 0, 0, 0, 0, 0], "invalid-hello");
    let topics = |topics: &[u8]| [&[8, 8 + topics.len() as u8][..], &[0; 8], topics].concat();
    refuse("that resumes a topic twice", &topics(&[0, 1, b'a', 0, 1, b'a']), "invalid-hello");
    refuse("that resumes topics out of order", &topics(&[0, 1, b'b', 0, 1, b'a']), "invalid-hello");
    let long = [&[8, 0x8b, 4][..], &[0; 8], &[0, 0x81, 4], &[b'x'; 513]].concat();
    refuse(
        "that resumes a topic of too long a name",
        &[&[8, 0x8c, 4][..], &long[3..]].concat(),
        "invalid-hello",
    );
    add("HELLO without a revision", &["6.2"], &[1], "truncated");
}

/// A session whose last step is refused.
fn refusal(name: &str, sections: &[&str], session: Session, error: &str) -> Case {
    let last = session.last();
    let closed = |event: &Value| event["event"] == "closed" && event["why"] == error;
    let events = last["events"].as_array();
    let fatal = events.is_some_and(|events| events.iter().any(closed));
    assert!(fatal && last.get("close").is_some(), "{name}: {last}");
    let (config, steps) = session.into_parts();
    Case::new(name, sections)
        .with("error", error)
        .with("fatal", true)
        .with("config", config)
        .with("steps", steps)
}

fn started() -> Session {
    let (client, server) = setups(&counter());
    Session::start(&client, &server)
}

/// An open session whose client is subscribed to topic 7, and expects event 1.
fn subscribed() -> Session {
    let mut session = open();
    session.announce(7, 1, "chat");
    session.settle();
    session
}

/// A transfer of 70,000 bytes of this kind has begun, to either side.
fn begin(header: u8) -> Vec<u8> {
    [&[0x0d, 0, 0xf0, 0xa2, 4, header, 0][..], &[0; 100]].concat()
}

fn to_server() -> File {
    let about = "What a server refuses because of what came before. The last step is refused.";
    let mut file = File::new("invalid/server.json", "sessions", about);
    let mut add = |name: &str, sections: &[&str], session: Session, message: &[u8], error: &str| {
        let mut session = session;
        session.forge_to_server(message);
        file.add(refusal(name, sections, session, error));
    };
    add(
        "a CALL before the HELLO",
        &["5.4", "6.1", "19.1"],
        started(),
        &[3, 0, 0],
        "unexpected-frame",
    );
    add(
        "a CREDIT before the HELLO",
        &["6.1", "19.1"],
        started(),
        &[0x0f, 0, 1],
        "unexpected-frame",
    );
    add("a second HELLO", &["6.1"], open(), &[1, 1], "unexpected-frame");
    add("another revision", &["6.2", "18.3"], started(), &[1, 2], "incompatible");
    for (name, section) in [
        ("a HELLO with a heartbeat_interval", &[1, 2, 2, 1][..]),
        ("a HELLO with an epoch", &[3, 8, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("a HELLO with features", &[4, 2, 1, b'a']),
        ("a HELLO with state", &[5, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, b'x', 0]),
        ("a HELLO with events", &[7, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("a HELLO that takes a capability that was not offered", &[2, 1, 1]),
    ] {
        add(name, &["6.2"], started(), &[&[1, 1][..], section].concat(), "invalid-hello");
    }
    for (name, frame) in [
        ("an ANSWER", &[4, 0][..]),
        ("an ERROR", &[5, 0, 1]),
        ("METHODS", &[2, 0, 3]),
        ("a SNAPSHOT", &[7, 0]),
        ("STATE", &[8, 1]),
        ("a TOPIC", &[9, 1, 0, 0, b'x']),
        ("LEAVE", &[0x0a, 1]),
        ("an EVENT", &[0x0b, 1, 0, 0]),
        ("a GAP", &[0x0c, 1, 0, 0, 1]),
        ("FEATURES", &[0x11]),
        ("GOING_AWAY", &[0x12, 0]),
        ("PING", &[0x13, 0]),
    ] {
        add(&format!("{name} from a client"), &["5.2", "5.4"], open(), frame, "unexpected-frame");
    }
    let mut called = open();
    called.call(0, Bytes::new());
    called.settle();
    add("an id that is in use", &["10.1"], called, &[3, 0, 0], "call-id-in-use");
    let mut cancelled = open();
    let id = cancelled.call(0, Bytes::new());
    cancelled.cancel(id);
    cancelled.settle();
    add(
        "an id whose call was cancelled",
        &["10.1", "10.2"],
        cancelled,
        &[3, 0, 0],
        "call-id-in-use",
    );
    add("a method outside the table", &["10.1"], open(), &[3, 0, 2], "no-such-method");
    let sections = &["4.2", "10.1"];
    let [call, next] = [[4, 3, 0, 0, 7], [4, 3, 1, 0, 7]];
    let cut = [&[0][..], &call, &next[..4]].concat();
    add("a batch that ends within its second CALL", sections, open(), &cut, "truncated");
    let cut = [&[0][..], &call, &next, &[0x84, 0, 3, 2, 0, 7]].concat();
    add("a third CALL whose length is in a longer form", sections, open(), &cut, "invalid-varint");
    let twice = [&[0][..], &call, &next, &call].concat();
    add("a CALL twice in a batch", sections, open(), &twice, "call-id-in-use");
    add(
        "compression that was not agreed on",
        &["8"],
        open(),
        &[0x83, 0, 0, 1, 1],
        "invalid-compression",
    );
    compression(&mut add);
    transfers_to_server(&mut add);
    let long = [&[3, 0, 0][..], &vec![0; 66_558]].concat();
    add("a message too long", &["4.1", "17", "18.3"], open(), &long, "max_message_bytes");
    let mut text = open();
    text.text_to_server();
    file.add(refusal("a text message", &["3.1"], text, "text-message"));
    file
}

fn compressing() -> Session {
    let (mut client, mut server) = setups(&counter());
    (client.compression, server.compression) = (true, true);
    server.limits = server.limits.with_max_frame_bytes(70_000);
    Session::open(&client, &server)
}

type AddSession<'a> = dyn FnMut(&str, &[&str], Session, &[u8], &str) + 'a;

fn compression(add: &mut AddSession<'_>) {
    // A stored block: final, length, its complement, the bytes.
    let call = |length: u8, stream: &[u8]| [&[0x83, 0, 0, length][..], stream].concat();
    let stored = [1, 2, 0, 0xfd, 0xff, b'h', b'i'];
    let mut refuse = |name: &str, message: &[u8]| {
        add(name, &["8"], compressing(), message, "invalid-compression");
    };
    refuse("a compressed payload that is empty", &call(1, &[]));
    refuse("a compressed payload that is shorter than it says", &call(3, &stored));
    refuse("a compressed payload that is longer than it says", &call(1, &stored));
    refuse("a compressed payload with bytes behind", &call(2, &[&stored[..], &[0]].concat()));
    refuse("a compressed payload that is cut off", &call(2, &stored[..6]));
    refuse("a compressed payload that is no stream", &call(2, &[7, 0, 0]));
    let bomb = [&[0x83, 0, 0, 0xf1, 0xa2, 4][..], &stored].concat();
    let sections = &["8", "17", "18.3"];
    add(
        "a compressed payload beyond max_frame_bytes",
        sections,
        compressing(),
        &bomb,
        "max_frame_bytes",
    );
}

fn transfers_to_server(add: &mut AddSession<'_>) {
    let begun = || {
        let mut session = open();
        session.forge_to_server(&begin(3));
        session
    };
    let mut refuse = |name: &str, session, message: &[u8]| {
        add(name, &["9.6", "17"], session, message, "invalid-transfer");
    };
    refuse("a first transfer with number 1", open(), &[&[0x0d, 1][..], &begin(3)[2..]].concat());
    refuse("a transfer with a number that is taken", begun(), &begin(3));
    refuse("a transfer that fits into a message", open(), &[0x0d, 0, 0x80, 0x88, 4, 3]);
    refuse("a transfer that begins with no bytes", open(), &[0x0d, 0, 0xf0, 0xa2, 4]);
    refuse("a transfer of an ANSWER from a client", open(), &begin(4));
    refuse("a transfer of a HELLO", open(), &begin(1));
    refuse("a transfer of a transfer", open(), &begin(0x0d));
    refuse("a transfer of a frame that may be ignored", open(), &begin(0x20));
    refuse(
        "a piece that is too long",
        open(),
        &[&[0x0d, 0, 0xf0, 0xa2, 4, 3][..], &vec![0; 32_768]].concat(),
    );
    refuse("a CHUNK of a transfer that has not begun", open(), &[0x0e, 0, 1]);
    refuse("a CHUNK of no bytes", begun(), &[0x0e, 0]);
    refuse("an ABORT of a transfer that has not begun", open(), &[0x10, 0]);
    refuse("a CREDIT for a transfer that has not begun", open(), &[0x0f, 0, 1]);
    let mut aborted = begun();
    aborted.forge_to_server(&[0x10, 0]);
    refuse("a CHUNK of a transfer that was given up", aborted, &[0x0e, 0, 1]);
    let mut full = begun();
    full.forge_to_server(&[&[0x0e, 0][..], &vec![0; 32_768]].concat());
    full.forge_to_server(&[&[0x0e, 0][..], &vec![0; 32_768]].concat());
    let beyond = [&[0x0e, 0][..], &vec![0; 70_000 - 65_536 - 102 + 1]].concat();
    refuse("a CHUNK beyond the length", full, &beyond);
    let mut many = open();
    for number in 0..16 {
        many.forge_to_server(&[&[0x0d, number][..], &begin(3)[2..]].concat());
    }
    refuse("a 17th transfer", many, &[&[0x0d, 16][..], &begin(3)[2..]].concat());
    let (client, mut server) = setups(&counter());
    server.limits = server.limits.with_max_transfer_bytes(0).with_max_frame_bytes(70_000);
    let mut waiting = Session::open(&client, &server);
    // The first is taken in; the second gets no credit until then.
    for number in 0..2 {
        waiting.forge_to_server(&[&[0x0d, number][..], &begin(3)[2..]].concat());
    }
    waiting.forge_to_server(&[&[0x0e, 1][..], &vec![0; 32_768]].concat());
    refuse("a piece beyond the credit", waiting, &[&[0x0e, 1][..], &vec![0; 32_768]].concat());
    let (client, mut server) = setups(&counter());
    server.limits = server.limits.with_max_frame_bytes(69_999);
    let session = Session::open(&client, &server);
    let sections = &["9.6", "17", "18.3"];
    add("a transfer beyond max_frame_bytes", sections, session, &begin(3), "max_frame_bytes");
}

fn to_client() -> File {
    let about = "What a client refuses because of what came before. The last step is refused.";
    let mut file = File::new("invalid/client.json", "sessions", about);
    let mut add = |name: &str, sections: &[&str], session: Session, message: &[u8], error: &str| {
        let mut session = session;
        session.forge_to_client(message);
        file.add(refusal(name, sections, session, error));
    };
    add("a SNAPSHOT before the HELLO", &["6.1", "19.2"], started(), &[7, 0], "unexpected-frame");
    add("a second HELLO", &["6.1"], open(), &[1, 1], "unexpected-frame");
    let methods = [1, 1, 6, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    add("a HELLO with methods", &["6.2"], started(), &methods, "invalid-hello");
    let resume = [1, 1, 8, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, b'x'];
    add("a HELLO that resumes", &["6.2"], started(), &resume, "invalid-hello");
    let greeted = || {
        let mut session = started();
        session.forge_to_client(&[1, 1]);
        session
    };
    for (name, frame) in [
        ("STATE", &[8, 1][..]),
        ("a TOPIC", &[9, 1, 0, 0, b'x']),
        ("FEATURES", &[0x11]),
        ("an ANSWER", &[4, 0]),
    ] {
        let name = format!("{name} before the SNAPSHOT");
        add(&name, &["11.1", "19.2"], greeted(), frame, "unexpected-frame");
    }
    for (name, frame) in [("a CALL", &[3, 0, 0][..]), ("a CANCEL", &[6, 0]), ("a PONG", &[0x14, 0])]
    {
        add(&format!("{name} from a server"), &["5.2", "5.4"], open(), frame, "unexpected-frame");
    }
    add("a second SNAPSHOT", &["11.1"], open(), &[7, 0], "unexpected-frame");
    add("a SNAPSHOT with revision 1", &["11.1"], greeted(), &[7, 1], "state-revision");
    add("a STATE with revision 0", &["11.1"], open(), &[8, 0], "state-revision");
    add("a STATE with revision 2", &["11.1"], open(), &[8, 2], "state-revision");
    add("an ANSWER to no call", &["10.1"], open(), &[4, 0], "no-such-call");
    add("an ERROR for no call", &["10.1"], open(), &[5, 0, 1], "no-such-call");
    let called = || {
        let mut session = open();
        session.call(0, Bytes::new());
        session.call(0, Bytes::new());
        session.settle();
        session
    };
    let sections = &["4.2", "10.1"];
    let [answer, next] = [[3, 4, 0, 7], [3, 4, 1, 7]];
    let cut = [&[0][..], &answer, &next[..3]].concat();
    add("a batch that ends within its second ANSWER", sections, called(), &cut, "truncated");
    let twice = [&[0][..], &answer, &next, &answer].concat();
    add("an ANSWER twice in a batch", sections, called(), &twice, "no-such-call");
    let mut answered = open();
    let id = answered.call(0, Bytes::new());
    answered.settle();
    answered.answer(id, Bytes::new());
    answered.settle();
    add("a second ANSWER", &["10.1"], answered, &[4, 0], "no-such-call");
    add(
        "METHODS about a method outside the table",
        &["6.4"],
        open(),
        &[2, 2, 3],
        "invalid-methods",
    );
    let mut told = open();
    told.forge_to_client(&[2, 0, 3]);
    add("a second METHODS", &["6.4"], told, &[2, 1, 3], "unexpected-frame");
    let mut leaving = open();
    leaving.forge_to_client(&[0x12, 0]);
    add("a second GOING_AWAY", &["16.3"], leaving, &[0x12, 0], "unexpected-frame");
    let mut rejected = open();
    rejected.change_state(Bytes::from_static(&[3, 0]));
    rejected.settle();
    topics(&mut add);
    transfers_to_client(&mut add);
    rejected.reject_state();
    file.add(refusal("state operations that do not apply", &["11.1"], rejected, "invalid-state"));
    let (mut client, server) = setups(&counter());
    client.limits = client.limits.with_max_state_bytes(5);
    let mut grown = Session::open(&client, &server);
    grown.change_state(Bytes::from_static(&[0, 4, 1, 0, 0, 0]));
    grown.settle();
    grown.reject_state_size();
    let sections = &["17", "18.3"];
    file.add(refusal("a state beyond max_state_bytes", sections, grown, "max_state_bytes"));
    let mut text = open();
    text.text_to_client();
    file.add(refusal("a text message", &["3.1"], text, "text-message"));
    file
}

fn topics(add: &mut AddSession<'_>) {
    add(
        "a TOPIC that is announced already",
        &["13.1"],
        subscribed(),
        &[9, 7, 0, 0, b'x'],
        "invalid-topic",
    );
    let long = [&[9, 8, 0, 0][..], &[b'x'; 513]].concat();
    add("a TOPIC with too long a name", &["13.1", "17"], open(), &long, "invalid-topic");
    add(
        "a TOPIC RESUMED that was not asked for",
        &["13.5"],
        open(),
        &[9, 7, 0, 1, b'x'],
        "invalid-topic",
    );
    add(
        "a TOPIC RESTARTED that was not asked for",
        &["13.5"],
        open(),
        &[9, 7, 0, 2, b'x'],
        "invalid-topic",
    );
    let asked = |epoch| {
        let (mut client, mut server) = setups(&counter());
        server.epoch = Some(1);
        let topic = ResumeTopic { name: Bytes::from_static(b"x"), next: 5 };
        client.resume = Some(Resume { epoch, topics: vec![topic] });
        Session::open(&client, &server)
    };
    add(
        "a TOPIC FRESH that was asked for",
        &["13.5"],
        asked(1),
        &[9, 7, 5, 0, b'x'],
        "invalid-topic",
    );
    add(
        "a TOPIC RESUMED with another number",
        &["13.5"],
        asked(1),
        &[9, 7, 6, 1, b'x'],
        "invalid-topic",
    );
    add(
        "a TOPIC RESUMED of another epoch",
        &["13.5"],
        asked(2),
        &[9, 7, 5, 1, b'x'],
        "invalid-topic",
    );
    add(
        "a TOPIC RESTARTED without need",
        &["13.5"],
        asked(1),
        &[9, 7, 5, 2, b'x'],
        "invalid-topic",
    );
    add("LEAVE of an unknown topic", &["13.1"], subscribed(), &[0x0a, 8], "invalid-topic");
    add("an EVENT on an unknown topic", &["13.1"], subscribed(), &[0x0b, 8, 1, 0], "invalid-topic");
    add("a GAP on an unknown topic", &["13.1"], subscribed(), &[0x0c, 8, 1, 1, 1], "invalid-topic");
    let mut left = subscribed();
    left.leave(7);
    left.settle();
    add("an EVENT on a topic that was left", &["13.1"], left, &[0x0b, 7, 1, 0], "invalid-topic");
    for (name, frame) in [
        ("an EVENT again", &[0x0b, 7, 0, 0][..]),
        ("an EVENT too early", &[0x0b, 7, 2, 0]),
        ("a GAP that begins too early", &[0x0c, 7, 0, 3, 1]),
        ("a GAP that begins too late", &[0x0c, 7, 2, 3, 1]),
        ("a GAP that ends before it begins", &[0x0c, 7, 1, 0, 1]),
        (
            "a GAP up to the last number there is",
            &[0x0c, 7, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1],
        ),
    ] {
        add(name, &["13.2"], subscribed(), frame, "event-sequence");
    }
    add(
        "an EVENT of a type outside the table",
        &["13.3"],
        subscribed(),
        &[0x0b, 7, 1, 2],
        "no-such-event",
    );
    let (mut client, server) = setups(&counter());
    client.limits = Limits::new().with_max_topic_bytes(516);
    let mut session = Session::open(&client, &server);
    session.forge_to_client(b"\x09\x01\x00\x00four");
    add(
        "topics beyond max_topic_bytes",
        &["17", "18.3"],
        session,
        &[9, 2, 0, 0],
        "max_topic_bytes",
    );
}

fn transfers_to_client(add: &mut AddSession<'_>) {
    let calling = || {
        let mut session = open();
        session.call(0, Bytes::from(vec![b'x'; 70_000]));
        session
    };
    let mut refuse = |name: &str, session, message: &[u8]| {
        add(name, &["9.2"], session, message, "invalid-transfer");
    };
    refuse("a CREDIT of 0", calling(), &[0x0f, 0, 0]);
    // The frame has 70,003 bytes.
    refuse("a CREDIT beyond the length", calling(), &[0x0f, 0, 0xf4, 0x22]);
    refuse("a CREDIT for the next transfer", calling(), &[0x0f, 1, 1]);
    let mut refuse = |name: &str, session, message: &[u8]| {
        add(name, &["9.6"], session, message, "invalid-transfer");
    };
    refuse("a transfer of a CALL from a server", open(), &begin(3));
    let mut event = open();
    event.forge_to_client(&begin(0x0b));
    refuse("an ABORT of an EVENT", event, &[0x10, 0]);
    let sections = &["9.1", "10.1"];
    let mut answer = open();
    let pieces: Vec<_> = std::iter::once(begin(4))
        .chain((0..2).map(|_| [&[0x0e, 0][..], &vec![0; 32_768]].concat()))
        .collect();
    pieces.iter().for_each(|piece| answer.forge_to_client(piece));
    let rest = [&[0x0e, 0][..], &vec![0; 70_000 - 65_536 - 102]].concat();
    add("an ANSWER in pieces to no call", sections, answer, &rest, "no-such-call");
}

/// What is refused without ending the connection.
fn refused_alone() -> File {
    let about = "What is refused without ending the connection. The last step is refused.";
    let mut file = File::new("invalid/calls.json", "sessions", about);
    let mut add =
        |name: &str, sections: &[&str], mut session: Session, message: &[u8], error: &str| {
            session.forge_to_server(message);
            assert!(
                session.last().get("close").is_none() && session.last().get("messages").is_some()
            );
            let (config, steps) = session.into_parts();
            let case = Case::new(name, sections).with("error", error).with("fatal", false);
            file.add(case.with("config", config).with("steps", steps));
        };
    let mut other = counter();
    other.methods[0] = ("increment", "fn{amount:u64}->u64", None);
    other.methods[1] = ("gone", "fn{}->unit", None);
    let unlike = || {
        let ((client, _), (_, server)) = (setups(&other), setups(&counter()));
        Session::open(&client, &server)
    };
    add("a method of another type", &["6.4", "18.1"], unlike(), &[3, 0, 0], "INCOMPATIBLE_METHOD");
    add("a method that is not there", &["6.4", "18.1"], unlike(), &[3, 0, 1], "UNKNOWN_METHOD");
    let mut service = counter();
    service.methods[0].2 = Some("admin");
    let (client, server) = setups(&service);
    let sections = &["14.2", "18.1"];
    add(
        "a feature that is missing",
        sections,
        Session::open(&client, &server),
        &[3, 0, 0],
        "MISSING_FEATURE",
    );
    let (client, mut server) = setups(&counter());
    server.limits = server.limits.with_max_input_bytes(3);
    let busy = Session::open(&client, &server);
    add("an input beyond max_input_bytes", &["17", "18.1"], busy, &[3, 0, 0, 1, 2, 3, 4], "BUSY");
    let (mut client, mut server) = setups(&counter());
    (client.compression, server.compression) = (true, true);
    server.limits = server.limits.with_max_input_bytes(3);
    let busy = Session::open(&client, &server);
    let sections = &["8", "17", "18.1"];
    add("a compressed input beyond max_input_bytes", sections, busy, &[0x83, 0, 0, 4, 1], "BUSY");
    let mut leaving = open();
    leaving.call(0, Bytes::new());
    leaving.settle();
    leaving.close_server(CloseReason::normal());
    add("a call behind GOING_AWAY", &["16.3", "18.1"], leaving, &[3, 1, 0], "GOING_AWAY");
    file
}

#[test]
fn what_is_refused_is_that_of_the_vectors() {
    check(&[frames(), to_server(), to_client(), refused_alone()], Some("invalid"));
}
