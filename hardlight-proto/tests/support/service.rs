//! The services, limits and payloads of tests.

use bytes::Bytes;
use hardlight_proto::*;

pub(crate) const INPUT: Bytes = Bytes::from_static(b"in");
pub(crate) const OUTPUT: Bytes = Bytes::from_static(b"out");
pub(crate) const SNAPSHOT: Bytes = Bytes::from_static(b"snap");
pub(crate) const CHAT: Bytes = Bytes::from_static(b"chat");

pub(crate) const KIB: usize = 1024;
pub(crate) const MIB: usize = 1024 * KIB;

/// The longest piece of a transfer, and what may be sent of one without credit, in bytes.
pub(crate) const PIECE: usize = 32 * KIB;
pub(crate) const INITIAL_CREDIT: usize = 64 * KIB;

/// Fields of the state and methods are made up by name; fingerprints by hash of a text.
pub(crate) fn schema(
    methods: &[(&'static str, &str)],
    state: &[(&'static str, &str)],
) -> &'static ServiceSchema {
    let methods = methods
        .iter()
        .map(|&(name, of)| MethodSchema::with_fingerprint(name, Fingerprint::of_text(of)));
    let state = state.iter().zip(0..).map(|(&(name, of), index)| {
        FieldSchema::with_fingerprint(index, name, Fingerprint::of_text(of))
    });
    let mut schema = ServiceSchema::new("Counter");
    schema.methods = methods.collect();
    schema.state = state.collect();
    leak(schema)
}

/// A service without methods that has these types of events.
pub(crate) fn events(events: &[(&'static str, &str)]) -> &'static ServiceSchema {
    let events = events
        .iter()
        .map(|&(name, of)| EventSchema::with_fingerprint(name, Fingerprint::of_text(of)));
    let mut schema = ServiceSchema::new("Events");
    schema.events = events.collect();
    leak(schema)
}

/// Two methods, one field, one type of event.
pub(crate) fn counter() -> &'static ServiceSchema {
    let mut counter = schema(&[("increment", "u32"), ("get", "")], &[("counter", "u32")]).clone();
    counter.events = events(&[("message", "a")]).events.clone();
    leak(counter)
}

pub(crate) fn leak(schema: ServiceSchema) -> &'static ServiceSchema {
    Box::leak(Box::new(schema))
}

/// Limits without heartbeats, so that time alone sends nothing.
pub(crate) fn quiet() -> Limits {
    Limits::new().with_heartbeat_interval(None)
}

pub(crate) fn client_config(limits: Limits) -> ClientConfig {
    ClientConfig::new(counter()).with_limits(limits)
}

pub(crate) fn server_config(limits: Limits) -> ServerConfig {
    ServerConfig::new(counter()).with_limits(limits)
}

/// Bytes that do not shrink when they are compressed.
pub(crate) fn noise(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let bytes = (0..len).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    bytes.collect()
}

pub(crate) fn zeros(len: usize) -> Bytes {
    vec![0; len].into()
}

pub(crate) fn features<const N: usize>(names: [&str; N]) -> FeatureSet {
    let mut set = FeatureSet::new();
    names.iter().for_each(|name| set.insert(*name).expect("a name that may travel"));
    set
}
