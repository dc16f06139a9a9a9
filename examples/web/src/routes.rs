//! The application's routes, the service's among them.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    extract::{ConnectInfo, Request, State, connect_info::Connected},
    http::{HeaderValue, header::X_CONTENT_TYPE_OPTIONS},
    middleware::{self, Next},
    response::{Html, Response},
    routing::get,
    serve::IncomingStream,
};
use hardlight::{HttpService, Peer, TlsInfo};
use serde::Serialize;

use crate::{PlainListener, TlsListener, Total};

/// What `/total` answers.
#[derive(Serialize)]
struct Answer {
    total: u64,
}

/// A page at `/`, JSON at `/total`, the service at `/rpc`, and a layer around all of them.
pub fn routes(total: Total, service: HttpService) -> Router {
    Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        .route(
            "/total",
            get(async |State(total): State<Total>| Json(Answer { total: total.get() })),
        )
        .route_service("/rpc", service)
        .layer(middleware::from_fn(introduce))
        .with_state(total)
}

/// A layer that tells the service who connects, and adds a header to every response, also to the one that begins a connection.
pub async fn introduce(
    ConnectInfo(Arrival(peer)): ConnectInfo<Arrival>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(peer);
    let mut response = next.run(request).await;
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Who has connected, of either kind of listener.
#[derive(Clone, Debug)]
pub struct Arrival(Peer);

impl Connected<IncomingStream<'_, PlainListener>> for Arrival {
    fn connect_info(stream: IncomingStream<'_, PlainListener>) -> Self {
        Self(Peer::from(*stream.remote_addr()))
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Arrival {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let addr: SocketAddr = *stream.remote_addr();
        Self(Peer::from(addr).with_tls(TlsInfo::new(stream.io().get_ref().1)))
    }
}
