pub struct State;

#[hardlight::rpc(state = State)]
pub trait Counter {
    async fn get(&self) -> u32;
}

fn main() {}
