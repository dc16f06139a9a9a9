//! Layers of tower around the calls of a server: whatever is too much is refused at once, and what takes too long is given up.

use std::time::Duration;

use hardlight::{
    CallError, ClientOptions, Identity, Server, connect_with,
    layer::{TowerCall, TowerLayer},
};
use tower::{ServiceBuilder, load_shed::error::Overloaded, timeout::error::Elapsed};

#[hardlight::rpc]
trait Work {
    async fn work(&self, milliseconds: u64) -> u64;
}

impl Work for work::Handler {
    async fn work(&self, milliseconds: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        milliseconds
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stack = ServiceBuilder::new()
        .map_request(|request: TowerCall| {
            println!("a call of `{}`", request.call.method());
            request
        })
        .load_shed()
        .concurrency_limit(2)
        .timeout(Duration::from_millis(500))
        .into_inner();
    // What the services of the stack fail with stands for an error of the call.
    let layer = TowerLayer::new(&stack)
        .error::<Overloaded>(CallError::Busy)
        .error::<Elapsed>(CallError::DeadlineExceeded);

    let identity = Identity::development(["localhost"])?;
    let options = ClientOptions::new().trust(identity.certificate());
    let server = Server::bind("localhost:0", identity, work::Handler::accept).await?;
    let url = server.url("localhost");
    tokio::spawn(server.with_layer(layer).run());

    let client: work::Client = connect_with(&url, options).await?;
    let calls = [0, 60_000, 0].map(|milliseconds| {
        let client = client.clone();
        async move { client.work(milliseconds).await }
    });
    // All at once: there is room for two.
    let [quick, slow, third] = futures_util::future::join_all(calls).await.try_into().unwrap();
    println!("quick: {}", show(quick));
    println!("slow: {}", show(slow));
    println!("third: {}", show(third));
    client.close().await;
    Ok(())
}

fn show(answer: Result<u64, hardlight::Error>) -> String {
    answer.map_or_else(|error| error.to_string(), |milliseconds| format!("{milliseconds} ms"))
}
