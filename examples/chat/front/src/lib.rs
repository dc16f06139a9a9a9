//! The chat example: what its front ends, the terminal and the page, have in common. Knows neither how to connect nor how to
//! show anything.

pub mod calls;
mod model;
mod update;

pub use model::{Model, News, Thread};
pub use update::{Action, Gap, Status, Update};
