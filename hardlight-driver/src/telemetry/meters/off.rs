//! Nothing is measured.

use std::sync::Arc;

use hardlight_proto::{Client, Connection, ConnectionError, Server, ServiceSchema};

use super::Side;
use crate::{client::EventCounts, clock::Clock, telemetry::Outcome};

/// A handshake did not become a connection.
#[doc(hidden)]
pub const fn note_refused_handshake(_reason: &str) {}

pub(crate) struct Meters;

impl Meters {
    pub(crate) const IS_ON: bool = false;

    pub(crate) fn new(_side: Side, _schema: &'static ServiceSchema) -> Arc<Self> {
        Arc::new(Self)
    }

    pub(crate) const fn reconnected(&self, _succeeded: bool) {}

    pub(crate) const fn refused(&self, _limit: &'static str) {}
}

#[derive(Default)]
pub(crate) struct MetersOfServices(());

impl MetersOfServices {
    pub(crate) fn of(&self, schema: &'static ServiceSchema) -> Arc<Meters> {
        Meters::new(Side::Server, schema)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct ByteMeter;

impl ByteMeter {
    pub(crate) const fn received(self, _bytes: usize) {}

    pub(crate) const fn sent(self, _bytes: usize) {}
}

pub(crate) struct ConnectionMeter;

impl ConnectionMeter {
    pub(crate) const fn new(_meters: &Arc<Meters>) -> Self {
        Self
    }

    pub(crate) const fn bytes(&self) -> ByteMeter {
        ByteMeter
    }

    pub(crate) const fn look_at_server(&mut self, _connection: &Connection<Server>) {}

    pub(crate) const fn look_at_client(
        &mut self,
        _connection: &Connection<Client>,
        _counts: impl Fn() -> EventCounts + Copy,
    ) {
    }

    pub(crate) const fn end(&self, _error: &ConnectionError) {}
}

pub(crate) struct CallMeter;

impl CallMeter {
    pub(crate) const fn begin(_meters: &Arc<Meters>, _clock: &Clock, _method: u32) -> Self {
        Self
    }

    pub(crate) const fn end(&self, _outcome: Outcome) {}
}
