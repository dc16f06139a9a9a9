use std::{rc::Rc, sync::Arc};

use hardlight::Events;

#[derive(Events)]
pub enum CounterEvent {
    Size(usize),
    Name { name: &'static str, shared: Arc<String> },
    Object(Box<dyn Send>),
    Function(fn(u8)),
    Good(u32),
}

#[derive(Events)]
pub enum NotSend {
    Local(u32, Option<Rc<u32>>),
}

#[hardlight::rpc(events = CounterEvent)]
pub trait Counter {
    async fn get(&self) -> u32;
}

fn uses_the_methods(client: &counter::Client) {
    client.on_size(|_, _| {});
    client.on_name(|_, _, _| {});
    client.on_good(|_, _| {});
}

fn main() {}
