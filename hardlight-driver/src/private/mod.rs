//! What generated code needs. Not part of the public API: anything here may change in any release.

mod app;
mod calls;
mod events;
mod shown;

pub use bytes::Bytes;
pub use hardlight_proto::__private::*;
pub use hardlight_proto::{
    CallError, ConnectionState, EventSchema, Events, Feature, FieldSchema, GapReason, NoEvents,
    ServiceSchema, StateError, StateOperation, StateOperations, StateWriter,
    payload::{decode, encode_to_bytes},
};
pub use std::{sync::Arc, vec::Vec};

pub use self::{
    app::App,
    calls::{
        Call, Returns, ServiceTypes, Types, apart, call, can, check_feature, decode_input,
        encode_output, flatten, method, method_at, needs, split_method, try_call, types,
    },
    events::{attach, attach_topics, on_event},
    shown::{ByDebug, Hidden, Shown, log_input},
};
pub use crate::{
    client::{Attachment, ClientConnection, EventStream, Received, Retry},
    clock::Deadline,
    context::{CallContext, TypeMap},
    error::Error,
    events::{EventEmitter, Interest, Subscriptions, Topic},
    local::MaybeSend,
    server::{FeaturesCell, ServerConnection, StateCell, StateGuard, StateReadGuard, ValuesCell},
    service::{Dispatch, MayFail, MethodTypes, Service, ServiceClient, ServiceMethod},
    telemetry::TraceContext,
};
