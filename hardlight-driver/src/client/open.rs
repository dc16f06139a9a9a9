//! Opening a connection, or the first of several.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use hardlight_proto::{ClientConfig, ConnectionError, Limits};

use super::{
    ClientConnection, ClientDriver, Connected, Connector, Handle, Reconnect, Shared, calls::Turn,
    driver::Persistence, options::CallOptions, reconnect,
};
use crate::{service::ServiceClient, timer::Timer, transport::Transport};

/// The driver of a connection of the client `C`.
pub type DriverOf<C, T, M> =
    ClientDriver<<C as ServiceClient>::State, <C as ServiceClient>::Events, T, M>;

/// Opens the client's side of a connection over a transport that is connected already.
///
/// The first part is ready with the client once the server's Hello and snapshot were read. The second is the driver: it
/// does all the work and must be polled (spawned, usually) until it ends, also for the first part to become ready.
pub fn client<C, T, M>(
    transport: T,
    timer: M,
    limits: Limits,
) -> (impl Future<Output = Result<C, ConnectionError>>, DriverOf<C, T, M>)
where
    C: ServiceClient,
    T: Transport,
    M: Timer,
{
    client_with(transport, timer, ClientConfig::new(C::schema()).with_limits(limits))
}

/// [`client`], with whatever else a [`ClientConfig`] says. One with
/// [`resume`](ClientConfig::with_resume) goes on where an earlier connection left off, whose
/// [`resume_point`](ClientConnection::resume_point) it has: when the server subscribes this one to a topic of that name
/// again, the events that it missed come first, or the stream says that they are missing.
///
/// # Panics
///
/// If `config` was made with another schema than `C::schema()`.
pub fn client_with<C, T, M>(
    transport: T,
    timer: M,
    config: ClientConfig,
) -> (impl Future<Output = Result<C, ConnectionError>>, DriverOf<C, T, M>)
where
    C: ServiceClient,
    T: Transport,
    M: Timer,
{
    client_over(Connected::new(transport, timer, config))
}

/// [`client_with`], of all that an adapter has to say: see [`Connected`].
///
/// # Panics
///
/// As [`client_with`].
pub fn client_over<C, T, M>(
    connected: Connected<T, M>,
) -> (impl Future<Output = Result<C, ConnectionError>>, DriverOf<C, T, M>)
where
    C: ServiceClient,
    T: Transport,
    M: Timer,
{
    let options = CallOptions::with_timeout(connected.call_timeout);
    let (shared, connected) = Shared::of::<C, _, _>(connected, false);
    let driver = ClientDriver::new(Arc::clone(&shared), connected, Persistence::Once);
    (open(shared, options), driver)
}

/// [`client_with`], for a client that comes back: when the connection is lost, `connector` makes another one, in which the same
/// handle goes on. The state is that of the new connection then, subscriptions of topics that the server makes again go on
/// where they were, and calls wait, or have ended as [`Error`](crate::Error) says.
///
/// The first part fails with what ended the first connection, if it does not open.
///
/// # Panics
///
/// If `first`, or what the connector makes, has another schema than `C::schema()`.
pub fn client_reconnecting<C, K>(
    first: Connected<K::Transport, K::Timer>,
    connector: K,
    policy: Reconnect,
) -> (impl Future<Output = Result<C, ConnectionError>>, impl Future<Output = ConnectionError>)
where
    C: ServiceClient,
    K: Connector,
{
    let options = CallOptions::with_timeout(first.call_timeout);
    let (shared, first) = Shared::of::<C, _, _>(first, true);
    let driver = reconnect::run(Arc::clone(&shared), first, connector, policy);
    (open(shared, options), driver)
}

/// Drives a client's connection, by the future that is to be polled on afterwards, until it is open. For adapters.
///
/// # Errors
///
/// Why it did not open.
pub async fn until_open<C, D>(
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

/// The client, once its first connection is open.
async fn open<C: ServiceClient>(
    shared: Arc<Shared<C::State, C::Events>>,
    options: Option<Arc<CallOptions>>,
) -> Result<C, ConnectionError> {
    let (schema, tells) = (shared.schema, shared.telemetry.tells());
    let handle = Arc::new(Handle { shared });
    let connection =
        ClientConnection { handle, schema, first_method: 0, turn: Turn::InOrder, options, tells };
    connection.opened().await?;
    Ok(C::new(connection))
}
