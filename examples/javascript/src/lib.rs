//! The JavaScript example: a board of tasks, for a page without Rust. README.md says how to try it.

#[cfg(not(target_arch = "wasm32"))]
mod app;
mod service;

#[cfg(not(target_arch = "wasm32"))]
pub use app::{App, Tasks};
pub use service::{Board, BoardError, BoardEvent, OnBoardEvent, Priority, Session, Task, board};
