//! The core by itself: no socket, no runtime.

use bytes::{Bytes, BytesMut};
use divan::{Bencher, black_box, counter::ItemsCount};
use hardlight_bench::Pair;
use hardlight_proto::{
    CallId, Content, Extensions, Frame,
    payload::{decode, encode_to_bytes},
};

fn main() {
    divan::main();
}

/// A call of one number: the value to its payload to its frame.
#[divan::bench(sample_size = 1000)]
fn encode_call() -> BytesMut {
    let payload = encode_to_bytes(&black_box(7_u32)).expect("a number encodes");
    encoded(&Frame::Call {
        id: CallId(0),
        method: 1,
        extensions: Extensions::new(),
        payload: payload.into(),
    })
}

/// The same back.
#[divan::bench(sample_size = 1000)]
fn decode_call(bencher: Bencher<'_, '_>) {
    let message = encode_call().freeze();
    bencher.bench_local(|| match decoded(&message) {
        Frame::Call {
            payload: Content::Plain(payload),
            ..
        } => decode::<u32>(&payload),
        frame => panic!("{frame:?}"),
    });
}

/// An answer of one number: the value to its payload to its frame.
#[divan::bench(sample_size = 1000)]
fn encode_answer() -> BytesMut {
    let payload = encode_to_bytes(&black_box(7_u32)).expect("a number encodes");
    encoded(&Frame::Answer {
        id: CallId(0),
        extensions: Extensions::new(),
        payload: payload.into(),
    })
}

/// The same back.
#[divan::bench(sample_size = 1000)]
fn decode_answer(bencher: Bencher<'_, '_>) {
    let message = encode_answer().freeze();
    bencher.bench_local(|| match decoded(&message) {
        Frame::Answer {
            payload: Content::Plain(payload),
            ..
        } => decode::<u32>(&payload),
        frame => panic!("{frame:?}"),
    });
}

/// Whole calls, from the client through the server and back, this many in flight at once.
#[divan::bench(args = [1, 256])]
fn whole_calls(bencher: Bencher<'_, '_>, in_flight: u32) {
    let mut pair = Pair::open();
    bencher
        .counter(ItemsCount::new(in_flight))
        .bench_local(|| pair.calls(in_flight));
}

fn encoded(frame: &Frame) -> BytesMut {
    let mut out = BytesMut::with_capacity(frame.encoded_len());
    frame.encode(&mut out);
    out
}

fn decoded(message: &Bytes) -> Frame {
    match Frame::decode(black_box(message.clone())) {
        Ok(Some(frame)) => frame,
        other => panic!("{other:?}"),
    }
}
