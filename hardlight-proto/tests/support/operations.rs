//! Whatever two applications may do, over whatever connection.

use std::time::Duration;

use hardlight_proto::*;
use proptest::prelude::*;

use super::{Act, Cut, KIB, Pace, Setup};

/// As many cases as PROPTEST_CASES says, or so many.
pub(crate) fn cases(default: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let cases = asked.map_or(default, |asked| asked.parse().expect("PROPTEST_CASES is a number"));
    ProptestConfig { cases, ..ProptestConfig::default() }
}

/// Limits so small that a few operations reach them.
fn limits() -> impl Strategy<Value = Limits> {
    let buffered = prop_oneof![Just(0_usize), Just(1000), Just(100_000), Just(1 << 20)];
    let transfer = prop_oneof![Just(0_usize), Just(500_000), Just(8 << 20)];
    let input = prop_oneof![Just(1000_usize), Just(300_000), Just(8 << 20)];
    let frame = prop_oneof![Just(100_000_usize), Just(250_000), Just(4 << 20)];
    (buffered.clone(), buffered, transfer, input, frame).prop_map(
        |(buffered, events, transfer, input, frame)| {
            Limits::new()
                .with_max_buffered_bytes(buffered)
                .with_max_queued_event_bytes(events)
                .with_max_transfer_bytes(transfer)
                .with_max_input_bytes(input)
                .with_max_frame_bytes(frame)
                .with_heartbeat_interval(Some(Duration::from_secs(3)))
        },
    )
}

pub(crate) fn setup() -> impl Strategy<Value = Setup> {
    let latency = prop_oneof![Just(0), 1..200_u64].prop_map(Duration::from_millis);
    let window = prop_oneof![Just(0), Just(16 * KIB), Just(200 * KIB)];
    let snapshot = prop_oneof![3 => Just(0_usize), 1 => Just(90_000)];
    (limits(), limits(), any::<bool>(), latency, window, snapshot).prop_map(
        |(client, server, compression, latency, window, snapshot)| Setup {
            client,
            server,
            compression,
            latency,
            window,
            snapshot,
        },
    )
}

/// Lengths of payloads: some around the border of a batch's one-byte lengths; some travel in pieces, some are longer than the
/// other side accepts.
fn len() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 0..50_usize,
        2 => 100..300_usize,
        2 => 500..2000_usize,
        1 => MAX_MESSAGE_BYTES - 20..MAX_MESSAGE_BYTES + 20,
        2 => 90_000..300_000_usize,
    ]
}

fn pace() -> impl Strategy<Value = Pace> {
    prop_oneof![
        2 => Just(Pace::Free),
        1 => (1..500_u64).prop_map(|millis| Pace::Messages(Duration::from_millis(millis))),
        1 => (1000..1_000_000_usize).prop_map(Pace::Bytes),
        1 => Just(Pace::Paused),
    ]
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    let time = (0..5000_u64).prop_map(Duration::from_millis);
    let applications = prop_oneof![
        4 => (0..2_u32, len()).prop_map(|(method, len)| Act::Call { method, len }),
        4 => (0..2_u32, len()).prop_map(|(method, len)| Act::CallValue { method, len }),
        3 => (0..256_usize).prop_map(Act::Cancel),
        3 => (0..256_usize, len()).prop_map(|(nth, len)| Act::Answer { nth, len }),
        3 => (0..256_usize, len()).prop_map(|(nth, len)| Act::AnswerValue { nth, len }),
        1 => (0..256_usize).prop_map(Act::Fail),
        3 => len().prop_map(Act::State),
        1 => any::<bool>().prop_map(Act::Features),
        3 => (0..3_usize).prop_map(Act::Announce),
        1 => (0..3_usize).prop_map(Act::Leave),
        5 => (0..3_usize, len()).prop_map(|(topic, len)| Act::Event { topic, len }),
        1 => (0..3_usize).prop_map(Act::Skip),
    ];
    let transport = prop_oneof![
        8 => (1..12_usize).prop_map(Act::Steps),
        3 => Just(Act::Drive),
        3 => time.prop_map(Act::RunFor),
        2 => pace().prop_map(Act::ClientReads),
        1 => pace().prop_map(Act::ServerReads),
        1 => any::<bool>().prop_map(Act::ClientSleeps),
        1 => any::<bool>().prop_map(Act::ServerSleeps),
    ];
    let ends = prop_oneof![
        Just(Act::CloseClient),
        Just(Act::CloseServer),
        Just(Act::AbortClient),
        Just(Act::AbortServer),
        prop::sample::select(Cut::ALL.to_vec()).prop_map(Act::Cut),
    ];
    prop_oneof![34 => applications, 19 => transport, 1 => ends]
}
