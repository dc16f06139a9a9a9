//! The client: from a URL to a connection.

use std::{io, net::SocketAddr};

use hardlight_driver::{ClientDriver, ServiceClient, Timer};

use crate::{
    Adapter, ClientOptions, ConnectError, ConnectPhase, Response, Scheme, Target, Trust,
    WebSocketTransport,
    deadline::{Deadline, Late},
    greet,
};

/// The driver of a client's connection on the runtime `R`.
pub type Driver<R, C> = ClientDriver<
    <C as ServiceClient>::State,
    <C as ServiceClient>::Events,
    WebSocketTransport<<R as Adapter>::Socket>,
    <R as Adapter>::Timer,
>;

/// Connects to a URL of this scheme, on the runtime `R`, and drives the connection in a task of its own.
///
/// # Errors
///
/// Why there is no connection; see [`ConnectError`].
pub async fn connect<R: Adapter, C: ServiceClient>(
    url: &str,
    scheme: Scheme,
    options: ClientOptions,
) -> Result<C, ConnectError> {
    // Once for a connection, and it takes tens of kilobytes: too much for some stacks, where runtimes pass futures on by value.
    Box::pin(async {
        let (client, driver) = establish::<R, C>(url, scheme, options).await?;
        R::detach(R::spawn(async {
            driver.await;
        }));
        Ok(client)
    })
    .await
}

/// Like [`connect`], but leaves it to the caller to drive the connection.
///
/// # Errors
///
/// As for [`connect`].
pub async fn connect_driver<R: Adapter, C: ServiceClient>(
    url: &str,
    scheme: Scheme,
    options: ClientOptions,
) -> Result<(C, Driver<R, C>), ConnectError> {
    Box::pin(establish::<R, C>(url, scheme, options)).await
}

async fn establish<R: Adapter, C: ServiceClient>(
    url: &str,
    scheme: Scheme,
    options: ClientOptions,
) -> Result<(C, Driver<R, C>), ConnectError> {
    let target = Target::parse(url, scheme)?;
    let trust = match (&options.trust, scheme) {
        (_, Scheme::Plain) => None,
        (Some(trust), Scheme::Secure) => Some(trust.clone()),
        // It is read from disk once.
        (None, Scheme::Secure) => Some(R::unblock(Trust::system).await?),
    };
    let mut deadline = Deadline::new(R::timer(), options.connect_timeout);
    let tcp = connect_tcp::<R>(&target, &mut deadline).await?;
    let stream = match trust {
        Some(trust) => {
            let config = trust.client_config(options.identity.as_ref());
            let handshake = R::connect_tls(tcp, config, target.server_name());
            let shaken = within(&mut deadline, ConnectPhase::Tls, handshake).await?;
            shaken.map_err(|source| ConnectError::Tls { name: target.host().to_owned(), source })?
        }
        None => R::plain(tcp),
    };
    open::<R, C>(stream, &target, &options, &mut deadline).await
}

/// The WebSocket and the first of HardLight, over a stream that is connected.
pub(crate) async fn open<R: Adapter, C: ServiceClient>(
    stream: R::Stream,
    target: &Target,
    options: &ClientOptions,
    deadline: &mut Deadline<R::Timer>,
) -> Result<(C, Driver<R, C>), ConnectError> {
    let handshake = R::open(stream, target.request(options)?);
    let (socket, response) = within(deadline, ConnectPhase::WebSocket, handshake)
        .await?
        .map_err(|error| ConnectError::handshake(error, target))?;
    let greeting = greet(socket, R::timer(), options, Response::accepted(response)?);
    within(deadline, ConnectPhase::Hello, greeting).await?
}

/// One step of connecting.
pub(crate) async fn within<M: Timer, F: Future>(
    deadline: &mut Deadline<M>,
    phase: ConnectPhase,
    step: F,
) -> Result<F::Output, ConnectError> {
    let limit = deadline.limit;
    deadline.within(step).await.map_err(|Late| ConnectError::Timeout { phase, limit })
}

/// Tries the addresses of a name in turn. Each gets its share of the time, so that one that does not answer leaves some
/// to the others.
async fn connect_tcp<R: Adapter>(
    target: &Target,
    deadline: &mut Deadline<R::Timer>,
) -> Result<R::Tcp, ConnectError> {
    let (host, port) = (target.host(), target.port());
    let failed = |tried: &str, source| ConnectError::Io {
        address: format!("{host}, port {port}{tried}"),
        source,
    };
    let addresses: Vec<SocketAddr> = within(deadline, ConnectPhase::Lookup, R::lookup(host, port))
        .await?
        .map_err(|source| failed("", source))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (&address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share = deadline.remaining() / u32::try_from(left).unwrap_or(u32::MAX);
        match Deadline::new(R::timer(), share).within(R::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => last = error,
            Err(Late) if left == 1 => {
                let (phase, limit) = (ConnectPhase::Tcp, deadline.limit);
                return Err(ConnectError::Timeout { phase, limit });
            }
            Err(Late) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failed(&format!(" ({addresses:?})"), last))
}
