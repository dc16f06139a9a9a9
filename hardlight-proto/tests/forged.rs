//! Whatever arrives, in whatever order both applications do what they like: a side goes on or ends, in order.

mod support;

use hardlight_proto::*;
use proptest::{collection::vec, prelude::*};
use support::*;

#[derive(Clone, Debug)]
enum Op {
    Call(u32, usize),
    Cancel(u8),
    Answer(u8, Option<usize>),
    State(usize),
    Features(bool),
    Announce(u64),
    Leave(u64),
    Event(u64, u64, usize),
    Skip(u64, u64),
    Steps(usize),
    Pass(u64),
    CloseClient,
    CloseServer,
    AbortClient,
    AbortServer,
    RejectState,
    Cut(Cut),
    /// What the peer did not send arrives at the server, or else at the client.
    Garbage(Vec<u8>, bool),
    Frames(Vec<Frame>, bool),
    Text(bool),
}

/// Lengths of payloads: some travel in pieces, some are longer than the other side accepts.
fn len() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0..50_usize, 1 => 66_500..66_600_usize, 1 => 100_000..400_000_usize]
}

/// Frames of every kind, with numbers that mean something.
fn likely_frame() -> impl Strategy<Value = Frame> {
    let payload = || len().prop_map(zeros);
    let small = || 0..4_u64;
    prop_oneof![
        4 => frame(),
        1 => Just(Frame::Hello(client_hello().into())),
        1 => Just(Frame::Hello(server_hello().into())),
        2 => (0..4_u8, 0..3_u32, payload()).prop_map(|(id, method, len)| call_frame(id, method, len)),
        2 => (0..4_u8, payload()).prop_map(|(id, payload)| answer_frame(id, payload)),
        1 => (0..4_u8).prop_map(|id| error_frame(id, CallError::Busy)),
        1 => (0..4_u8).prop_map(|id| Frame::Cancel { id: CallId(id) }),
        2 => (small(), payload()).prop_map(|(revision, payload)| state_frame(revision, payload)),
        2 => (small(), small()).prop_map(|(topic, next)| {
            topic_frame(topic, next, TopicStart::Fresh, CHAT)
        }),
        2 => (small(), small(), payload()).prop_map(|(topic, sequence, payload)| {
            event_frame(topic, sequence, payload)
        }),
        2 => (small(), 66_561..200_000_u64, 0..0x0c_u8, 1..PIECE).prop_map(
            |(transfer, length, kind, len)| {
                let piece = [&[kind][..], &vec![0; len - 1]].concat().into();
                Frame::Begin { transfer, length, piece }
            }
        ),
        2 => (small(), 1..=PIECE).prop_map(|(transfer, len)| {
            Frame::Chunk { transfer, piece: zeros(len) }
        }),
        2 => (small(), 0..200_000_u64).prop_map(|(transfer, bytes)| {
            Frame::Credit { transfer, bytes }
        }),
        1 => small().prop_map(|transfer| Frame::Abort { transfer }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let garbage = || vec(prop_oneof![0..0x16_u8, Just(0x20), any::<u8>()], 0..12);
    prop_oneof![
        8 => (0..3_u32, len()).prop_map(|(method, len)| Op::Call(method, len)),
        4 => (0..6_u8, prop::option::of(len())).prop_map(|(id, len)| Op::Answer(id, len)),
        2 => (0..6_u8).prop_map(Op::Cancel),
        2 => len().prop_map(Op::State),
        1 => any::<bool>().prop_map(Op::Features),
        1 => (0..3_u64).prop_map(Op::Announce),
        1 => (0..3_u64).prop_map(Op::Leave),
        2 => (0..3_u64, 0..4_u64, len()).prop_map(|(topic, next, len)| Op::Event(topic, next, len)),
        1 => (0..3_u64, 0..9_u64).prop_map(|(topic, last)| Op::Skip(topic, last)),
        8 => (1..9_usize).prop_map(Op::Steps),
        1 => (0..30_000_000_u64).prop_map(Op::Pass),
        1 => Just(Op::CloseClient),
        1 => Just(Op::CloseServer),
        1 => Just(Op::AbortClient),
        1 => Just(Op::AbortServer),
        1 => Just(Op::RejectState),
        1 => prop::sample::select(Cut::ALL.to_vec()).prop_map(Op::Cut),
        1 => (garbage(), any::<bool>()).prop_map(|(bytes, up)| Op::Garbage(bytes, up)),
        4 => (vec(likely_frame(), 1..4), any::<bool>()).prop_map(|(frames, up)| Op::Frames(frames, up)),
        1 => any::<bool>().prop_map(Op::Text),
    ]
}

fn apply(op: Op, pair: &mut Pair) {
    match op {
        Op::Call(method, len) => drop(pair.client.call(method, zeros(len))),
        Op::Cancel(id) => pair.client.cancel(CallId(id)),
        Op::Answer(id, len) => {
            pair.server.answer(CallId(id), len.map(zeros).ok_or(CallError::HandlerPanicked));
        }
        Op::State(len) => pair.server.send_state(zeros(len)),
        Op::Features(paid) => {
            pair.server.set_features(if paid { features(["paid"]) } else { FeatureSet::new() });
        }
        Op::Announce(topic) => pair.server.announce_topic(topic, topic, OUTPUT),
        Op::Leave(topic) => pair.server.leave_topic(topic),
        Op::Event(topic, sequence, len) => {
            pair.server.send_event(&EncodedEvent::new(topic, sequence, 0, zeros(len)));
        }
        Op::Skip(topic, last) => pair.server.skip_events(topic, last, GapReason::Withheld),
        Op::Steps(steps) => pair.steps(steps),
        Op::Pass(micros) => pair.pass(std::time::Duration::from_micros(micros)),
        Op::CloseClient => pair.client.close(CloseReason::normal(), pair.now),
        Op::CloseServer => pair.server.close(CloseReason::normal(), pair.now),
        Op::AbortClient => pair.client.abort(CloseReason::normal()),
        Op::AbortServer => pair.server.abort(CloseReason::normal()),
        Op::RejectState => pair.client.reject_state(),
        Op::Cut(cut) => pair.cut(cut),
        Op::Garbage(bytes, true) => pair.server.handle_message(bytes.into()),
        Op::Garbage(bytes, false) => pair.client.handle_message(bytes.into()),
        Op::Frames(frames, up) => frames.iter().for_each(|frame| {
            if up {
                receive(&mut pair.server, frame);
            } else {
                receive(&mut pair.client, frame);
            }
        }),
        Op::Text(true) => pair.server.handle_text(),
        Op::Text(false) => pair.client.handle_text(),
    }
}

/// What the applications have seen.
#[derive(Default)]
struct Seen {
    ended: usize,
    client_closed: bool,
    server_closed: bool,
}

impl Seen {
    fn look(&mut self, pair: &mut Pair) {
        pair.poll_events();
        for event in pair.take_client_events() {
            assert!(!self.client_closed, "{event:?} behind the end");
            self.client_closed |= matches!(event, ClientEvent::Closed(_));
            self.ended += usize::from(matches!(
                event,
                ClientEvent::Answer { .. } | ClientEvent::Unanswered { .. }
            ));
        }
        for event in pair.take_server_events() {
            assert!(!self.server_closed, "{event:?} behind the end");
            self.server_closed |= matches!(event, ServerEvent::Closed(_));
        }
        assert_eq!(pair.client.is_ended(), self.client_closed);
        assert_eq!(pair.server.is_ended(), self.server_closed);
        assert!(pair.server.running_calls() <= MAX_CALLS_IN_FLIGHT);
        assert_bounded(&pair.client);
        assert_bounded(&pair.server);
        assert!(pair.server.input_bytes() <= pair.server.limits().max_input_bytes());
    }
}

/// What arrives in pieces takes what may be taken in, and a little for each that waits.
fn assert_bounded<R: Role>(connection: &Connection<R>) {
    let limits = connection.limits();
    let taken_in = limits.max_transfer_bytes().max(limits.max_frame_bytes());
    assert!(connection.arriving_bytes() <= taken_in + 16 * INITIAL_CREDIT);
}

fn limits() -> Limits {
    Limits::new()
        .with_max_frame_bytes(200_000)
        .with_max_transfer_bytes(400_000)
        .with_max_input_bytes(300_000)
        .with_max_buffered_bytes(100_000)
}

/// What waits at most for a peer that reads nothing: what is packed into messages, and one short frame for each id, transfer
/// and kind.
const UNREAD: usize = 64 * KIB + MAX_MESSAGE_BYTES + 300 * (64 + 32);

/// A peer sends this again and again, and reads nothing.
fn flood<R: Role>(connection: &mut Connection<R>, frames: &[Frame]) {
    for _ in 0..500 {
        for frame in frames {
            receive(connection, frame);
            while connection.poll_event().is_some() {}
            assert!(connection.queued_bytes() <= UNREAD, "{} bytes", connection.queued_bytes());
            assert_bounded(connection);
        }
        if connection.is_ended() {
            return;
        }
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn whatever_arrives_every_call_ends_once_and_closed_comes_last(ops in vec(op(), 0..60)) {
        let mut pair = Pair::with(counter(), counter(), limits(), limits());
        pair.is_tapped = false;
        let (mut seen, mut made) = (Seen::default(), 0);
        for op in ops {
            let before = pair.client.open_calls();
            let is_call = matches!(op, Op::Call(..));
            apply(op, &mut pair);
            made += if is_call { pair.client.open_calls() - before } else { 0 };
            seen.look(&mut pair);
            prop_assert_eq!(seen.ended + pair.client.open_calls(), made);
        }
        pair.cut(Cut::Both);
        seen.look(&mut pair);
        prop_assert!(seen.client_closed && seen.server_closed);
        prop_assert_eq!((seen.ended, pair.client.open_calls()), (made, 0));
    }
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn whatever_a_peer_repeats_what_waits_for_it_stays_bounded(
        frames in vec(likely_frame(), 1..5),
    ) {
        flood(&mut server(limits()), &frames);
        flood(&mut client(limits()), &frames);
    }
}
