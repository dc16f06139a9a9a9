//! The layout, byte for byte.

use alloc::{boxed::Box, vec, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::schema::Fingerprint;

fn encode(frame: &Frame) -> Vec<u8> {
    let mut out = BytesMut::new();
    frame.encode(&mut out);
    out.to_vec()
}

fn decode(bytes: &[u8]) -> Result<Option<Frame>, ProtocolError> {
    Frame::decode(Bytes::copy_from_slice(bytes))
}

fn hello() -> Hello {
    Hello {
        revision: REVISION,
        max_message_bytes: 1024,
        state: vec![HelloField {
            index: 0,
            name: "counter".into(),
            fingerprint: Fingerprint::from_u64(0x0807_0605_0403_0201),
        }],
        methods: Vec::new(),
        events: Vec::new(),
    }
}

#[test]
fn a_call_is_3_bytes_and_its_payload() {
    let call = Frame::Call { id: CallId(7), method: 2, payload: Bytes::from_static(&[9, 8]) };
    assert_eq!(encode(&call), [0x03, 7, 2, 9, 8]);
}

#[test]
fn an_answer_is_2_bytes_and_its_payload() {
    let answer = Frame::Answer { id: CallId(255), payload: Bytes::from_static(&[1]) };
    assert_eq!(encode(&answer), [0x04, 255, 1]);
}

#[test]
fn the_other_frames_are_laid_out_as_documented() {
    let error = Frame::Error { id: CallId(1), error: CallError::HandlerPanicked };
    assert_eq!(encode(&error), [0x05, 1, 2]);
    assert_eq!(encode(&Frame::Cancel { id: CallId(3) }), [0x06, 3]);
    let operations = Bytes::from_static(&[0, 1, 42]);
    let snapshot = Frame::Snapshot { revision: 0, operations: operations.clone() };
    assert_eq!(encode(&snapshot), [0x07, 0, 0, 1, 42]);
    let state = Frame::State { revision: 300, operations };
    assert_eq!(encode(&state), [0x08, 0xac, 0x02, 0, 1, 42]);
    let topic = Frame::Topic { topic: 5, next: 1, name: Bytes::from_static(b"chat") };
    assert_eq!(encode(&topic), b"\x09\x05\x01chat");
    assert_eq!(encode(&Frame::Leave { topic: 128 }), [0x0a, 0x80, 0x01]);
    let payload = Bytes::from_static(b"hi");
    let event = Frame::Event { topic: 5, sequence: 1, event: 2, payload: payload.clone() };
    assert_eq!(encode(&event), b"\x0b\x05\x01\x02hi");
    assert_eq!(crate::encode_event(5, 1, 2, payload), &b"\x0b\x05\x01\x02hi"[..]);
    assert_eq!(encode(&Frame::Gap { topic: 5, first: 2, last: 9 }), [0x0c, 5, 2, 9]);
}

#[test]
fn hello_is_laid_out_as_documented() {
    let expected = [
        &[0x01, 1][..],
        &[1, 3, 1, 0x80, 0x08],
        &[2, 17, 0, 7],
        b"counter",
        &[1, 2, 3, 4, 5, 6, 7, 8],
    ];
    assert_eq!(encode(&Frame::Hello(Box::new(hello()))), expected.concat());
}

#[test]
fn an_unknown_frame_closes_unless_it_may_be_ignored() {
    assert_eq!(decode(&[0x1f]), Err(ProtocolError::UnknownFrame(0x1f)));
    assert_eq!(decode(&[0x20, 1, 2]), Ok(None));
    assert_eq!(decode(&[0xff]), Ok(None));
}

#[test]
fn flags_are_refused_where_none_is_defined() {
    assert_eq!(decode(&[0x83, 0, 0]), Err(ProtocolError::InvalidFlags(0x80)));
}

#[test]
fn bytes_behind_the_end_are_refused() {
    assert_eq!(decode(&[0x06, 1, 0]), Err(ProtocolError::TrailingBytes));
    assert_eq!(decode(&[0x05, 1, 1, 0]), Err(ProtocolError::TrailingBytes));
}

#[test]
fn a_hello_of_another_revision_is_read_no_further() {
    let Ok(Some(Frame::Hello(hello))) = decode(&[0x01, 2, 0xff, 0xff]) else { panic!() };
    assert_eq!(hello.revision, 2);
}

#[test]
fn a_hello_with_unknown_sections_and_keys_is_read() {
    let bytes = [0x01, 1, 1, 5, 1, 0x80, 0x08, 9, 9, 99, 2, 0xaa, 0xbb];
    let Ok(Some(Frame::Hello(hello))) = decode(&bytes) else { panic!() };
    assert_eq!(hello.max_message_bytes, 1024);
}

#[test]
fn a_hello_out_of_order_or_with_a_tiny_limit_is_refused() {
    let twice = [0x01, 1, 1, 3, 1, 0x80, 0x08, 1, 3, 1, 0x80, 0x08];
    let tiny = [0x01, 1, 1, 3, 1, 0xff, 0x07];
    let without_limits = [0x01, 1];
    let empty_section = [0x01, 1, 1, 3, 1, 0x80, 0x08, 2, 0];
    for bytes in [&twice[..], &tiny, &without_limits, &empty_section] {
        assert_eq!(decode(bytes), Err(ProtocolError::InvalidHello), "{bytes:?}");
    }
}

#[test]
fn a_batch_needs_two_frames_and_holds_no_batch() {
    let read = |message: &'static [u8]| {
        let mut inbox = Inbox::default();
        inbox.push(Bytes::from_static(message));
        core::iter::from_fn(|| inbox.next_frame(None).transpose())
            .take(9)
            .collect::<Result<Vec<_>, _>>()
    };
    let two = read(&[0x00, 2, 0x06, 1, 2, 0x06, 2]);
    let cancel = |id| Next::Frame(Frame::Cancel { id: CallId(id) });
    assert_eq!(two, Ok(vec![cancel(1), cancel(2)]));
    assert_eq!(read(&[0x00, 1, 0x20, 2, 0x06, 2]), Ok(vec![Next::Ignored, cancel(2)]));
    assert_eq!(read(&[0x00, 2, 0x06, 1]), Err(ProtocolError::InvalidBatch));
    assert_eq!(read(&[0x00]), Err(ProtocolError::Truncated));
    assert_eq!(read(&[0x00, 1, 0x00, 2, 0x06, 1]), Err(ProtocolError::InvalidBatch));
    assert_eq!(read(&[0x00, 0, 2, 0x06, 1]), Err(ProtocolError::Empty));
    assert_eq!(read(&[0x00, 2, 0x06, 1, 3, 0x06, 2]), Err(ProtocolError::Truncated));
}

fn payload() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn frame() -> impl Strategy<Value = Frame> {
    let id = || any::<u8>().prop_map(CallId);
    let methods = prop::collection::vec((any::<u64>(), any::<u64>()), 0..5);
    let fields = prop::collection::btree_map(any::<u32>(), ("[a-zé_]{0,9}", any::<u64>()), 0..4);
    prop_oneof![
        (id(), any::<u32>(), payload()).prop_map(|(id, method, payload)| Frame::Call {
            id,
            method,
            payload
        }),
        (id(), payload()).prop_map(|(id, payload)| Frame::Answer { id, payload }),
        (id(), any::<u32>())
            .prop_map(|(id, code)| Frame::Error { id, error: CallError::from_code(code) }),
        id().prop_map(|id| Frame::Cancel { id }),
        (any::<u64>(), payload())
            .prop_map(|(revision, operations)| Frame::Snapshot { revision, operations }),
        (any::<u64>(), payload())
            .prop_map(|(revision, operations)| Frame::State { revision, operations }),
        (any::<u64>(), any::<u64>(), payload()).prop_map(|(topic, next, name)| Frame::Topic {
            topic,
            next,
            name
        }),
        any::<u64>().prop_map(|topic| Frame::Leave { topic }),
        (any::<u64>(), any::<u64>(), any::<u32>(), payload()).prop_map(
            |(topic, sequence, event, payload)| Frame::Event { topic, sequence, event, payload }
        ),
        (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(topic, first, last)| Frame::Gap {
            topic,
            first,
            last
        }),
        (1024..usize::MAX, methods, fields).prop_map(|(max_message_bytes, methods, fields)| {
            let state = fields.into_iter().map(|(index, (name, fingerprint))| HelloField {
                index,
                name,
                fingerprint: Fingerprint::from_u64(fingerprint),
            });
            let methods = methods.into_iter().map(|(name_hash, fingerprint)| HelloEntry {
                name_hash,
                fingerprint: Fingerprint::from_u64(fingerprint),
            });
            Frame::Hello(Box::new(Hello {
                revision: REVISION,
                max_message_bytes,
                state: state.collect(),
                methods: methods.clone().collect(),
                events: methods.rev().collect(),
            }))
        }),
    ]
}

proptest! {
    #[test]
    fn what_was_encoded_decodes_to_the_same(frame in frame()) {
        let bytes = encode(&frame);
        prop_assert_eq!(bytes.len(), frame.encoded_len());
        prop_assert_eq!(decode(&bytes), Ok(Some(frame)));
    }

    #[test]
    fn a_frame_cut_short_is_refused_or_a_shorter_frame(frame in frame()) {
        let bytes = encode(&frame);
        for end in 0..bytes.len() {
            if let Ok(Some(cut)) = decode(&bytes[..end]) {
                prop_assert_eq!(encode(&cut), &bytes[..end]);
            }
        }
    }

    #[test]
    fn one_meaning_has_one_encoding(bytes in prop::collection::vec(0..24_u8, 0..40)) {
        if let Ok(Some(frame)) = decode(&bytes) {
            // What an unknown section of a Hello says is not kept.
            if !matches!(frame, Frame::Hello(_)) {
                prop_assert_eq!(encode(&frame), bytes);
            }
        }
    }
}
