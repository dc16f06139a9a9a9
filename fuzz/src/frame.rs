//! Frames: one meaning has one encoding.

use bytes::{Bytes, BytesMut};
use hardlight_proto::{Frame, Frames, Hello, MAX_MESSAGE_BYTES, REVISION};

/// If `input` decodes then encoding it again gives `input`, except for a Hello, which may have held what this revision
/// skips. Read as a message it gives no more frames than it has bytes.
pub fn frame(input: &[u8]) {
    let frames = Frames::new(Bytes::copy_from_slice(input));
    assert!(frames.count() <= input.len().max(1));
    let Ok(Some(frame)) = Frame::decode(Bytes::copy_from_slice(input)) else {
        return;
    };
    let mut out = BytesMut::new();
    frame.encode(&mut out);
    assert_eq!(out.len(), frame.encoded_len());
    match &frame {
        // What follows the revision is not read then.
        Frame::Hello(hello) if hello.revision != REVISION => {}
        Frame::Hello(hello) => check_hello(hello, input, out.freeze()),
        _ => assert_eq!(out, input),
    }
}

fn check_hello(hello: &Hello, input: &[u8], encoded: Bytes) {
    assert!(encoded.len() <= input.len());
    assert!(hello.max_frame_bytes >= MAX_MESSAGE_BYTES);
    assert!(hello.state.is_sorted_by(|a, b| a.index < b.index));
    assert!(hello.features.is_sorted_by(|a, b| a < b));
    if let Some(resume) = &hello.resume {
        assert!(resume.topics.is_sorted_by(|a, b| a.name < b.name));
    }
    match Frame::decode(encoded) {
        Ok(Some(Frame::Hello(again))) => assert_eq!(*again, *hello),
        other => panic!("{hello:?} became {other:?}"),
    }
}
