//! The counter of the founding text, in a module of its own, under every lint there is.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unnameable_types)]
#![deny(unused_qualifications, elided_lifetimes_in_paths, single_use_lifetimes)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, rustdoc::all)]

/// A counter for each connection.
pub mod counter {
    use hardlight::{ConnectionState, rpc};

    /// These RPC methods are executed on the server and can be called by clients.
    #[rpc(state = State)]
    pub trait Counter {
        /// Adds to the counter.
        async fn increment(&self, amount: u32) -> u32;
        /// Takes from the counter.
        async fn decrement(&self, amount: u32) -> u32;
        /// Reads the counter.
        async fn get(&self) -> u32;
    }

    /// We store the counter in connection state (so each connection has its own counter).
    #[derive(Debug, ConnectionState)]
    pub struct State {
        counter: u32,
    }

    impl Counter for counter::Handler {
        async fn increment(&self, amount: u32) -> u32 {
            // lock the state to the current thread
            let mut state = self.state.lock();
            state.counter += amount;
            state.counter
        } // state is automatically unlocked here; any changes are sent to the client

        async fn decrement(&self, amount: u32) -> u32 {
            let mut state = self.state.lock();
            state.counter -= amount;
            state.counter
        }

        async fn get(&self) -> u32 {
            let state = self.state.lock();
            state.counter
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use crate::counter::{Counter as _, counter};

    #[test]
    fn it_counts() {
        let handler = counter::Handler::new(counter::Connection::detached());
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(pin!(handler.increment(2)).poll(&mut context), Poll::Ready(2));
        assert_eq!(pin!(handler.decrement(1)).poll(&mut context), Poll::Ready(1));
        assert_eq!(pin!(handler.get()).poll(&mut context), Poll::Ready(1));
    }
}
