//! Who may call what.

use futures_executor::LocalPool;
use hardlight_driver::{
    Error,
    layer::{Authorize, Call, Roles},
    proto::CallError,
};
use hardlight_macros::Feature;

use super::{BUSY, call, desk};
use crate::support::desk::{Odd, work::Method};

const REFUSED: Result<u32, Error> = Err(Error::Call(CallError::MissingFeature));

#[derive(Clone, Copy, Feature)]
enum Allowed {
    Work,
}

#[derive(Clone)]
struct Roster(Vec<&'static str>);

impl Roles for Roster {
    type Role = &'static str;

    fn has(&self, role: &&'static str) -> bool {
        self.0.contains(role)
    }
}

#[test]
fn methods_that_no_rule_names_are_open_or_closed() {
    let mut pool = LocalPool::new();
    let open = desk(&mut pool, Authorize::open());
    assert_eq!(call(&mut pool, &open, async |client| client.get().await), Ok(3));
    let closed = desk(&mut pool, Authorize::closed().all([Method::Again]));
    assert_eq!(call(&mut pool, &closed, async |client| client.get().await), REFUSED);
    assert_eq!(call(&mut pool, &closed, async |client| client.again().await), Ok(5));
    assert_eq!(closed.seen.started(), 1);
}

#[test]
fn a_feature_counts_as_it_is_when_the_call_comes() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, Authorize::open().feature([Method::Get], Allowed::Work));
    let mut get = || call(&mut pool, &desk, async |client| client.get().await);
    assert_eq!(get(), REFUSED);
    desk.connection.features().insert(Allowed::Work);
    assert_eq!(get(), Ok(3));
    desk.connection.features().remove(Allowed::Work);
    assert_eq!(get(), REFUSED);
}

#[test]
fn a_role_is_one_of_the_connections_user() {
    let mut pool = LocalPool::new();
    let layer = Authorize::open()
        .role::<Roster>([Method::Get], "reader")
        .role::<Roster>([Method::Get, Method::Again], "worker");
    let desk = desk(&mut pool, layer);
    let mut both = || {
        let get = call(&mut pool, &desk, async |client| client.get().await);
        (get, call(&mut pool, &desk, async |client| client.again().await))
    };
    assert_eq!(both(), (REFUSED, REFUSED));
    let extensions = desk.connection.extensions();
    extensions.insert(Roster(vec!["worker"]));
    // All rules of a method must hold.
    assert_eq!(both(), (REFUSED, Ok(5)));
    extensions.insert(Roster(vec!["reader", "worker"]));
    assert_eq!(both(), (Ok(3), Ok(5)));
    extensions.remove::<Roster>();
    assert_eq!(both(), (REFUSED, REFUSED));
}

#[test]
fn a_rule_may_look_at_the_arguments_and_a_refusal_be_the_applications_own() {
    let mut pool = LocalPool::new();
    let is_small = |call: &Call| {
        let input = call.input::<crate::support::desk::work::HalveInput>();
        input.is_ok_and(|input| input.is_some_and(|input| input.number < 10))
    };
    let layer = Authorize::open()
        .when([Method::Halve], is_small)
        .when([Method::Get], |_| false)
        .refuse_with(|call| match call.method() {
            "halve" => call.answer(&Err::<u32, _>(Odd { number: 0 })),
            _ => Err(CallError::Busy),
        });
    let desk = desk(&mut pool, layer);
    assert_eq!(call(&mut pool, &desk, async |client| client.halve(8).await), Ok(4));
    let refused = call(&mut pool, &desk, async |client| client.halve(10).await);
    assert_eq!(refused, Err(Error::Application(Odd { number: 0 })));
    assert_eq!(call(&mut pool, &desk, async |client| client.get().await), BUSY);
}
