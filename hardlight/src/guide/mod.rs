//! Guides: what is easier to read in one place than behind every type. There is no code in here.
//!
//! # To begin with
//!
//! 1. [`quickstart`]: from an empty folder to a server and a client
//! 2. [`state`]: what the server changes and the client sees, when, and what it costs
//! 3. [`events`]: topics and patterns, slow readers, clients that come back, servers that are joined
//! 4. [`errors`]: what can go wrong, and what may be tried again
//! 5. [`features`]: what a connection may call and see, before a login and after it
//! 6. [`context`]: how long a call may take, what surrounds it, which handlers run to their end
#![cfg_attr(
    feature = "testing",
    doc = "7. [`testing`]: handlers, servers and clients in an application's tests, in memory, with a clock and a network that the test commands"
)]
//!
//! # To go live
//!
//! 1. [`handshake`]: who connects and whether it may: cookies, tokens, certificates, web pages of other origins, refusals
//! 2. [`tls`]: certificates, renewal without a restart, whom clients trust
//! 3. [`proxies`]: who a client is behind a proxy, and clients that have to go through one
//! 4. [`reconnecting`]: a client that stays, whatever becomes of its connections
//! 5. [`services`]: services that call services, and stopping one of them without a failed call
//! 6. [`middleware`]: what runs around every call: authorisation, limits, timeouts, tower; calls that a client makes again
//! 7. [`logging`]: what is logged, and how to see it
//! 8. [`observability`]: spans, traces that go on elsewhere, metrics, payloads in logs
#![cfg_attr(
    feature = "schema",
    doc = "9. [`schema`]: what breaks older clients, found before a release and not after it"
)]
//!
//! # When it is needed
//!
//! - [`handles`]: what may be cloned, shared between threads, and dropped while it is awaited
//! - [`transports`]: an application's own HTTP server, Unix sockets and other streams, whole messages
//! - [`embedding`]: the core alone, without a runtime, and without `std`
//! - Clients in browsers have what all of these say, and no guide of their own. What is different for them, and how they are built, is in
//!   the documentation of the crate `hardlight-wasm`, for pages in Rust, and in `examples/javascript` of the repository, for JavaScript
//!   and TypeScript
//! - [`from_tonic`], [`from_jsonrpsee`]: what stands for what, and a service before and after

#[doc = include_str!("quickstart.md")]
pub mod quickstart {}

#[doc = include_str!("state.md")]
pub mod state {}

#[doc = include_str!("events.md")]
pub mod events {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("features.md")]
pub mod features {}

#[doc = include_str!("context.md")]
pub mod context {}

#[cfg(feature = "testing")]
#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("handshake.md")]
pub mod handshake {}

#[doc = include_str!("tls.md")]
pub mod tls {}

#[doc = include_str!("proxies.md")]
pub mod proxies {}

#[doc = include_str!("reconnecting.md")]
pub mod reconnecting {}

#[doc = include_str!("services.md")]
pub mod services {}

#[doc = include_str!("middleware.md")]
pub mod middleware {}

#[doc = include_str!("logging.md")]
pub mod logging {}

#[doc = include_str!("observability.md")]
pub mod observability {}

#[cfg(feature = "schema")]
#[doc = include_str!("schema.md")]
pub mod schema {}

#[doc = include_str!("handles.md")]
pub mod handles {}

#[doc = include_str!("transports.md")]
#[cfg_attr(feature = "hyper", doc = include_str!("transports_http.md"))]
pub mod transports {}

#[doc = include_str!("embedding.md")]
pub mod embedding {}

#[doc = include_str!("from_tonic.md")]
pub mod from_tonic {}

#[doc = include_str!("from_jsonrpsee.md")]
pub mod from_jsonrpsee {}
