#[hardlight::rpc]
#[allow(non_snake_case)]
pub trait Counter {
    async fn get_x(&self) -> u32;
    async fn getX(&self) -> u32;
    async fn self_(&self) -> u32;
}

fn main() {}
