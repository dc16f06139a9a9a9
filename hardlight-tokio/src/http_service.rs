//! HardLight on a route of an application's own HTTP server.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hardlight_ws::{
    Answer, Peer, Refusal, Requested,
    http::{Extensions, Request, Response, StatusCode},
};
use http_body_util::Full;
use hyper::upgrade::{OnUpgrade, on};
use hyper_util::rt::TokioIo;

use crate::{Mount, Tokio};

/// Serves HardLight on a route of an application's own HTTP server, beside its pages, on its port, with its TLS and its
/// middleware: a service of tower and of hyper. Of axum it is a route: `Router::new().route_service("/rpc", service)`.
///
/// The handshake is that of a server which listens itself: the factory is given the same
/// [`Request`](crate::Request), [`ServerOptions::origins`](crate::ServerOptions::origins) says which web pages may connect,
/// refusals have a status or are in band, what the factory adds to the response is in it. The path is what the router leaves of
/// it. What middleware adds to the request's extensions the factory finds again:
/// [`Request::extensions`](crate::Request::extensions).
///
/// What differs:
///
/// - The client's address and TLS are not known unless the application says them: by an extension of the type [`Peer`], or, with
///   axum, by `into_make_service_with_connect_info::<SocketAddr>()`. Without [`Peer::with_tls`] a server does not know that there
///   is TLS, and compares the host and port of an origin alone.
/// - The HTTP server reads the head of the request: its limits hold for that, in place of
///   [`max_head_bytes`](crate::ServerOptions::max_head_bytes). The factory has all of
///   [`handshake_timeout`](crate::ServerOptions::handshake_timeout).
/// - HTTP/1.1 only: a WebSocket over HTTP/2 (RFC 8441) is refused with the status 505. Browsers ask for none unless the HTTP server
///   says that it has them, and open a connection with HTTP/1.1; so an application that offers HTTP/2 offers `http/1.1` too (ALPN).
/// - hyper gives connections up only where it is told to: `serve_connection(io, service).with_upgrades()`. axum does so by
///   itself. What comes between, such as a timeout for responses or compression, ends with the response; a layer that replaces
///   the response ends the connection.
/// - Sockets are the HTTP server's. They should not wait for more to send (`TCP_NODELAY`), or small answers are late by tens of
///   milliseconds; of axum's listeners that is `tap_io(|tcp| drop(tcp.set_nodelay(true)))`.
/// - A graceful stop of the HTTP server does not wait for connections that it has given up:
///   [`ServerHandle::stop`](crate::ServerHandle::stop) does.
///
/// The server has to [`run`](crate::Server::run), and may well be one that does not listen, [`unbound`](crate::Server::unbound).
/// While it stops and afterwards the answer is 503.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpService {
    mount: Mount,
}

/// Ends with the response.
type Answering =
    Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send + 'static>>;

impl HttpService {
    /// A service for the server that this mount is of.
    pub const fn new(mount: Mount) -> Self {
        Self { mount }
    }

    fn answer<B>(&self, mut request: Request<B>) -> Answering {
        let is_offered = request.extensions().get::<OnUpgrade>().is_some();
        let upgrade = is_offered.then(|| on(&mut request));
        let peer = peer(request.extensions());
        // The body goes: that of a request which is accepted is empty.
        let (head, _) = request.into_parts();
        let (request, mount) = (Request::from_parts(head, ()), self.mount.clone());
        Box::pin(async move {
            Ok(match mount.request(request, peer) {
                Ok(requested) => answer(requested, upgrade).await,
                Err(refusal) => whole(refusal.http_response()),
            })
        })
    }
}

/// Who connects, as far as the application says.
fn peer(extensions: &Extensions) -> Peer {
    if let Some(peer) = extensions.get::<Peer>() {
        return peer.clone();
    }
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(addr)) = extensions.get() {
        let addr: &std::net::SocketAddr = addr;
        return Peer::from(*addr);
    }
    Peer::unknown()
}

async fn answer(requested: Requested<Tokio>, upgrade: Option<OnUpgrade>) -> Response<Full<Bytes>> {
    let Some(upgrade) = upgrade else { return whole(no_upgrade().http_response()) };
    match requested.answer().await {
        Answer::Response(response) => whole(response),
        Answer::Upgrade(response, upgrading) => {
            upgrading.serve(async {
                let upgraded = upgrade.await.map(TokioIo::new);
                upgraded.inspect_err(|error| tracing::debug!(%error, "no upgrade")).ok()
            });
            response.map(|()| Full::default())
        }
    }
}

fn whole(response: Response<String>) -> Response<Full<Bytes>> {
    response.map(|body| Full::new(body.into()))
}

fn no_upgrade() -> Refusal {
    tracing::error!("the HTTP server cannot upgrade the connection of a request");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "this server cannot upgrade connections\n")
}

impl<B> hyper::service::Service<Request<B>> for HttpService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<B>) -> Answering {
        self.answer(request)
    }
}

impl<B> tower_service::Service<Request<B>> for HttpService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        self.answer(request)
    }
}
