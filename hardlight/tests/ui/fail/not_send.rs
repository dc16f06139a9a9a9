use std::rc::Rc;

#[hardlight::rpc]
pub trait Counter {
    async fn get(&self) -> u32;
}

async fn other() {}

impl Counter for counter::Handler {
    async fn get(&self) -> u32 {
        let value = Rc::new(1);
        other().await;
        *value
    }
}

fn main() {}
