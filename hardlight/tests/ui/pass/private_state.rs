//! A public service with a private state: it can be used wherever the state can be seen.

#![deny(warnings)]

use hardlight::{ConnectionState, rpc};

#[rpc(state = State)]
pub trait Counter {
    async fn get(&self) -> u32;
}

#[derive(ConnectionState)]
struct State {
    value: u32,
}

impl Counter for counter::Handler {
    async fn get(&self) -> u32 {
        self.state.lock().value
    }
}

mod elsewhere {
    use crate::{Counter as _, counter};

    pub fn accept(connection: counter::Connection) {
        let handler = counter::Handler::new(connection);
        drop(handler.get());
    }

    pub async fn get(client: counter::Client) -> Result<u32, hardlight::Error> {
        client.get().await
    }
}

fn main() {
    elsewhere::accept(counter::Connection::detached());
    let _ = elsewhere::get;
}
