//! The client on async-std.

use hardlight_driver::{
    FrameError, FrameTransport, ServiceClient, Transport, proto::ConnectionError,
};
use hardlight_ws::{ClientOptions, ConnectError, Scheme};

use crate::AsyncStd;

/// Connects to a `wss://` URL, with the certificates that this machine trusts and the default options.
///
/// The connection is driven by a task of its own, on async-std's global executor. It closes when the last clone of the client is dropped.
///
/// # Errors
///
/// Why there is no connection; see [`ConnectError`].
pub async fn connect<C: ServiceClient>(url: &str) -> Result<C, ConnectError> {
    connect_with(url, ClientOptions::new()).await
}

/// Like [`connect`], with options.
///
/// # Errors
///
/// As for [`connect`].
pub async fn connect_with<C: ServiceClient>(
    url: &str,
    options: ClientOptions,
) -> Result<C, ConnectError> {
    hardlight_ws::connect::<AsyncStd, C>(url, Scheme::Secure, options).await
}

/// Like [`connect_with`], but leaves it to the caller to drive the connection: nothing moves while the future is not
/// polled, and dropping it drops the connection. It ends with the reason why the connection ended.
///
/// # Errors
///
/// As for [`connect`].
pub async fn connect_driver<C: ServiceClient>(
    url: &str,
    options: ClientOptions,
) -> Result<(C, impl Future<Output = ConnectionError> + Send + use<C>), ConnectError> {
    hardlight_ws::connect_driver::<AsyncStd, C>(url, Scheme::Secure, options).await
}

/// Connects to a `ws://` URL: **without TLS**, so anybody on the way can read and change what is sent. For tests, and
/// for networks that are protected in another way.
///
/// # Errors
///
/// As for [`connect`].
pub async fn connect_plain<C: ServiceClient>(url: &str) -> Result<C, ConnectError> {
    connect_plain_with(url, ClientOptions::new()).await
}

/// Like [`connect_plain`], with options.
///
/// # Errors
///
/// As for [`connect`].
pub async fn connect_plain_with<C: ServiceClient>(
    url: &str,
    options: ClientOptions,
) -> Result<C, ConnectError> {
    hardlight_ws::connect::<AsyncStd, C>(url, Scheme::Plain, options).await
}

hardlight_ws::connect_over!(AsyncStd);
