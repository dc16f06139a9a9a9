#![allow(dead_code, unused_imports, reason = "each test uses a part of it")]
//! A client and a server joined by two links, with a clock that only the test moves; what both applications do and may
//! see; scenarios that are cut at every step; and what it takes to be a peer that keeps to no rule.

mod act;
mod batches;
mod frames;
mod ledger;
mod link;
mod operations;
mod pair;
mod payloads;
mod peer;
mod run;
mod scenario;
mod service;
mod tap;
mod words;

pub(crate) use act::Act;
pub(crate) use batches::*;
pub(crate) use frames::frame;
pub(crate) use ledger::Ledger;
pub(crate) use link::{Link, Pace};
pub(crate) use operations::{act, cases, setup};
pub(crate) use pair::{Cut, Pair, assert_at_rest};
pub(crate) use peer::*;
pub(crate) use run::{Run, Setup};
pub(crate) use scenario::Scenario;
pub(crate) use service::*;
pub(crate) use tap::Tap;
pub(crate) use words::*;
