#[hardlight::rpc]
pub trait Counter {
    fn get(&self) -> u32;
    async fn set(&self, value: u32);
}

impl Counter for counter::Handler {
    async fn get(&self) -> u32 {
        1
    }

    async fn set(&self, _value: u32) {}
}

async fn uses_the_stubs(client: counter::Client) {
    let _: u32 = client.get().await.unwrap();
    let _ = counter::SetInput { value: 1 };
}

fn main() {}
