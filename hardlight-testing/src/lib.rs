#![doc = include_str!("../README.md")]

mod clock;
mod connect;
mod network;
mod pipe;
mod runtime;
mod task;
mod world;

pub use clock::{Sleep, now, sleep};
pub use connect::{
    connect, connect_driver, connect_frames, connect_plain, connect_plain_with, connect_stream,
    connect_with,
};
#[doc(inline)]
pub use hardlight_driver::application::*;
pub use hardlight_macros::*;
#[doc(inline)]
pub use hardlight_ws::application::*;
pub use network::{Connection, Link, Listener, Network};
pub use pipe::Socket;
pub use runtime::InMemory;
pub use task::{Task, spawn};
pub use world::World;

/// A server in a [`World`]. What it listens at is a name of the test's choice and a port: `"counter:80"`.
pub type Server<L = Listening<InMemory>> = hardlight_ws::Server<InMemory, L>;

/// Brings connections to a server that were made elsewhere.
pub type Mount = hardlight_ws::Mount<InMemory>;

#[doc(hidden)]
pub use hardlight_driver::__private;
