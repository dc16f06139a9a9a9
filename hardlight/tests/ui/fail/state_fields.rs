use std::sync::{Arc, Mutex, RwLock};

use hardlight::ConnectionState;

#[derive(ConnectionState)]
pub struct State {
    mutex: Mutex<u32>,
    lock: Option<RwLock<u32>>,
    shared: Arc<String>,
    name: &'static str,
    size: usize,
    object: Box<dyn Send + Sync>,
    function: fn(u8),
    #[cfg(all())]
    sometimes: u32,
}

#[derive(ConnectionState)]
pub struct Locked {
    mutex: Mutex<u32>,
}

#[hardlight::rpc(state = Locked)]
pub trait Counter {
    async fn get(&self) -> u32;
}

fn main() {}
