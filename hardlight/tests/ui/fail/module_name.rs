#[hardlight::rpc]
pub trait Mod {
    async fn get(&self) -> u32;
}

#[hardlight::rpc]
#[allow(non_camel_case_types)]
pub trait counter {
    async fn get(&self) -> u32;
}

fn main() {}
