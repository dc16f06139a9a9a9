//! What generated code tells the driver about a service.

pub(crate) mod failed;
mod several;
mod types;

use std::sync::Arc;

use bytes::Bytes;
use hardlight_proto::{CallError, ConnectionState, Events, ServiceSchema};

pub use types::{MayFail, MethodTypes};

use crate::{client::ClientConnection, server::ServerConnection};

/// The server's side of a service, seen by one connection. `#[rpc]` implements it for the generated `Connection`; nobody
/// else is to: it may gain members in any release. A tuple of services is one, too.
pub trait Service: Sized + Send + Sync + 'static {
    /// The connection state; `()` if the service has none.
    type State: ConnectionState;

    /// The events; [`NoEvents`](hardlight_proto::NoEvents) if the service has none.
    type Events: Events;

    /// Methods in trait order, the fields of the state, the types of events.
    fn schema() -> &'static ServiceSchema;

    /// The types of the methods, in trait order.
    #[doc(hidden)]
    fn types() -> &'static [MethodTypes] {
        &[]
    }

    /// Wraps the driver's handle of a connection.
    fn new(connection: ServerConnection<Self::State, Self::Events>) -> Self;
}

/// A method of a service. `#[rpc]` implements it for the generated `Method`; nobody else is to, as for [`Service`].
pub trait ServiceMethod: Copy {
    /// The method's name in the trait.
    fn name(self) -> &'static str;

    /// The name of the [`Feature`](hardlight_proto::Feature) that a connection needs to call it.
    fn feature(self) -> Option<&'static str>;

    /// Whether its input and output are never compressed (SPEC.md, section 22).
    fn is_secret(self) -> bool;

    /// Whether a client that comes back calls it again by itself where it does not know whether it ran.
    fn is_idempotent(self) -> bool;

    /// Whether its handler runs to its end, though its caller or the connection is gone.
    fn is_uncancellable(self) -> bool;
}

/// Runs the methods of a service on a handler of type `H`. `#[rpc]` implements it for every `H` that implements the
/// trait; nobody else is to, as for [`Service`].
pub trait Dispatch<H>: Service {
    /// Decodes `input`, calls the method with this index in trait order, and encodes its result.
    ///
    /// # Errors
    ///
    /// [`CallError::UnknownMethod`], [`CallError::InvalidInput`] or [`CallError::EncodeFailed`].
    fn dispatch(
        handler: Arc<H>,
        method: u32,
        input: Bytes,
    ) -> impl Future<Output = Result<Bytes, CallError>> + Send + 'static;
}

/// The client's side of a service. `#[rpc]` implements it for the generated `Client`; nobody else is to, as for
/// [`Service`].
pub trait ServiceClient: Sized + 'static {
    /// The connection state; `()` if the service has none.
    type State: ConnectionState;

    /// The events; [`NoEvents`](hardlight_proto::NoEvents) if the service has none.
    type Events: Events;

    /// Methods in trait order, the fields of the state, the types of events.
    fn schema() -> &'static ServiceSchema;

    /// Wraps the driver's handle of a connection.
    fn new(connection: ClientConnection<Self::State, Self::Events>) -> Self;
}
