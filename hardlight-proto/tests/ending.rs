//! The end of a connection whose transport takes nothing any longer, and the times that close it.

mod support;

use std::time::Duration;

use bytes::Bytes;
use hardlight_proto::*;
use support::*;

/// Tells the time as often as is asked for, and takes nothing: when the connection was finished.
fn finish_without_sending<R: Role>(connection: &mut Connection<R>, mut now: Time) -> Time {
    for _ in 0..10 {
        while connection.poll_event().is_some() {}
        let Some(due) = connection.poll_timeout() else { break };
        now = now.max(due);
        connection.handle_timeout(now);
    }
    assert!(connection.is_finished());
    assert_eq!(connection.poll_transmit(), None);
    assert_eq!((connection.queued_bytes(), connection.poll_timeout()), (0, None));
    now
}

fn seconds(seconds: u64) -> Time {
    Time::from_micros(seconds * 1_000_000)
}

#[test]
fn what_is_left_after_the_end_is_dropped_once_the_transport_takes_too_long() {
    let ends: [fn(&mut Pair); 4] = [
        |pair| pair.client.close(CloseReason::normal(), pair.now),
        |pair| pair.client.abort(CloseReason::normal()),
        |pair| pair.client.handle_message(Bytes::from_static(b"\x1f")),
        |pair| pair.client.handle_text(),
    ];
    for end in ends {
        let mut pair = Pair::with(counter(), counter(), quiet(), quiet()).opened();
        pair.now = seconds(100);
        end(&mut pair);
        while pair.client.poll_event().is_some() {}
        assert!(pair.client.is_ended() && !pair.client.is_finished());
        assert_eq!(finish_without_sending(&mut pair.client, seconds(100)), seconds(110));
        pair.server.handle_lost("cut");
        pair.drive();
    }
}

#[test]
fn a_close_that_gives_calls_up_ends_behind_a_transport_that_takes_nothing() {
    let mut pair = Pair::with(counter(), counter(), quiet(), quiet()).opened();
    let id = pair.call(0);
    pair.client.call(0, zeros(100_000)).expect("an id is free");
    pair.client.close(CloseReason::normal(), seconds(100));
    assert_eq!(pair.client.poll_timeout(), Some(seconds(110)));
    pair.client.handle_timeout(seconds(110));
    assert_eq!(pair.client.poll_event(), Some(ClientEvent::Unanswered { id, may_have_run: true }));
    assert_eq!(finish_without_sending(&mut pair.client, seconds(110)), seconds(120));

    let mut server = server(quiet());
    receive(&mut server, &call_frame(0, 0, INPUT));
    server_events(&mut server);
    server.close(CloseReason::normal(), seconds(100));
    assert_eq!(finish_without_sending(&mut server, seconds(100)), seconds(120));
}

#[test]
fn a_peer_that_never_speaks_nor_reads_is_gone_after_both_timeouts() {
    let mut pair = Pair::new();
    assert_eq!(finish_without_sending(&mut pair.server, Time::ZERO), seconds(20));
    assert_eq!(finish_without_sending(&mut pair.client, Time::ZERO), seconds(20));
}

#[test]
fn a_timeout_after_the_end_that_is_early_or_without_need_does_nothing() {
    let mut pair = Pair::with(counter(), counter(), quiet(), quiet()).opened();
    pair.client.handle_timeout(seconds(100));
    pair.client.abort(CloseReason::normal());
    assert_eq!(pair.client.poll_timeout(), Some(seconds(100)));
    for now in [seconds(100), seconds(100), seconds(90), Time::from_micros(109_999_999)] {
        pair.client.handle_timeout(now);
        assert_eq!(pair.client.poll_timeout(), Some(seconds(110)));
    }
    assert_eq!(pair.client.poll_transmit(), Some(Transmit::Close(CloseReason::normal())));
    assert_eq!(pair.client.poll_timeout(), None);
    assert!(matches!(pair.client.poll_event(), Some(ClientEvent::Closed(_))));
    assert!(pair.client.is_finished());
    pair.client.handle_timeout(seconds(200));
    assert!(pair.client.is_finished() && pair.client.is_idle());
    pair.server.handle_close(Some(CloseReason::normal()));
    pair.drive();
}

#[test]
fn a_close_counts_from_the_latest_time_that_was_told() {
    for (told, said, due) in [(100, 0, 110), (100, 100, 110), (100, 150, 160)] {
        let mut pair = Pair::with(counter(), counter(), quiet(), quiet()).opened();
        let client = &mut pair.client;
        client.handle_timeout(seconds(told));
        client.call(0, INPUT).expect("an id is free");
        client.close(CloseReason::normal(), seconds(said));
        assert_eq!(client.poll_timeout(), Some(seconds(due)));
        client.handle_timeout(seconds(told));
        assert!(!client.is_ended());
    }
}

#[test]
fn a_close_that_waits_for_nothing_is_sent_by_a_transport_that_takes_it_at_once() {
    let limits = quiet().with_close_timeout(Duration::ZERO);
    let mut pair = Pair::with(counter(), counter(), limits, quiet()).opened();
    pair.client.call(0, INPUT).expect("an id is free");
    pair.client.close(CloseReason::normal(), seconds(1));
    pair.client.handle_timeout(seconds(1));
    assert!(pair.client.is_ended());
    assert!(pair.client.poll_timeout() > Some(seconds(1)));
    let sent: Vec<_> = std::iter::from_fn(|| pair.client.poll_transmit()).collect();
    assert_eq!(sent.last(), Some(&Transmit::Close(CloseReason::normal())));
}

#[test]
fn a_call_that_did_not_go_out_as_a_whole_is_known_not_to_have_run() {
    let mut pair = Pair::with(counter(), counter(), quiet(), quiet()).opened();
    let sent = pair.call(0);
    let begun = pair.client.call(0, zeros(1_000_000)).expect("an id is free");
    while pair.client.poll_transmit().is_some() {}
    let behind = pair.client.call(0, zeros(1_000_000)).expect("an id is free");
    pair.client.handle_lost("cable cut");
    let late = pair.client.call(0, zeros(1)).expect("what arrived before is not handled yet");
    for (id, may_have_run) in [(sent, true), (begun, false), (behind, false), (late, false)] {
        let unanswered = ClientEvent::Unanswered { id, may_have_run };
        assert_eq!(pair.client.poll_event(), Some(unanswered));
    }
}

#[test]
fn a_call_made_before_the_connection_opened_is_known_not_to_have_run() {
    let mut client = Connection::client(client_config(quiet()), Time::ZERO);
    let id = client.call(0, zeros(1)).expect("an id is free");
    client.handle_lost("cable cut");
    let unanswered = ClientEvent::Unanswered { id, may_have_run: false };
    assert_eq!(client.poll_event(), Some(unanswered));
}

#[test]
fn a_call_that_crosses_the_news_of_a_stop_is_answered_behind_it() {
    let mut pair = Pair::with(counter(), counter(), quiet(), quiet()).opened();
    let running = pair.call(0);
    pair.drive();
    let crossing = pair.client.call(0, zeros(1)).expect("an id is free");
    pair.server.close(CloseReason::normal(), pair.now);
    while let Some(Transmit::Message(message)) = pair.client.poll_transmit() {
        pair.server.handle_message(message);
    }
    while pair.server.poll_event().is_some() {}
    while let Some(Transmit::Message(message)) = pair.server.poll_transmit() {
        pair.client.handle_message(message);
    }
    let event = pair.client.poll_event();
    assert!(matches!(event, Some(ClientEvent::GoingAway { .. })), "{event:?}");
    let refused = pair.client.poll_event();
    let is_refusal = |event: &ClientEvent| matches!(event, ClientEvent::Answer { id, result: Err(CallError::GoingAway), .. } if *id == crossing);
    assert!(refused.as_ref().is_some_and(is_refusal), "{refused:?}");
    assert_ne!(running, crossing);
}

#[test]
fn a_call_that_goes_out_behind_the_end_may_have_run() {
    let mut pair = Pair::with(counter(), counter(), quiet(), quiet()).opened();
    for _ in 0..10 {
        pair.client.call(0, zeros(30_000)).expect("an id is free");
    }
    pair.client.close(CloseReason::normal(), seconds(100));
    pair.client.handle_timeout(seconds(110));
    let (mut may_have_run, mut events) = (0, 0);
    while let Some(event) = pair.client.poll_event() {
        let it = matches!(event, ClientEvent::Unanswered { may_have_run: true, .. });
        may_have_run += usize::from(it);
        events += 1;
    }
    assert_eq!(events, 11);
    let mut sent = 0;
    while let Some(transmit) = pair.client.poll_transmit() {
        let Transmit::Message(message) = transmit else { continue };
        sent +=
            Frames::new(message).filter(|frame| matches!(frame, Ok(Frame::Call { .. }))).count();
    }
    assert_eq!(may_have_run, sent);
    assert!(sent > 2, "some of them wait");
}
