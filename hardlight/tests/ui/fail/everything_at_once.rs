#[hardlight::rpc(color = "red")]
pub trait Counter {
    const LIMIT: u32;
    fn get(&self) -> u32;
    async fn set(&mut self, name: &str, size: usize);
    async fn good(&self) -> u32;
}

async fn uses_the_stubs(client: counter::Client) {
    let _: u32 = client.good().await.unwrap();
    let _ = counter::Method::Good;
}

fn main() {}
