#[hardlight::rpc]
pub trait Types {
    async fn size(&self, size: usize) -> isize;
    async fn opaque(&self, value: impl Clone) -> impl Clone;
    async fn object(&self, value: Box<dyn Send>);
    async fn pointer(&self, value: *const u8);
    async fn function(&self, value: fn(u8) -> u8);
    async fn own(&self) -> Option<Self>;
    async fn inferred(&self) -> Vec<_>;
}

fn main() {}
