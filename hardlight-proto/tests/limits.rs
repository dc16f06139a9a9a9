//! What a peer that keeps to no rule can make a side hold: each limit, driven to its edge (SPEC.md, section 17).

mod support;

use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use hardlight_proto::*;
use support::*;

/// What is packed into messages: 64 KiB, and one more frame or piece.
const PACKED: usize = 64 * KIB + MAX_MESSAGE_BYTES;

/// A short frame that waits, with its place.
const SHORT: usize = 64 + 32;

/// What ERROR frames take at most: one for each id.
const ERRORS: usize = 256 * SHORT;

/// A server that has more to send than it may have before it starts calls.
fn congested(limits: Limits) -> Connection<Server> {
    let mut server = server(limits.with_max_buffered_bytes(1000));
    server.send_state(noise(2000));
    assert!(server.is_congested());
    server
}

// Transfers.

#[test]
fn what_arrives_in_pieces_takes_no_more_than_is_taken_in_and_64_kib_for_each_that_waits() {
    let (frame, taken_in) = (1_000_000, 2_500_000);
    let limits = quiet().with_max_frame_bytes(frame).with_max_transfer_bytes(taken_in);
    let mut server = server(limits);
    let first = {
        let mut piece = vec![0; PIECE];
        piece[0] = 0x03;
        Bytes::from(piece)
    };
    // Each goes as far as it may without being refused, but for its last byte.
    let mut arrived = [0; 16];
    let mut allowed = [INITIAL_CREDIT; 16];
    for n in 0..16 {
        let begin = Frame::Begin { transfer: n, length: frame as u64, piece: first.clone() };
        receive(&mut server, &begin);
        arrived[n as usize] = PIECE;
    }
    for _ in 0..1000 {
        server_events(&mut server);
        for credit in sent(&mut server) {
            let Frame::Credit { transfer, bytes } = credit else { panic!("{credit:?}") };
            allowed[transfer as usize] += bytes as usize;
        }
        for n in 0..16 {
            let len = PIECE.min(allowed[n].min(frame - 1) - arrived[n]);
            if len > 0 {
                receive(&mut server, &Frame::Chunk { transfer: n as u64, piece: zeros(len) });
                arrived[n] += len;
            }
        }
        assert!(server.arriving_bytes() <= taken_in + 16 * INITIAL_CREDIT);
    }
    assert!(server.is_open());
    // Two fit, and they have all but come.
    assert!(server.arriving_bytes() >= 2 * (frame - 1) + 14 * INITIAL_CREDIT);
    assert_eq!(arrived.iter().filter(|&&arrived| arrived == frame - 1).count(), 2);
}

#[test]
fn a_transfer_takes_what_has_come_and_not_what_was_announced() {
    let mut server = server(quiet());
    for transfer in 0..16 {
        let piece = Bytes::from_static(&[0x03]);
        receive(&mut server, &Frame::Begin { transfer, length: 4 << 20, piece });
    }
    assert_eq!(server_events(&mut server), []);
    assert!(server.arriving_bytes() <= 16 * 64, "{}", server.arriving_bytes());
}

#[test]
fn a_flood_of_transfers_that_are_begun_and_given_up_leaves_nothing() {
    let mut server = server(quiet());
    for transfer in 0..10_000 {
        let piece = Bytes::from_static(&[0x03]);
        receive(&mut server, &Frame::Begin { transfer, length: 4 << 20, piece });
        receive(&mut server, &Frame::Abort { transfer });
        assert_eq!(server_events(&mut server), []);
    }
    assert_eq!(server.arriving_bytes(), 0);
    // Nor is credit given for what has ended.
    assert_eq!(sent(&mut server), []);
}

// Inputs.

#[test]
fn inputs_are_held_up_to_their_limit_and_calls_beyond_it_are_busy() {
    let mut server = server(quiet().with_max_input_bytes(1000));
    receive(&mut server, &call_frame(0, 0, zeros(600)));
    receive(&mut server, &call_frame(1, 0, zeros(400)));
    receive(&mut server, &call_frame(2, 0, zeros(1)));
    // One that takes nothing fits.
    receive(&mut server, &call_frame(3, 0, Bytes::new()));
    assert_eq!(server_events(&mut server).len(), 3);
    assert_eq!(server.input_bytes(), 1000);
    assert_eq!(sent(&mut server), [error_frame(2, CallError::Busy)]);
    assert_eq!(server.refusals().collect::<Vec<_>>(), [(CallError::Busy, 1)]);
    server.answer(CallId(0), Ok(OUTPUT));
    assert_eq!(server.input_bytes(), 400);
    receive(&mut server, &call_frame(2, 0, zeros(600)));
    assert_eq!(server_events(&mut server), [started(CallId(2), 0, zeros(600))]);
}

#[test]
fn inputs_of_calls_that_are_held_count_too() {
    let mut server = congested(quiet().with_max_input_bytes(1000));
    receive(&mut server, &call_frame(0, 0, zeros(1000)));
    receive(&mut server, &call_frame(1, 0, zeros(1)));
    assert_eq!(server_events(&mut server), []);
    assert_eq!((server.input_bytes(), server.running_calls()), (1000, 1));
    receive(&mut server, &Frame::Cancel { id: CallId(0) });
    assert_eq!(server_events(&mut server), []);
    assert_eq!((server.input_bytes(), server.running_calls()), (0, 0));
    let names: Vec<_> = sent(&mut server).into_iter().skip(1).collect();
    assert_eq!(names, [error_frame(1, CallError::Busy), error_frame(0, CallError::Cancelled)]);
}

#[test]
fn a_call_that_is_held_keeps_no_more_than_its_input() {
    let mut server = congested(quiet());
    // A call that says something besides, behind a long frame that is ignored, in a batch.
    let call = b"\x43\x00\x00\x05\x40\x03abcin";
    let padding = [&[0xff, 0xff, 0x03][..], &[0x20; 0xffff]].concat();
    let message = Bytes::from([&[0x00][..], &padding, &[call.len() as u8], call].concat());
    server.handle_message(message.clone());
    assert_eq!(server_events(&mut server), []);
    assert_eq!(server.running_calls(), 1);
    assert!(message.is_unique(), "it keeps the whole message");
    sent(&mut server);
    let extensions = Extensions::new().with_application(64, b"abc").expect("it fits");
    let call = ServerEvent::Call { id: CallId(0), method: 0, extensions, payload: INPUT };
    assert_eq!(server_events(&mut server), [call]);
}

/// A message as long as one may be: a frame that is ignored, and this one.
fn padded(frame: &Frame) -> Bytes {
    let frame = message(frame);
    let padding = MAX_MESSAGE_BYTES - 1 - 3 - 1 - frame.len();
    let len = [padding as u8 | 0x80, (padding >> 7) as u8 | 0x80, (padding >> 14) as u8];
    let mut batch = Vec::with_capacity(MAX_MESSAGE_BYTES);
    batch.push(0);
    batch.extend(len);
    batch.resize(4 + padding, 0x20);
    batch.push(frame.len() as u8);
    batch.extend_from_slice(&frame);
    batch.into()
}

#[test]
fn calls_that_run_keep_no_more_of_the_messages_they_came_in_than_half_of_what_inputs_may_take() {
    for max_input_bytes in [8 * MIB, 100 * KIB] {
        let mut server = server(quiet().with_max_input_bytes(max_input_bytes));
        let mut running = Vec::with_capacity(256);
        let measured = measure(|| {
            for id in 0..=255 {
                server.handle_message(padded(&call_frame(id, 0, INPUT)));
                running.extend(server.poll_event());
            }
        });
        assert_eq!(running.len(), 256);
        assert_eq!(server.input_bytes(), 256 * INPUT.len());
        // To that come copies of the inputs, and what counts all this.
        let held = usize::try_from(measured.bytes_current).expect("something is held");
        assert!(held <= max_input_bytes / 2 + 64 * KIB, "{held} bytes");
        // Once they are answered there is room again.
        (0..=255).for_each(|id| server.answer(CallId(id), Ok(OUTPUT)));
        sent(&mut server);
        let message = padded(&call_frame(0, 0, INPUT));
        server.handle_message(message.clone());
        let call = server.poll_event();
        assert_eq!(call, Some(started(CallId(0), 0, INPUT)));
        let fits = max_input_bytes / 2 >= MAX_MESSAGE_BYTES;
        assert_eq!(!message.is_unique(), fits, "whether it is given out as it came");
    }
}

#[test]
fn answers_keep_no_more_of_the_messages_they_came_in_until_their_ids_are_used_again() {
    let mut client = client(quiet());
    let mut answers = Vec::with_capacity(512);
    let measured = measure(|| {
        for _ in 0..256 {
            client.call(0, INPUT).expect("an id is free");
        }
        while client.poll_transmit().is_some() {}
        for id in 0..=255 {
            client.handle_message(padded(&answer_frame(id, OUTPUT)));
            answers.extend(client.poll_event());
        }
    });
    assert_eq!(answers.len(), 256);
    let held = usize::try_from(measured.bytes_current).expect("something is held");
    assert!(held <= 4 * MIB + 64 * KIB, "{held} bytes");
    let id = client.call(0, INPUT).expect("an id is free");
    sent(&mut client);
    let message = padded(&answer_frame(id.0, OUTPUT));
    client.handle_message(message.clone());
    let answer = client.poll_event();
    assert_eq!(answer, Some(answered(id, OUTPUT)));
    assert!(!message.is_unique(), "it was copied without need");
}

#[test]
fn the_calls_of_a_whole_batch_are_given_out_as_they_came() {
    let mut client = client(quiet());
    let mut server = server(quiet());
    let input = noise(1000);
    for _ in 0..64 {
        client.call(0, input.clone()).expect("an id is free");
    }
    let [batch] = &messages(&mut client)[..] else { panic!("more than a batch") };
    let mut calls = Vec::with_capacity(64);
    server.handle_message(batch.clone());
    calls.extend(server.poll_event());
    let measured = measure(|| calls.extend(std::iter::from_fn(|| server.poll_event())));
    assert_eq!(calls.len(), 64);
    // Their inputs are counted, in one place.
    assert!(measured.bytes_current <= 4096, "{measured:?}");
}

// Calls.

#[test]
fn calls_that_are_held_are_started_in_order_once_there_is_room() {
    let mut server = congested(quiet());
    for id in 0..=255 {
        receive(&mut server, &call_frame(id, 0, INPUT));
    }
    assert_eq!(server_events(&mut server), []);
    assert_eq!(server.running_calls(), 256);
    sent(&mut server);
    let expected: Vec<_> = (0..=255).map(|id| started(CallId(id), 0, INPUT)).collect();
    assert_eq!(server_events(&mut server), expected);
}

#[test]
fn a_call_with_the_id_of_one_that_is_held_or_whose_answer_waits_is_refused() {
    let mut server = congested(quiet());
    receive(&mut server, &call_frame(0, 0, INPUT));
    receive(&mut server, &call_frame(0, 0, INPUT));
    assert_eq!(server_events(&mut server), [server_failed(ProtocolError::CallIdInUse(0))]);

    let mut server = support::server(quiet());
    receive(&mut server, &call_frame(0, 0, INPUT));
    server_events(&mut server);
    // So much that the answer waits.
    (0..3).for_each(|_| server.send_state(noise(60_000)));
    server.answer(CallId(0), Ok(OUTPUT));
    receive(&mut server, &call_frame(0, 0, INPUT));
    assert_eq!(server_events(&mut server), [server_failed(ProtocolError::CallIdInUse(0))]);
}

#[test]
fn a_server_that_closes_refuses_what_is_held() {
    let mut server = congested(quiet());
    receive(&mut server, &call_frame(0, 0, INPUT));
    assert_eq!(server_events(&mut server), []);
    server.close(CloseReason::normal(), Time::ZERO);
    assert_eq!(server.input_bytes(), 0);
    let sent: Vec<_> = std::iter::from_fn(|| server.poll_transmit()).collect();
    let [messages @ .., Transmit::Close(_)] = &sent[..] else { panic!("{sent:?}") };
    let frames: Vec<_> = messages
        .iter()
        .flat_map(|transmit| match transmit {
            Transmit::Message(message) => frames(message.clone()),
            Transmit::Close(_) => panic!("two closes"),
        })
        .collect();
    assert!(frames.contains(&error_frame(0, CallError::GoingAway)), "{frames:?}");
}

#[test]
fn calls_that_are_held_when_the_transport_ends_are_not_started() {
    let mut server = congested(quiet());
    receive(&mut server, &call_frame(0, 0, INPUT));
    assert_eq!(server_events(&mut server), []);
    server.handle_lost("cut");
    let closed = ServerEvent::Closed(ConnectionError::Lost("cut".into()));
    assert_eq!(server_events(&mut server), [closed]);
}

#[test]
fn no_call_is_ready_once_the_connection_has_ended() {
    let mut server = congested(quiet());
    receive(&mut server, &call_frame(0, 0, INPUT));
    assert_eq!(server_events(&mut server), []);
    server.handle_text();
    assert!(!server.has_ready_call());
}

#[test]
fn a_flood_of_calls_that_are_given_up_at_once_does_not_grow_the_output() {
    let mut server = congested(quiet());
    let queued = server.queued_bytes();
    for id in 0..=255 {
        receive(&mut server, &call_frame(id, 0, INPUT));
        receive(&mut server, &Frame::Cancel { id: CallId(id) });
        assert_eq!(server_events(&mut server), []);
        assert!(server.queued_bytes() <= queued + ERRORS);
    }
    // A client that reads nothing cannot know that an id is free.
    for _ in 0..100_000 {
        for id in 0..=255 {
            receive(&mut server, &call_frame(id, 0, INPUT));
            receive(&mut server, &Frame::Cancel { id: CallId(id) });
            server_events(&mut server);
            assert!(server.queued_bytes() <= PACKED + ERRORS);
        }
        if server.is_ended() {
            return;
        }
    }
    panic!("it goes on for ever");
}

#[test]
fn a_flood_of_calls_that_are_refused_does_not_grow_the_output() {
    let mut server = server(quiet().with_max_input_bytes(0));
    for round in 0..1000 {
        for id in 0..=255 {
            receive(&mut server, &call_frame(id, 0, INPUT));
            server_events(&mut server);
            assert!(server.queued_bytes() <= PACKED + ERRORS);
        }
        if server.is_ended() {
            assert!(matches!(
                server.error(),
                Some(ConnectionError::Protocol(ProtocolError::CallIdInUse(_)))
            ));
            return;
        }
        assert!(round < 999, "it goes on for ever");
    }
}

#[test]
fn calls_are_held_while_more_than_two_of_the_longest_answers_wait() {
    let mut server = server(quiet().with_max_frame_bytes(100_000));
    for id in 0..8 {
        receive(&mut server, &call_frame(id, 0, INPUT));
    }
    server_events(&mut server);
    for id in 0..8 {
        server.answer(CallId(id), Ok(noise(99_998)));
    }
    sent(&mut server);
    receive(&mut server, &call_frame(8, 0, INPUT));
    assert_eq!(server_events(&mut server), []);
    // Each is held as a whole until its last byte is sent.
    for transfer in 0..5 {
        let all_but_one = 100_000 - (64 << 10) - 1;
        receive(&mut server, &Frame::Credit { transfer, bytes: all_but_one });
        sent(&mut server);
    }
    for transfer in 0..5 {
        assert!(server.is_congested());
        receive(&mut server, &Frame::Credit { transfer, bytes: 1 });
        assert_eq!(server_events(&mut server), []);
        sent(&mut server);
    }
    receive(&mut server, &Frame::Credit { transfer: 5, bytes: 100_000 - (64 << 10) });
    server_events(&mut server);
    sent(&mut server);
    assert!(!server.is_congested());
    assert_eq!(server.running_calls(), 1);
}

// Frames that ask for an answer, or for nothing.

#[test]
fn a_flood_of_pings_waits_for_one_answer() {
    let mut client = client(quiet());
    for token in 0..100_000 {
        receive(&mut client, &Frame::Ping { token });
        assert_eq!(client_events(&mut client), []);
        assert!(client.queued_bytes() <= SHORT);
    }
    assert_eq!(sent(&mut client), [Frame::Pong { token: 99_999 }]);
}

#[test]
fn a_flood_of_credit_for_what_has_ended_is_nothing() {
    let mut server = server(quiet());
    receive(&mut server, &call_frame(0, 0, INPUT));
    server_events(&mut server);
    server.answer(CallId(0), Ok(noise(100_000)));
    sent(&mut server);
    receive(&mut server, &Frame::Credit { transfer: 0, bytes: 100_002 - (64 << 10) });
    assert_eq!(server_events(&mut server), []);
    sent(&mut server);
    for _ in 0..100_000 {
        receive(&mut server, &Frame::Credit { transfer: 0, bytes: u64::MAX });
        assert_eq!(server_events(&mut server), []);
    }
    assert_eq!(server.queued_bytes(), 0);
    assert!(!server.has_transmit());
}

#[test]
fn a_flood_of_cancels_and_pongs_is_nothing() {
    let mut server = server(quiet().with_heartbeat_interval(Some(Duration::from_secs(1))));
    for token in 0..10_000 {
        receive(&mut server, &Frame::Cancel { id: CallId(token as u8) });
        receive(&mut server, &Frame::Pong { token });
        assert_eq!(server_events(&mut server), []);
    }
    assert!(!server.has_transmit());
}

#[test]
fn a_hello_that_is_too_long_ends_the_side_that_would_send_it() {
    let names: Vec<_> = (0..5000).map(|n| (&*format!("method{n}").leak(), "")).collect();
    let large = schema(&names, &[]);
    let mut client = Connection::client(ClientConfig::new(large), Time::ZERO);
    receive(&mut client, &Frame::Hello(server_hello().into()));
    let events = client_events(&mut client);
    assert!(matches!(events[..], [.., ClientEvent::Closed(ConnectionError::Internal(_))]));
    let large = schema(&[], &names);
    let mut server = Connection::server(ServerConfig::new(large), SNAPSHOT, Time::ZERO);
    let events = server_events(&mut server);
    assert!(matches!(events[..], [ServerEvent::Closed(ConnectionError::Internal(_))]));
    assert!(matches!(server.poll_transmit(), Some(Transmit::Close(_))));
}

// Settings.

#[test]
fn a_frame_may_always_be_as_long_as_a_message() {
    assert_eq!(Limits::new().with_max_frame_bytes(0).max_frame_bytes(), MAX_MESSAGE_BYTES);
    let tiny = quiet()
        .with_max_frame_bytes(0)
        .with_max_transfer_bytes(0)
        .with_max_buffered_bytes(0)
        .with_max_queued_event_bytes(0)
        .with_max_topic_bytes(0);
    let mut pair = Pair::with(counter(), counter(), tiny.clone(), tiny).opened();
    let id = pair.call_of(0, zeros(MAX_MESSAGE_BYTES - 3));
    assert_eq!(pair.take_server_events().len(), 1);
    pair.server.answer(id, Ok(zeros(MAX_MESSAGE_BYTES - 2)));
    pair.drive();
    assert_eq!(pair.take_client_events(), [answered(id, zeros(MAX_MESSAGE_BYTES - 2))]);
}

#[test]
fn cancelling_a_call_again_and_again_asks_once() {
    let mut client = client(quiet());
    let id = client.call(0, INPUT).expect("an id is free");
    sent(&mut client);
    for _ in 0..100 {
        client.cancel(id);
    }
    assert_eq!(sent(&mut client), [Frame::Cancel { id }]);
    receive(&mut client, &error_frame(id.0, CallError::Cancelled));
    client_events(&mut client);
    assert_eq!(client.call(0, INPUT), Ok(id));
    sent(&mut client);
    client.cancel(id);
    assert_eq!(sent(&mut client), [Frame::Cancel { id }]);
}

#[test]
fn answers_that_wait_do_not_make_a_change_of_subscriptions_one_too_many() {
    let mut server = server(quiet());
    for id in 0..=255 {
        receive(&mut server, &call_frame(id, 0, INPUT));
    }
    server_events(&mut server);
    for id in 0..=255 {
        server.answer(CallId(id), Ok(noise(20_000)));
    }
    server.announce_topic(1, 0, Bytes::from_static(b"chat"));
    server.set_features(features(["admin"]));
    assert!(server.is_open());
}

#[test]
fn a_topic_that_cannot_be_announced_is_not() {
    let mut server = server(quiet());
    server.announce_topic(1, 0, Bytes::from(vec![b'x'; 513]));
    server.announce_topic(2, 0, Bytes::from_static(b"chat"));
    server.announce_topic(2, 5, Bytes::from_static(b"news"));
    let chat = topic_frame(2, 0, TopicStart::Fresh, Bytes::from_static(b"chat"));
    assert_eq!(sent(&mut server), [chat]);
}
