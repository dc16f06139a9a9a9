//! What `#[rpc(...)]` on a method does not take.

#[hardlight::rpc]
pub trait Vault {
    #[rpc(sekret)]
    async fn open(&self, key: String) -> bool;
    #[rpc(secret, secret)]
    async fn close(&self, key: String) -> bool;
    #[rpc(no_cancel, no_cancel)]
    async fn lock(&self);
    #[rpc(no_cancel = true)]
    async fn unlock(&self);
    #[hardlight::rpc(secret)]
    async fn knock(&self);
}

fn uses(client: &vault::Client) {
    drop(client.open(String::new()));
    drop(client.knock());
}

fn main() {}
