#[hardlight::rpc]
pub trait Counter {
    async unsafe fn dangerous(&self);
    async extern "C" fn foreign(&self);
}

#[hardlight::rpc]
pub unsafe trait Dangerous {
    async fn get(&self) -> u32;
}

fn main() {}
