//! Two services in one module, with methods of the same names, on one handler.

#![deny(warnings)]

use hardlight::rpc;

#[rpc]
pub trait First {
    async fn get(&self) -> u32;
    async fn set(&self, value: u32);
}

#[rpc]
pub trait Second {
    async fn get(&self) -> String;
    async fn set(&self, value: String);
}

pub struct Both;

impl First for Both {
    async fn get(&self) -> u32 {
        1
    }

    async fn set(&self, _value: u32) {}
}

impl Second for Both {
    async fn get(&self) -> String {
        String::new()
    }

    async fn set(&self, _value: String) {}
}

fn main() {
    let _ = (first::SetInput { value: 1 }, second::SetInput { value: String::new() });
    drop(first::Dispatch::handle_rpc_call(&Both, &[0]));
    drop(second::Dispatch::handle_rpc_call(&Both, &[0]));
}
