//! What the guide `handles` says of every public handle: `Send`, `Sync`, `Clone`, and whose futures are `Send`.

use hardlight::{
    Attachment, CallContext, CancellationToken, Clock, ConnectionState, Deadline, Emitted, Error,
    EventEmitter, EventHub, EventStream, Events, FeatureSet, FeatureWatch, FeaturesCell, InContext,
    Limits, NoEvents, Projection, Received, Relay, ServerConnection, StateCell, StateGuard,
    StateReadGuard, StateSnapshot, StateWatch, SubscribeError, Subscriptions, Topic, TopicNotices,
    TypeMap, ValueError, ValuesCell, ValuesSnapshot, rpc,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};

/// A service with state and events.
#[rpc(state = State, events = CounterEvent)]
pub trait Counter {
    /// Adds to the counter.
    async fn increment(&self, amount: u32) -> u32;
}

/// The state.
#[derive(ConnectionState, Debug)]
pub struct State {
    /// The counter.
    pub counter: u32,
}

/// The events.
#[derive(Clone, Debug, Events, PartialEq)]
pub enum CounterEvent {
    /// It changed.
    Changed(u32),
}

/// Events that are `Send` and no more: what carries them is `Sync` all the same.
#[derive(Debug)]
#[allow(dead_code)]
pub struct OnlySend(std::cell::Cell<u32>);

// The client.
assert_impl_all!(counter::Client: Clone, Send, Sync, Unpin);
assert_impl_all!(hardlight::ClientConnection<State, CounterEvent>: Clone, Send, Sync, Unpin);
assert_impl_all!(StateWatch<State, CounterEvent>: Send, Sync, Unpin);
assert_impl_all!(StateWatch<State, CounterEvent>: futures_util::Stream);
assert_not_impl_any!(StateWatch<State, CounterEvent>: Clone);
assert_impl_all!(FeatureWatch<State, CounterEvent>: Send, Sync, Unpin);
assert_not_impl_any!(FeatureWatch<State, CounterEvent>: Clone);
assert_impl_all!(Projection<State, CounterEvent, u32>: Send, Unpin, futures_util::Stream);
assert_not_impl_any!(Projection<State, CounterEvent, u32>: Clone);
assert_impl_all!(StateSnapshot<State>: Clone, Send, Sync, Unpin, std::ops::Deref<Target = State>);
assert_not_impl_any!(StateSnapshot<State>: std::ops::DerefMut);
assert_impl_all!(ValuesSnapshot<State>: Clone, Send, Sync, Unpin);
assert_not_impl_any!(ValuesSnapshot<State>: std::ops::DerefMut);
assert_impl_all!(EventStream<CounterEvent>: Send, Sync, Unpin, futures_util::Stream);
assert_impl_all!(EventStream<OnlySend>: Send, Sync, Unpin);
assert_not_impl_any!(EventStream<CounterEvent>: Clone);
assert_impl_all!(Received<CounterEvent>: Clone, Send, Sync);
assert_impl_all!(Attachment: Clone, Send, Sync, Unpin);

// The server.
assert_impl_all!(counter::Connection: Clone, Send, Sync, Unpin);
assert_impl_all!(ServerConnection<State, CounterEvent>: Clone, Send, Sync, Unpin);
assert_impl_all!(counter::Handler: Send, Sync, Unpin);
assert_not_impl_any!(counter::Handler: Clone);
assert_impl_all!(StateCell<State>: Clone, Send, Sync, Unpin);
assert_impl_all!(ValuesCell<'static, State>: Copy, Send, Sync, Unpin);
assert_not_impl_any!(StateGuard<'static, State>: Clone, Send, Sync);
assert_not_impl_any!(StateReadGuard<'static, State>: Clone, Send, Sync);
assert_not_impl_any!(counter::StateGuard<'static>: Clone, Send, Sync);
assert_impl_all!(EventEmitter<CounterEvent>: Clone, Send, Sync, Unpin);
assert_impl_all!(EventEmitter<OnlySend>: Clone, Send, Sync, Unpin);
assert_impl_all!(EventEmitter<NoEvents>: Clone, Send, Sync, Unpin);
assert_impl_all!(Subscriptions: Clone, Send, Sync, Unpin);
assert_impl_all!(EventHub: Clone, Send, Sync, Unpin);
assert_impl_all!(Relay<CounterEvent>: Clone, Send, Sync, Unpin);
assert_impl_all!(Emitted: Send, Sync, Unpin, futures_util::Stream);
assert_impl_all!(TopicNotices: Send, Sync, Unpin, futures_util::Stream);
assert_not_impl_any!(Emitted: Clone);
assert_not_impl_any!(TopicNotices: Clone);

assert_impl_all!(CallContext: Clone, Send, Sync, Unpin);
assert_impl_all!(CancellationToken: Clone, Send, Sync, Unpin);
assert_impl_all!(TypeMap: Send, Sync, Unpin);
assert_not_impl_any!(TypeMap: Clone);
assert_impl_all!(InContext<std::future::Pending<()>>: Send, Sync, Unpin);

// Values.
assert_impl_all!(Clock: Clone, Send, Sync, Unpin);
assert_impl_all!(Deadline: Clone, Send, Sync, Unpin);
assert_impl_all!(Topic: Clone, Send, Sync, Eq, Ord, std::hash::Hash);
assert_impl_all!(Limits: Clone, Send, Sync);
assert_impl_all!(SubscribeError: Clone, Send, Sync, std::error::Error);
assert_impl_all!(FeaturesCell<'static, State>: Clone, Send, Sync, Unpin);
assert_impl_all!(FeatureSet: Clone, Send, Sync, Unpin);
assert_impl_all!(ValueError: Clone, Send, Sync, std::error::Error);
assert_impl_all!(Error: Clone, Send, Sync, std::error::Error);
assert_impl_all!(hardlight::CallError: Clone, Send, Sync, std::error::Error);
assert_impl_all!(hardlight::ConnectionError: Clone, Send, Sync, std::error::Error);

/// Only type-checked: every future may be spawned.
#[allow(dead_code)]
fn futures_are_send(
    client: &'static counter::Client,
    watch: &'static mut StateWatch<State, CounterEvent>,
    features: &'static mut FeatureWatch<State, CounterEvent>,
    projection: &'static mut Projection<State, CounterEvent, u32>,
    events: &'static mut EventStream<CounterEvent>,
) {
    is_send(client.increment(1));
    is_send(client.try_increment(1));
    is_send(async { client.with_timeout(std::time::Duration::MAX).increment(1).await });
    is_send(async { CallContext::current().cancellation().cancelled().await });
    is_send(client.close());
    is_send(client.closed());
    is_send(watch.changed());
    is_send(features.changed());
    is_send(projection.changed());
    is_send(events.next());
}

fn is_send(_: impl Send) {}

#[cfg(feature = "tokio")]
mod tokio {
    use hardlight::{
        BindError, Certificate, ClientAuth, ClientOptions, ConnectError, DevelopmentAuthority,
        HeaderError, Identity, IdentityError, OriginError, OriginPolicy, Refusal, Request,
        Response, ResponseHeaders, Server, ServerHandle, ServerOptions, TlsInfo, Trust, TrustError,
    };
    use static_assertions::{assert_impl_all, assert_not_impl_any};

    use super::{Counter, counter, is_send};

    assert_impl_all!(Server: Send, Sync, Unpin);
    assert_not_impl_any!(Server: Clone);
    assert_impl_all!(ServerHandle: Clone, Send, Sync, Unpin);
    assert_impl_all!(Request: Clone, Send, Sync);
    assert_impl_all!(Response: Clone, Send, Sync);
    assert_impl_all!(ResponseHeaders: Send, Sync);
    assert_impl_all!(TlsInfo: Clone, Send, Sync);
    assert_impl_all!(OriginPolicy: Clone, Send, Sync);
    assert_impl_all!(ClientAuth: Clone, Send, Sync);
    assert_impl_all!(DevelopmentAuthority: Send, Sync);
    assert_impl_all!(Refusal: Clone, Send, Sync);
    assert_impl_all!(Identity: Clone, Send, Sync);
    assert_impl_all!(Certificate: Clone, Send, Sync);
    assert_impl_all!(Trust: Clone, Send, Sync);
    assert_impl_all!(ClientOptions: Clone, Send, Sync);
    assert_impl_all!(ServerOptions: Clone, Send, Sync);
    assert_impl_all!(BindError: Send, Sync, std::error::Error);
    assert_impl_all!(ConnectError: Send, Sync, std::error::Error);
    assert_impl_all!(HeaderError: Clone, Send, Sync, std::error::Error);
    assert_impl_all!(OriginError: Clone, Send, Sync, std::error::Error);
    assert_impl_all!(IdentityError: Send, Sync, std::error::Error);
    assert_impl_all!(TrustError: Send, Sync, std::error::Error);

    impl Counter for counter::Handler {
        async fn increment(&self, amount: u32) -> u32 {
            amount
        }
    }

    #[allow(dead_code)]
    async fn futures_are_send(server: Server, handle: &'static ServerHandle, identity: Identity) {
        is_send(server.run());
        is_send(handle.stop());
        is_send(Server::bind("localhost:0", identity, counter::Handler::accept));
        is_send(Server::bind_plain("localhost:0", counter::Handler::accept));
        is_send(hardlight::connect::<counter::Client>(""));
        is_send(hardlight::connect_plain::<counter::Client>(""));
        let driver = hardlight::connect_driver::<counter::Client>("", ClientOptions::new());
        if let Ok((_, driver)) = driver.await {
            is_send(driver);
        }
    }
}

#[test]
fn the_guide_names_every_handle() {
    let guide = include_str!("../src/guide/handles.md");
    for name in [
        "`Client`",
        "`ClientConnection`",
        "`StateWatch`",
        "`FeatureWatch`",
        "`FeaturesCell`",
        "`EventStream`",
        "`Received`",
        "`Connection`",
        "`ServerConnection`",
        "`Handler`",
        "`StateCell`",
        "`StateGuard`",
        "`EventEmitter`",
        "`Subscriptions`",
        "`CallContext`",
        "`CancellationToken`",
        "`TypeMap`",
        "`Deadline`",
        "`Topic`",
        "`Server`",
        "`ServerHandle`",
        "`Request`",
        "`Refusal`",
        "`Response`",
        "`TlsInfo`",
        "`OriginPolicy`",
        "`ClientAuth`",
        "`Identity`",
        "`Certificate`",
        "`Trust`",
        "`ClientOptions`",
        "`ServerOptions`",
        "`Limits`",
    ] {
        assert!(guide.contains(name), "{name} is not in the guide");
    }
}
