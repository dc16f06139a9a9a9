#[derive(hardlight::ConnectionState)]
pub struct State {
    value: u32,
}

#[hardlight::rpc(state = State)]
pub trait Counter {
    async fn get(&self) -> u32;
}

async fn other() {}

impl Counter for counter::Handler {
    async fn get(&self) -> u32 {
        let state = self.state.read();
        other().await;
        state.value
    }
}

fn main() {}
