//! The accounts example: an anonymous connection registers, logs in, and may do more from then on.
//!
//! [`Entrance`], [`Account`] and [`Administration`] are three services on one connection, the latter two behind a feature
//! each; [`App`] implements them. [`Accounts`] knows who may do what, in memory: a real application has a database there.

mod accounts;
mod app;
mod book;
mod passwords;
mod secret;
mod service;
mod throttle;

pub use accounts::{Accounts, AccountsOptions};
pub use app::{App, SESSION_COOKIE, Served, server_options};
pub use passwords::{HASH_ITERATIONS, HASH_LANES, HASH_MEMORY_KIB, HashCost};
pub use secret::{Password, Token};
pub use service::{
    Account, AccountError, AccountEvent, Administration, Allowed, Entrance, LogInError,
    MAX_NAME_BYTES, MAX_NOTES, MAX_PASSWORD_BYTES, MAX_TEXT_CHARS, MIN_PASSWORD_CHARS, NEWS,
    OnAccountEvent, RegisterError, Session, account, administration, entrance, own_topic,
};
pub use throttle::Pace;
