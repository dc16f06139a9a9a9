use hardlight::{ConnectionState, codable};

#[derive(ConnectionState)]
pub struct State {
    foreign: Foreign,
    incomparable: Incomparable,
    without_default: WithoutDefault,
}

#[derive(Clone, Default, PartialEq)]
pub struct Foreign;

#[codable]
#[derive(Clone, Default)]
pub struct Incomparable;

#[codable]
#[derive(Clone, PartialEq)]
pub struct WithoutDefault;

fn main() {}
