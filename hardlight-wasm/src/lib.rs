#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connect;
mod error;
mod inbox;
#[cfg(feature = "javascript")]
pub mod javascript;
mod options;
mod page;
mod reconnect;
mod refresh;
mod subprotocols;
mod timer;
mod transport;

pub use connect::{connect, connect_driver, connect_with};
pub use error::{ConnectError, ConnectPhase};
#[doc(inline)]
pub use hardlight_driver::application::*;
pub use hardlight_macros::*;
pub use options::ClientOptions;
pub use refresh::Refresh;
pub use timer::BrowserTimer;
pub use transport::{BrowserTransport, TransportError};

#[doc(hidden)]
pub use hardlight_driver::__private;
