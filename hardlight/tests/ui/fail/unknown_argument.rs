#[hardlight::rpc(sate = State, module = "numbers")]
pub trait Counter {
    async fn get(&self) -> u32;
}

fn uses_the_module(_: numbers::Client) {}

fn main() {}
