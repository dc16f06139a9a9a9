#[hardlight::rpc]
pub trait Nothing {}

fn uses_the_stubs(_: nothing::Client, _: nothing::Method) {}

fn main() {}
