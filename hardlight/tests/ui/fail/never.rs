#[hardlight::rpc]
pub trait Types {
    async fn never(&self) -> !;
}

fn main() {}
