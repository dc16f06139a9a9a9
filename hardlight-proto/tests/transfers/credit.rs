//! Credit: what its receiver may send, and what its giver gives.

use hardlight_proto::*;

use crate::{support::*, *};

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
    let calls = [(0, 150_000), (1, LONG), (2, 70_000)];
    let calls = calls.map(|(n, len)| pieces(n.into(), &call_of(n, len)));
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
