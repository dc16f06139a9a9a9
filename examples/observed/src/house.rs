//! The two servers.

use std::{future::ready, net::SocketAddr};

use axum::{Router, routing::get};
use hardlight::{
    ClientOptions, HttpService, Propagation, Request, Server, ServerOptions, Telemetry, Unbound,
    connect_plain_with,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::service::{Counter, Shelf, shop, stock};

/// Two servers that run: a store, and a shop that calls it.
#[derive(Debug)]
pub struct House {
    /// Where the shop is, and what it tells Prometheus at `/metrics`.
    pub addr: SocketAddr,
}

impl House {
    /// Opens both. What `metrics` has recorded is answered to whoever scrapes.
    ///
    /// # Errors
    ///
    /// If there is no port to listen at, or the shop does not find the store.
    pub async fn open(metrics: PrometheusHandle) -> Result<Self, Box<dyn std::error::Error>> {
        let store = store().await?;
        let stock: stock::Client = connect_plain_with(&store, client_options()).await?;
        let server: Server<Unbound> = Server::unbound(move |_: shop::Connection, _: Request| {
            ready(Ok(Counter { stock: stock.clone() }))
        })
        .with_options(server_options());
        let service = HttpService::new(server.mount());
        tokio::spawn(server.run());
        let routes = Router::new()
            .route_service("/rpc", service)
            .route("/metrics", get(async move || metrics.render()));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { addr })
    }

    /// Connects a customer.
    ///
    /// # Errors
    ///
    /// If that does not succeed.
    pub async fn customer(&self) -> Result<shop::Client, hardlight::ConnectError> {
        connect_plain_with(&format!("ws://{}/rpc", self.addr), client_options()).await
    }
}

/// The store: its URL.
async fn store() -> Result<String, hardlight::BindError> {
    let factory = |_: stock::Connection, _: Request| ready(Ok(Shelf));
    let server = Server::bind_plain("127.0.0.1:0", factory).await?.with_options(server_options());
    let url = server.url("127.0.0.1");
    tokio::spawn(server.run());
    Ok(url)
}

/// Calls say which trace they belong to, and so they are asked for it.
fn telemetry() -> Telemetry {
    Telemetry::new().propagation(Propagation::trace_ids())
}

fn client_options() -> ClientOptions {
    ClientOptions::new().telemetry(telemetry())
}

fn server_options() -> ServerOptions {
    ServerOptions::new().telemetry(telemetry())
}
