//! What the documentation says of this repository is so: the table of features, the index of examples, the guides, the commands, the
//! crates that are published.

mod commands;
mod examples;
mod features;
mod guides;
mod packages;
mod repository;
