//! The client: from a URL to a connection.

use std::pin::Pin;

use hardlight_driver::{
    Late, ServiceClient, TimeLimit, client_over, client_reconnecting, proto::ConnectionError,
    until_open,
};
use wasm_bindgen_futures::spawn_local;

use crate::{
    BrowserTimer, BrowserTransport, ClientOptions, ConnectError, ConnectPhase,
    reconnect::{Redial, opened},
};

type Driver = Pin<Box<dyn Future<Output = ConnectionError>>>;

/// Connects to a `wss://` URL, or a `ws://` one from a page that was loaded without TLS, with the default options. Browsers since
/// 2024 take a URL relative to the page's too: `connect("/")`.
///
/// The connection is driven by a task of its own. It closes when the last clone of the client is dropped, and when the user
/// leaves the page.
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
    let (client, driver) = establish(url, options).await?;
    spawn_local(async {
        driver.await;
    });
    Ok(client)
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
) -> Result<(C, impl Future<Output = ConnectionError> + use<C>), ConnectError> {
    establish(url, options).await
}

async fn establish<C: ServiceClient>(
    url: &str,
    options: ClientOptions,
) -> Result<(C, Driver), ConnectError> {
    let mut deadline = TimeLimit::new(BrowserTimer::new(), options.connect_timeout);
    let transport = dial(url, &options, &mut deadline).await?;
    let first = opened(transport, &options, C::schema());
    let Some(reconnect) = options.reconnect.clone() else {
        let (connecting, driver) = client_over::<C, _, _>(first);
        return greet(&mut deadline, connecting, Box::pin(driver)).await;
    };
    let redial = Redial::new(url.to_owned(), options, C::schema());
    let (connecting, driver) = client_reconnecting::<C, _>(first, redial, reconnect);
    greet(&mut deadline, connecting, Box::pin(driver)).await
}

/// A WebSocket on which nothing was said yet.
pub(crate) async fn dial(
    url: &str,
    options: &ClientOptions,
    deadline: &mut TimeLimit<BrowserTimer>,
) -> Result<BrowserTransport, ConnectError> {
    let mut transport = BrowserTransport::open(url, &options.protocols()?)?;
    let opened = within(deadline, ConnectPhase::WebSocket, transport.opened()).await?;
    opened.map_err(|()| ConnectError::Io { address: url.to_owned() })?;
    transport.check_subprotocol()?;
    Ok(transport)
}

async fn greet<C>(
    deadline: &mut TimeLimit<BrowserTimer>,
    connecting: impl Future<Output = Result<C, ConnectionError>>,
    driver: Driver,
) -> Result<(C, Driver), ConnectError> {
    let greeting = until_open(connecting, driver);
    let greeted = within(deadline, ConnectPhase::Hello, greeting).await?;
    greeted.map_err(ConnectError::greeting)
}

/// One step of connecting.
async fn within<F: Future>(
    deadline: &mut TimeLimit<BrowserTimer>,
    phase: ConnectPhase,
    step: F,
) -> Result<F::Output, ConnectError> {
    let limit = deadline.limit();
    deadline.within(step).await.map_err(|Late| ConnectError::Timeout { phase, limit })
}
