//! What the handles of a client share with its driver.

use std::{sync::Arc, task::Waker};

use arc_swap::ArcSwap;
use event_listener::Event;
use hardlight_proto::{ConnectionError, ConnectionState, Events, FeatureSet, ServiceSchema};

use super::{
    Connected, ConnectionStatus,
    attached::Attached,
    calls::{CallKey, Calls},
    events::Receivers,
    published::Published,
    restore::Restores,
    state::PublishedState,
};
use crate::{
    clock::Clock, mailbox::Mailbox, opening::Opening, service::ServiceClient,
    telemetry::client::ClientTelemetry, timer::Timer,
};

/// What the handles of a client share with its driver.
pub(super) struct Shared<S, E> {
    pub(super) mailbox: Mailbox<Calls>,
    pub(super) state: PublishedState<S>,
    pub(super) events: Receivers<E>,
    pub(super) features: Published<Arc<FeatureSet>>,
    pub(super) status: Published<ConnectionStatus>,
    pub(super) restores: Restores,
    /// The connection has opened, ended or finished.
    pub(super) progress: Event,
    pub(super) response: ArcSwap<Opening>,
    /// Of all services of the connection together.
    pub(super) schema: &'static ServiceSchema,
    /// That of the first connection's timer: what deadlines are counted by.
    pub(super) clock: Clock,
    pub(super) telemetry: ClientTelemetry,
}

impl<S: ConnectionState, E: Events> Shared<S, E> {
    /// What those of the client `C` share to begin with, before its first connection opens.
    pub(super) fn of<C, T, M>(
        mut connected: Connected<T, M>,
        comes_back: bool,
    ) -> (Arc<Self>, Connected<T, M>)
    where
        C: ServiceClient<State = S, Events = E>,
        M: Timer,
    {
        let schema = C::schema();
        let config = &connected.config;
        assert!(std::ptr::eq(config.schema(), schema), "the schema is that of the service");
        let response = std::mem::replace(&mut connected.response, Opening::none());
        let max_event_bytes = connected.config.limits().max_queued_event_bytes();
        let telemetry = std::mem::take(&mut connected.telemetry);
        let endpoint = std::mem::take(&mut connected.endpoint);
        let clock = connected.timer.clock();
        let comes_back = comes_back.then_some(schema);
        let shared = Self {
            mailbox: Mailbox::new(Calls::new(comes_back)),
            state: PublishedState::new(),
            events: Receivers::new(max_event_bytes),
            features: Published::new(Arc::default()),
            status: Published::new(ConnectionStatus::Connected),
            restores: Restores::default(),
            progress: Event::new(),
            response: ArcSwap::new(Arc::new(response)),
            schema,
            telemetry: ClientTelemetry::new(telemetry, endpoint, schema, clock.clone()),
            clock,
        };
        (Arc::new(shared), connected)
    }

    /// Waits until `ready` finds what it looks for.
    pub(super) async fn wait_for<V>(&self, mut ready: impl FnMut(&mut Calls) -> Option<V>) -> V {
        loop {
            let listener = self.progress.listen();
            if let Some(value) = self.mailbox.with(&mut ready) {
                return value;
            }
            listener.await;
        }
    }

    /// The connection has ended: every waiter learns why.
    pub(super) fn end(&self, error: &ConnectionError) {
        let mut wakers = Vec::new();
        let failed = self.mailbox.with(|calls| {
            let failed = calls.failed.take();
            calls.end(failed.as_ref().unwrap_or(error), &mut wakers);
            failed
        });
        let error = failed.as_ref().unwrap_or(error);
        wakers.into_iter().for_each(Waker::wake);
        self.events.end();
        self.restores.end();
        self.features.tell();
        self.state.changed.notify(usize::MAX);
        if !self.status.get().is_closed() {
            self.status.publish(ConnectionStatus::Closed(error.clone()));
        }
        self.tell();
    }

    /// The driver has let go of the transport.
    pub(super) fn finish(&self) {
        let attached = self.mailbox.with(|calls| {
            calls.finished = true;
            std::mem::take(&mut calls.attached)
        });
        drop(attached);
        self.tell();
    }

    /// A connection is open, its state and features are known.
    pub(super) fn opened(self: &Arc<Self>) {
        let first = self.mailbox.with(|calls| !std::mem::replace(&mut calls.opened, true));
        if first {
            self.mailbox.with(|calls| calls.connected_at = Some(self.clock.now()));
        } else {
            self.restore();
        }
        self.tell();
    }

    /// The connection is lost, and the client goes on without it.
    pub(super) fn interrupt(&self, error: &ConnectionError) {
        self.restores.stop();
        let mut wakers = Vec::new();
        self.mailbox.with(|calls| calls.interrupt(error, self.clock.now(), &mut wakers));
        wakers.into_iter().for_each(Waker::wake);
        self.tell();
    }

    /// Handlers that are attached wait in the mailbox for whoever polls them next.
    pub(super) fn hand_back(&self, mut attached: Vec<Attached>) {
        self.mailbox.with(|calls| {
            attached.append(&mut calls.attached);
            calls.attached = attached;
            calls.attached_woken = true;
        });
    }

    /// A call that the server did not run waits for the next connection, if it may: whether it does.
    pub(super) fn hold(&self, key: CallKey) -> bool {
        self.mailbox.with(|calls| calls.hold(key))
    }

    pub(super) fn tell(&self) {
        self.progress.notify(usize::MAX);
    }
}
