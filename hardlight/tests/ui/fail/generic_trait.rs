#[hardlight::rpc]
pub trait Counter<T> where T: Send {
    async fn get(&self) -> u32;
}

async fn uses_the_stubs(client: counter::Client) {
    let _ = client.get().await;
}

fn main() {}
