//! Clients that come back: what becomes of calls, state, events and the application when a connection is lost, step by step,
//! without a runtime.

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use hardlight_driver::{
    ConnectionStatus, Error, Reconnect, Retry, Topic,
    proto::{CallError, CloseCode, CloseReason, ConnectionError, Initiator},
};
use support::returning::{BoardEventHandler, Dial, OnBoardEvent, ReturningHouse, board, lost};

/// Takes its time for each event.
#[derive(Clone, Default)]
struct SlowReader {
    gate: Arc<event_listener::Event>,
    seen: Arc<Mutex<Vec<u32>>>,
}

impl BoardEventHandler for SlowReader {
    async fn on_tick(&mut self, _topic: &Topic, number: u32) {
        self.gate.listen().await;
        self.seen.lock().unwrap().push(number);
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_lost_connection_is_replaced_and_the_same_client_goes_on() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    assert_eq!(house.run(client.add(1)), Ok(1));
    house.cut();
    assert!(matches!(client.status(), ConnectionStatus::Waiting { attempt: 1, .. }));
    house.pass(seconds(1));
    assert_eq!(client.status(), ConnectionStatus::Connected);
    assert_eq!(house.run(client.add(1)), Ok(1), "a handler of its own for each connection");
    assert!(!client.is_closed());
}

#[test]
fn a_call_that_waits_in_line_waits_for_the_next_connection() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    house.cut();
    let call = house.start(async move |client| client.add(5).await);
    let attempt = house.run(client.try_add(5));
    assert_eq!(attempt, Err(Error::NotSent(lost())), "it does not wait");
    assert_eq!(*call.borrow(), None);
    house.pass(seconds(1));
    assert_eq!(*call.borrow(), Some(Ok(5)));
}

#[test]
fn a_call_in_flight_ends_as_indeterminate_unless_it_may_be_made_twice() {
    let mut house = ReturningHouse::new(Reconnect::new());
    house.hold_answers();
    let add = house.start(async move |client| client.add(1).await);
    let ask = house.start(async move |client| client.ask(1).await);
    house.settle();
    house.cut();
    assert_eq!(*add.borrow(), Some(Err(Error::Indeterminate(lost()))));
    assert_eq!(*ask.borrow(), None);
    house.answer_all();
    house.pass(seconds(1));
    assert_eq!(*ask.borrow(), Some(Ok(1)));
    assert_eq!(house.asked(), 2, "once on each connection");
}

#[test]
fn a_call_that_did_not_go_out_is_made_on_the_next_connection_in_its_order() {
    let mut house = ReturningHouse::new(Reconnect::new());
    house.to_server().stall();
    // The first message leaves no room, whatever comes behind it cannot have arrived as a whole.
    let long = house.start(async move |client| client.note("x".repeat(300_000)).await);
    let short = house.start(async move |client| client.note("short".into()).await);
    house.settle();
    house.cut();
    house.pass(seconds(1));
    assert_eq!(
        (long.take(), short.take()),
        (Some(Ok(())), Some(Err(Error::Indeterminate(lost()))))
    );
    assert_eq!(house.notes(), ["x".repeat(300_000)]);
}

#[test]
fn calls_of_a_server_that_is_stopping_are_made_on_the_next_one() {
    let mut house = ReturningHouse::new(Reconnect::new());
    house.hold_answers();
    let running = house.start(async move |client| client.add(1).await);
    house.settle();
    house.close_server(CloseReason::new(CloseCode::GOING_AWAY, "stopping"));
    let calls: Vec<_> =
        (0..3).map(|n| house.start(async move |client| client.note(n.to_string()).await)).collect();
    house.settle();
    assert_eq!(*running.borrow(), None, "the server waits for it");
    house.answer_all();
    assert_eq!(*running.borrow(), Some(Ok(1)));
    house.pass(seconds(1));
    assert!(calls.iter().all(|call| *call.borrow() == Some(Ok(()))));
    assert_eq!(house.notes(), ["0", "1", "2"]);
}

#[test]
fn calls_that_crossed_the_news_of_a_stop_are_made_on_the_next_connection_in_their_order() {
    let mut house = ReturningHouse::new(Reconnect::new());
    house.hold_answers();
    let running = house.start(async move |client| client.add(1).await);
    house.settle();
    house.to_client().stall();
    house.close_server(CloseReason::new(CloseCode::GOING_AWAY, "stopping"));
    let calls: Vec<_> =
        (0..3).map(|n| house.start(async move |client| client.note(n.to_string()).await)).collect();
    house.settle();
    house.to_client().resume();
    house.answer_all();
    assert_eq!(*running.borrow(), Some(Ok(1)));
    house.pass(seconds(1));
    assert!(calls.iter().all(|call| *call.borrow() == Some(Ok(()))), "{calls:?}");
    assert_eq!(house.notes(), ["0", "1", "2"]);
}

#[test]
fn the_state_is_that_of_the_new_connection_and_watches_go_on() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    assert_eq!(house.run(client.add(7)), Ok(7));
    let mut watch = client.watch();
    house.cut();
    assert_eq!(client.state().sum, 7, "as it was known last");
    house.pass(seconds(1));
    assert_eq!(client.state().sum, 0);
    let state = house.run(async { watch.changed().await.expect("it is connected") });
    assert_eq!(state.sum, 0);
}

#[test]
fn events_go_on_where_they_were_in_the_same_stream() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    let mut events = client.events();
    house.run(client.follow("news".into())).unwrap();
    client.on_reconnected(async |client: board::Client| client.follow("news".into()).await);
    house.emit("news", 1);
    house.cut();
    house.emit("news", 2);
    house.pass(seconds(1));
    house.emit("news", 3);
    house.settle();
    assert_eq!(house.read(&mut events), [1, 2, 3]);
}

#[test]
fn what_is_done_on_a_new_connection_comes_before_every_other_call() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    client.on_reconnected(async |client: board::Client| {
        client.note("log in".into()).await?;
        client.note("choose a room".into()).await
    });
    client.on_reconnected(async |client: board::Client| client.note("and then".into()).await);
    house.cut();
    let call = house.start(async move |client| client.note("at last".into()).await);
    house.pass(seconds(1));
    assert_eq!(*call.borrow(), Some(Ok(())));
    assert_eq!(house.notes(), ["log in", "choose a room", "and then", "at last"]);
    assert_eq!(client.status(), ConnectionStatus::Connected);
}

#[test]
fn other_calls_wait_while_a_new_connection_is_restored() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    client.on_reconnected(async |client: board::Client| client.ask(1).await.map(|_| ()));
    house.cut();
    house.hold_answers();
    let call = house.start(async move |client| client.note("behind".into()).await);
    house.pass(seconds(1));
    assert_eq!(client.status(), ConnectionStatus::Restoring);
    assert_eq!(house.run(client.try_note(String::new())), Err(Error::NotSent(lost())));
    assert!(house.notes().is_empty() && call.borrow().is_none());
    // Lost again meanwhile: all begins anew on the next one.
    house.cut();
    house.pass(seconds(2));
    assert_eq!(client.status(), ConnectionStatus::Restoring);
    house.answer_all();
    assert_eq!(*call.borrow(), Some(Ok(())));
    assert_eq!(house.asked(), 2);
}

#[test]
fn a_client_that_cannot_be_restored_is_closed_and_says_why() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    client.on_reconnected(async |_: board::Client| Err("the password is wrong"));
    house.cut();
    let call = house.start(async move |client| client.add(1).await);
    house.pass(seconds(1));
    let ConnectionStatus::Closed(error) = client.status() else { panic!("{:?}", client.status()) };
    assert!(matches!(&error, ConnectionError::Internal(_)), "{error:?}");
    assert!(error.to_string().contains("the password is wrong"), "{error}");
    assert_eq!(*call.borrow(), Some(Err(Error::NotSent(error.clone()))));
    assert_eq!(house.end(), Some(error));
}

#[test]
fn attempts_come_later_and_later_and_each_is_told() {
    let mut house = ReturningHouse::new(Reconnect::new().seed(1));
    let client = house.client();
    let mut statuses = client.watch_status();
    house.next(vec![Dial::Fail(true), Dial::Fail(true), Dial::Connect]);
    house.cut();
    let mut told = Vec::new();
    for _ in 0..7 {
        let status = house.run(statuses.changed()).expect("it is not closed");
        if let ConnectionStatus::Waiting { delay, .. } = &status {
            told.push(*delay);
            house.pass(*delay);
        }
        if status.is_connected() {
            break;
        }
    }
    let [first, second, third] = told[..] else { panic!("{told:?}") };
    let ms = Duration::from_millis;
    assert!((ms(250)..ms(500)).contains(&first), "{first:?}");
    assert!((ms(500)..ms(1000)).contains(&second), "{second:?}");
    assert!((ms(1000)..ms(2000)).contains(&third), "{third:?}");
}

#[test]
fn delays_begin_anew_behind_a_connection_that_lasted() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    let attempt = |client: &board::Client| match client.status() {
        ConnectionStatus::Waiting { attempt, .. } => attempt,
        other => panic!("{other:?}"),
    };
    house.cut();
    assert_eq!(attempt(&client), 1);
    house.pass(seconds(1));
    house.cut();
    assert_eq!(attempt(&client), 2, "it did not last");
    house.pass(seconds(2));
    house.pass_first(seconds(10));
    house.cut();
    assert_eq!(attempt(&client), 1);
}

#[test]
fn a_server_that_asks_for_time_gets_it() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    house.next(vec![Dial::Busy(seconds(60)), Dial::Connect]);
    house.cut();
    house.pass(seconds(1));
    let ConnectionStatus::Waiting { delay, .. } = client.status() else { panic!() };
    assert!((seconds(60)..seconds(62)).contains(&delay), "not all come at once: {delay:?}");
    house.pass(delay);
    house.next(vec![Dial::Busy(Duration::MAX), Dial::Connect]);
    house.cut();
    house.pass(seconds(2));
    let ConnectionStatus::Waiting { delay, .. } = client.status() else { panic!() };
    assert!(delay < seconds(620), "one answer keeps no client away for good: {delay:?}");
}

#[test]
fn a_user_who_does_not_want_to_wait_need_not() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    client.reconnect_now();
    house.cut();
    assert!(!client.status().is_connected(), "what was asked for before is over");
    client.reconnect_now();
    house.settle();
    assert!(client.status().is_connected());
}

#[test]
fn an_adapter_that_knows_of_a_reason_ends_the_pause() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    house.cut();
    assert!(!client.status().is_connected());
    house.call();
    assert!(client.status().is_connected());
}

#[test]
fn chance_begins_with_what_the_adapter_says_unless_the_policy_does() {
    let delay = |policy| {
        let mut house = ReturningHouse::new(policy);
        house.cut();
        let ConnectionStatus::Waiting { delay, .. } = house.client().status() else { panic!() };
        delay
    };
    // The adapter's is 1.
    assert_eq!(delay(Reconnect::new()), delay(Reconnect::new().seed(1)));
    assert_ne!(delay(Reconnect::new()), delay(Reconnect::new().seed(2)));
}

#[test]
fn a_client_gives_up_when_it_is_refused_or_has_tried_often_enough() {
    for (policy, dials, attempts) in [
        (Reconnect::new(), vec![Dial::Fail(false)], 1),
        (Reconnect::new().max_attempts(2), vec![Dial::Fail(true), Dial::Fail(true)], 2),
    ] {
        let mut house = ReturningHouse::new(policy);
        let client = house.client();
        house.next(dials);
        house.cut();
        let call = house.start(async move |client| client.add(1).await);
        for _ in 0..10 {
            house.pass(seconds(1));
        }
        let error = ConnectionError::Lost(format!("attempt {attempts}").into());
        assert_eq!(*call.borrow(), Some(Err(Error::NotSent(error.clone()))));
        assert_eq!(client.status(), ConnectionStatus::Closed(error.clone()));
        assert_eq!(house.run(client.closed()), error);
        assert_eq!(house.end(), Some(error));
    }
}

#[test]
fn what_no_time_can_help_ends_the_client_at_once() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    house.close_server(CloseReason::new(CloseCode(4401), "log in"));
    house.settle();
    let reason = CloseReason::new(CloseCode(4401), "log in");
    let closed = ConnectionError::Closed { initiator: Initiator::Remote, reason };
    assert_eq!(client.status(), ConnectionStatus::Closed(closed));
    assert_eq!(house.dialed(), 0);
}

#[test]
fn a_client_can_be_closed_while_there_is_no_connection() {
    for by_dropping in [false, true] {
        let mut house = ReturningHouse::new(Reconnect::new());
        let client = house.client();
        house.cut();
        if by_dropping {
            drop(client);
            house.drop_client();
            house.settle();
        } else {
            house.run(client.close());
            assert!(client.is_closed());
            assert!(matches!(house.run(client.add(1)), Err(Error::NotSent(_))));
        }
        assert!(matches!(house.end(), Some(ConnectionError::Closed { .. })), "{:?}", house.end());
        assert_eq!(house.dialed(), 0);
    }
}

#[test]
fn a_call_that_is_dropped_while_there_is_no_connection_is_not_made() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    house.cut();
    let mut call = Box::pin(client.note("never mind".into()));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    drop(call);
    house.pass(seconds(1));
    assert_eq!(house.run(client.note("kept".into())), Ok(()));
    assert_eq!(house.notes(), ["kept"]);
}

#[test]
fn more_calls_than_there_are_ids_wait_and_keep_their_order() {
    let mut house = ReturningHouse::new(Reconnect::new());
    house.hold_answers();
    let calls: Vec<_> =
        (0..300).map(|n| house.start(async move |client| client.ask(n).await)).collect();
    house.settle();
    house.cut();
    house.answer_all();
    house.pass(seconds(1));
    for (n, call) in calls.iter().enumerate() {
        assert_eq!(*call.borrow(), Some(Ok(n as u32)));
    }
}

#[test]
fn a_handler_of_events_runs_while_there_is_no_connection() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    house.run(client.follow("news".into())).unwrap();
    let reader = SlowReader::default();
    client.attach(reader.clone());
    house.emit("news", 1);
    house.cut();
    assert!(reader.seen.lock().unwrap().is_empty());
    reader.gate.notify(1);
    house.settle();
    assert_eq!(*reader.seen.lock().unwrap(), [1]);
    house.pass(seconds(1));
    house.run(client.follow("news".into())).unwrap();
    house.emit("news", 2);
    reader.gate.notify(1);
    house.settle();
    assert_eq!(*reader.seen.lock().unwrap(), [1, 2]);
}

#[test]
fn a_resume_point_is_known_while_there_is_no_connection() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    house.run(client.follow("news".into())).unwrap();
    house.emit("news", 1);
    house.settle();
    house.cut();
    let resume = house.run(client.resume_point()).expect("there is a topic");
    assert_eq!(resume.topics.len(), 1);
}

#[test]
fn a_client_without_reconnecting_is_closed_by_the_first_loss() {
    let mut joined = support::joined::Joined::new();
    let client = joined.client();
    assert_eq!(client.status(), ConnectionStatus::Connected);
    let mut statuses = client.watch_status();
    joined.to_client.cut();
    joined.settle();
    assert_eq!(client.status(), ConnectionStatus::Closed(lost()));
    let told =
        joined.pool.run_until(async { (statuses.changed().await, statuses.changed().await) });
    assert_eq!(told, (Some(ConnectionStatus::Closed(lost())), None));
    let refused = joined.pool.run_until(client.try_get());
    assert_eq!(refused, Err(Error::NotSent(lost())));
    assert!(!matches!(refused, Err(Error::Call(CallError::GoingAway))));
}

#[test]
fn a_server_that_lets_clients_in_and_says_nothing_counts_as_a_failure_each_time() {
    let mut house = ReturningHouse::new(Reconnect::new().max_attempts(3));
    house.next(vec![Dial::Mute, Dial::Mute, Dial::Mute, Dial::Mute]);
    house.cut();
    for _ in 0..10 {
        house.pass(seconds(20));
    }
    assert_eq!(house.dialed(), 3);
    assert!(house.end().is_some());
}

#[test]
fn the_state_of_an_earlier_connection_is_not_seen_on_the_next_one() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    house.run(client.log_in("open sesame".into())).unwrap();
    assert_eq!(client.state().secret, "open sesame");
    house.cut();
    house.pass(seconds(1));
    for number in 1..6 {
        assert_eq!(client.state().secret, "", "after {number} connections' states");
        assert_eq!(house.run(client.add(1)), Ok(number));
    }
}

#[test]
fn a_call_that_does_not_wait_is_not_made_on_the_next_connection() {
    let mut house = ReturningHouse::new(Reconnect::new());
    house.hold_answers();
    let ask = house.start(async move |client| client.try_ask(1).await);
    house.settle();
    house.to_server().stall();
    let note = house.start(async move |client| client.try_note("x".repeat(300_000)).await);
    house.settle();
    house.cut();
    assert_eq!(*ask.borrow(), Some(Err(Error::Indeterminate(lost()))));
    assert_eq!(*note.borrow(), Some(Err(Error::NotSent(lost()))));
}

#[test]
fn a_call_that_ends_every_server_is_not_made_for_ever() {
    let mut house = ReturningHouse::new(Reconnect::new());
    house.hold_answers();
    let ask = house.start(async move |client| client.ask(1).await);
    for _ in 0..3 {
        house.settle();
        house.cut();
        assert_eq!(*ask.borrow(), None);
        house.pass(seconds(20));
    }
    house.cut();
    assert_eq!(*ask.borrow(), Some(Err(Error::Indeterminate(lost()))));
    assert_eq!(house.asked(), 4);
}

#[test]
fn retries_do_not_make_a_call_again_that_reconnecting_has_given_up() {
    let mut house = ReturningHouse::new(Reconnect::new());
    house.hold_answers();
    let ask = house.start(async move |client| client.with_retry(Retry::new()).ask(1).await);
    for _ in 0..3 {
        house.settle();
        house.cut();
        house.pass(seconds(20));
    }
    house.cut();
    assert_eq!(*ask.borrow(), Some(Err(Error::Indeterminate(lost()))));
    house.pass_first(seconds(20));
    assert_eq!(house.asked(), 4);
}

#[test]
fn a_server_that_turns_a_client_away_does_so_while_calls_run_as_well() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    house.hold_answers();
    let running = house.start(async move |client| client.add(1).await);
    house.settle();
    house.close_server(CloseReason::new(CloseCode(4401), "the session has ended"));
    assert_eq!(client.status(), ConnectionStatus::Leaving);
    house.answer_all();
    assert_eq!(*running.borrow(), Some(Ok(1)));
    assert!(client.status().is_closed(), "{:?}", client.status());
    assert_eq!(house.dialed(), 0);
}

#[test]
fn a_server_that_says_it_stops_and_does_not_is_left() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    house.hold_answers();
    let running = house.start(async move |client| client.add(1).await);
    house.settle();
    house.close_server(CloseReason::new(CloseCode::GOING_AWAY, "stopping"));
    let waiting = house.start(async move |client| client.note("at last".into()).await);
    // Its grace, and as much as a close may take.
    house.pass_connected(Duration::from_millis(19_999));
    assert_eq!(client.status(), ConnectionStatus::Leaving);
    house.pass_connected(Duration::from_millis(1));
    assert!(matches!(*running.borrow(), Some(Err(Error::Indeterminate(_)))));
    house.pass(seconds(1));
    assert_eq!(*waiting.borrow(), Some(Ok(())));
}

#[test]
fn a_server_that_stops_while_a_connection_is_restored_is_left_at_once() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    client.on_reconnected(async |client: board::Client| {
        client.ask(1).await?;
        client.note("restored".into()).await
    });
    house.cut();
    house.hold_answers();
    house.pass(seconds(1));
    assert_eq!(client.status(), ConnectionStatus::Restoring);
    house.close_server(CloseReason::new(CloseCode::GOING_AWAY, "stopping"));
    assert!(matches!(client.status(), ConnectionStatus::Waiting { .. }), "{:?}", client.status());
    house.answer_all();
    house.pass(seconds(2));
    assert_eq!(client.status(), ConnectionStatus::Connected);
    assert_eq!(house.notes(), ["restored"]);
}

#[test]
fn what_panics_on_a_new_connection_ends_the_client() {
    for at_once in [true, false] {
        let mut house = ReturningHouse::new(Reconnect::new());
        let client = house.client();
        client.on_reconnected(move |client: board::Client| {
            assert!(!at_once, "on purpose");
            async move {
                client.note("begun".into()).await?;
                if client.status() != ConnectionStatus::Connected {
                    panic!("on purpose");
                }
                Ok::<_, Error>(())
            }
        });
        house.cut();
        house.pass(seconds(1));
        let ConnectionStatus::Closed(error) = client.status() else {
            panic!("{:?}", client.status())
        };
        assert!(error.to_string().contains("panicked"), "{error}");
    }
}

#[test]
fn what_waits_for_itself_on_a_new_connection_is_given_up_in_time() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    let mut times = 0;
    let other = Arc::new(Mutex::new(Some(client.clone())));
    let taken = Arc::clone(&other);
    client.on_reconnected(move |_: board::Client| {
        times += 1;
        let first = times == 1;
        let client = taken.lock().unwrap().clone();
        async move {
            if first && let Some(client) = client {
                // Not the client that it was given.
                client.note("never".into()).await?;
            }
            Ok::<_, Error>(())
        }
    });
    house.cut();
    house.pass(seconds(1));
    assert_eq!(client.status(), ConnectionStatus::Restoring);
    house.pass_connected(Duration::from_millis(29_999));
    assert_eq!(client.status(), ConnectionStatus::Restoring);
    house.pass_connected(Duration::from_millis(1));
    house.pass(seconds(2));
    assert_eq!(client.status(), ConnectionStatus::Connected);
    *other.lock().unwrap() = None;
}

#[test]
fn a_client_that_was_for_restoring_is_like_others_afterwards() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    client.on_reconnected(move |client: board::Client| {
        *keep.lock().unwrap() = Some(client.clone());
        async move { client.note("log in".into()).await }
    });
    house.cut();
    house.pass(seconds(1));
    let stored = kept.lock().unwrap().take().expect("it was connected again");
    house.cut();
    let early = house.start(async move |_| stored.note("early".into()).await);
    house.settle();
    assert_eq!(*early.borrow(), None, "it waits as others do");
    house.pass(seconds(2));
    assert_eq!(*early.borrow(), Some(Ok(())));
    assert_eq!(house.notes(), ["log in", "log in", "early"]);
    *kept.lock().unwrap() = None;
}

#[test]
fn a_deadline_ends_calls_also_while_there_is_no_connection() {
    let mut house = ReturningHouse::new(Reconnect::new().min_delay(seconds(60)));
    let client = house.client();
    let timed = client.with_timeout(seconds(5));
    house.cut();
    let call = house.start(async move |_| timed.note("late".into()).await);
    house.settle();
    house.pass_first(seconds(4));
    assert_eq!(*call.borrow(), None);
    house.pass_first(seconds(1));
    assert_eq!(*call.borrow(), Some(Err(Error::Call(CallError::DeadlineExceeded))));
}

#[test]
fn a_deadline_counts_from_one_connection_to_the_next() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    house.hold_answers();
    let timed = client.with_timeout(seconds(60));
    let ask = house.start(async move |_| timed.ask(1).await);
    house.settle();
    house.pass_first(seconds(20));
    house.cut();
    house.pass(seconds(1));
    house.pass_first(seconds(39));
    house.pass_connected(seconds(39));
    assert_eq!(*ask.borrow(), None);
    house.pass_first(seconds(1));
    house.pass_connected(seconds(1));
    assert_eq!(*ask.borrow(), Some(Err(Error::Call(CallError::DeadlineExceeded))));
}

#[test]
fn a_driver_that_is_never_polled_ends_its_client() {
    let failed = ReturningHouse::dropped_at_once();
    assert!(matches!(failed, Err(ConnectionError::Lost(_))), "{failed:?}");
}

#[test]
fn what_is_to_be_done_on_a_new_connection_is_not_kept_once_there_will_be_none() {
    let mut house = ReturningHouse::new(Reconnect::new());
    let client = house.client();
    house.run(client.close());
    let held = Arc::new(());
    let inside = Arc::clone(&held);
    client.on_reconnected(move |_: board::Client| {
        let _inside = Arc::clone(&inside);
        async { Ok::<_, Error>(()) }
    });
    assert_eq!(Arc::strong_count(&held), 1);
}
