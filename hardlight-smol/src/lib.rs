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
pub use runtime::Smol;

/// A server on smol. Its connections are tasks of smol's global executor, which has one thread if `SMOL_THREADS` does not say
/// otherwise.
pub type Server<L = Listening<Smol>> = hardlight_ws::Server<Smol, L>;

/// Brings connections to a server that were made elsewhere.
pub type Mount = hardlight_ws::Mount<Smol>;

/// The driver's timer on smol.
pub type SmolTimer = hardlight_ws::InstantTimer<Smol>;

#[doc(hidden)]
pub use hardlight_driver::__private;
