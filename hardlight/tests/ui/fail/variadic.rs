#[hardlight::rpc]
pub trait Counter {
    unsafe extern "C" fn variadic(&self, ...);
}

fn main() {}
