//! Several services on one connection: tuples of them are services too.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use hardlight_proto::{CallError, ServiceSchema};
use parking_lot::Mutex;

use super::{Dispatch, MethodTypes, Service, ServiceClient};
use crate::{client::ClientConnection, server::ServerConnection};

/// The schemas of tuples: there are as many as types that are served.
static JOINED: LazyLock<Mutex<HashMap<TypeId, &'static ServiceSchema>>> =
    LazyLock::new(Mutex::default);

/// The schema of the tuple `T`: the methods of all parts, one behind the other.
///
/// # Panics
///
/// If two of them have a method of the same name.
fn joined<T: 'static>(parts: &[&'static ServiceSchema]) -> &'static ServiceSchema {
    let mut joined = JOINED.lock();
    joined.entry(TypeId::of::<T>()).or_insert_with(|| Box::leak(Box::new(join(parts))))
}

fn join(parts: &[&'static ServiceSchema]) -> ServiceSchema {
    let names: Vec<_> = parts.iter().map(|part| part.name).collect();
    let mut joined = ServiceSchema::new(names.join("+").leak());
    for part in parts {
        for method in &part.methods {
            let name = method.name;
            let is_new = joined.methods.iter().all(|other| other.name != name);
            assert!(is_new, "two of the services {names:?} have a method called `{name}`");
            joined.methods.push(method.clone());
        }
        // The same for all of them.
        joined.state.clone_from(&part.state);
        joined.events.clone_from(&part.events);
    }
    joined
}

/// The types of the methods of tuples.
static JOINED_TYPES: LazyLock<Mutex<HashMap<TypeId, &'static [MethodTypes]>>> =
    LazyLock::new(Mutex::default);

/// The types of the methods of the tuple `T`.
fn joined_types<T: 'static>(parts: &[&'static [MethodTypes]]) -> &'static [MethodTypes] {
    let mut joined = JOINED_TYPES.lock();
    joined.entry(TypeId::of::<T>()).or_insert_with(|| parts.concat().leak())
}

/// How many methods a service has.
fn methods(schema: &ServiceSchema) -> u32 {
    u32::try_from(schema.methods.len()).expect("a schema in memory has fewer methods")
}

macro_rules! services {
    ($($part:ident $($other:ident)+;)+) => {$(
        /// Several services on one connection, which have one state, one set of events and one handler. No two have a
        /// method of the same name: the server panics when it is made.
        impl<$part: Service, $($other),+> Service for ($part, $($other),+)
        where
            $($other: Service<State = $part::State, Events = $part::Events>,)+
        {
            type State = $part::State;
            type Events = $part::Events;

            fn schema() -> &'static ServiceSchema {
                joined::<Self>(&[$part::schema(), $($other::schema()),+])
            }

            fn types() -> &'static [MethodTypes] {
                joined_types::<Self>(&[$part::types(), $($other::types()),+])
            }

            fn new(connection: ServerConnection<Self::State, Self::Events>) -> Self {
                ($part::new(connection.clone()), $($other::new(connection.clone())),+)
            }
        }

        impl<Handler, $part: Dispatch<Handler>, $($other),+> Dispatch<Handler> for ($part, $($other),+)
        where
            Handler: Send + Sync + 'static,
            $($other: Dispatch<Handler> + Service<State = $part::State, Events = $part::Events>,)+
        {
            async fn dispatch(
                handler: Arc<Handler>,
                mut method: u32,
                input: Bytes,
            ) -> Result<Bytes, CallError> {
                let own = methods($part::schema());
                if method < own {
                    return $part::dispatch(handler, method, input).await;
                }
                method -= own;
                $(
                    let own = methods($other::schema());
                    if method < own {
                        return $other::dispatch(handler, method, input).await;
                    }
                    method -= own;
                )+
                let _ = method;
                Err(CallError::UnknownMethod)
            }
        }

        /// Clients of several services on one connection, which they share: it closes when the last of them is dropped.
        impl<$part: ServiceClient, $($other),+> ServiceClient for ($part, $($other),+)
        where
            $($other: ServiceClient<State = $part::State, Events = $part::Events>,)+
        {
            type State = $part::State;
            type Events = $part::Events;

            fn schema() -> &'static ServiceSchema {
                joined::<Self>(&[$part::schema(), $($other::schema()),+])
            }

            fn new(connection: ClientConnection<Self::State, Self::Events>) -> Self {
                let mut first = 0;
                let mut part = |schema| {
                    let part = connection.of_methods_from(first, schema);
                    first += methods(schema);
                    part
                };
                ($part::new(part($part::schema())), $($other::new(part($other::schema()))),+)
            }
        }
    )+};
}

services! {
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}
