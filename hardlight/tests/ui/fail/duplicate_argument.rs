#[derive(hardlight::ConnectionState)]
pub struct State {}

#[hardlight::rpc(state = State, module = "a", state = State, module = "b")]
pub trait Counter {
    async fn get(&self) -> u32;
}

fn main() {}
