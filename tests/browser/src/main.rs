//! The servers of the tests in a browser, until standard input ends: prints the URL of the director.

#[cfg(not(target_arch = "wasm32"))]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (server, url) = hardlight_browser_tests::serve().await?;
    println!("{url}");
    let end =
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    tokio::select! {
        () = server.run() => {}
        _ = end => {}
    }
    Ok(())
}

/// There are no servers in a browser.
#[cfg(target_arch = "wasm32")]
fn main() {}
