//! What derived events need.

use hardlight_proto::{ConnectionState, Events};

use crate::{
    Attachment, ClientConnection, EventStream, Interest, MaybeSend, ServerConnection, Topic,
};

/// Has `handler` called for every event of one type, by its index.
///
/// No method of the connection, so that it is not in the way of the derived method for an event called `Event`.
pub fn on_event<S: ConnectionState, E: Events>(
    connection: &ClientConnection<S, E>,
    event: u32,
    handler: impl FnMut(&Topic, E) + MaybeSend + 'static,
) {
    connection.on_event(event, handler);
}

/// Has the driver of a connection run `handler`, which is made of a stream of all events. No method of the connection, as
/// above.
pub fn attach<S: ConnectionState, E: Events, F>(
    connection: &ClientConnection<S, E>,
    handler: impl FnOnce(EventStream<E>) -> F,
) -> Attachment
where
    F: Future<Output = ()> + MaybeSend + 'static,
{
    connection.attach(handler)
}

/// Has `topics` choose what a connection is subscribed to, from its state, and `check` say what it may be subscribed to.
#[track_caller]
pub fn attach_topics<S: ConnectionState, E: Events>(
    connection: &ServerConnection<S, E>,
    topics: impl Fn(&S) -> Vec<Interest> + Send + Sync + 'static,
    check: impl Fn(&Interest) -> bool + Send + Sync + 'static,
) {
    connection.attach_topics(topics, check);
}
