#[hardlight::rpc]
pub trait Counter {
    async fn get(&self) -> u32;
    async fn set(&self, value: u32);
}

impl Counter for counter::Handler {
    async fn get(&self) -> u64 {
        1
    }
}

fn main() {}
