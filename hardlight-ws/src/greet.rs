//! The client's first moments on a WebSocket.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use futures_core::Stream;
use futures_sink::Sink;
use hardlight_driver::{ClientDriver, ServiceClient, Timer, client_with};
use hardlight_proto::{ClientConfig, ConnectionError};
use tungstenite::{Error, Message};

use crate::WebSocketTransport;

/// Drives a client's connection over a WebSocket until the server's Hello and snapshot were read. After that the driver
/// is to be polled (spawned, usually) by the caller; dropping the future, or the driver, drops the connection.
///
/// # Errors
///
/// Why the connection ended before.
///
/// # Panics
///
/// If `config` was made with another schema than `C::schema()`.
pub async fn greet<C, W, M>(
    socket: W,
    timer: M,
    config: ClientConfig,
) -> Result<(C, ClientDriver<C::State, C::Events, WebSocketTransport<W>, M>), ConnectionError>
where
    C: ServiceClient,
    W: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
    M: Timer,
{
    let (connecting, mut driver) =
        client_with::<C, _, _>(WebSocketTransport::new(socket), timer, config);
    let mut connecting = pin!(connecting);
    let client = poll_fn(|cx| {
        // The driver first: what it reads makes the client ready. A driver that has ended is not to be polled again.
        match Pin::new(&mut driver).poll(cx) {
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending => connecting.as_mut().poll(cx),
        }
    });
    let client = client.await?;
    Ok((client, driver))
}
