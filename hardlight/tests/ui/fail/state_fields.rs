use std::{
    cell::RefCell,
    sync::{Arc, Mutex, RwLock},
};

use hardlight::ConnectionState;

#[derive(ConnectionState)]
pub struct State {
    mutex: Mutex<u32>,
    lock: Option<RwLock<u32>>,
    cell: RefCell<u32>,
    shared: Arc<String>,
    local: std::rc::Rc<String>,
    name: &'static str,
    size: usize,
    object: Box<dyn Send>,
    #[cfg(all())]
    sometimes: u32,
}

#[hardlight::rpc(state = State)]
pub trait Counter {
    async fn get(&self) -> u32;
}

fn main() {}
