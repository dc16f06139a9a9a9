//! The runtime under other names: a re-export, and paths that are relative to the trait.

#![deny(warnings)]

mod dependencies {
    pub use hardlight as hl;
}

mod absolute {
    use crate::dependencies::hl::{ConnectionState, codable, rpc};

    #[codable(crate = crate::dependencies::hl)]
    pub struct Answer;

    #[derive(ConnectionState)]
    #[state(crate = crate::dependencies::hl)]
    pub struct State {
        pub value: u32,
    }

    #[rpc(crate = crate::dependencies::hl, state = State)]
    pub trait Service {
        async fn get(&self, value: u32) -> Answer;
    }
}

mod relative {
    use crate::dependencies::hl;

    #[hl::rpc(crate = hl)]
    pub trait Service {
        async fn get(&self, value: u32) -> u32;
    }
}

mod parent {
    #[hardlight::rpc(crate = super::dependencies::hl)]
    trait Service {
        async fn get(&self, value: u32) -> u32;
    }

    pub fn connection() -> impl Clone {
        service::Connection::detached()
    }
}

fn main() {
    let _ = absolute::service::Connection::detached().state.lock().value;
    let _ = relative::service::GetInput { value: 1 };
    let _ = parent::connection();
}
