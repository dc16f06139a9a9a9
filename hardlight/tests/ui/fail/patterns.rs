#[hardlight::rpc]
pub trait Counter {
    async fn tuple(&self, (a, b): (u32, u32));
    async fn wild(&self, _: u32);
    async fn attribute(&self, #[allow(unused)] value: u32);
}

#[hardlight::rpc]
pub trait WithBody {
    async fn mutable(&self, mut value: u32) -> u32 {
        value += 1;
        value
    }
}

fn main() {}
