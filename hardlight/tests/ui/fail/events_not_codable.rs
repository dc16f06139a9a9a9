pub struct Value;

#[derive(hardlight::Events)]
pub enum CounterEvent {
    Changed(Value),
}

fn main() {}
