//! The timer that a client's driver has.

use std::{future::poll_fn, pin::pin, time::Duration};

use futures_util::{
    FutureExt,
    future::{Either, select},
};
use hardlight::proto::Time;
use hardlight_driver::Timer;

use super::platform::timer;

async fn rung(timer: &mut impl Timer) {
    poll_fn(|cx| timer.poll_expired(cx)).await;
}

pub(crate) async fn a_timer_rings_when_its_deadline_has_passed_and_not_before() {
    let mut timer = timer();
    assert!(rung(&mut timer).now_or_never().is_none(), "no deadline was set");
    for milliseconds in [10, 5] {
        let deadline = timer.now() + Duration::from_millis(milliseconds);
        timer.reset(deadline);
        rung(&mut timer).await;
        assert!(timer.now() >= deadline);
        assert!(rung(&mut timer).now_or_never().is_some(), "it goes on ringing");
    }
}

pub(crate) async fn a_later_deadline_of_a_timer_replaces_an_earlier_one() {
    let (mut timer, mut passing) = (timer(), timer());
    timer.reset(timer.now() + Duration::from_millis(5));
    assert!(rung(&mut timer).now_or_never().is_none());
    timer.reset(Time::from_micros(u64::MAX));
    assert!(rung(&mut timer).now_or_never().is_none());
    passing.reset(passing.now() + Duration::from_millis(10));
    match select(pin!(rung(&mut passing)), pin!(rung(&mut timer))).await {
        Either::Left(((), rings)) => assert!(rings.now_or_never().is_none()),
        Either::Right(_) => panic!("it rang at the earlier deadline"),
    }
    timer.reset(Time::ZERO);
    assert!(rung(&mut timer).now_or_never().is_some(), "a deadline in the past rings at once");
}
