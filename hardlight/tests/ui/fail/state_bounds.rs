use hardlight::{ConnectionState, codable};

#[derive(ConnectionState)]
pub struct State {
    foreign: Foreign,
    without_default: WithoutDefault,
}

#[derive(Default)]
pub struct Foreign;

#[codable]
pub struct WithoutDefault;

fn main() {}
