#[hardlight::rpc]
#[cfg(all())]
pub trait Counter {
    async fn get(&self) -> u32;
}

fn main() {}
