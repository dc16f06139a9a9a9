//! What people read: tables and plots.

mod number;
mod plot;
mod table;

pub use number::Figure;
pub use plot::plots;
pub use table::tables;
