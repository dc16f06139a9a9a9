pub enum CounterEvent {
    Changed(u32),
}

#[hardlight::rpc(events = CounterEvent)]
pub trait Counter {
    async fn get(&self) -> u32;
}

fn main() {}
