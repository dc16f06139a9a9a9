//! What a receiver refuses (SPEC.md, section 9.6).

use hardlight_proto::*;

use crate::{support::*, *};

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
