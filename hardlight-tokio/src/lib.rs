#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connect;
#[cfg(feature = "hyper")]
mod http_service;
mod runtime;
mod timer;

pub use connect::{
    connect, connect_driver, connect_frames, connect_plain, connect_plain_with, connect_stream,
    connect_with,
};
#[doc(inline)]
pub use hardlight_driver::application::*;
pub use hardlight_macros::*;
#[doc(inline)]
pub use hardlight_ws::application::*;
#[cfg(feature = "hyper")]
pub use http_service::HttpService;
pub use runtime::{ByteStream, Task, Tokio};
pub use timer::TokioTimer;

/// A server on tokio.
pub type Server<L = Listening<Tokio>> = hardlight_ws::Server<Tokio, L>;

/// Brings connections to a server that were made elsewhere.
pub type Mount = hardlight_ws::Mount<Tokio>;

#[doc(hidden)]
pub use hardlight_driver::__private;
