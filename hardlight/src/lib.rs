//! HardLight: a secure, real-time, low-latency binary RPC protocol on WebSockets.
//!
//! A service is a trait. Its methods run on the server, and its state, one for each connection, reaches the client by
//! itself: whatever a call changed is there before the call returns. What happens elsewhere it pushes as events.
//!
//! ```
//! use hardlight::{ConnectionState, codable, rpc};
//!
//! #[rpc(state = State)]
//! pub trait Counter {
//!     async fn increment(&self, amount: u32) -> u32;
//!     async fn decrement(&self, amount: u32) -> Result<u32, Underflow>;
//! }
//!
//! #[derive(ConnectionState)]
//! pub struct State {
//!     counter: u32,
//! }
//!
//! /// An error of the application's own.
//! #[codable]
//! #[derive(Debug, PartialEq)]
//! pub struct Underflow;
//!
//! impl Counter for counter::Handler {
//!     async fn increment(&self, amount: u32) -> u32 {
//!         let mut state = self.state.lock();
//!         state.counter += amount;
//!         state.counter
//!     } // Here the lock ends, and what changed is sent.
//!
//!     async fn decrement(&self, amount: u32) -> Result<u32, Underflow> {
//!         let mut state = self.state.lock();
//!         state.counter = state.counter.checked_sub(amount).ok_or(Underflow)?;
//!         Ok(state.counter)
//!     }
//! }
//! # fn main() {}
//! ```
#![cfg_attr(
    feature = "tokio",
    doc = r#"
With the feature `tokio`, which is on by default, a server and a client are a few lines:

```no_run
# use hardlight::rpc;
# #[rpc]
# pub trait Counter { async fn increment(&self, amount: u32) -> u32; }
# impl Counter for counter::Handler { async fn increment(&self, amount: u32) -> u32 { amount } }
use hardlight::{ClientOptions, Identity, Server};

# async fn example() -> Result<(), Box<dyn std::error::Error>> {
let identity = Identity::development(["localhost"])?;
let certificate = identity.certificate();
let server = Server::bind("127.0.0.1:0", identity, counter::Handler::accept).await?;
let (url, handle) = (server.url("localhost"), server.handle());
tokio::spawn(server.run());

let options = ClientOptions::new().trust(certificate);
let client: counter::Client = hardlight::connect_with(&url, options).await?;
assert_eq!(client.increment(2).await?, 2);

client.close().await;
handle.stop().await;
# Ok(())
# }
# fn main() {}
```
"#
)]
//!
//! # Events
//!
//! An event is a variant of an enum. The server emits it on a topic, a name of the application's own, and it reaches the
//! clients that a handler has subscribed to that topic (`self.subscriptions.add`, and `remove`). What a handler emits
//! before it returns arrives before its answer. The rest of the application emits through `Server::emitter`.
//!
//! Handlers of a client (`on_said` below) run in its driver's task and must not block. They live as long as the
//! connection: one that holds a clone of the client keeps it open.
//!
//! ```
//! use hardlight::{EventStream, Events, Received, rpc};
//!
//! #[rpc(events = ChatEvent)]
//! pub trait Chat {
//!     async fn join(&self, room: String) -> bool;
//!     async fn say(&self, room: String, text: String);
//! }
//!
//! #[derive(Debug, Events)]
//! pub enum ChatEvent {
//!     Said { text: String },
//!     Closed,
//! }
//!
//! impl Chat for chat::Handler {
//!     async fn join(&self, room: String) -> bool {
//!         self.subscriptions.add(room).is_ok()
//!     }
//!
//!     async fn say(&self, room: String, text: String) {
//!         self.events.emit(room, ChatEvent::Said { text });
//!     }
//! }
//!
//! async fn listen(client: chat::Client) {
//!     // A handler for each type of event, or all of them as a stream.
//!     client.on_said(|topic, text| println!("{topic}: {text}"));
//!     let mut events: EventStream<ChatEvent> = client.events();
//!     while let Some(received) = events.next().await {
//!         match received {
//!             Received::Event { topic, event } => println!("{topic}: {event:?}"),
//!             Received::Lagged { topic, missed, .. } => println!("{topic}: {missed} missed"),
//!             _ => {}
//!         }
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! # Runtimes
//!
//! The features `tokio` (on by default), `smol` and `async-std` are one adapter each; several may be on. Each is a module with
//! everything that an application needs: `hardlight::tokio::Server`, `hardlight::smol::connect`, `hardlight::async_std::Server`.
//! `Server`, `connect` and the other functions that depend on the runtime are at the root of this crate too: tokio's, if that
//! is on; else those of the only one that is on; none, if both others are. So a dependency that turns a feature on changes
//! nothing for an application on tokio. One on another runtime that may get company says which it means:
//!
//! ```toml
//! hardlight = { version = "0.1", default-features = false, features = ["smol"] }
//! ```
//!
//! Import by name: `use hardlight::*` would bring the modules `tokio` and `smol` as well, beside the crates of these names.
//!
//! The feature `wasm` is the client for browsers (target `wasm32-unknown-unknown`), without the others:
//! `hardlight::wasm::connect`, and at the root. On other targets it does nothing, so a crate that is built for both may have it on:
//!
//! ```toml
//! [dependencies]
//! hardlight = { version = "0.1", default-features = false, features = ["wasm"] }
//!
//! [target.'cfg(not(target_arch = "wasm32"))'.dependencies]
//! hardlight = { version = "0.1", features = ["tokio"] }
//! ```
//!
//! The feature `javascript` makes of a service a module for programs in JavaScript, where there is no Rust:
//! `hardlight::javascript::offer`, on the same target. See `examples/javascript`.
//!
//! The feature `testing` has one more, `hardlight::testing`, for an application's tests: everything in memory and in one thread, with a
//! clock and a network that the test commands. Nothing of it is at the root.
//!
//! # Cargo features
//!
//! | feature | default | what it gives | turns on |
//! |---|---|---|---|
//! | `tokio` | yes | servers and clients on tokio: `hardlight::tokio`, and the root of this crate | `hardlight-tokio`, `hardlight-ws` |
//! | `smol` | | the same on smol: `hardlight::smol` | `hardlight-smol`, `hardlight-ws` |
//! | `async-std` | | the same on async-std, which is discontinued: `hardlight::async_std` | `hardlight-async-std`, `hardlight-ws` |
//! | `wasm` | | a client for browsers: `hardlight::wasm`, on `wasm32` alone | `hardlight-wasm` |
//! | `javascript` | | a service for programs in JavaScript: `hardlight::javascript`, on `wasm32` alone | `wasm`, `hardlight-wasm?/javascript` |
//! | `axum` | | a server on a route of an axum application: `HttpService`, which knows axum's `ConnectInfo` | `hyper`, `hardlight-tokio/axum` |
//! | `hyper` | | a server behind hyper, or whatever takes a service of tower: `HttpService` | `tokio`, `hardlight-tokio/hyper` |
//! | `testing` | | servers and clients in memory, for an application's tests: `hardlight::testing` | `hardlight-testing`, `hardlight-ws` |
//! | `schema` | | a service as JSON, and what breaks older clients: `hardlight::schema` | `hardlight-schema` |
//! | `metrics` | | what is measured, through the crate `metrics`: `hardlight::metrics` | `hardlight-driver/metrics` |
//! | `opentelemetry` | | calls carry the traces of OpenTelemetry: `Propagation::opentelemetry` | `hardlight-driver/opentelemetry` |
//! | `rate-limit` | | a layer that bounds how often calls are made: `layer::RateLimit` | `hardlight-driver/rate-limit` |
//! | `tower` | | layers of tower around the calls of a server: `layer::TowerLayer` | `hardlight-driver/tower` |
//! | `uuid` | | `uuid::Uuid` may travel | `hardlight-driver/uuid` |
//!
//! Features add up: none changes what is there without it. TLS is always there, on all native targets.
//!
//! # Other ways to a server
//!
//! `Server::mount` brings a server connections that were made elsewhere: over any stream of bytes, over whole messages, and, with the
//! feature `axum` or `hyper`, on a route of an application's own HTTP server. `connect_stream` and `connect_frames` are the client's
//! counterparts.
//!
//! # More
//!
//! [`rpc`] says what a service can look like and what is made of it, [`macro@ConnectionState`] what state can be made of,
//! [`macro@Events`] what events can be, [`Codable`] which types travel.
#![cfg_attr(
    feature = "tokio",
    doc = "The [guides](guide), in the order to read them in, begin with a [quickstart](guide::quickstart); among them are [TLS in production](guide::tls), [services that call services](guide::services), and moving from [tonic](guide::from_tonic) or [jsonrpsee](guide::from_jsonrpsee)."
)]
#![cfg_attr(
    feature = "schema",
    doc = "[`schema`] is a service's description as JSON, and finds what breaks older clients."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "tokio")]
pub mod guide;

#[doc(hidden)]
pub use hardlight_driver::__private;
#[doc(inline)]
pub use hardlight_driver::application::*;
pub use hardlight_macros::{ConnectionState, Events, Feature, codable, rpc};

/// What is measured, where an application has installed a recorder of the crate `metrics`.
#[cfg(feature = "metrics")]
#[doc(inline)]
pub use hardlight_driver::metrics;

#[cfg(feature = "schema")]
#[doc(no_inline)]
pub use hardlight_schema as schema;

#[cfg(any(feature = "async-std", feature = "smol", feature = "testing", feature = "tokio"))]
#[doc(inline)]
pub use hardlight_ws::application::*;

/// The async-std adapter.
#[cfg(feature = "async-std")]
#[doc(no_inline)]
pub use hardlight_async_std as async_std;
/// The smol adapter.
#[cfg(feature = "smol")]
#[doc(no_inline)]
pub use hardlight_smol as smol;
/// Servers and clients in memory, for an application's tests.
#[cfg(feature = "testing")]
#[doc(no_inline)]
pub use hardlight_testing as testing;
/// The tokio adapter.
#[cfg(feature = "tokio")]
#[doc(no_inline)]
pub use hardlight_tokio as tokio;

/// The client for browsers.
#[cfg(all(feature = "wasm", target_arch = "wasm32"))]
#[doc(no_inline)]
pub use hardlight_wasm as wasm;

#[cfg(all(feature = "javascript", target_arch = "wasm32"))]
#[doc(no_inline)]
pub use hardlight_wasm::javascript;

#[cfg(all(feature = "async-std", not(any(feature = "smol", feature = "tokio"))))]
pub use hardlight_async_std::{
    Mount, Server, connect, connect_driver, connect_frames, connect_plain, connect_plain_with,
    connect_stream, connect_with,
};
#[cfg(all(feature = "smol", not(any(feature = "async-std", feature = "tokio"))))]
pub use hardlight_smol::{
    Mount, Server, connect, connect_driver, connect_frames, connect_plain, connect_plain_with,
    connect_stream, connect_with,
};
#[cfg(feature = "tokio")]
pub use hardlight_tokio::{
    Mount, Server, connect, connect_driver, connect_frames, connect_plain, connect_plain_with,
    connect_stream, connect_with,
};

#[cfg(all(
    feature = "wasm",
    target_arch = "wasm32",
    not(any(feature = "async-std", feature = "smol", feature = "tokio"))
))]
pub use hardlight_wasm::{
    ClientOptions, ConnectError, ConnectPhase, Refresh, connect, connect_driver, connect_with,
};

#[cfg(feature = "hyper")]
pub use hardlight_tokio::HttpService;

/// The code in the README compiles.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
