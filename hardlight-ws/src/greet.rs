//! The client's first moments on a WebSocket.

use futures_core::Stream;
use futures_sink::Sink;
use hardlight_driver::{
    ClientDriver, Connected, DriverOf, Endpoint, ServiceClient, Timer, Transport, client_over,
    until_open,
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
    let transport = WebSocketTransport::new(socket);
    greet_over(transport, timer, options, response, Endpoint::unknown()).await
}

/// As [`greet`], over any transport.
pub(crate) async fn greet_over<C, T, M>(
    transport: T,
    timer: M,
    options: &ClientOptions,
    response: Response,
    endpoint: Endpoint,
) -> Result<(C, DriverOf<C, T, M>), ConnectError>
where
    C: ServiceClient,
    T: Transport,
    M: Timer,
{
    let config = options.config(C::schema());
    let connected = Connected::new(transport, timer, config)
        .with_response(response.clone())
        .with_call_timeout(options.call_timeout)
        .with_telemetry(options.telemetry.clone())
        .with_endpoint(endpoint);
    let (connecting, driver) = client_over::<C, _, _>(connected);
    let greeted = until_open(connecting, driver).await;
    greeted.map_err(|error| ConnectError::greeting(error, &response))
}
