//! What the two servers do.

use hardlight::{CallContext, Error, codable, rpc};

/// What customers call.
#[rpc]
pub trait Shop {
    /// How many there are of something, as the store says.
    async fn find(&self, thing: String) -> Result<Found, String>;
}

/// What the shop calls.
#[rpc]
pub trait Stock {
    /// How many there are of something.
    async fn count(&self, thing: String) -> Result<Found, String>;
}

/// What was found, and the trace that it was found in.
#[codable]
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// How many there are.
    pub number: u32,
    /// The trace's id, as each server has found it that was asked.
    pub traces: Vec<String>,
}

/// The shop's handler.
#[derive(Debug)]
pub(crate) struct Counter {
    pub(crate) stock: stock::Client,
}

impl Shop for Counter {
    async fn find(&self, thing: String) -> Result<Found, String> {
        let context = CallContext::current();
        // What is left of the time goes along, and the trace.
        let stock = self.stock.with_context(&context);
        let mut found = stock.count(thing).await.map_err(|error| match error {
            Error::Application(why) => why,
            _ => "the store does not answer".to_owned(),
        })?;
        found.traces.insert(0, trace(&context));
        Ok(found)
    }
}

/// The store's handler.
#[derive(Debug)]
pub(crate) struct Shelf;

impl Stock for Shelf {
    async fn count(&self, thing: String) -> Result<Found, String> {
        let number = match thing.as_str() {
            "apples" => 7,
            "pears" => 2,
            _ => return Err(format!("there are no {thing}")),
        };
        Ok(Found { number, traces: vec![trace(&CallContext::current())] })
    }
}

/// The id of the trace that a call belongs to.
fn trace(context: &CallContext) -> String {
    let trace = context.trace_context();
    trace.map(|trace| format!("{:032x}", trace.trace_id())).unwrap_or_default()
}
