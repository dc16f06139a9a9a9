//! A service, its server and its client, in one process over `wss://localhost`.

use hardlight::{ClientOptions, Identity, Server, connect_with};

#[hardlight::rpc]
trait Hello {
    async fn greet(&self, name: String) -> String;
}

impl Hello for hello::Handler {
    async fn greet(&self, name: String) -> String {
        format!("Hello, {name}!")
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let identity = Identity::development(["localhost"])?;
    let options = ClientOptions::new().trust(identity.certificate());
    let server = Server::bind("localhost:0", identity, hello::Handler::accept).await?;
    let url = server.url("localhost");
    tokio::spawn(server.run());

    let client: hello::Client = connect_with(&url, options).await?;
    println!("{}", client.greet("world".into()).await?);
    client.close().await;
    Ok(())
}
