//! Calls and answers that say nothing besides have a way of their own through the core, out and in: nobody can tell which way
//! a frame went.

mod support;

use bytes::Bytes;
use hardlight_proto::*;
use proptest::{collection::vec, prelude::*};
use support::*;

/// As many methods as take two bytes in a call.
const METHODS: usize = 200;

fn many_methods() -> &'static ServiceSchema {
    let names = (0..METHODS).map(|n| (&*format!("method{n}").leak(), ""));
    schema(&names.collect::<Vec<_>>(), &[])
}

fn pair() -> Pair {
    Pair::with(many_methods(), many_methods(), quiet(), quiet()).opened()
}

/// Lengths around the greatest that takes one byte, and methods around the greatest that does.
fn borders() -> impl Iterator<Item = (u32, usize)> {
    [0, 127, 128, 199].into_iter().flat_map(|method| (110..=140).map(move |len| (method, len)))
}

#[test]
fn calls_around_the_longest_with_a_one_byte_length_are_written_as_they_must_be() {
    for (method, len) in borders() {
        let mut pair = pair();
        for _ in 0..3 {
            pair.client.call(method, noise(len)).expect("an id is free");
        }
        let frames: Vec<_> =
            (0..3).map(|id| message(&call_frame(id, method, noise(len)))).collect();
        assert_eq!(messages(&mut pair.client), [batch(&frames)]);
        pair.is_tapped = false;
        pair.server.handle_message(batch(&frames));
        let calls: Vec<_> = (0..3).map(|id| started(CallId(id), method, noise(len))).collect();
        assert_eq!(server_events(&mut pair.server), calls);
        (0..3).for_each(|id| pair.server.answer(CallId(id), Ok(noise(len))));
        let frames: Vec<_> = (0..3).map(|id| message(&answer_frame(id, noise(len)))).collect();
        assert_eq!(messages(&mut pair.server), [batch(&frames)]);
        pair.client.handle_message(batch(&frames));
        let answers: Vec<_> = (0..3).map(|id| answered(CallId(id), noise(len))).collect();
        assert_eq!(client_events(&mut pair.client), answers);
    }
}

#[test]
fn payloads_around_the_longest_that_goes_the_short_way_are_written_as_they_must_be() {
    for len in 66_543..=66_545 {
        let mut pair = pair();
        pair.client.call(199, noise(len)).expect("an id is free");
        let call = message(&call_frame(0, 199, noise(len)));
        assert_eq!(messages(&mut pair.client), std::slice::from_ref(&call));
        pair.is_tapped = false;
        pair.server.handle_message(call);
        assert_eq!(server_events(&mut pair.server), [started(CallId(0), 199, noise(len))]);
        pair.server.answer(CallId(0), Ok(noise(len)));
        let answer = message(&answer_frame(0, noise(len)));
        assert_eq!(messages(&mut pair.server), std::slice::from_ref(&answer));
        pair.client.handle_message(answer);
        assert_eq!(client_events(&mut pair.client), [answered(CallId(0), noise(len))]);
    }
}

/// A call or an answer, most of them well-formed, and whatever else.
fn encoded_frame() -> impl Strategy<Value = Bytes> {
    let len = || prop_oneof![8 => 0..20_usize, 1 => 110..=140_usize];
    let payload = move || len().prop_flat_map(|len| vec(any::<u8>(), len));
    let likely = prop_oneof![
        8 => (0..9_u8, 0..3_u32, payload()).prop_map(|(id, method, payload)| {
            call_frame(id, method, payload.into())
        }),
        8 => (0..9_u8, payload()).prop_map(|(id, payload)| answer_frame(id, payload.into())),
        1 => (0..9_u8).prop_map(|id| error_frame(id, CallError::Busy)),
        1 => (0..9_u8).prop_map(|id| Frame::Cancel { id: CallId(id) }),
        1 => frame(),
    ];
    prop_oneof![
        40 => likely.prop_map(|frame| message(&frame)),
        1 => (3..5_u8, vec(any::<u8>(), 0..3)).prop_map(|(kind, rest)| {
            [&[kind], &rest[..]].concat().into()
        }),
        1 => ignored(),
    ]
}

/// Calls that a client waits for.
const CALLS: u8 = 6;

/// What a side makes of messages: what its application is told, what it sends, and how it ends.
type Outcome<E> = (Vec<E>, Vec<Frame>, Option<ConnectionError>);

fn server_outcome(messages: impl IntoIterator<Item = Bytes>) -> Outcome<ServerEvent> {
    let mut server = server(quiet());
    messages.into_iter().for_each(|message| server.handle_message(message));
    let events = server_events(&mut server);
    (events, all_sent(&mut server), server.error().cloned())
}

fn client_outcome(messages: impl IntoIterator<Item = Bytes>) -> Outcome<ClientEvent> {
    let mut client = client(quiet());
    (0..CALLS).for_each(|_| _ = client.call(0, INPUT).expect("an id is free"));
    sent(&mut client);
    messages.into_iter().for_each(|message| client.handle_message(message));
    let events = client_events(&mut client);
    (events, all_sent(&mut client), client.error().cloned())
}

/// All that a side sends, up to a close.
fn all_sent<R: Role>(connection: &mut Connection<R>) -> Vec<Frame> {
    let mut all = Vec::new();
    while let Some(Transmit::Message(message)) = connection.poll_transmit() {
        all.extend(frames(message));
    }
    all
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn frames_do_the_same_alone_in_a_batch_and_with_others_between_that_are_ignored(
        frames in vec(encoded_frame(), 2..20),
        ignored in vec(ignored(), 20),
    ) {
        let between: Vec<_> = frames.iter().cloned().zip(ignored).flat_map(<[_; 2]>::from).collect();
        let alone = server_outcome(frames.clone());
        prop_assert_eq!(&server_outcome([batch(&frames)]), &alone);
        prop_assert_eq!(&server_outcome([batch(&between)]), &alone);
        let alone = client_outcome(frames.clone());
        prop_assert_eq!(&client_outcome([batch(&frames)]), &alone);
        prop_assert_eq!(&client_outcome([batch(&between)]), &alone);
    }

    /// `Frames` and `Frame` know one way only.
    #[test]
    fn a_damaged_batch_does_what_the_frames_before_the_damage_do(
        frames in vec(encoded_frame(), 2..20),
        damages in vec(damage(), 1..4),
    ) {
        let mut bytes = batch(&frames).to_vec();
        damages.into_iter().for_each(|damage| _ = damage.apply(&mut bytes));
        // What is no batch any longer is one frame.
        prop_assume!(bytes.first() == Some(&0));
        let read: Vec<_> = Frames::new(bytes.clone().into()).collect();
        let error = read.last().and_then(|read| read.as_ref().err().copied());
        let whole: Vec<_> = read.iter().flatten().map(message).collect();

        let (mut events, _, end) = server_outcome(whole.clone());
        let fatal = error.filter(|_| end.is_none());
        events.extend(fatal.map(server_failed));
        prop_assert_eq!(server_outcome([bytes.clone().into()]).0, events);

        let (mut events, _, end) = client_outcome(whole);
        if let Some(error) = error.filter(|_| end.is_none()) {
            events.extend(unanswered(&events));
            events.push(client_failed(error));
        }
        prop_assert_eq!(client_outcome([bytes.into()]).0, events);
    }
}

/// How those of the client's calls end that were not answered.
fn unanswered(events: &[ClientEvent]) -> Vec<ClientEvent> {
    let is_answered = |id| {
        let of_it = |event: &ClientEvent| matches!(event, ClientEvent::Answer { id: ended, .. } if *ended == id);
        events.iter().any(of_it)
    };
    let open = (0..CALLS).map(CallId).filter(|&id| !is_answered(id));
    open.map(|id| ClientEvent::Unanswered { id, may_have_run: true }).collect()
}
