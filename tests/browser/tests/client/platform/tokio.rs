//! A client on tokio, in the process that has the servers.

use std::{sync::OnceLock, thread};

use hardlight::{
    ClientOptions, ConnectError, ConnectionError, ServiceClient,
    tokio::{Tokio, TokioTimer},
};
use hardlight_ws::Scheme;

/// The director's URL. Its thread ends with the process.
pub(crate) async fn director() -> String {
    static URL: OnceLock<String> = OnceLock::new();
    let serve = || {
        let (send, receive) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let (server, url) = hardlight_browser_tests::serve().await.unwrap();
                send.send(url).unwrap();
                server.run().await;
            });
        });
        receive.recv().unwrap()
    };
    URL.get_or_init(serve).clone()
}

/// Those that are closest to a browser's: a page is refused in band.
pub(crate) fn options() -> ClientOptions {
    ClientOptions::new().origin("http://page.example.com")
}

pub(crate) async fn connect<C: ServiceClient>(
    url: &str,
    options: ClientOptions,
) -> Result<C, ConnectError> {
    hardlight::connect_plain_with(url, options).await
}

/// Connects, and leaves it to the caller to drive the connection.
pub(crate) async fn connect_driver<C: ServiceClient>(
    url: &str,
    options: ClientOptions,
) -> Result<(C, impl Future<Output = ConnectionError>), ConnectError> {
    hardlight_ws::connect_driver::<Tokio, C>(url, Scheme::Plain, options).await
}

pub(crate) fn timer() -> TokioTimer {
    TokioTimer::new()
}
