#[hardlight::rpc]
#[derive(Default)]
pub struct Counter {
    value: u32,
}

fn main() {
    let _ = Counter::default().value;
}
