//! The form for a crate that does not own the trait: a handler of its own, generic over what it needs.

#![deny(warnings)]

mod api {
    use hardlight::{ConnectionState, codable, rpc};

    #[derive(ConnectionState, Default)]
    pub struct State {
        pub visits: u32,
    }

    #[codable]
    #[derive(Debug, PartialEq)]
    pub enum Refused {
        TooOften,
        Because(String),
    }

    #[rpc(state = State)]
    pub trait Door {
        async fn open(&self, who: String) -> Result<u32, Refused>;
    }
}

use api::{Door, Refused, door};

struct App<D> {
    connection: door::Connection,
    database: D,
}

impl<D: Fn(&str) -> bool + Send + Sync + 'static> Door for App<D> {
    async fn open(&self, who: String) -> Result<u32, Refused> {
        if !(self.database)(&who) {
            return Err(Refused::Because(who));
        }
        let mut state = self.connection.state.lock();
        state.visits += 1;
        Ok(state.visits)
    }
}

fn serves<S: hardlight::Dispatch<H>, H>(_: &H) {}

fn main() {
    let app = App { connection: door::Connection::detached(), database: |who: &str| who == "me" };
    serves::<door::Connection, _>(&app);
}
