//! How often calls are made.

use std::{net::IpAddr, sync::Arc, time::Duration};

use futures_executor::LocalPool;
use hardlight_driver::{
    Error, EventHub,
    layer::{Call, Layers, Next, Rate, RateLimit},
    proto::CallError,
};
use parking_lot::Mutex;

use super::{BUSY, MICROSECOND, SECOND, call, desk, desk_of, start};
use crate::support::desk::{Choice, Desk, Odd, User, work, work::Method};

fn desk_at(pool: &mut LocalPool, layers: &Layers, ip: &str) -> Desk {
    let client_ip: Option<IpAddr> = (!ip.is_empty()).then(|| ip.parse().unwrap());
    Desk::with(pool, Choice { layers: layers.clone(), client_ip, ..Choice::default() })
}

/// How many calls of many are answered now.
fn allowed(pool: &mut LocalPool, desk: &Desk) -> usize {
    let calls = (0..50).map(|_| call(pool, desk, async |client| client.get().await));
    calls.filter(Result::is_ok).count()
}

#[test]
fn as_many_as_at_once_and_then_as_many_as_time_allows() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, RateLimit::per_connection(Rate::per_second(10).burst(4)));
    assert_eq!(allowed(&mut pool, &desk), 4);
    desk.server_timer.advance(SECOND / 10 - MICROSECOND);
    assert_eq!(allowed(&mut pool, &desk), 0);
    desk.server_timer.advance(MICROSECOND);
    assert_eq!(allowed(&mut pool, &desk), 1);
    desk.server_timer.advance(SECOND / 5);
    assert_eq!(allowed(&mut pool, &desk), 2);
    desk.server_timer.advance(1000 * SECOND);
    assert_eq!(allowed(&mut pool, &desk), 4);
    assert_eq!(desk.seen.started(), 11);
}

#[test]
fn connections_of_one_client_count_together_or_each_by_itself() {
    let mut pool = LocalPool::new();
    let rate = Rate::per_minute(3);
    for (layer, second) in [(RateLimit::per_connection(rate), 3), (RateLimit::per_client(rate), 0)]
    {
        let layers = Layers::none().with(layer);
        let (one, other) =
            (desk_at(&mut pool, &layers, "192.0.2.1"), desk_at(&mut pool, &layers, "192.0.2.1"));
        let stranger = desk_at(&mut pool, &layers, "192.0.2.2");
        assert_eq!(allowed(&mut pool, &one), 3);
        assert_eq!(allowed(&mut pool, &other), second);
        assert_eq!(allowed(&mut pool, &stranger), 3);
    }
}

#[test]
fn a_network_of_64_bits_is_one_client() {
    let mut pool = LocalPool::new();
    let layers = Layers::none().with(RateLimit::per_client(Rate::per_minute(2)));
    let one = desk_at(&mut pool, &layers, "2001:db8:1:2::1");
    let same = desk_at(&mut pool, &layers, "2001:db8:1:2:ffff::2");
    let other = desk_at(&mut pool, &layers, "2001:db8:1:3::1");
    assert_eq!(allowed(&mut pool, &one), 2);
    assert_eq!(allowed(&mut pool, &same), 0);
    assert_eq!(allowed(&mut pool, &other), 2);
}

#[test]
fn connections_without_an_address_count_each_by_itself() {
    let mut pool = LocalPool::new();
    let layers = Layers::none().with(RateLimit::per_client(Rate::per_minute(2)));
    let hub = EventHub::new();
    let [one, other] = [(); 2].map(|()| {
        let (layers, hub) = (layers.clone(), hub.clone());
        Desk::with(&mut pool, Choice { layers, hub, ..Choice::default() })
    });
    assert_eq!(allowed(&mut pool, &one), 2);
    assert_eq!(allowed(&mut pool, &other), 2);
}

#[test]
fn a_key_is_the_applications_choice_and_calls_without_one_are_not_counted() {
    let mut pool = LocalPool::new();
    let user = |call: &Call| {
        let extensions = call.context().connection_extensions();
        extensions.and_then(|extensions| extensions.get::<User>()).map(|User(name)| name)
    };
    let layers = Layers::none().with(RateLimit::per_key(Rate::per_minute(2), user));
    let desk_of = |pool: &mut LocalPool, user| {
        Desk::with(pool, Choice { layers: layers.clone(), user, ..Choice::default() })
    };
    let (alice, again) = (desk_of(&mut pool, Some("alice")), desk_of(&mut pool, Some("alice")));
    let (bob, nobody) = (desk_of(&mut pool, Some("bob")), desk_of(&mut pool, None));
    assert_eq!(allowed(&mut pool, &alice), 2);
    assert_eq!(allowed(&mut pool, &again), 0);
    assert_eq!(allowed(&mut pool, &bob), 2);
    assert_eq!(allowed(&mut pool, &nobody), 50);
}

#[test]
fn methods_that_are_not_named_are_not_counted() {
    let mut pool = LocalPool::new();
    let limit = RateLimit::per_connection(Rate::per_minute(1)).only([Method::Again]);
    let desk = desk(&mut pool, limit);
    assert_eq!(call(&mut pool, &desk, async |client| client.again().await), Ok(5));
    assert_eq!(call(&mut pool, &desk, async |client| client.again().await), BUSY);
    assert_eq!(allowed(&mut pool, &desk), 50);
}

#[test]
fn calls_wait_for_their_time_where_it_is_near() {
    let mut pool = LocalPool::new();
    let limit = RateLimit::per_connection(Rate::per_second(1)).wait(2 * SECOND);
    let desk = desk(&mut pool, limit);
    let calls: Vec<_> =
        (0..3).map(|_| start(&mut pool, &desk, async |client| client.get().await)).collect();
    let answers = || calls.iter().map(|call| call.borrow().clone()).collect::<Vec<_>>();
    assert_eq!(answers(), [Some(Ok(3)), None, None]);
    desk.server_timer.advance(SECOND);
    pool.run_until_stalled();
    // Both have waited for the same second; one of them has another one left.
    let answered = answers().iter().flatten().count();
    assert_eq!(answered, 2);
    desk.server_timer.advance(SECOND);
    pool.run_until_stalled();
    assert_eq!(answers(), vec![Some(Ok(3)); 3]);
    // There is none left for whoever would have to wait for longer.
    let late = RateLimit::per_connection(Rate::per_minute(1)).wait(59 * SECOND);
    let desk = super::desk(&mut pool, late);
    assert_eq!(call(&mut pool, &desk, async |client| client.get().await), Ok(3));
    assert_eq!(call(&mut pool, &desk, async |client| client.get().await), BUSY);
}

#[test]
fn a_call_that_is_given_up_while_it_waits_never_runs() {
    let mut pool = LocalPool::new();
    let limit = RateLimit::per_connection(Rate::per_second(1)).wait(10 * SECOND);
    let desk = desk(&mut pool, limit);
    let _ = call(&mut pool, &desk, async |client| client.get().await);
    // One whose handler would not be dropped.
    start(&mut pool, &desk, async |client| client.finish().await);
    desk.to_server.cut();
    pool.run_until_stalled();
    desk.server_timer.advance(10 * SECOND);
    pool.run_until_stalled();
    assert_eq!((desk.seen.started(), desk.seen.running()), (1, 0));
    assert!(desk.server_end.borrow().is_some());
}

#[test]
fn a_call_whose_connection_is_gone_does_not_run_though_its_time_has_come() {
    let mut pool = LocalPool::new();
    let layers = Layers::none().with(RateLimit::per_client(Rate::per_second(1)).wait(10 * SECOND));
    let one = desk_at(&mut pool, &layers, "192.0.2.1");
    let _ = call(&mut pool, &one, async |client| client.get().await);
    let other = desk_at(&mut pool, &layers, "192.0.2.1");
    start(&mut pool, &other, async |client| client.finish().await);
    // The limit has the clock of its first connection; the call waits by that of its own.
    one.server_timer.advance(SECOND);
    other.to_server.cut();
    pool.run_until_stalled();
    assert!(other.server_end.borrow().is_some());
    assert_eq!(other.seen.started(), 0);
}

#[test]
fn a_call_whose_deadline_passes_while_it_waits_ends_with_that() {
    let mut pool = LocalPool::new();
    let seen = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&seen);
    let outer = move |call: Call, next: Next| {
        let noted = Arc::clone(&noted);
        async move {
            let outcome = next.run(call).await;
            *noted.lock() = outcome.as_ref().err().cloned();
            outcome
        }
    };
    let limit = RateLimit::per_connection(Rate::per_second(1)).wait(10 * SECOND);
    let desk = desk_of(&mut pool, Layers::none().with(outer).with(limit));
    let _ = call(&mut pool, &desk, async |client| client.get().await);
    let client = desk.client.with_timeout(SECOND / 2);
    start(&mut pool, &desk, async move |_| client.finish().await);
    desk.server_timer.advance(SECOND / 2);
    pool.run_until_stalled();
    assert_eq!(*seen.lock(), Some(CallError::DeadlineExceeded));
    assert_eq!(desk.seen.started(), 1);
}

#[test]
fn no_more_calls_wait_than_may_and_each_until_those_ahead_have_gone() {
    let mut pool = LocalPool::new();
    let limit = RateLimit::per_connection(Rate::per_second(1)).wait(2 * SECOND);
    let desk = desk(&mut pool, limit);
    let calls: Vec<_> =
        (0..5).map(|_| start(&mut pool, &desk, async |client| client.get().await)).collect();
    let answers = || calls.iter().map(|call| call.borrow().clone()).collect::<Vec<_>>();
    // Behind two that wait there is nothing left in that time.
    let mut expected = vec![Some(Ok(3)), None, None, Some(BUSY), Some(BUSY)];
    assert_eq!(answers(), expected);
    for answered in 1..3 {
        desk.server_timer.advance(SECOND);
        pool.run_until_stalled();
        expected[answered] = Some(Ok(3));
        assert_eq!(answers(), expected);
    }
    let limit = RateLimit::per_connection(Rate::per_second(1)).wait(100 * SECOND).waiting(1);
    let desk = super::desk(&mut pool, limit);
    let _ = call(&mut pool, &desk, async |client| client.get().await);
    let waiting = start(&mut pool, &desk, async |client| client.get().await);
    assert_eq!(call(&mut pool, &desk, async |client| client.get().await), BUSY);
    desk.server_timer.advance(SECOND);
    pool.run_until_stalled();
    assert_eq!(*waiting.borrow(), Some(Ok(3)));
    // Who goes leaves room for the next.
    assert_eq!(*start(&mut pool, &desk, async |client| client.get().await).borrow(), None);
}

#[test]
fn a_refusal_may_say_how_long_to_wait() {
    let mut pool = LocalPool::new();
    let limit =
        RateLimit::per_connection(Rate::per_minute(1)).refuse_with(|call, wait: Duration| {
            let number = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
            call.answer::<work::HalveOutput>(&Err(Odd { number }))
        });
    let desk = desk(&mut pool, limit);
    assert_eq!(call(&mut pool, &desk, async |client| client.halve(2).await), Ok(1));
    desk.server_timer.advance(15 * SECOND);
    let refused = call(&mut pool, &desk, async |client| client.halve(2).await);
    assert_eq!(refused, Err(Error::Application(Odd { number: 45 })));
}

#[test]
fn a_flood_of_clients_costs_those_that_are_new() {
    let mut pool = LocalPool::new();
    let layers = Layers::none().with(RateLimit::per_client(Rate::per_minute(3)).max_keys(2));
    let known = desk_at(&mut pool, &layers, "192.0.2.1");
    let _ = call(&mut pool, &known, async |client| client.get().await);
    let fill = desk_at(&mut pool, &layers, "192.0.2.2");
    let _ = call(&mut pool, &fill, async |client| client.get().await);
    // These share what one may do.
    let flood: Vec<_> =
        (3..20).map(|last| desk_at(&mut pool, &layers, &format!("192.0.2.{last}"))).collect();
    let sum: usize = flood.iter().map(|desk| allowed(&mut pool, desk)).sum();
    assert_eq!(sum, 3);
    assert_eq!(allowed(&mut pool, &known), 2);
    assert_eq!(allowed(&mut pool, &fill), 2);
}

#[test]
fn whoever_may_do_all_again_is_forgotten() {
    let mut pool = LocalPool::new();
    let layers = Layers::none().with(RateLimit::per_client(Rate::per_second(3)).max_keys(1));
    let first = desk_at(&mut pool, &layers, "192.0.2.1");
    let _ = call(&mut pool, &first, async |client| client.get().await);
    let second = desk_at(&mut pool, &layers, "192.0.2.2");
    assert_eq!(allowed(&mut pool, &second), 3);
    // The limit has the clock of its first connection.
    first.server_timer.advance(10 * SECOND);
    assert_eq!(allowed(&mut pool, &second), 3);
    let third = desk_at(&mut pool, &layers, "192.0.2.3");
    // The second one has the only place now, so the third one counts with all others, who have done nothing for long.
    assert_eq!(allowed(&mut pool, &third), 3);
    assert_eq!(allowed(&mut pool, &third), 0);
    assert_eq!(allowed(&mut pool, &second), 0);
}

#[test]
fn who_may_do_all_again_is_forgotten_before_those_may_who_have_used_it_up() {
    let mut pool = LocalPool::new();
    let rate = Rate::per_minute(1).burst(10);
    let layers = Layers::none().with(RateLimit::per_client(rate).max_keys(1));
    let first = desk_at(&mut pool, &layers, "192.0.2.1");
    let _ = call(&mut pool, &first, async |client| client.get().await);
    let second = desk_at(&mut pool, &layers, "192.0.2.2");
    let _ = call(&mut pool, &second, async |client| client.get().await);
    first.server_timer.advance(121 * SECOND);
    // The second one has the place of the first, so the third one has for itself what all others share.
    assert_eq!(allowed(&mut pool, &second), 10);
    let third = desk_at(&mut pool, &layers, "192.0.2.3");
    assert_eq!(allowed(&mut pool, &third), 10);
}

#[test]
#[should_panic(expected = "a rate of no calls")]
fn a_rate_of_no_calls_is_refused() {
    let _ = Rate::per_second(0);
}
