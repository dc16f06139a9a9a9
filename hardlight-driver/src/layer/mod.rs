//! Layers: what runs around every call of a server, before its handler and behind it.
//!
//! A [`Layer`] is given the [`Call`] and the [`Next`] that runs the rest: the layers within, and at last the handler. It may look
//! at the call, wait, refuse it, answer in the handler's place, run the handler elsewhere, and see what came of it.
//!
//! ```
//! use hardlight_driver::layer::{Call, Layer, Next, Outcome};
//!
//! struct Audit;
//!
//! impl Layer for Audit {
//!     async fn around(&self, call: Call, next: Next) -> Outcome {
//!         let method = call.method();
//!         let outcome = next.run(call).await;
//!         match &outcome {
//!             Ok(answer) if answer.is_error() => println!("{method}: the application's own error"),
//!             Ok(answer) => println!("{method}: {} bytes", answer.len()),
//!             Err(error) => println!("{method}: {error}"),
//!         }
//!         outcome
//!     }
//! }
//! ```
//!
//! # Order
//!
//! The layer that is set first is the outermost: it sees the call first and the outcome last. All of them run behind what the core
//! checks by itself: that the method is known and of the same types, and that the connection has the feature that it needs. That is
//! asked again when the handler is run, since a layer may have waited: then the call is answered `MissingFeature`.
//!
//! Calls that are given as bytes to `handle_rpc_call` of a handler are no server's, and no layers run around them.
//!
//! # How a call ends
//!
//! A layer is a part of the call's future. If the call is given up (its caller cancels it, its deadline passes, its connection ends)
//! the future is dropped, the layers with it: they end at the `.await` where they are, and what is behind it does not run. A value
//! that is dropped there sees that. Of a method that is marked `#[rpc(no_cancel)]` nothing is dropped, its layers included; they can
//! ask [`Call::context`] whether the call was given up. A layer that panics ends its call as a handler does.
//!
//! # What it costs
//!
//! Without layers nothing. Each layer is an allocation for each call, some 300 instructions; the first one brings the call's context and
//! memory for the handler, which else is in memory that is used again: some 800 more.

mod answer;
mod authorize;
mod call;
mod concurrency;
mod first_of;
#[cfg(feature = "rate-limit")]
mod lines;
mod methods;
mod next;
mod per_connection;
mod place;
#[cfg(feature = "rate-limit")]
mod rate_limit;
mod stack;
mod timeout;
#[cfg(feature = "tower")]
mod tower;

pub use answer::{Answer, Outcome};
pub use authorize::{Authorize, Roles};
pub use call::Call;
pub use concurrency::ConcurrencyLimit;
use methods::Methods;
pub use next::{Next, Running};
#[cfg(feature = "rate-limit")]
pub use rate_limit::{Rate, RateLimit};
pub use stack::Layers;
pub(crate) use stack::Stack;
pub use timeout::Timeout;
#[cfg(feature = "tower")]
pub use tower::{TowerCall, TowerLayer, TowerNext};

/// Something that runs around every call of a server: see the [module](self).
///
/// A closure of a [`Call`] and a [`Next`] is one, if its arguments have their types written down.
pub trait Layer: Send + Sync + 'static {
    /// Runs around one call, by `next.run(call)`, or answers in its place.
    ///
    /// # Errors
    ///
    /// What the call is to end with.
    fn around(&self, call: Call, next: Next) -> impl Future<Output = Outcome> + Send;
}

impl<F, Fut> Layer for F
where
    F: Fn(Call, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send,
{
    fn around(&self, call: Call, next: Next) -> impl Future<Output = Outcome> + Send {
        self(call, next)
    }
}
