//! The layout, byte for byte.

use alloc::{boxed::Box, string::ToString, vec, vec::Vec};

use bytes::BytesMut;
use proptest::prelude::*;

use super::{codec::ShortHead, *};
use crate::{
    error::ProtocolError,
    features::{MAX_FEATURE_NAME_BYTES, MAX_FEATURES},
    limits::MAX_TOPIC_NAME_BYTES,
    schema::Fingerprint,
};

fn encode(frame: &Frame) -> Vec<u8> {
    let mut out = BytesMut::new();
    frame.encode(&mut out);
    out.to_vec()
}

fn decode(bytes: &[u8]) -> Result<Option<Frame>, ProtocolError> {
    Frame::decode(Bytes::copy_from_slice(bytes))
}

/// The frame is these bytes, and these bytes are the frame.
fn assert_layout(frame: Frame, bytes: &[u8]) {
    assert_eq!(encode(&frame), bytes, "{frame:?}");
    assert_eq!(frame.encoded_len(), bytes.len(), "{frame:?}");
    let (head, payload) = frame.split();
    assert_eq!([head, payload].concat(), bytes, "{frame:?}");
    assert_eq!(decode(bytes), Ok(Some(frame)));
}

fn assert_refused(error: ProtocolError, frames: &[&[u8]]) {
    for bytes in frames {
        assert_eq!(decode(bytes), Err(error), "{bytes:x?}");
    }
}

fn plain(bytes: &'static [u8]) -> Content {
    Content::Plain(Bytes::from_static(bytes))
}

fn deflated(length: u64, stream: &'static [u8]) -> Content {
    Content::Deflated { length, stream: Bytes::from_static(stream) }
}

fn says() -> Extensions {
    Extensions::new().with_application(64, b"x").expect("it fits")
}

/// `says` on the wire: its length, a tag, a length, a byte.
const SAYS: [u8; 4] = [3, 64, 1, b'x'];

// Calls.

#[test]
fn a_call_is_3_bytes_and_its_payload() {
    let (id, extensions) = (CallId(7), Extensions::new());
    let call = Frame::Call { id, method: 2, extensions, payload: plain(&[9, 8]) };
    assert_layout(call, &[0x03, 7, 2, 9, 8]);
    let call = Frame::Call { id, method: u32::MAX, extensions: says(), payload: plain(b"") };
    assert_layout(call, &[&[0x43, 7, 0xff, 0xff, 0xff, 0xff, 0x0f], &SAYS[..]].concat());
}

#[test]
fn an_answer_is_2_bytes_and_its_payload() {
    let (id, extensions) = (CallId(255), Extensions::new());
    assert_layout(Frame::Answer { id, extensions, payload: plain(&[1]) }, &[0x04, 255, 1]);
    let answer = Frame::Answer { id, extensions: says(), payload: plain(&[1]) };
    assert_layout(answer, &[0x44, 255, 3, 64, 1, b'x', 1]);
}

proptest! {
    /// The short way knows a call and an answer without a `Frame`.
    #[test]
    fn short_heads_are_those_of_their_frames(
        id in any::<u8>(),
        method in (any::<u32>(), 0..32).prop_map(|(method, shift)| method >> shift),
    ) {
        let (id, extensions, payload) = (CallId(id), Extensions::new(), plain(b""));
        let call = Frame::Call { id, method, extensions: extensions.clone(), payload: payload.clone() };
        let answer = Frame::Answer { id, extensions, payload };
        for (frame, head) in [(call, ShortHead::call(id, method)), (answer, ShortHead::answer(id))] {
            let (whole, _) = frame.split();
            let (mut alone, mut behind) = (BytesMut::new(), BytesMut::new());
            head.put(&mut alone);
            head.put_behind(7, &mut behind);
            prop_assert_eq!(&alone, &whole);
            prop_assert_eq!(head.len(), whole.len());
            prop_assert_eq!(&behind[..], [&[7], &whole[..]].concat());
            let read = (codec::short_call(&whole), codec::short_answer(&whole));
            let expected = match frame {
                Frame::Call { .. } => ((method < 0x80).then_some((id, method)), None),
                _ => (None, Some(id)),
            };
            prop_assert_eq!(read, expected);
        }
    }
}

#[test]
fn a_compressed_payload_has_its_length_before_it_and_behind_the_extensions() {
    let (id, extensions) = (CallId(7), Extensions::new());
    let payload = || deflated(300, &[1, 2]);
    let call = Frame::Call { id, method: 2, extensions: says(), payload: payload() };
    assert_layout(call, &[0xc3, 7, 2, 3, 64, 1, b'x', 0xac, 0x02, 1, 2]);
    let answer = Frame::Answer { id, extensions: extensions.clone(), payload: payload() };
    assert_layout(answer, &[0x84, 7, 0xac, 0x02, 1, 2]);
    let snapshot = Frame::Snapshot { revision: 0, operations: payload() };
    assert_layout(snapshot, &[0x87, 0, 0xac, 0x02, 1, 2]);
    let state = Frame::State { revision: 1, operations: payload() };
    assert_layout(state, &[0x88, 1, 0xac, 0x02, 1, 2]);
    let event = Frame::Event { topic: 5, sequence: 1, event: 2, extensions, payload: payload() };
    assert_layout(event, &[0x8b, 5, 1, 2, 0xac, 0x02, 1, 2]);
}

#[test]
fn errors_and_cancels_are_laid_out_as_documented() {
    let (id, error) = (CallId(1), CallError::HandlerPanicked);
    let extensions = Extensions::new();
    assert_layout(Frame::Error { id, error: error.clone(), extensions }, &[0x05, 1, 2]);
    let frame = Frame::Error { id, error, extensions: says() };
    assert_layout(frame, &[0x45, 1, 2, 3, 64, 1, b'x']);
    assert_layout(Frame::Cancel { id: CallId(3) }, &[0x06, 3]);
}

#[test]
fn every_error_has_the_code_that_is_documented() {
    let codes = [
        CallError::Cancelled,
        CallError::HandlerPanicked,
        CallError::UnknownMethod,
        CallError::IncompatibleMethod,
        CallError::InvalidInput,
        CallError::OutputTooLarge,
        CallError::EncodeFailed,
        CallError::GoingAway,
        CallError::MissingFeature,
        CallError::Busy,
        CallError::DeadlineExceeded,
    ];
    for (error, code) in codes.into_iter().zip(1..) {
        let frame = Frame::Error { id: CallId(0), error, extensions: Extensions::new() };
        assert_layout(frame, &[0x05, 0, code]);
    }
    let error = CallError::Unknown(300);
    let frame = Frame::Error { id: CallId(0), error, extensions: Extensions::new() };
    assert_layout(frame, &[0x05, 0, 0xac, 0x02]);
}

#[test]
fn refused_methods_are_laid_out_as_documented() {
    let methods = vec![
        RefusedMethod { method: 0, why: Mismatch::Unknown },
        RefusedMethod { method: 200, why: Mismatch::Incompatible },
    ];
    assert_layout(Frame::Methods(methods), &[0x02, 0, 3, 0xc8, 0x01, 4]);
}

// State.

#[test]
fn state_is_laid_out_as_documented() {
    let operations = || plain(&[0, 1, 42]);
    let snapshot = Frame::Snapshot { revision: 0, operations: operations() };
    assert_layout(snapshot, &[0x07, 0, 0, 1, 42]);
    let state = Frame::State { revision: 300, operations: operations() };
    assert_layout(state, &[0x08, 0xac, 0x02, 0, 1, 42]);
}

// Events.

#[test]
fn topics_and_events_are_laid_out_as_documented() {
    let name = Bytes::from_static(b"chat");
    for (start, code) in
        [(TopicStart::Fresh, 0), (TopicStart::Resumed, 1), (TopicStart::Restarted, 2)]
    {
        let topic = Frame::Topic { topic: 5, next: 1, start, name: name.clone() };
        assert_layout(topic, &[0x09, 5, 1, code, b'c', b'h', b'a', b't']);
    }
    assert_layout(Frame::Leave { topic: 128 }, &[0x0a, 0x80, 0x01]);
    let (payload, extensions) = (plain(b"hi"), Extensions::new());
    let event = Frame::Event { topic: 5, sequence: 1, event: 2, extensions, payload };
    assert_layout(event, b"\x0b\x05\x01\x02hi");
    let event = crate::EncodedEvent::new(5, 1, 2, Bytes::from_static(b"hi"));
    assert_eq!(event.frame(false), &b"\x0b\x05\x01\x02hi"[..]);
    let (payload, extensions) = (plain(b"hi"), says());
    let event = Frame::Event { topic: 5, sequence: 1, event: 2, extensions, payload };
    assert_layout(event, b"\x4b\x05\x01\x02\x03\x40\x01xhi");
}

#[test]
fn gaps_are_laid_out_as_documented() {
    let reasons = [
        GapReason::Lagged,
        GapReason::Conflated,
        GapReason::Withheld,
        GapReason::Expired,
        GapReason::TooLong,
        GapReason::Unknown(6),
    ];
    for (reason, code) in reasons.into_iter().zip(1..) {
        let gap = Frame::Gap { topic: 5, first: 2, last: 9, reason };
        assert_layout(gap, &[0x0c, 5, 2, 9, code]);
    }
    assert!(reasons.is_sorted(), "the lowest of several is given");
}

// Transfers and the rest.

#[test]
fn transfers_are_laid_out_as_documented() {
    let piece = Bytes::from_static(b"piece");
    let begin = Frame::Begin { transfer: 128, length: 66_561, piece: piece.clone() };
    assert_layout(begin, b"\x0d\x80\x01\x81\x88\x04piece");
    assert_layout(Frame::Chunk { transfer: 2, piece }, b"\x0e\x02piece");
    assert_layout(Frame::Credit { transfer: 2, bytes: 300 }, &[0x0f, 2, 0xac, 0x02]);
    assert_layout(Frame::Abort { transfer: 2 }, &[0x10, 2]);
}

#[test]
fn the_other_frames_are_laid_out_as_documented() {
    assert_layout(Frame::Features(vec![]), &[0x11]);
    let features = vec!["a".to_string(), "bc".to_string()];
    assert_layout(Frame::Features(features), b"\x11\x01a\x02bc");
    let grace = Duration::from_micros(300);
    assert_layout(Frame::GoingAway { grace }, &[0x12, 0xac, 0x02]);
    assert_layout(Frame::Ping { token: 1 }, &[0x13, 1]);
    assert_layout(Frame::Pong { token: 300 }, &[0x14, 0xac, 0x02]);
}

#[test]
fn a_grace_travels_in_whole_microseconds() {
    let grace = Duration::from_nanos(2_999);
    assert_eq!(encode(&Frame::GoingAway { grace }), [0x12, 2]);
}

// Hello.

fn fingerprint() -> Fingerprint {
    Fingerprint::from_u64(0x0807_0605_0403_0201)
}

fn hello_of(hello: Hello) -> Frame {
    Frame::Hello(Box::new(hello))
}

#[test]
fn a_hello_that_says_no_more_than_it_must_is_2_bytes() {
    assert_layout(hello_of(Hello::new()), &[0x01, 1]);
}

#[test]
fn a_servers_hello_is_laid_out_as_documented() {
    let field = |index, name: &str, feature: &str| HelloField {
        index,
        fingerprint: fingerprint(),
        name: name.into(),
        feature: feature.into(),
    };
    let hello = Hello {
        max_frame_bytes: 1 << 22,
        heartbeat_interval: Some(Duration::from_micros(300)),
        deflate: true,
        epoch: Some(0x1122_3344_5566_7788),
        features: vec!["a".into(), "b".into()],
        state: vec![field(0, "counter", ""), field(300, "é", "a")],
        events: vec![HelloEntry { name_hash: 9, fingerprint: fingerprint() }],
        ..Hello::new()
    };
    let expected = [
        &[0x01, 1][..],
        &[1, 8, 1, 0x80, 0x80, 0x80, 0x02, 2, 0xac, 0x02],
        &[2, 1, 1],
        &[3, 8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11],
        &[4, 4, 1, b'a', 1, b'b'],
        &[5, 18 + 15],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 7],
        b"counter",
        &[0],
        &[0xac, 0x02, 1, 2, 3, 4, 5, 6, 7, 8, 2, 0xc3, 0xa9, 1, b'a'],
        &[7, 16, 9, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
    ];
    assert_layout(hello_of(hello), &expected.concat());
}

#[test]
fn a_clients_hello_is_laid_out_as_documented() {
    let topics = vec![
        ResumeTopic { name: Bytes::new(), next: 0 },
        ResumeTopic { name: Bytes::from_static(b"chat"), next: 300 },
    ];
    let hello = Hello {
        methods: vec![HelloEntry { name_hash: 9, fingerprint: fingerprint() }],
        resume: Some(Resume { epoch: 1, topics }),
        ..Hello::new()
    };
    let expected = [
        &[0x01, 1][..],
        &[6, 16, 9, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
        &[8, 17, 1, 0, 0, 0, 0, 0, 0, 0],
        &[0, 0, 0xac, 0x02, 4],
        b"chat",
    ];
    assert_layout(hello_of(hello), &expected.concat());
}

#[test]
fn a_hello_of_another_revision_is_read_no_further() {
    let Ok(Some(Frame::Hello(hello))) = decode(&[0x01, 2, 0xff, 0xff]) else { panic!() };
    assert_eq!(*hello, Hello { revision: 2, ..Hello::new() });
    assert!(matches!(decode(&[0x01, 0]), Ok(Some(Frame::Hello(hello))) if hello.revision == 0));
}

#[test]
fn unknown_sections_limits_and_capabilities_are_skipped() {
    // max_frame_bytes, an unknown limit; capability 7; section 99.
    let bytes = [0x01, 1, 1, 6, 1, 0x80, 0x80, 0x08, 9, 9, 2, 1, 7, 99, 2, 0xaa, 0xbb];
    let expected = Hello { max_frame_bytes: 1 << 17, ..Hello::new() };
    assert_eq!(decode(&bytes), Ok(Some(hello_of(expected))));
    // DEFLATE among others.
    let expected = Hello { deflate: true, ..Hello::new() };
    assert_eq!(decode(&[0x01, 1, 2, 2, 1, 7]), Ok(Some(hello_of(expected))));
    // What holds without it may be said.
    assert_eq!(decode(&[0x01, 1, 1, 4, 1, 0x80, 0x88, 0x04]), Ok(Some(hello_of(Hello::new()))));
}

#[test]
fn a_hello_whose_sections_are_not_as_documented_is_refused() {
    let entry = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0];
    let mut same_field = vec![0x01, 1, 5, 22];
    same_field.extend([entry, entry].concat());
    assert_refused(
        ProtocolError::InvalidHello,
        &[
            // Tag 0, a tag again, tags that descend, a section of no length.
            &[0x01, 1, 0, 1, 0],
            &[0x01, 1, 2, 1, 1, 2, 1, 1],
            &[0x01, 1, 2, 1, 1, 1, 3, 9, 9],
            &[0x01, 1, 2, 0],
            &[0x01, 1, 99, 0],
            // Limits: key 0, a key again, keys that descend, a frame that is too short, no interval.
            &[0x01, 1, 1, 2, 0, 9],
            &[0x01, 1, 1, 4, 9, 9, 9, 9],
            &[0x01, 1, 1, 4, 9, 9, 8, 9],
            &[0x01, 1, 1, 4, 1, 0xff, 0x87, 0x04],
            &[0x01, 1, 1, 2, 1, 0],
            &[0x01, 1, 1, 2, 2, 0],
            // Capabilities: 0, one again, descending.
            &[0x01, 1, 2, 1, 0],
            &[0x01, 1, 2, 2, 1, 1],
            &[0x01, 1, 2, 2, 2, 1],
            // Features: one again, descending, of no length.
            b"\x01\x01\x04\x04\x01a\x01a",
            b"\x01\x01\x04\x04\x01b\x01a",
            &[0x01, 1, 4, 1, 0],
            &same_field,
            // Resume: no topic; one again; descending.
            &[0x01, 1, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0],
            b"\x01\x01\x08\x0e\0\0\0\0\0\0\0\0\x01\x01a\x01\x01a",
            b"\x01\x01\x08\x0e\0\0\0\0\0\0\0\0\x01\x01b\x01\x01a",
        ],
    );
}

#[test]
fn a_hello_that_is_cut_off_is_refused() {
    assert_refused(
        ProtocolError::Truncated,
        &[
            &[0x01],
            &[0x01, 1, 9],
            &[0x01, 1, 9, 2, 0],
            &[0x01, 1, 1, 1, 1],
            &[0x01, 1, 3, 7, 0, 0, 0, 0, 0, 0, 0],
            &[0x01, 1, 4, 1, 1],
            &[0x01, 1, 5, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x01, 1, 6, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x01, 1, 7, 1, 0],
            &[0x01, 1, 8, 7, 0, 0, 0, 0, 0, 0, 0],
            &[0x01, 1, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x01, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        ],
    );
    let nine = [0x01, 1, 3, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_refused(ProtocolError::TrailingBytes, &[&nine]);
    let state = [0x01, 1, 5, 12, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0xff, 0];
    assert_refused(ProtocolError::InvalidUtf8, &[&state, &[0x01, 1, 4, 2, 1, 0xff]]);
}

#[test]
fn names_in_a_hello_may_be_so_long_and_no_longer() {
    let resume = |len: usize| {
        let topics = vec![ResumeTopic { name: vec![b'x'; len].into(), next: 0 }];
        hello_of(Hello { resume: Some(Resume { epoch: 0, topics }), ..Hello::new() })
    };
    let fits = resume(MAX_TOPIC_NAME_BYTES);
    assert_eq!(decode(&encode(&fits)), Ok(Some(fits)));
    let longer = encode(&resume(MAX_TOPIC_NAME_BYTES + 1));
    assert_refused(ProtocolError::InvalidHello, &[&longer]);
    let feature = |len| hello_of(Hello { features: vec!["x".repeat(len)], ..Hello::new() });
    let fits = feature(MAX_FEATURE_NAME_BYTES);
    assert_eq!(decode(&encode(&fits)), Ok(Some(fits)));
    let longer = encode(&feature(MAX_FEATURE_NAME_BYTES + 1));
    assert_refused(ProtocolError::InvalidHello, &[&longer]);
}

// What a reader refuses.

#[test]
fn an_unknown_frame_closes_unless_it_may_be_ignored() {
    for kind in 0x15..=0x1f_u8 {
        for flags in [0, 0x40, 0x80, 0xc0] {
            let bytes = [kind | flags, 1, 2];
            assert_refused(ProtocolError::UnknownFrame(kind), &[&bytes, &bytes[..1]]);
        }
    }
    for kind in 0x20..=0x3f_u8 {
        for flags in [0, 0x40, 0x80, 0xc0] {
            assert_eq!(decode(&[kind | flags, 1, 2]), Ok(None));
            assert_eq!(decode(&[kind | flags]), Ok(None));
        }
    }
}

#[test]
fn a_frame_of_no_length_and_a_batch_in_a_frame_are_refused() {
    assert_refused(ProtocolError::Empty, &[&[]]);
    assert_refused(ProtocolError::InvalidBatch, &[&[0x00], &[0x40, 1], &[0xc0]]);
}

#[test]
fn flags_are_refused_where_none_is_defined() {
    const E: u8 = 0x40;
    const C: u8 = 0x80;
    for kind in 0x01..=0x14_u8 {
        let allowed = match kind {
            0x03 | 0x04 | 0x0b => E | C,
            0x05 => E,
            0x07 | 0x08 => C,
            _ => 0,
        };
        for flags in [E, C, E | C] {
            let refused = Err(ProtocolError::InvalidFlags(flags));
            // The flags come before the body, of which there is none.
            let decoded = decode(&[kind | flags]);
            assert_eq!(decoded == refused, flags & !allowed != 0, "{kind:#04x}, {flags:#04x}");
        }
    }
}

#[test]
fn frames_that_are_cut_off_are_refused() {
    assert_refused(
        ProtocolError::Truncated,
        &[
            &[0x02, 0],
            &[0x02, 0, 0x80],
            &[0x03],
            &[0x03, 0],
            &[0x43, 0, 0],
            &[0x43, 0, 0, 2, 64],
            &[0x83, 0, 0],
            &[0x04],
            &[0x44, 0],
            &[0x84, 0, 0x80],
            &[0x05, 0],
            &[0x45, 0, 1],
            &[0x06],
            &[0x07],
            &[0x87, 0],
            &[0x08],
            &[0x09, 1, 2],
            &[0x0a],
            &[0x0b, 1, 2],
            &[0x4b, 1, 2, 3],
            &[0x0c, 1, 2, 3],
            &[0x0d, 1],
            &[0x0e],
            &[0x0f, 1],
            &[0x10],
            &[0x11, 1],
            &[0x12],
            &[0x13],
            &[0x14, 0x80],
        ],
    );
}

#[test]
fn bytes_behind_the_end_are_refused() {
    assert_refused(
        ProtocolError::TrailingBytes,
        &[
            &[0x05, 1, 1, 0],
            &[0x45, 1, 1, 3, 64, 1, b'x', 0],
            &[0x06, 1, 0],
            &[0x0a, 1, 0],
            &[0x0c, 1, 2, 3, 1, 0],
            &[0x0f, 1, 1, 0],
            &[0x10, 1, 0],
            &[0x12, 1, 0],
            &[0x13, 1, 0],
            &[0x14, 1, 0],
        ],
    );
}

#[test]
fn varints_that_are_longer_than_needed_or_too_large_are_refused() {
    let beyond_32 = [0x80, 0x80, 0x80, 0x80, 0x10];
    let with = |head: &[u8], tail: &[u8]| [head, &beyond_32, tail].concat();
    assert_refused(
        ProtocolError::InvalidVarint,
        &[
            &[0x01, 0x81, 0x00],
            &with(&[0x01], &[]),
            &with(&[0x02], &[3]),
            &with(&[0x02, 0], &[]),
            &with(&[0x03, 0], &[]),
            &[0x03, 0, 0x80, 0x00],
            &with(&[0x05, 0], &[]),
            &[0x07, 0x80, 0x00],
            &with(&[0x0b, 1, 2], &[]),
            &with(&[0x0c, 1, 2, 3], &[]),
            &[0x0d, 0x80, 0x00, 1, 0],
            &[0x84, 0, 0x81, 0x00, 1],
            &[0x13, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        ],
    );
}

#[test]
fn a_list_of_methods_that_is_not_as_documented_is_refused() {
    assert_refused(
        ProtocolError::InvalidMethods,
        &[
            &[0x02],
            &[0x02, 1, 3, 1, 3],
            &[0x02, 2, 3, 1, 3],
            // Other codes, also such as this side has a name for.
            &[0x02, 1, 0],
            &[0x02, 1, 1],
            &[0x02, 1, 5],
            &[0x02, 1, 0xac, 0x02],
        ],
    );
}

#[test]
fn a_start_that_is_not_known_is_refused() {
    for start in 3..=255 {
        assert_refused(ProtocolError::InvalidTopic, &[&[0x09, 1, 2, start, b'x']]);
    }
}

#[test]
fn a_compressed_payload_of_no_length_is_refused() {
    for head in [&[0x83, 0, 0][..], &[0x84, 0], &[0x87, 0], &[0x88, 0], &[0x8b, 1, 2, 3]] {
        let bytes = [head, &[0, 1, 2]].concat();
        assert_refused(ProtocolError::InvalidCompression, &[&bytes]);
    }
}

#[test]
fn a_list_of_features_that_is_not_as_documented_is_refused() {
    let list = |count: usize| {
        let names = (0..count).map(|n| alloc::format!("{n:03}"));
        encode(&Frame::Features(names.collect()))
    };
    assert!(matches!(decode(&list(MAX_FEATURES)), Ok(Some(_))));
    let long = [&[0x11, 65][..], &[b'x'; 65]].concat();
    assert_refused(
        ProtocolError::InvalidFeatures,
        &[&[0x11, 0], b"\x11\x01a\x01a", b"\x11\x01b\x01a", &long, &list(MAX_FEATURES + 1)],
    );
    assert_refused(ProtocolError::InvalidUtf8, &[&[0x11, 1, 0xff], &[0x11, 2, 0xc3, 0x28]]);
}

#[test]
fn extensions_that_are_not_as_documented_are_refused() {
    let with = |block: &[u8]| [&[0x44, 0, block.len() as u8][..], block].concat();
    for block in [
        &[][..],
        // Tag 0; a tag again; tags that descend.
        &[0, 0],
        &[64, 0, 64, 0],
        &[65, 0, 64, 0],
        // DEADLINE and RETRY_AFTER: no duration, one and more, one that is too long.
        &[1, 0],
        &[1, 2, 0, 0],
        &[1, 1, 0x80],
        &[1, 2, 0x80, 0],
        &[5, 0],
        // Texts of no length.
        &[2, 0],
        &[3, 0],
        &[4, 0],
    ] {
        assert_refused(ProtocolError::InvalidExtensions, &[&with(block)]);
    }
    for (tag, longest) in [(2, 255), (3, 512), (4, 64)] {
        let block = |len: usize| {
            let mut frame = BytesMut::from(&[0x44, 0][..]);
            let mut block = BytesMut::from(&[tag][..]);
            crate::varint::put_section(&mut block, &vec![b'x'; len]);
            crate::varint::put_section(&mut frame, &block);
            frame
        };
        assert!(decode(&block(longest)).is_ok(), "tag {tag}");
        assert_refused(ProtocolError::InvalidExtensions, &[&block(longest + 1)]);
    }
    assert_refused(ProtocolError::Truncated, &[&with(&[64]), &with(&[64, 1])]);
}

#[test]
fn a_block_of_extensions_has_4096_bytes_at_most() {
    let block = |len: usize| {
        let mut frame = BytesMut::from(&[0x44, 0][..]);
        let mut block = BytesMut::from(&[64][..]);
        crate::varint::put_section(&mut block, &vec![0; len - 3]);
        assert_eq!(block.len(), len);
        crate::varint::put_section(&mut frame, &block);
        frame
    };
    assert!(decode(&block(MAX_EXTENSION_BYTES)).is_ok());
    assert_refused(ProtocolError::InvalidExtensions, &[&block(MAX_EXTENSION_BYTES + 1)]);
}

#[test]
fn the_length_of_an_extension_is_checked_before_it_is_used() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let block = [&[0x44, 0][..], &huge].concat();
    let body = [&[0x44, 0, 11, 64][..], &huge].concat();
    let section = [&[0x01, 1, 9][..], &huge].concat();
    let name = [&[0x11][..], &huge].concat();
    assert_refused(ProtocolError::Truncated, &[&block, &body, &section, &name]);
}

// Messages.

fn read(message: &'static [u8]) -> Vec<Result<Frame, ProtocolError>> {
    Frames::new(Bytes::from_static(message)).take(9).collect()
}

fn cancel(id: u8) -> Result<Frame, ProtocolError> {
    Ok(Frame::Cancel { id: CallId(id) })
}

#[test]
fn a_message_is_one_frame_or_a_batch() {
    assert_eq!(read(&[0x06, 1]), [cancel(1)]);
    assert_eq!(read(&[0x00, 2, 0x06, 1, 2, 0x06, 2]), [cancel(1), cancel(2)]);
    // What may be ignored is left out, also if it is all there is.
    assert_eq!(read(&[0x00, 1, 0x20, 2, 0x06, 2]), [cancel(2)]);
    assert_eq!(read(&[0x20, 1]), []);
}

#[test]
fn a_batch_needs_two_frames_and_holds_no_batch() {
    assert_eq!(read(&[0x00, 2, 0x06, 1]), [Err(ProtocolError::InvalidBatch)]);
    assert_eq!(read(&[0x00]), [Err(ProtocolError::Truncated)]);
    assert_eq!(read(&[0x00, 1, 0x00, 2, 0x06, 1]), [Err(ProtocolError::InvalidBatch)]);
    assert_eq!(read(&[0x00, 0, 2, 0x06, 1]), [Err(ProtocolError::Empty)]);
    assert_eq!(read(&[0x00, 0x82, 0x00, 0x06, 1]), [Err(ProtocolError::InvalidVarint)]);
    assert_eq!(read(&[]), [Err(ProtocolError::Empty)]);
}

#[test]
fn the_frames_before_one_that_is_refused_count_and_nothing_behind_it_does() {
    let truncated = [cancel(1), Err(ProtocolError::Truncated)];
    assert_eq!(read(&[0x00, 2, 0x06, 1, 3, 0x06, 2]), truncated);
    assert_eq!(read(&[0x00, 2, 0x06, 1, 1, 0x06, 2, 0x06, 3]), truncated);
    let batch = [cancel(1), Err(ProtocolError::InvalidBatch)];
    assert_eq!(read(&[0x00, 2, 0x06, 1, 1, 0x00, 2, 0x06, 3]), batch);
    let empty = [cancel(1), Err(ProtocolError::Empty)];
    assert_eq!(read(&[0x00, 2, 0x06, 1, 0, 2, 0x06, 3]), empty);
}
