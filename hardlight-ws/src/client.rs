//! The client: from a URL to a connection.

use std::{io, marker::PhantomData, net::SocketAddr, pin::Pin};

use futures_util::future::Either;
use hardlight_driver::{
    DriverOf, Endpoint, Late, ServiceClient, TimeLimit, Timer, client_reconnecting,
    proto::ConnectionError, until_open,
};

use crate::{
    Adapter, ClientOptions, ConnectError, ConnectPhase, Response, Scheme, Target, Trust,
    WebSocketTransport,
    greet::greet_over,
    proxy,
    reconnect::{Redial, opened},
    tunnel,
};

/// The driver of a client's connection on the runtime `R`, or of all of its connections if it
/// [comes back](ClientOptions::reconnect).
pub type Driver<R, C> = Either<Once<R, C>, Pin<Box<dyn Future<Output = ConnectionError> + Send>>>;

/// The driver of a single connection.
type Once<R, C> = DriverOf<C, WebSocketTransport<<R as Adapter>::Socket>, <R as Adapter>::Timer>;

/// Connects to a URL of this scheme, on the runtime `R`, and drives the connection in a task of its own.
///
/// # Errors
///
/// Why there is no connection; see [`ConnectError`].
pub fn connect<R: Adapter, C: ServiceClient>(
    url: &str,
    scheme: Scheme,
    options: ClientOptions,
) -> impl Future<Output = Result<C, ConnectError>> + Send + use<'_, R, C> {
    // Once for a connection, and it takes tens of kilobytes: too much for some stacks, where runtimes pass futures on by value.
    Box::pin(async move {
        let (client, driver) = establish::<R, C>(url, scheme, options).await?;
        R::detach(R::spawn(async {
            driver.await;
        }));
        Ok(client)
    })
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
    let dialed = dial::<R>(url, scheme, &options).await?;
    let Some(reconnect) = options.reconnect.clone() else {
        let (client, driver) = dialed.greet::<C>(&options).await?;
        return Ok((client, Either::Left(driver)));
    };
    let (mut deadline, response) = (dialed.deadline, dialed.response);
    let schema = C::schema();
    let first = opened::<R>(dialed.socket, response.clone(), dialed.endpoint, &options, schema);
    let (url, runtime) = (url.to_owned(), PhantomData);
    let redial = Redial::<R> { url, scheme, options, schema, runtime };
    let (connecting, driver) = client_reconnecting::<C, _>(first, redial, reconnect);
    let driver: Pin<Box<dyn Future<Output = ConnectionError> + Send>> = Box::pin(driver);
    let greeting = until_open(connecting, driver);
    let greeted = within(&mut deadline, ConnectPhase::Hello, greeting).await?;
    let (client, driver) = greeted.map_err(|error| ConnectError::greeting(error, &response))?;
    Ok((client, Either::Right(driver)))
}

/// A WebSocket on which nothing was said yet.
pub(crate) struct Dialed<R: Adapter> {
    pub(crate) socket: R::Socket,
    pub(crate) response: Response,
    pub(crate) endpoint: Endpoint,
    /// What is left of the time for connecting.
    deadline: TimeLimit<R::Timer>,
}

impl<R: Adapter> Dialed<R> {
    /// The first of HardLight on it.
    pub(crate) async fn greet<C: ServiceClient>(
        mut self,
        options: &ClientOptions,
    ) -> Result<(C, Once<R, C>), ConnectError> {
        let transport = WebSocketTransport::new(self.socket);
        let greeting = greet_over(transport, R::timer(), options, self.response, self.endpoint);
        within(&mut self.deadline, ConnectPhase::Hello, greeting).await?
    }
}

/// Connects, up to the WebSocket.
pub(crate) async fn dial<R: Adapter>(
    url: &str,
    scheme: Scheme,
    options: &ClientOptions,
) -> Result<Dialed<R>, ConnectError> {
    let target = Target::parse(url, scheme)?;
    let trust = match (&options.trust, scheme) {
        (_, Scheme::Plain) => None,
        (Some(trust), Scheme::Secure) => Some(trust.clone()),
        // It is read from disk once.
        (None, Scheme::Secure) => Some(R::unblock(Trust::system).await?),
    };
    let mut deadline = TimeLimit::new(R::timer(), options.connect_timeout);
    let proxy = options.proxy.as_ref().map(|proxy| proxy.before(&target, scheme)).transpose()?;
    let (tcp, peer) = match proxy.flatten() {
        Some(proxy) => connect_through::<R>(proxy, &target, &mut deadline).await?,
        None => connect_tcp::<R>("", target.host(), target.port(), &mut deadline).await?,
    };
    let stream = match trust {
        Some(trust) => {
            let config = trust.client_config(options.identity.as_ref());
            let handshake = R::connect_tls(tcp, config, target.server_name());
            let shaken = within(&mut deadline, ConnectPhase::Tls, handshake).await?;
            shaken.map_err(|source| ConnectError::Tls { name: target.host().to_owned(), source })?
        }
        None => R::plain(tcp),
    };
    open::<R>(stream, &target, Some(peer), options, deadline).await
}

/// The WebSocket, over a stream that is connected.
pub(crate) async fn open<R: Adapter>(
    stream: R::Stream,
    target: &Target,
    peer: Option<SocketAddr>,
    options: &ClientOptions,
    mut deadline: TimeLimit<R::Timer>,
) -> Result<Dialed<R>, ConnectError> {
    let handshake = R::open(stream, target.request(options)?);
    let (socket, response) = within(&mut deadline, ConnectPhase::WebSocket, handshake)
        .await?
        .map_err(|error| ConnectError::handshake(error, target))?;
    let endpoint = target.endpoint().with_peer(peer);
    Ok(Dialed { socket, response: Response::accepted(response)?, endpoint, deadline })
}

/// One step of connecting.
pub(crate) async fn within<M: Timer, F: Future>(
    deadline: &mut TimeLimit<M>,
    phase: ConnectPhase,
    step: F,
) -> Result<F::Output, ConnectError> {
    let limit = deadline.limit();
    deadline.within(step).await.map_err(|Late| ConnectError::Timeout { phase, limit })
}

/// A TCP connection to a proxy, which has connected it with the target.
async fn connect_through<R: Adapter>(
    proxy: &proxy::Endpoint,
    target: &Target,
    deadline: &mut TimeLimit<R::Timer>,
) -> Result<(R::Tcp, SocketAddr), ConnectError> {
    let (mut tcp, peer) = connect_tcp::<R>("the proxy ", &proxy.host, proxy.port, deadline).await?;
    let opening = tunnel::open(R::raw(&mut tcp), proxy, target);
    within(deadline, ConnectPhase::Proxy, opening)
        .await?
        .map_err(|source| ConnectError::Proxy { proxy: proxy.to_string(), source })?;
    Ok((tcp, peer))
}

/// Tries the addresses of a name in turn. Each gets its share of the time, so that one that does not answer leaves some
/// to the others.
async fn connect_tcp<R: Adapter>(
    what: &str,
    host: &str,
    port: u16,
    deadline: &mut TimeLimit<R::Timer>,
) -> Result<(R::Tcp, SocketAddr), ConnectError> {
    let failed = |tried: &str, source| ConnectError::Io {
        address: format!("{what}{host}, port {port}{tried}"),
        source,
    };
    let addresses: Vec<SocketAddr> = within(deadline, ConnectPhase::Lookup, R::lookup(host, port))
        .await?
        .map_err(|source| failed("", source))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (&address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share = deadline.remaining() / u32::try_from(left).unwrap_or(u32::MAX);
        match TimeLimit::new(R::timer(), share).within(R::connect(address)).await {
            Ok(Ok(tcp)) => return Ok((tcp, address)),
            Ok(Err(error)) => last = error,
            Err(Late) if left == 1 => {
                let (phase, limit) = (ConnectPhase::Tcp, deadline.limit());
                return Err(ConnectError::Timeout { phase, limit });
            }
            Err(Late) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failed(&format!(" ({addresses:?})"), last))
}
