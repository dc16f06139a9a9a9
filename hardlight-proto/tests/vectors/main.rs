//! `spec-vectors/`: the protocol as data, for those who implement it in another language.
//!
//! Every file is made here, from values of this implementation, and compared with what is committed. So a change of the
//! wire cannot go unnoticed, whether it comes from this crate or from a release of rkyv.
//!
//! `UPDATE_VECTORS=1 cargo test -p hardlight-proto --all-features --test vectors` writes the files anew.

mod closes;
mod coverage;
mod fingerprints;
mod frame_json;
mod frames;
mod hex_text;
mod invalid;
mod invalid_payloads;
mod payloads;
mod session;
mod sessions;
mod state;
mod state_edges;
mod store;
mod types;
mod value;
mod values;
