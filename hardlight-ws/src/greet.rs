//! The client's first moments on a WebSocket.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use futures_core::Stream;
use futures_sink::Sink;
use hardlight_driver::{
    ClientDriver, Connected, DriverOf, ServiceClient, Timer, Transport, client_over,
    proto::ConnectionError,
};
use tungstenite::{Error, Message};

use crate::{ClientOptions, ConnectError, Response, WebSocketTransport};

/// Drives a client's connection over a WebSocket until the server's Hello and snapshot were read. After that the driver
/// is to be polled (spawned, usually) by the caller; dropping the future, or the driver, drops the connection. `response` is
/// what the server accepted the WebSocket with.
///
/// # Errors
///
/// [`ConnectError::Refused`] if the server closed it in place of a greeting with a code that refuses it, else
/// [`ConnectError::Connection`] with what ended it.
pub async fn greet<C, W, M>(
    socket: W,
    timer: M,
    options: &ClientOptions,
    response: Response,
) -> Result<(C, ClientDriver<C::State, C::Events, WebSocketTransport<W>, M>), ConnectError>
where
    C: ServiceClient,
    W: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
    M: Timer,
{
    greet_over(WebSocketTransport::new(socket), timer, options, response).await
}

/// As [`greet`], over any transport.
pub(crate) async fn greet_over<C, T, M>(
    transport: T,
    timer: M,
    options: &ClientOptions,
    response: Response,
) -> Result<(C, DriverOf<C, T, M>), ConnectError>
where
    C: ServiceClient,
    T: Transport,
    M: Timer,
{
    let config = options.config(C::schema());
    let connected = Connected::new(transport, timer, config)
        .with_response(response.clone())
        .with_call_timeout(options.call_timeout);
    let (connecting, driver) = client_over::<C, _, _>(connected);
    let greeted = until_open(connecting, driver).await;
    greeted.map_err(|error| ConnectError::greeting(error, &response))
}

/// Drives a client's connection until it is open.
pub(crate) async fn until_open<C, D>(
    connecting: impl Future<Output = Result<C, ConnectionError>>,
    mut driver: D,
) -> Result<(C, D), ConnectionError>
where
    D: Future<Output = ConnectionError> + Unpin,
{
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
