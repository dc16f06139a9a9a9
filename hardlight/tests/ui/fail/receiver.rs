#[hardlight::rpc]
pub trait Counter {
    async fn by_value(self) -> u32;
    async fn exclusive(&mut self) -> u32;
    async fn boxed(self: Box<Self>) -> u32;
    async fn lifetime(&'static self) -> u32;
    async fn none(value: u32) -> u32;
    async fn nothing();
}

fn main() {}
