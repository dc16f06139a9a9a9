//! A client in a browser.

use hardlight::{ClientOptions, ConnectError, ConnectionError, ServiceClient, wasm::BrowserTimer};

/// What `scripts/test wasm` says when it builds this.
const DIRECTOR: Option<&str> = option_env!("HARDLIGHT_DIRECTOR");

/// The director's URL.
pub(crate) async fn director() -> String {
    DIRECTOR.expect("run this by scripts/test wasm").to_owned()
}

pub(crate) fn options() -> ClientOptions {
    ClientOptions::new()
}

pub(crate) async fn connect<C: ServiceClient>(
    url: &str,
    options: ClientOptions,
) -> Result<C, ConnectError> {
    hardlight::connect_with(url, options).await
}

/// Connects, and leaves it to the caller to drive the connection.
pub(crate) async fn connect_driver<C: ServiceClient>(
    url: &str,
    options: ClientOptions,
) -> Result<(C, impl Future<Output = ConnectionError>), ConnectError> {
    hardlight::connect_driver(url, options).await
}

pub(crate) fn timer() -> BrowserTimer {
    BrowserTimer::new()
}
