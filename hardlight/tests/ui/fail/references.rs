#[hardlight::rpc]
pub trait Names {
    async fn text(&self, text: &str) -> &'static str;
    async fn bytes(&self, bytes: &[u8]) -> u32;
    async fn deep(&self, names: Vec<Option<&String>>) -> u32;
    async fn unsized_text(&self, text: Box<str>, slice: Box<[u8]>) -> u32;
}

async fn uses_the_stubs(client: names::Client) {
    let _ = client.text("text").await;
}

fn main() {}
