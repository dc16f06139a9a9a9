//! Events, service, server and client, each in a module of its own, and the runtime under another name.

#![deny(warnings)]

mod dependencies {
    pub use hardlight as hl;
}

mod events {
    use crate::dependencies::hl;

    #[derive(hl::Events)]
    #[events(crate = hl)]
    pub enum CounterEvent {
        Changed { counter: u32 },
    }

    #[hl::codable(crate = hl)]
    pub struct Unused;
}

mod shared {
    use crate::{dependencies::hl, events};

    #[hl::rpc(crate = hl, events = events::CounterEvent)]
    pub trait Counter {
        async fn increment(&self);
    }

    #[hl::rpc(crate = hl, events = events::CounterEvent)]
    pub trait Other {
        async fn decrement(&self);
    }
}

mod server {
    use crate::{
        events::CounterEvent,
        shared::{Counter, counter},
    };

    pub struct App {
        pub connection: counter::Connection,
    }

    impl Counter for App {
        async fn increment(&self) {
            let _ = self.connection.subscriptions.add("counter");
            self.connection.events.emit("counter", CounterEvent::Changed { counter: 1 });
        }
    }
}

mod client {
    use crate::{
        events::OnCounterEvent as _,
        shared::{counter, other},
    };

    pub fn listen(client: &counter::Client, other: &other::Client) {
        client.on_changed(|topic, counter| println!("{topic}: {counter}"));
        other.on_changed(|topic, counter| println!("{topic}: {counter}"));
    }
}

fn main() {
    let _ = events::Unused;
    let _ = server::App { connection: shared::counter::Connection::detached() };
    let _ = client::listen;
    let _: shared::counter::Events = events::CounterEvent::Changed { counter: 2 };
}
