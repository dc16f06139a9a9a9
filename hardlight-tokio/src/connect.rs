//! The client: from a URL to a connection.

use std::{io, panic::resume_unwind};

use hardlight_driver::{ClientDriver, ServiceClient, proto::ConnectionError};
use hardlight_ws::{
    ClientOptions, ConnectError, ConnectPhase, Response, Scheme, Target, Trust, TrustError,
    WebSocketTransport, greet, websocket_config,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    task::spawn_blocking,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::{TokioTimer, deadline::Deadline};

/// Connects to a `wss://` URL, with the certificates that this machine trusts and the default options.
///
/// The connection is driven by a task of its own. It closes when the last clone of the client is dropped.
///
/// # Errors
///
/// Why there is no connection; see [`ConnectError`].
///
/// # Panics
///
/// Outside of a tokio runtime with I/O and time enabled.
pub async fn connect<C: ServiceClient>(url: &str) -> Result<C, ConnectError> {
    connect_with(url, ClientOptions::new()).await
}

/// Like [`connect`], with options.
///
/// # Errors
///
/// As for [`connect`].
///
/// # Panics
///
/// As [`connect`] does.
pub async fn connect_with<C: ServiceClient>(
    url: &str,
    options: ClientOptions,
) -> Result<C, ConnectError> {
    let (client, driver) = connect_driver(url, options).await?;
    tokio::spawn(driver);
    Ok(client)
}

/// Like [`connect_with`], but leaves it to the caller to drive the connection: nothing moves while the future is not
/// polled, and dropping it drops the connection. It ends with the reason why the connection ended.
///
/// # Errors
///
/// As for [`connect`].
///
/// # Panics
///
/// As [`connect`] does.
pub async fn connect_driver<C: ServiceClient>(
    url: &str,
    options: ClientOptions,
) -> Result<(C, impl Future<Output = ConnectionError> + Send + use<C>), ConnectError> {
    let target = Target::parse(url, Scheme::Secure)?;
    let trust = match &options.trust {
        Some(trust) => trust.clone(),
        None => system_trust().await?,
    };
    let deadline = Deadline::new(options.connect_timeout);
    let stream = connect_tcp(&target, deadline).await?;
    let connector = TlsConnector::from(trust.client_config(options.identity.as_ref()));
    let handshake = connector.connect(target.server_name(), stream);
    let stream = within(deadline, ConnectPhase::Tls, handshake)
        .await?
        .map_err(|source| ConnectError::Tls { name: target.host().to_owned(), source })?;
    open(stream, &target, &options, deadline).await
}

/// Connects to a `ws://` URL: **without TLS**, so anybody on the way can read and change what is sent. For tests, and
/// for networks that are protected in another way.
///
/// # Errors
///
/// As for [`connect`].
///
/// # Panics
///
/// As [`connect`] does.
pub async fn connect_plain<C: ServiceClient>(url: &str) -> Result<C, ConnectError> {
    connect_plain_with(url, ClientOptions::new()).await
}

/// Like [`connect_plain`], with options.
///
/// # Errors
///
/// As for [`connect`].
///
/// # Panics
///
/// As [`connect`] does.
pub async fn connect_plain_with<C: ServiceClient>(
    url: &str,
    options: ClientOptions,
) -> Result<C, ConnectError> {
    let target = Target::parse(url, Scheme::Plain)?;
    let deadline = Deadline::new(options.connect_timeout);
    let stream = connect_tcp(&target, deadline).await?;
    let (client, driver) = open(stream, &target, &options, deadline).await?;
    tokio::spawn(driver);
    Ok(client)
}

/// What the system trusts. It is read from disk once.
async fn system_trust() -> Result<Trust, TrustError> {
    match spawn_blocking(Trust::system).await {
        Ok(trust) => trust,
        // It was not cancelled, so it panicked.
        Err(panicked) => resume_unwind(panicked.into_panic()),
    }
}

/// One step of connecting.
async fn within<F: Future>(
    deadline: Deadline,
    phase: ConnectPhase,
    step: F,
) -> Result<F::Output, ConnectError> {
    let late = |_| ConnectError::Timeout { phase, limit: deadline.limit };
    deadline.within(step).await.map_err(late)
}

/// Tries the addresses of a name in turn. Each gets its share of the time, so that one that does not answer leaves some
/// to the others.
async fn connect_tcp(target: &Target, deadline: Deadline) -> Result<TcpStream, ConnectError> {
    let (host, port) = (target.host(), target.port());
    let failed = |tried: &str, source| ConnectError::Io {
        address: format!("{host}, port {port}{tried}"),
        source,
    };
    let addresses: Vec<_> = within(deadline, ConnectPhase::Lookup, lookup_host((host, port)))
        .await?
        .map_err(|source| failed("", source))?
        .collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share = deadline.remaining() / u32::try_from(left).unwrap_or(u32::MAX);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(|source| failed("", source))?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) if left == 1 => {
                let (phase, limit) = (ConnectPhase::Tcp, deadline.limit);
                return Err(ConnectError::Timeout { phase, limit });
            }
            Err(late) => last = late.into(),
        }
    }
    Err(failed(&format!(" ({addresses:?})"), last))
}

type Driver<C, IO> = ClientDriver<
    <C as ServiceClient>::State,
    <C as ServiceClient>::Events,
    WebSocketTransport<WebSocketStream<IO>>,
    TokioTimer,
>;

/// The WebSocket handshake and the greetings.
async fn open<C, IO>(
    stream: IO,
    target: &Target,
    options: &ClientOptions,
    deadline: Deadline,
) -> Result<(C, Driver<C, IO>), ConnectError>
where
    C: ServiceClient,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let config = websocket_config();
    let handshake = client_async_with_config(target.request(options)?, stream, Some(config));
    let (socket, response) = within(deadline, ConnectPhase::WebSocket, handshake)
        .await?
        .map_err(|error| ConnectError::handshake(error, target))?;
    let greeting = greet(socket, TokioTimer::new(), options, Response::accepted(response)?);
    within(deadline, ConnectPhase::Hello, greeting).await?
}
