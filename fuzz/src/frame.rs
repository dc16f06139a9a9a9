//! Frames: one meaning has one encoding.

use bytes::{Bytes, BytesMut};
use hardlight_proto::{Frame, Hello, REVISION};

/// If `input` decodes then encoding it again gives `input`, except for a Hello, which may have held what this revision
/// skips.
pub fn frame(input: &[u8]) {
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
    let ascending = |pair: &[hardlight_proto::HelloField]| pair[0].index < pair[1].index;
    assert!(hello.state.windows(2).all(ascending));
    match Frame::decode(encoded) {
        Ok(Some(Frame::Hello(again))) => assert_eq!(*again, *hello),
        other => panic!("{hello:?} became {other:?}"),
    }
}
