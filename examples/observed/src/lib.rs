//! The example of observability: one trace through two servers, and metrics for Prometheus. README.md says how to try it.

mod house;
mod service;

pub use house::House;
pub use service::{Found, Shop, Stock, shop, stock};
