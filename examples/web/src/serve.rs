//! Serving, and ending.

use std::{future::pending, io};

use axum::{
    Router,
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use hardlight::ServerHandle;
use tokio::signal;

use crate::Arrival;

/// Serves an application until Ctrl-C, and then its last request and connection. The handle is that of its service's server.
///
/// # Errors
///
/// Those of [`axum::serve()`].
pub async fn serve_until_interrupted<L>(
    listener: L,
    app: Router,
    handle: ServerHandle,
) -> io::Result<()>
where
    L: Listener<Addr: std::fmt::Debug>,
    Arrival: for<'a> Connected<IncomingStream<'a, L>>,
{
    let app = app.into_make_service_with_connect_info::<Arrival>();
    // axum does not wait for connections that it has handed over: the server does.
    let stopped = async move {
        match signal::ctrl_c().await {
            Ok(()) => handle.stop().await,
            Err(error) => {
                eprintln!("error: Ctrl-C will not be noticed: {error}");
                pending::<()>().await;
            }
        }
    };
    axum::serve(listener, app).with_graceful_shutdown(stopped).await
}
