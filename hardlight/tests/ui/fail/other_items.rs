macro_rules! methods {
    () => {};
}

#[hardlight::rpc]
pub trait Counter {
    const LIMIT: u32;
    type Answer: Send;
    methods!();
    async fn get(&self) -> u32;
}

fn main() {}
