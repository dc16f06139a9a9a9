//! Guides: what is easier to read in one place than behind every type. There is no code in here.
//!
//! - [`state`]: what the server changes and the client sees, when, and what it costs
//! - [`handshake`]: who connects and whether it may: cookies, tokens, certificates, web pages of other origins, refusals
//! - [`reconnecting`]: a client that stays, whatever becomes of its connections
//! - [`proxies`]: who a client is behind a proxy, and clients that have to go through one
//! - [`features`]: what a connection may call and see, before a login and after it
//! - [`context`]: how long a call may take, what surrounds it, which handlers run to their end
//! - [`middleware`]: what runs around every call: authorisation, limits, timeouts, tower; calls that a client makes again
//! - [`errors`]: what can go wrong, and what may be tried again
//! - [`logging`]: what is logged, and how to see it
//! - [`events`]: topics and patterns, slow readers, clients that come back, servers that are joined
//! - [`transports`]: an application's own HTTP server, Unix sockets and other streams, whole messages
//! - [`handles`]: what may be cloned, shared between threads, and dropped while it is awaited
#![cfg_attr(
    feature = "testing",
    doc = "- [`testing`]: handlers, servers and clients in an application's tests, in memory, with a clock and a network that the test commands"
)]
#![cfg_attr(
    feature = "schema",
    doc = "- [`schema`]: what breaks older clients, found before a release and not after it"
)]

#[doc = include_str!("state.md")]
pub mod state {}

#[doc = include_str!("handshake.md")]
pub mod handshake {}

#[doc = include_str!("reconnecting.md")]
pub mod reconnecting {}

#[doc = include_str!("proxies.md")]
pub mod proxies {}

#[doc = include_str!("features.md")]
pub mod features {}

#[doc = include_str!("context.md")]
pub mod context {}

#[doc = include_str!("middleware.md")]
pub mod middleware {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("logging.md")]
pub mod logging {}

#[doc = include_str!("events.md")]
pub mod events {}

#[doc = include_str!("transports.md")]
#[cfg_attr(feature = "hyper", doc = include_str!("transports_http.md"))]
pub mod transports {}

#[cfg(feature = "testing")]
#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("handles.md")]
pub mod handles {}

#[cfg(feature = "schema")]
#[doc = include_str!("schema.md")]
pub mod schema {}
