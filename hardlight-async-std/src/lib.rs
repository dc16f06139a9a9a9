#![doc = include_str!("../README.md")]

mod connect;
mod runtime;

pub use connect::{
    connect, connect_driver, connect_frames, connect_plain, connect_plain_with, connect_stream,
    connect_with,
};
#[doc(inline)]
pub use hardlight_driver::application::*;
pub use hardlight_macros::*;
#[doc(inline)]
pub use hardlight_ws::application::*;
pub use runtime::{AsyncStd, Task, Tcp};

/// A server on async-std. Its connections are tasks of async-std's executor.
pub type Server<L = Listening<AsyncStd>> = hardlight_ws::Server<AsyncStd, L>;

/// Brings connections to a server that were made elsewhere.
pub type Mount = hardlight_ws::Mount<AsyncStd>;

/// The driver's timer on async-std.
pub type AsyncStdTimer = hardlight_ws::InstantTimer<AsyncStd>;

#[doc(hidden)]
pub use hardlight_driver::__private;
