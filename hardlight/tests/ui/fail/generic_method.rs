#[hardlight::rpc]
pub trait Counter {
    async fn ty<T>(&self, value: T);
    async fn lifetime<'a>(&self, value: u32);
    async fn constant<const N: usize>(&self, value: [u8; N]);
    async fn clause(&self) where Self: Sized;
}

fn main() {}
