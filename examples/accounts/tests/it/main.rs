//! What the accounts example refuses. Each test that shows a refusal shows that nothing of the handler ran.

mod calls;
mod frames;
mod house;
mod passwords;
mod secrets;
mod sessions;
