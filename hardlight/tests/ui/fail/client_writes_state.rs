#[derive(hardlight::ConnectionState)]
pub struct State {
    value: u32,
}

#[hardlight::rpc(state = State)]
pub trait Counter {
    async fn get(&self) -> u32;
}

impl Counter for counter::Handler {
    async fn get(&self) -> u32 {
        0
    }
}

fn write(client: counter::Client) {
    client.state().value = 1;
    client.values().set("name", &1_u32).unwrap();
}

fn main() {}
