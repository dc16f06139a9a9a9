//! What every native HardLight adapter shares.

mod handshake;
mod refusal;
mod request;

pub use handshake::{Accept, Handshake, SUBPROTOCOL, Upgrade};
pub use refusal::Refusal;
pub use request::Request;
