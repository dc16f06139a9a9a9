//! What derived events need.

use hardlight_proto::{ConnectionState, Events};

use crate::{ClientConnection, Topic};

/// Has `handler` called for every event of one type, by its index.
///
/// No method of the connection, so that it is not in the way of the derived method for an event called `Event`.
pub fn on_event<S: ConnectionState, E: Events>(
    connection: &ClientConnection<S, E>,
    event: u32,
    handler: impl FnMut(&Topic, E) + Send + 'static,
) {
    connection.on_event(event, handler);
}
