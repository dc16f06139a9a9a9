#[derive(hardlight::Events)]
pub enum CounterEvent {
    Changed(u32),
}

#[hardlight::rpc(events = CounterEvent)]
pub trait Counter {
    async fn get(&self) -> u32;
}

#[hardlight::rpc]
pub trait Silent {
    async fn get(&self) -> u32;
}

fn listen(client: &counter::Client, silent: &silent::Client) {
    client.on_changed(|_| {});
    client.on_changed(|_, value: String| drop(value));
    silent.on_changed(|_, _| {});
}

fn main() {}
