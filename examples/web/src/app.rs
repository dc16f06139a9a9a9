//! The server's side of a connection, and what all connections share.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use hardlight::{Refusal, Request};

use crate::service::{Change, Tally, tally};

/// The topic that tells of each change.
const TOPIC: &str = "total";

/// The total, which pages and clients share. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Total(Arc<AtomicU64>);

impl Total {
    /// What it is now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, amount: u32) -> u64 {
        let add = |total: u64| Some(total.saturating_add(amount.into()));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        before.unwrap_or_default().saturating_add(amount.into())
    }
}

/// The handler of a connection.
#[derive(Debug)]
pub struct App {
    connection: tally::Connection,
    total: Total,
}

impl App {
    /// The server's factory. Whatever axum's layers have let through may connect.
    ///
    /// # Errors
    ///
    /// A refusal, if the connection cannot be subscribed.
    pub fn accept(
        total: Total,
        connection: tally::Connection,
        request: &Request,
    ) -> Result<Self, Refusal> {
        connection.subscriptions.add(TOPIC).map_err(|_| Refusal::unavailable())?;
        let mut state = connection.state.lock();
        state.you = request.peer_addr().map_or_else(String::new, |addr| addr.to_string());
        state.is_secure = request.tls().is_some();
        drop(state);
        Ok(Self { connection, total })
    }
}

impl Tally for App {
    async fn add(&self, amount: u32) -> u64 {
        let total = self.total.add(amount);
        self.connection.events.emit(TOPIC, Change::Total(total));
        total
    }
}
