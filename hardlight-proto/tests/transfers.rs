//! Frames that travel in pieces (SPEC.md, section 9).

mod support;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use hardlight_proto::*;
use support::*;

/// Longer than a message.
const LONG: usize = 200_000;

const TOO_SHORT: u64 = MAX_MESSAGE_BYTES as u64;

/// A CALL whose whole frame has this length.
fn call_of(id: u8, len: usize) -> Frame {
    call_frame(id, 0, noise(len - 3))
}

fn begin(transfer: u64, length: u64, piece: &[u8]) -> Frame {
    Frame::Begin { transfer, length, piece: Bytes::copy_from_slice(piece) }
}

fn chunk(transfer: u64, len: usize) -> Frame {
    Frame::Chunk { transfer, piece: zeros(len) }
}

fn credit(transfer: u64, bytes: u64) -> Frame {
    Frame::Credit { transfer, bytes }
}

/// The first piece of a CALL, of this length.
fn call_piece(len: usize) -> Bytes {
    let mut piece = vec![0; len];
    piece[0] = 0x03;
    piece.into()
}

/// What is given of credit, by transfer.
fn credits(frames: &[Frame]) -> BTreeMap<u64, u64> {
    let mut credits = BTreeMap::new();
    for frame in frames {
        if let Frame::Credit { transfer, bytes } = frame {
            *credits.entry(*transfer).or_default() += bytes;
        }
    }
    credits
}

/// Numbers and bytes of the pieces, in order.
fn piece_lens(frames: &[Frame]) -> Vec<(u64, usize)> {
    let piece = |frame: &Frame| match frame {
        Frame::Begin { transfer, piece, .. } | Frame::Chunk { transfer, piece } => {
            Some((*transfer, piece.len()))
        }
        _ => None,
    };
    frames.iter().filter_map(piece).collect()
}

fn aborts(frames: &[Frame]) -> usize {
    frames.iter().filter(|frame| matches!(frame, Frame::Abort { .. })).count()
}

/// A pair with so much room that large inputs do not end as BUSY.
fn roomy() -> Pair {
    let limits = quiet().with_max_input_bytes(1 << 30);
    Pair::with(counter(), counter(), limits.clone(), limits).opened()
}

/// A server that has begun to send long answers of this length to so many calls, from id 0, and has no credit for more
/// than the beginning of each.
fn server_with_answers(count: u8, len: usize) -> (Connection<Server>, Vec<Frame>) {
    let mut server = server(quiet());
    for id in 0..count {
        receive(&mut server, &call_frame(id, 0, INPUT));
    }
    server_events(&mut server);
    for id in 0..count {
        server.answer(CallId(id), Ok(noise(len)));
    }
    let frames = sent(&mut server);
    (server, frames)
}

// Where whole frames end and pieces begin.

#[test]
fn a_frame_of_65_kib_is_sent_whole_and_one_byte_more_in_pieces() {
    let mut client = client(quiet());
    client.call(0, noise(MAX_MESSAGE_BYTES - 3)).expect("it fits");
    assert!(matches!(sent(&mut client)[..], [Frame::Call { .. }]));
    client.call(0, noise(MAX_MESSAGE_BYTES - 2)).expect("it fits");
    let frames = sent(&mut client);
    let length = TOO_SHORT + 1;
    assert!(matches!(frames[0], Frame::Begin { transfer: 0, length: told, .. } if told == length));
    assert_eq!(piece_lens(&frames), [(0, PIECE), (0, PIECE)]);
}

#[test]
fn long_calls_answers_state_and_events_arrive_as_they_were_sent() {
    let mut pair = roomy();
    pair.server.announce_topic(7, 0, CHAT);
    pair.server.send_event(7, 0, encode_event(7, 0, 0, noise(LONG)));
    pair.server.send_state(noise(LONG + 1));
    let id = pair.call_of(1, noise(LONG + 2));
    assert_eq!(pair.take_server_events(), [started(id, 1, noise(LONG + 2))]);
    pair.server.answer(id, Ok(noise(LONG + 3)));
    pair.drive();
    let expected = [
        subscribed(CHAT),
        arrived(CHAT, 0, noise(LONG)),
        changed(noise(LONG + 1)),
        answered(id, noise(LONG + 3)),
    ];
    assert!(pair.take_client_events() == expected);
    assert_eq!((pair.client.arriving_bytes(), pair.server.arriving_bytes()), (0, 0));
    assert_eq!((pair.client.queued_bytes(), pair.server.queued_bytes()), (0, 0));
}

#[test]
fn extensions_travel_in_pieces_too() {
    let mut pair = roomy();
    let says = Extensions::new().with_application(64, b"hi").expect("it fits");
    pair.client.call_with(0, noise(LONG), says.clone()).expect("an id is free");
    pair.drive();
    let [ServerEvent::Call { extensions, .. }] = &pair.server_events[..] else { panic!() };
    assert_eq!(*extensions, says);
}

// Credit, as its receiver.

#[test]
fn without_credit_no_more_than_64_kib_of_a_transfer_is_sent() {
    let (mut server, frames) = server_with_answers(3, LONG);
    for transfer in 0..3 {
        let pieces = piece_lens(&frames);
        let sent: usize = pieces.iter().filter(|piece| piece.0 == transfer).map(|it| it.1).sum();
        assert_eq!(sent, INITIAL_CREDIT);
    }
    assert!(!server.has_transmit());
    receive(&mut server, &credit(1, 100));
    assert!(server_events(&mut server).is_empty());
    assert_eq!(piece_lens(&sent(&mut server)), [(1, 100)]);
}

#[test]
fn credit_may_come_one_byte_at_a_time() {
    let (mut server, _) = server_with_answers(1, MAX_MESSAGE_BYTES);
    let rest = MAX_MESSAGE_BYTES + 2 - INITIAL_CREDIT;
    for _ in 0..rest {
        receive(&mut server, &credit(0, 1));
        assert!(server_events(&mut server).is_empty());
        assert_eq!(piece_lens(&sent(&mut server)), [(0, 1)]);
    }
    // Whatever comes now has crossed the end.
    receive(&mut server, &credit(0, 1));
    assert!(server_events(&mut server).is_empty());
}

#[test]
fn credit_of_nothing_beyond_the_length_or_for_what_has_not_begun_is_refused() {
    let length = LONG as u64 + 2;
    let initial = INITIAL_CREDIT as u64;
    for refused in [
        vec![credit(0, 0)],
        vec![credit(0, length - initial + 1)],
        vec![credit(0, length - initial), credit(0, 1)],
        vec![credit(0, u64::MAX)],
        vec![credit(0, 1), credit(0, u64::MAX)],
        vec![credit(1, 1)],
        vec![credit(u64::MAX, 1)],
    ] {
        let (mut server, _) = server_with_answers(1, LONG);
        refused.iter().for_each(|frame| receive(&mut server, frame));
        let error = server_failed(ProtocolError::InvalidTransfer);
        assert_eq!(server_events(&mut server).last(), Some(&error), "{refused:?}");
    }
}

#[test]
fn a_transfer_that_waits_for_its_turn_has_not_begun() {
    // The sixteenth place is for what others wait for.
    let (mut server, frames) = server_with_answers(16, LONG);
    assert!(frames.iter().all(|frame| !matches!(frame, Frame::Begin { transfer: 15, .. })));
    receive(&mut server, &credit(15, 1));
    let error = server_failed(ProtocolError::InvalidTransfer);
    assert_eq!(server_events(&mut server), [error]);
}

// Credit, as its giver.

#[test]
fn between_128_and_256_kib_may_come_ahead_of_what_has_come() {
    let mut server = server(quiet());
    let (mut allowed, mut arrived) = (INITIAL_CREDIT as u64, 0);
    let call = call_of(0, 4 * MIB);
    for piece in pieces(0, &call) {
        arrived += piece_lens(std::slice::from_ref(&piece))[0].1 as u64;
        receive(&mut server, &piece);
        let started = !server_events(&mut server).is_empty();
        assert_eq!(started, arrived == 4 << 20);
        allowed += credits(&sent(&mut server)).values().sum::<u64>();
        assert!(allowed <= 4 << 20, "more than the length");
        assert!(allowed - arrived <= 256 << 10);
        assert!(allowed - arrived >= 128 << 10 || allowed == 4 << 20);
    }
    assert_eq!(allowed, 4 << 20);
}

#[test]
fn over_all_transfers_credit_is_given_for_no_more_than_1_mib_ahead_of_what_has_come() {
    let mut server = server(quiet().with_max_transfer_bytes(16 * MIB));
    let mut calls: Vec<_> =
        (0..16).map(|n| pieces(n, &call_of(n as u8, MIB)).into_iter().peekable()).collect();
    let mut arrived = [0; 16];
    // Of those that were given credit: how much may come in all.
    let mut allowed = BTreeMap::new();
    // Each has a piece sent in turn, if there is credit for it.
    for n in (0..16).cycle().take(16 * 100) {
        let may_send = *allowed.get(&(n as u64)).unwrap_or(&(INITIAL_CREDIT as u64));
        let fits = |piece: &Frame| {
            let len = piece_lens(std::slice::from_ref(piece))[0].1 as u64;
            arrived[n] + len <= may_send
        };
        let Some(piece) = calls[n].next_if(fits) else { continue };
        receive(&mut server, &piece);
        arrived[n] += piece_lens(&[piece])[0].1 as u64;
        server_events(&mut server);
        for (transfer, bytes) in credits(&sent(&mut server)) {
            *allowed.entry(transfer).or_insert(INITIAL_CREDIT as u64) += bytes;
        }
        let ahead = allowed.iter().map(|(&n, allowed)| allowed - arrived[n as usize]);
        let ahead: u64 = ahead.sum();
        assert!(ahead <= 1 << 20, "{ahead}");
    }
    assert_eq!(arrived, [1 << 20; 16], "some have no credit to go on");
}

#[test]
fn others_are_taken_in_once_there_is_room_for_their_lengths() {
    // One of the longest is always taken in, so that the limit of frames bounds how small this one may be.
    let limits = quiet().with_max_frame_bytes(250_000).with_max_transfer_bytes(0);
    let mut server = server(limits);
    let calls = [0, 1, 2].map(|n| pieces(n, &call_of(n as u8, if n == 2 { 70_000 } else { LONG })));
    for round in 0..2 {
        calls.iter().for_each(|call| receive(&mut server, &call[round]));
    }
    assert!(server_events(&mut server).is_empty());
    // The third would fit beside the first, but would overtake the second.
    assert_eq!(credits(&sent(&mut server)).into_keys().collect::<Vec<_>>(), [0]);
    calls[0][2..].iter().for_each(|piece| receive(&mut server, piece));
    assert_eq!(server_events(&mut server).len(), 1);
    assert_eq!(credits(&sent(&mut server)).into_keys().collect::<Vec<_>>(), [1]);
    // Giving up makes room as well.
    receive(&mut server, &Frame::Abort { transfer: 1 });
    assert!(server_events(&mut server).is_empty());
    assert_eq!(credits(&sent(&mut server)).into_keys().collect::<Vec<_>>(), [2]);
}

#[test]
fn what_is_not_taken_in_may_send_its_first_64_kib_and_no_more() {
    let mut server = server(quiet().with_max_frame_bytes(250_000).with_max_transfer_bytes(0));
    receive(&mut server, &begin(0, LONG as u64, &call_piece(1)));
    receive(&mut server, &begin(1, LONG as u64, &call_piece(PIECE)));
    receive(&mut server, &chunk(1, PIECE));
    assert!(server_events(&mut server).is_empty());
    receive(&mut server, &chunk(1, 1));
    assert_eq!(server_events(&mut server), [server_failed(ProtocolError::InvalidTransfer)]);
}

#[test]
fn a_server_that_has_much_to_send_gives_no_credit_until_it_is_sent() {
    let mut server = server(quiet().with_max_buffered_bytes(1000));
    server.send_state(noise(2000));
    assert!(server.is_congested());
    for piece in &pieces(0, &call_of(0, LONG))[..2] {
        receive(&mut server, piece);
    }
    assert!(server_events(&mut server).is_empty());
    let Some(Transmit::Message(state)) = server.poll_transmit() else { panic!() };
    assert!(matches!(frames(state)[..], [Frame::State { .. }]));
    assert_eq!(credits(&sent(&mut server)).into_keys().collect::<Vec<_>>(), [0]);
}

// What a receiver refuses (9.6).

#[test]
fn a_server_refuses_what_breaks_the_rules_of_transfers() {
    let long = LONG as u64;
    let open = || begin(0, long, &call_piece(1));
    for refused in [
        vec![begin(1, long, &call_piece(1))],
        vec![open(), begin(0, long, &call_piece(1))],
        vec![open(), begin(2, long, &call_piece(1))],
        vec![begin(0, TOO_SHORT, &call_piece(1))],
        vec![begin(0, 0, &call_piece(1))],
        vec![begin(0, long, &[])],
        vec![begin(0, long, &call_piece(PIECE + 1))],
        vec![open(), chunk(0, 0)],
        vec![open(), chunk(0, PIECE + 1)],
        vec![chunk(0, 1)],
        vec![open(), chunk(1, 1)],
        vec![Frame::Abort { transfer: 0 }],
        vec![open(), Frame::Abort { transfer: 1 }],
        vec![open(), Frame::Abort { transfer: 0 }, Frame::Abort { transfer: 0 }],
        vec![open(), Frame::Abort { transfer: 0 }, chunk(0, 1)],
        // A number is not used again.
        vec![open(), Frame::Abort { transfer: 0 }, open()],
    ] {
        let mut server = server(quiet());
        refused.iter().for_each(|frame| receive(&mut server, frame));
        let error = server_failed(ProtocolError::InvalidTransfer);
        assert_eq!(server_events(&mut server), [error], "{refused:?}");
        assert_eq!(server.arriving_bytes(), 0);
    }
}

#[test]
fn a_frame_of_another_kind_is_refused_at_its_first_piece() {
    for header in 0..=0xff_u8 {
        let mut server = server(quiet());
        receive(&mut server, &begin(0, LONG as u64, &[header]));
        let taken = header & 0x3f == 0x03;
        assert_eq!(server_events(&mut server).is_empty(), taken, "{header:#04x}");
        let mut client = client(quiet());
        receive(&mut client, &begin(0, LONG as u64, &[header]));
        let taken = matches!(header & 0x3f, 0x04 | 0x07 | 0x08 | 0x0b);
        assert_eq!(client_events(&mut client).is_empty(), taken, "{header:#04x}");
    }
}

#[test]
fn a_seventeenth_open_transfer_is_refused() {
    let mut server = server(quiet());
    for transfer in 0..16 {
        receive(&mut server, &begin(transfer, LONG as u64, &call_piece(1)));
    }
    assert!(server_events(&mut server).is_empty());
    receive(&mut server, &begin(16, LONG as u64, &call_piece(1)));
    assert_eq!(server_events(&mut server), [server_failed(ProtocolError::InvalidTransfer)]);
}

#[test]
fn one_that_was_given_up_makes_room_for_another() {
    let mut server = server(quiet());
    for transfer in 0..100 {
        receive(&mut server, &begin(transfer, LONG as u64, &call_piece(1)));
        if transfer >= 15 {
            receive(&mut server, &Frame::Abort { transfer: transfer - 15 });
        }
    }
    assert!(server_events(&mut server).is_empty());
}

#[test]
fn more_than_the_length_is_refused() {
    let mut server = server(quiet());
    receive(&mut server, &begin(0, TOO_SHORT + 1, &call_piece(PIECE)));
    receive(&mut server, &chunk(0, PIECE));
    assert!(server_events(&mut server).is_empty());
    assert_eq!(credits(&sent(&mut server))[&0], TOO_SHORT + 1 - INITIAL_CREDIT as u64);
    receive(&mut server, &chunk(0, MAX_MESSAGE_BYTES + 2 - INITIAL_CREDIT));
    assert_eq!(server_events(&mut server), [server_failed(ProtocolError::InvalidTransfer)]);
}

#[test]
fn a_length_beyond_max_frame_bytes_is_refused_and_names_the_limit() {
    let mut server = server(quiet().with_max_frame_bytes(LONG));
    receive(&mut server, &begin(0, LONG as u64, &call_piece(1)));
    assert!(server_events(&mut server).is_empty());
    receive(&mut server, &begin(1, LONG as u64 + 1, &call_piece(1)));
    let error = exceeded("max_frame_bytes", LONG);
    assert_eq!(server_events(&mut server), [ServerEvent::Closed(error)]);
    let reason = CloseReason::new(CloseCode::LIMIT_EXCEEDED, "max_frame_bytes");
    assert_eq!(server.poll_transmit(), Some(Transmit::Close(reason)));
}

#[test]
fn only_calls_and_answers_may_be_given_up() {
    for (header, allowed) in [(0x04, true), (0x08, false), (0x0b, false)] {
        let mut client = client(quiet());
        receive(&mut client, &begin(0, LONG as u64, &[header]));
        receive(&mut client, &Frame::Abort { transfer: 0 });
        let error = client_failed(ProtocolError::InvalidTransfer);
        let expected = if allowed { vec![] } else { vec![error] };
        assert_eq!(client_events(&mut client), expected, "{header:#04x}");
    }
}

#[test]
fn a_whole_frame_is_handled_as_if_it_had_come_at_once() {
    // An answer to a call that is not open, and a snapshot that comes again.
    for (frame, error) in [
        (answer_frame(9, noise(LONG)), ProtocolError::NoSuchCall(9)),
        (
            Frame::Snapshot { revision: 0, operations: noise(LONG).into() },
            ProtocolError::UnexpectedFrame("SNAPSHOT"),
        ),
        (state_frame(7, noise(LONG)), ProtocolError::StateRevision),
        (event_frame(7, 0, noise(LONG)), ProtocolError::InvalidTopic),
    ] {
        let mut client = client(quiet());
        let pieces = pieces(0, &frame);
        let (last, first) = pieces.split_last().expect("there are several");
        first.iter().for_each(|piece| receive(&mut client, piece));
        assert!(client_events(&mut client).is_empty());
        receive(&mut client, last);
        assert_eq!(client_events(&mut client), [client_failed(error)]);
    }
}

#[test]
fn transfers_before_the_hello_are_refused() {
    let mut server = Connection::server(server_config(quiet()), SNAPSHOT, Time::ZERO);
    receive(&mut server, &begin(0, LONG as u64, &call_piece(1)));
    let error = ProtocolError::UnexpectedFrame("BEGIN");
    assert_eq!(server_events(&mut server), [server_failed(error)]);
}

// Sharing the wire.

#[test]
fn a_small_answer_overtakes_a_long_one() {
    let mut pair = roomy();
    let (long, short) = (pair.call(0), pair.call(0));
    pair.server.answer(long, Ok(noise(4 * MIB - 2)));
    // It is well under way.
    (0..50).for_each(|_| assert!(pair.step()));
    let before = pair.down.bytes;
    pair.server.answer(short, Ok(OUTPUT));
    while !pair.client_events.contains(&answered(short, OUTPUT)) {
        assert!(pair.step());
        pair.client_events.extend(client_events(&mut pair.client));
    }
    let waited = pair.down.bytes - before;
    assert!(waited <= 64 * KIB + 100, "{waited} bytes went before it");
    assert_eq!(pair.client_events.len(), 1);
    pair.drive();
    assert_eq!(pair.client_events.len(), 2);
}

#[test]
fn a_small_call_overtakes_a_long_one() {
    let mut pair = roomy();
    pair.client.call(0, noise(4 * MIB - 3)).expect("an id is free");
    (0..50).for_each(|_| assert!(pair.step()));
    let before = pair.up.bytes;
    let short = pair.client.call(1, INPUT).expect("an id is free");
    while !pair.server_events.contains(&started(short, 1, INPUT)) {
        assert!(pair.step());
        pair.server_events.extend(server_events(&mut pair.server));
    }
    let waited = pair.up.bytes - before;
    assert!(waited <= 64 * KIB + 100, "{waited} bytes went before it");
    assert_eq!(pair.server_events.len(), 1);
}

#[test]
fn long_answers_take_turns() {
    let mut pair = roomy();
    let ids: Vec<_> = (0..5).map(|_| pair.call(0)).collect();
    ids.iter().for_each(|&id| pair.server.answer(id, Ok(noise(MIB))));
    while pair.client_events.is_empty() {
        assert!(pair.step());
    }
    // Had they gone one after another, the first would have arrived within a fifth of this.
    assert!(pair.down.bytes > 4 * MIB, "{}", pair.down.bytes);
}

#[test]
fn a_stream_of_small_frames_does_not_stop_a_long_one() {
    let mut pair = roomy();
    let id = pair.call(0);
    pair.server.answer(id, Ok(noise(MIB)));
    pair.server.announce_topic(7, 0, CHAT);
    for sequence in 0.. {
        // More than a message each time.
        for part in 0..70 {
            let sequence = sequence * 70 + part;
            pair.server.send_event(7, sequence, encode_event(7, sequence, 0, noise(1000)));
        }
        pair.step();
        if pair.client_events.contains(&answered(id, noise(MIB))) {
            break;
        }
        assert!(sequence < 200, "it does not arrive");
    }
}

#[test]
fn what_a_call_changed_arrives_before_its_answer_however_long_either_is() {
    for (state, event, answer) in
        [(9, 9, LONG), (LONG, 9, 9), (9, LONG, 9), (LONG, LONG, LONG), (LONG, LONG, 9)]
    {
        let mut pair = roomy();
        let id = pair.call(0);
        pair.server.announce_topic(7, 0, CHAT);
        pair.server.send_state(noise(state));
        pair.server.send_event(7, 0, encode_event(7, 0, 0, noise(event)));
        pair.server.answer(id, Ok(noise(answer)));
        pair.drive();
        let expected = [
            subscribed(CHAT),
            changed(noise(state)),
            arrived(CHAT, 0, noise(event)),
            answered(id, noise(answer)),
        ];
        assert!(pair.take_client_events() == expected, "{state}, {event}, {answer}");
    }
}

#[test]
fn no_more_than_16_transfers_are_open_and_all_arrive() {
    let mut pair = roomy();
    let ids: Vec<_> = (0..40).map(|_| pair.call(0)).collect();
    for (&id, index) in ids.iter().zip(0..) {
        pair.server.answer(id, Ok(noise(LONG)));
        if index % 10 == 0 {
            pair.server.send_state(noise(LONG));
        }
    }
    pair.drive();
    assert_eq!(pair.client_events.len(), 44);
    assert!(pair.down.most_open > 4, "{}", pair.down.most_open);
}

#[test]
fn calls_and_answers_leave_one_place_to_what_others_wait_for() {
    let (mut server, frames) = server_with_answers(20, LONG);
    let begun = |frames: &[Frame]| {
        frames.iter().filter(|frame| matches!(frame, Frame::Begin { .. })).count()
    };
    assert_eq!(begun(&frames), 15);
    server.send_state(noise(LONG));
    server.send_state(noise(LONG));
    assert_eq!(begun(&sent(&mut server)), 1);
}

#[test]
fn two_sides_that_both_write_nothing_but_large_things_do_not_wait_for_each_other() {
    let limits = quiet().with_max_frame_bytes(100_000).with_max_input_bytes(1 << 30);
    let mut pair = Pair::with(counter(), counter(), limits.clone(), limits).opened();
    for _ in 0..256 {
        pair.client.call(0, zeros(99_000)).expect("an id is free");
    }
    for _ in 0..100_000 {
        let moved = pair.step();
        let calls = pair.take_server_events();
        for event in &calls {
            let ServerEvent::Call { id, .. } = event else { panic!("{event:?}") };
            pair.server.send_state(zeros(90_000));
            pair.server.answer(*id, Ok(zeros(99_000)));
        }
        if !moved && calls.is_empty() {
            break;
        }
    }
    let answers = pair.client_events.iter();
    let answers = answers.filter(|event| matches!(event, ClientEvent::Answer { .. }));
    assert_eq!(answers.count(), 256);
}

// Giving up.

#[test]
fn a_call_that_waits_for_its_turn_is_withdrawn_without_a_word() {
    let mut client = client(quiet());
    let ids: Vec<_> = (0..16).map(|_| client.call(0, noise(LONG)).expect("it fits")).collect();
    let last = ids[15];
    client.cancel(last);
    assert_eq!(client_events(&mut client), [failed(last, CallError::Cancelled)]);
    let frames = sent(&mut client);
    assert!(frames.iter().all(|frame| !matches!(frame, Frame::Cancel { .. })));
    assert_eq!(aborts(&frames), 0);
}

#[test]
fn a_call_in_line_is_withdrawn_without_a_word() {
    let mut client = client(quiet());
    // No room is left.
    (0..3).for_each(|_| drop(client.call(0, noise(60_000))));
    let queued = client.queued_bytes();
    let id = client.call(0, noise(LONG)).expect("it fits");
    assert!(client.queued_bytes() > queued + LONG);
    client.cancel(id);
    assert_eq!(client.queued_bytes(), queued);
    assert_eq!(client_events(&mut client), [failed(id, CallError::Cancelled)]);
    let frames = sent(&mut client);
    assert_eq!(frames.len(), 3, "{frames:?}");
}

#[test]
fn a_call_that_has_begun_is_aborted_and_its_id_is_free_at_once() {
    let mut pair = roomy();
    let id = pair.client.call(0, noise(LONG)).expect("it fits");
    (0..2).for_each(|_| assert!(pair.step()));
    assert!(pair.server.arriving_bytes() > 0);
    pair.client.cancel(id);
    pair.drive();
    assert_eq!(pair.take_client_events(), [failed(id, CallError::Cancelled)]);
    assert_eq!(pair.server.arriving_bytes(), 0);
    assert!(pair.server_events.is_empty());
    assert_eq!(pair.call(0), id);
    assert_eq!(pair.take_server_events(), [started(id, 0, INPUT)]);
    // Transfers go on to be numbered.
    assert_eq!(pair.call_of(0, noise(LONG)), CallId(1));
    assert_eq!(pair.take_server_events().len(), 1);
}

#[test]
fn a_call_that_went_out_as_a_whole_is_cancelled_as_any_other() {
    let mut pair = roomy();
    let id = pair.call_of(0, noise(LONG));
    pair.take_server_events();
    pair.client.cancel(id);
    pair.drive();
    assert_eq!(pair.take_server_events(), [ServerEvent::Cancel { id }]);
    assert!(pair.client_events.is_empty());
}

#[test]
fn an_answer_that_nobody_wants_any_longer_is_given_up_for_an_error() {
    let mut pair = roomy();
    let id = pair.call(0);
    pair.server.answer(id, Ok(noise(MIB)));
    (0..4).for_each(|_| assert!(pair.step()));
    assert!(pair.client.arriving_bytes() > 0);
    pair.client.cancel(id);
    pair.drive();
    assert_eq!(pair.take_client_events(), [failed(id, CallError::Cancelled)]);
    assert_eq!(pair.client.arriving_bytes(), 0);
    assert_eq!(pair.server.queued_bytes(), 0);
    assert!(pair.down.bytes < MIB);
    assert_eq!(pair.call(0), id);
}

#[test]
fn an_answer_that_has_not_begun_is_given_up_without_an_abort() {
    let (mut server, _) = server_with_answers(16, LONG);
    receive(&mut server, &Frame::Cancel { id: CallId(15) });
    assert!(server_events(&mut server).is_empty());
    assert_eq!(sent(&mut server), [error_frame(15, CallError::Cancelled)]);
    receive(&mut server, &call_frame(15, 0, INPUT));
    assert_eq!(server_events(&mut server), [started(CallId(15), 0, INPUT)]);
}

#[test]
fn an_answer_that_was_given_up_lets_the_next_begin() {
    let (mut server, _) = server_with_answers(16, LONG);
    receive(&mut server, &Frame::Cancel { id: CallId(3) });
    assert!(server_events(&mut server).is_empty());
    let frames = sent(&mut server);
    assert!(frames.contains(&Frame::Abort { transfer: 3 }));
    assert!(frames.contains(&error_frame(3, CallError::Cancelled)));
    let begun = |frame: &Frame| matches!(frame, Frame::Begin { transfer: 15, .. });
    assert!(frames.iter().any(begun), "{frames:?}");
}

#[test]
fn an_answer_that_is_sent_is_not_given_up() {
    let mut pair = roomy();
    let id = pair.call(0);
    pair.server.answer(id, Ok(noise(LONG)));
    pair.drive();
    receive(&mut pair.server, &Frame::Cancel { id });
    pair.drive();
    assert!(pair.take_client_events() == [answered(id, noise(LONG))]);
}

#[test]
fn an_id_is_in_use_until_the_last_piece_of_its_answer_is_out() {
    let (mut server, _) = server_with_answers(1, LONG);
    receive(&mut server, &call_frame(0, 0, INPUT));
    assert_eq!(server_events(&mut server), [server_failed(ProtocolError::CallIdInUse(0))]);
}

// The snapshot.

fn pair_with_snapshot(len: usize) -> Pair {
    Pair::of(client_config(quiet()), server_config(quiet()), noise(len))
}

#[test]
fn before_the_hello_a_server_sends_64_kib_of_a_long_snapshot_and_nothing_else() {
    let mut server = Connection::server(server_config(quiet()), noise(LONG), Time::ZERO);
    server.send_state(OUTPUT);
    server.announce_topic(7, 0, CHAT);
    server.set_features(features(["paid"]));
    let frames = sent(&mut server);
    assert!(matches!(frames[..2], [Frame::Hello(_), Frame::Begin { transfer: 0, .. }]));
    assert_eq!(piece_lens(&frames), [(0, PIECE), (0, PIECE)]);
    assert_eq!(frames.len(), 3);
    receive(&mut server, &Frame::Hello(client_hello().into()));
    // The snapshot is not complete: it goes first.
    assert_eq!(server_events(&mut server), [ServerEvent::Open]);
    assert_eq!(sent(&mut server), []);
    receive(&mut server, &credit(0, LONG as u64 + 2 - INITIAL_CREDIT as u64));
    assert_eq!(server_events(&mut server), []);
    let names: Vec<_> = sent(&mut server).iter().map(Frame::name).collect();
    let expected = ["CHUNK", "CHUNK", "CHUNK", "CHUNK", "CHUNK", "STATE", "TOPIC", "FEATURES"];
    assert_eq!(names, expected);
}

#[test]
fn a_client_opens_when_the_last_piece_of_the_snapshot_has_come() {
    let mut pair = pair_with_snapshot(LONG);
    let early = pair.client.call(0, INPUT).expect("an id is free");
    pair.drive();
    assert_eq!(pair.take_client_events(), [ClientEvent::Open { snapshot: noise(LONG) }]);
    assert_eq!(pair.take_server_events(), [ServerEvent::Open, started(early, 0, INPUT)]);
}

#[test]
fn what_may_come_before_the_snapshot_may_come_within_it() {
    let mut client = Connection::client(client_config(quiet()), Time::ZERO);
    receive(&mut client, &Frame::Hello(server_hello().into()));
    let snapshot = pieces(0, &Frame::Snapshot { revision: 0, operations: noise(LONG).into() });
    receive(&mut client, &snapshot[0]);
    receive(&mut client, &Frame::Ping { token: 3 });
    receive(
        &mut client,
        &Frame::Methods(vec![RefusedMethod { method: 1, why: Mismatch::Unknown }]),
    );
    receive(&mut client, &Frame::GoingAway { grace: Duration::ZERO });
    snapshot[1..].iter().for_each(|piece| receive(&mut client, piece));
    let events = client_events(&mut client);
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(matches!(events[2], ClientEvent::Open { .. }));
    assert!(sent(&mut client).contains(&Frame::Pong { token: 3 }));
}

#[test]
fn a_snapshot_beyond_what_the_client_accepts_ends_the_connection_on_either_side() {
    let small = quiet().with_max_frame_bytes(100_000);
    let mut server = Connection::server(server_config(quiet()), noise(LONG), Time::ZERO);
    sent(&mut server);
    let hello = Hello { max_frame_bytes: 100_000, ..client_hello() };
    receive(&mut server, &Frame::Hello(hello.into()));
    let events = server_events(&mut server);
    assert!(matches!(events[..], [ServerEvent::Closed(ConnectionError::Internal(_))]));
    let reason = CloseReason::new(CloseCode::INTERNAL_ERROR, "");
    assert_eq!(server.poll_transmit(), Some(Transmit::Close(reason)));

    let mut pair = Pair::of(client_config(small), server_config(quiet()), noise(LONG));
    pair.drive();
    let error = exceeded("max_frame_bytes", 100_000);
    assert_eq!(pair.client_events, [ClientEvent::Closed(error)]);
}

#[test]
fn state_that_waited_for_the_hello_and_is_longer_than_the_client_accepts_ends_the_connection() {
    let mut server = Connection::server(server_config(quiet()), SNAPSHOT, Time::ZERO);
    server.send_state(noise(LONG));
    sent(&mut server);
    let hello = Hello { max_frame_bytes: LONG, ..client_hello() };
    receive(&mut server, &Frame::Hello(hello.into()));
    let events = server_events(&mut server);
    assert!(
        matches!(events[..], [ServerEvent::Closed(ConnectionError::Internal(_))]),
        "{events:?}"
    );
    assert!(matches!(server.poll_transmit(), Some(Transmit::Close(_))));
}

#[test]
fn a_client_of_another_revision_is_told_so_whatever_the_snapshot() {
    let mut server = Connection::server(server_config(quiet()), noise(LONG), Time::ZERO);
    sent(&mut server);
    server.handle_message(Bytes::from_static(b"\x01\x02"));
    let events = server_events(&mut server);
    assert!(matches!(events[..], [ServerEvent::Closed(ConnectionError::Incompatible(_))]));
    let Some(Transmit::Close(reason)) = server.poll_transmit() else { panic!() };
    assert_eq!(reason.code(), CloseCode::INCOMPATIBLE);
}

#[test]
fn a_snapshot_or_a_change_longer_than_the_server_sends_ends_the_connection() {
    let small = quiet().with_max_frame_bytes(100_000);
    let mut server = Connection::server(server_config(small.clone()), noise(100_000), Time::ZERO);
    let events = server_events(&mut server);
    assert!(matches!(events[..], [ServerEvent::Closed(ConnectionError::Internal(_))]));
    let mut server = support::server(small);
    server.send_state(noise(100_000));
    let events = server_events(&mut server);
    assert!(matches!(events[..], [ServerEvent::Closed(ConnectionError::Internal(_))]));
}

// Events.

#[test]
fn long_events_keep_the_order_of_their_topic() {
    let mut pair = roomy();
    pair.server.announce_topic(7, 0, CHAT);
    let lens = [9, LONG, 9, LONG, LONG, 9];
    for (sequence, len) in (0..).zip(lens) {
        pair.server.send_event(7, sequence, encode_event(7, sequence, 0, noise(len)));
    }
    pair.server.leave_topic(7);
    pair.drive();
    let events = pair.take_client_events();
    let expected = (0..).zip(lens).map(|(sequence, len)| arrived(CHAT, sequence, noise(len)));
    assert!(events[1..=6] == expected.collect::<Vec<_>>());
    assert_eq!(events[7..], [ClientEvent::Unsubscribed { topic: CHAT }]);
}

#[test]
fn a_long_event_that_waits_may_be_dropped_and_one_that_has_begun_may_not() {
    let limits = quiet().with_max_queued_event_bytes(100_000);
    let mut pair = Pair::with(counter(), counter(), quiet(), limits).opened();
    pair.server.announce_topic(7, 0, CHAT);
    for sequence in 0..3 {
        pair.server.send_event(7, sequence, encode_event(7, sequence, 0, noise(LONG)));
    }
    pair.server.send_event(7, 3, encode_event(7, 3, 0, OUTPUT));
    pair.drive();
    let expected = [
        subscribed(CHAT),
        arrived(CHAT, 0, noise(LONG)),
        missed(CHAT, 1, 2, GapReason::Lagged),
        arrived(CHAT, 3, OUTPUT),
    ];
    assert!(pair.take_client_events() == expected);
}

// What waits.

#[test]
fn what_is_sent_in_pieces_counts_as_waiting_until_it_is_sent() {
    let mut server = server(quiet());
    server.send_state(noise(MIB));
    sent(&mut server);
    let rest = MIB - INITIAL_CREDIT;
    assert!((rest..rest + 100).contains(&server.queued_bytes()), "{}", server.queued_bytes());
    let (server, _) = server_with_answers(2, MIB);
    assert!((2 * rest..2 * rest + 100).contains(&server.queued_bytes()));
}

// Ending.

#[test]
fn a_server_that_closes_sends_long_answers_to_their_end() {
    let mut pair = roomy();
    let ids: Vec<_> = (0..20).map(|_| pair.call(0)).collect();
    ids.iter().for_each(|&id| pair.server.answer(id, Ok(noise(LONG))));
    pair.server.send_state(noise(LONG));
    pair.server.close(CloseReason::normal(), pair.now);
    pair.drive();
    let events = pair.take_client_events();
    let answers = events.iter().filter(|event| matches!(event, ClientEvent::Answer { .. }));
    assert_eq!(answers.count(), 20);
    assert!(events.contains(&changed(noise(LONG))));
    let closed = closed_by(Initiator::Remote, CloseCode::NORMAL, "");
    assert_eq!(events.last(), Some(&ClientEvent::Closed(closed)));
}

#[test]
fn a_client_that_closes_sends_and_receives_what_is_long_to_its_end() {
    let mut pair = roomy();
    let early = pair.client.call(0, noise(LONG)).expect("an id is free");
    pair.client.close(CloseReason::normal(), pair.now);
    pair.drive();
    assert_eq!(pair.server_events.len(), 1);
    pair.server.answer(early, Ok(noise(LONG)));
    pair.drive();
    let closed = closed_by(Initiator::Local, CloseCode::NORMAL, "");
    let expected = [answered(early, noise(LONG)), ClientEvent::Closed(closed)];
    assert!(pair.take_client_events() == expected);
}

#[test]
fn what_is_not_sent_when_the_grace_is_over_is_dropped() {
    let mut server = server(quiet());
    receive(&mut server, &call_frame(0, 0, INPUT));
    server_events(&mut server);
    server.answer(CallId(0), Ok(noise(MIB)));
    server.close(CloseReason::normal(), Time::ZERO);
    sent(&mut server);
    server.handle_timeout(Time::from_micros(9_999_999));
    assert!(!server.is_ended());
    server.handle_timeout(Time::from_micros(10_000_000));
    assert!(matches!(server_events(&mut server)[..], [ServerEvent::Closed(_)]));
    assert_eq!(server.queued_bytes(), 0);
    assert_eq!(server.poll_transmit(), Some(Transmit::Close(CloseReason::normal())));
    assert_eq!(server.poll_transmit(), None);
}

#[test]
fn behind_a_long_frame_that_is_cut_off_nothing_is_sent_that_would_have_waited_for_it() {
    let mut server = server(quiet().with_max_queued_event_bytes(0));
    server.announce_topic(7, 0, CHAT);
    server.send_event(7, 0, encode_event(7, 0, 0, noise(MIB)));
    sent(&mut server);
    // It is dropped, and that is still to be stated.
    server.send_event(7, 1, encode_event(7, 1, 0, OUTPUT));
    server.send_state(OUTPUT);
    server.close(CloseReason::normal(), Time::ZERO);
    server.handle_timeout(Time::from_micros(10_000_000));
    let sent: Vec<_> = std::iter::from_fn(|| server.poll_transmit()).collect();
    let [rest @ .., Transmit::Close(_)] = &sent[..] else { panic!("{sent:?}") };
    let rest = rest.iter().flat_map(|transmit| match transmit {
        Transmit::Message(message) => frames(message.clone()),
        Transmit::Close(_) => panic!("two closes"),
    });
    let names: Vec<_> = rest.map(|frame| frame.name()).collect();
    assert!(names.iter().all(|name| *name == "GOING_AWAY"), "{names:?}");
}

#[test]
fn the_end_of_the_transport_drops_all_transfers() {
    let mut pair = roomy();
    let id = pair.call(0);
    pair.client.call(0, noise(MIB)).expect("an id is free");
    pair.server.answer(id, Ok(noise(MIB)));
    (0..6).for_each(|_| assert!(pair.step()));
    pair.client.handle_lost("cut");
    pair.server.handle_lost("cut");
    pair.drive();
    for left in [pair.client.queued_bytes(), pair.server.queued_bytes()] {
        assert_eq!(left, 0);
    }
    for left in [pair.client.arriving_bytes(), pair.server.arriving_bytes()] {
        assert_eq!(left, 0);
    }
    assert!(!pair.client.has_transmit() && !pair.server.has_transmit());
}
