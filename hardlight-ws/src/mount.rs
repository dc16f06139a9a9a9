//! Connections that were made elsewhere, brought to a server.

use std::{fmt, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use hardlight_driver::{FrameError, FrameTransport, TimeLimit, Transport, note_refused_handshake};
use http::StatusCode;

use crate::{
    AcceptError, Adapter, Carry, Peer, Refusal, RefusedUpgrade, Request, Upgrade,
    connection::{self, Came, Made, Shared},
    entrance::Entrance,
};

/// Brings connections to a server that its listener does not: over any stream of bytes, over whatever carries whole messages,
/// or behind a request that an HTTP server has read. Of [`Server::mount`](crate::Server::mount).
///
/// They are connections of the server like all others: the same factory, options, hub and emitters, each in a task of its own;
/// [`ServerHandle::stop`](crate::ServerHandle::stop) lets them finish, and dropping what serves aborts them. They are served
/// while [`Server::run`](crate::Server::run) is polled; up to 1,024 wait for that. A connection that comes when the server has
/// stopped, or was dropped, is dropped.
///
/// Cheap to clone; clones are for the same server.
pub struct Mount<R: Adapter> {
    shared: Arc<Shared<R>>,
    entrance: Entrance,
}

impl<R: Adapter> Mount<R> {
    pub(crate) const fn new(shared: Arc<Shared<R>>, entrance: Entrance) -> Self {
        Self { shared, entrance }
    }

    /// Serves a client over a stream of bytes that is connected already, such as a Unix socket, a pipe, or TLS that the
    /// application has. It begins with the same HTTP request as over TCP, and has
    /// [`handshake_timeout`](crate::ServerOptions::handshake_timeout) for that. Returns at once.
    ///
    /// `peer` is what the factory finds as [`Request::peer_addr`] and [`Request::tls`]: an address, `None`, or a [`Peer`].
    pub fn serve_stream<T>(&self, stream: T, peer: impl Into<Peer>)
    where
        R: Carry<T>,
    {
        let came = Came::Stream(R::carry(stream), peer.into());
        self.enter(connection::run(came, Arc::clone(&self.shared)));
    }

    /// Serves a client over whole binary messages, without WebSocket and HTTP: over anything that is ordered and reliable and
    /// keeps their boundaries. See [`FrameTransport`] on what stands for the close, the end and a message that is too long, and
    /// [`FramePair`](hardlight_driver::FramePair) for a stream and a sink that come as two. Returns at once.
    ///
    /// `request` is what the factory is given in place of the HTTP request that there is not: a path, headers, a token, as far as
    /// whoever accepted the transport knows of any; else `http::Request::new(())`. If it has an `Origin`, that is checked as ever.
    /// A refusal is told by a close, with a code that stands for its status; what is added to
    /// [`Request::response`] goes nowhere. That a client has gone is found once the factory is done.
    pub fn serve_frames<F>(&self, frames: F, request: http::Request<()>, peer: impl Into<Peer>)
    where
        F: Send + 'static,
        FrameTransport<F>: Transport<Error = FrameError>,
    {
        let Peer { addr, tls } = peer.into();
        let request = Request::through(&self.shared.options.trusted_proxies, request, addr, tls);
        let transport = Box::new(FrameTransport::new(frames));
        self.enter(connection::run_transport(transport, request, Arc::clone(&self.shared)));
    }

    /// Looks at the head of a request that an HTTP server has read: all of the handshake before the factory. For adapters to HTTP
    /// servers; hardlight-tokio has one for axum and hyper.
    ///
    /// The HTTP server's own limits hold for the head and the time that it takes to arrive.
    ///
    /// # Errors
    ///
    /// What to answer ([`Refusal::http_response`]), if this request cannot become a HardLight connection, or the server serves
    /// nobody.
    pub fn request(
        &self,
        request: http::Request<()>,
        peer: impl Into<Peer>,
    ) -> Result<Requested<R>, Refusal> {
        let upgrade = Upgrade::new(request, &self.shared.options, peer);
        let upgrade = match upgrade {
            Ok(_) if !self.entrance.is_open() => Err(Refusal::unavailable()),
            upgrade => upgrade,
        };
        upgrade.map(|upgrade| Requested { mount: self.clone(), upgrade }).inspect_err(log_refusal)
    }

    fn enter(&self, connection: impl Future<Output = ()> + Send + 'static) {
        if !self.entrance.enter(connection) {
            tracing::debug!("a connection came to a server that serves nobody, or not yet");
        }
    }
}

fn log_refusal(refusal: &Refusal) {
    note_refused_handshake(refusal.status().as_str());
    tracing::debug!(%refusal, "no connection");
}

impl<R: Adapter> Clone for Mount<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), entrance: self.entrance.clone() }
    }
}

impl<R: Adapter> fmt::Debug for Mount<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount").field("is_open", &self.entrance.is_open()).finish()
    }
}

/// A request that may become a connection. Of [`Mount::request`].
#[derive(Debug)]
pub struct Requested<R: Adapter> {
    mount: Mount<R>,
    upgrade: Upgrade,
}

impl<R: Adapter> Requested<R> {
    /// Asks the factory, which has [`handshake_timeout`](crate::ServerOptions::handshake_timeout). If the future is dropped, since
    /// the client has gone, so is the factory's. One that panics is answered with the status 500.
    pub async fn answer(self) -> Answer<R> {
        let Self { mount, upgrade } = self;
        let options = &mount.shared.options;
        let request = upgrade.request().clone();
        let peer = request.peer_addr();
        let mut deadline = TimeLimit::new(R::timer(), options.handshake_timeout);
        let making = connection::make_in_time(request, &mut deadline, &mount.shared);
        let made = AssertUnwindSafe(making).catch_unwind().await;
        let (response, then) = match made.unwrap_or_else(|_| Err(panicked())) {
            Ok(made) => (upgrade.accept_response().0, Then::Serve(made)),
            Err(refusal) => match upgrade.refuse_response(&refusal, options.refuse_in_band) {
                RefusedUpgrade::Status(response) => {
                    log_refusal(&refusal);
                    return Answer::Response(response);
                }
                RefusedUpgrade::InBand { response, close } => {
                    (response, Then::Refuse(close, refusal))
                }
            },
        };
        Answer::Upgrade(response, Upgrading { mount, peer, then })
    }
}

fn panicked() -> Refusal {
    tracing::error!("a factory panicked");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error\n")
}

/// What an HTTP server is to answer. Of [`Requested::answer`].
#[derive(Debug)]
pub enum Answer<R: Adapter> {
    /// This, and nothing more: a refusal.
    Response(http::Response<String>),
    /// `101 Switching Protocols`, and what to do with the stream behind it.
    Upgrade(http::Response<()>, Upgrading<R>),
}

/// A connection whose stream is not there yet.
#[must_use = "the client has a response, and waits for what is behind it"]
pub struct Upgrading<R: Adapter> {
    mount: Mount<R>,
    peer: Option<SocketAddr>,
    then: Then<R>,
}

enum Then<R: Adapter> {
    Serve(Made<R>),
    /// In band.
    Refuse(Vec<u8>, Refusal),
}

impl<R: Adapter> Upgrading<R> {
    /// Serves the client over the stream, once it is there: `None` if it does not come. Returns at once.
    pub fn serve<T>(self, stream: impl Future<Output = Option<T>> + Send + 'static)
    where
        R: Carry<T>,
        T: 'static,
    {
        let Self { mount, peer, then } = self;
        let timeout = mount.shared.options.handshake_timeout;
        let life = async move {
            let arriving = TimeLimit::new(R::timer(), timeout).within(stream).await;
            let stream = arriving.map_err(|_| AcceptError::Timeout)?;
            let stream = R::carry(stream.ok_or(AcceptError::NoUpgrade)?);
            match then {
                Then::Serve(made) => Ok(connection::serve_accepted(stream, made).await),
                Then::Refuse(close, refusal) => {
                    let error = AcceptError::Refused(refusal);
                    Err(connection::turn_away::<R>(stream, &close, error).await)
                }
            }
        };
        mount.enter(connection::outlive(peer, life));
    }
}

impl<R: Adapter> fmt::Debug for Upgrading<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_refused = matches!(self.then, Then::Refuse(..));
        f.debug_struct("Upgrading").field("is_refused", &is_refused).finish_non_exhaustive()
    }
}
