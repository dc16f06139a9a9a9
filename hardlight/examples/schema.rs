//! Writes the schema of a service as JSON: to the file that is named, or else to standard output.

use std::{env, fs, io};

use hardlight::{ConnectionState, Events, Feature, codable, rpc, schema};

/// What a connection may be allowed.
#[derive(Feature)]
enum Allowed {
    Admin,
}

/// In an application this is the crate that both ends share.
#[rpc(state = State, events = CounterEvent)]
trait Counter {
    async fn increment(&self, amount: u32) -> u32;
    async fn decrement(&self, amount: u32) -> Result<u32, Underflow>;
    #[rpc(feature = Allowed::Admin)]
    async fn reset(&self);
}

#[derive(ConnectionState)]
struct State {
    counter: u32,
}

#[derive(Events)]
enum CounterEvent {
    Emptied,
}

#[codable]
struct Underflow {
    counter: u32,
}

fn main() -> io::Result<()> {
    let json = schema::to_json(counter::schema());
    match env::args_os().nth(1) {
        Some(file) => fs::write(file, json),
        None => {
            print!("{json}");
            Ok(())
        }
    }
}
