//! Events and frames, without what most of them do not say.

use bytes::Bytes;
use hardlight_proto::*;

use super::SNAPSHOT;

pub(crate) fn opened() -> ClientEvent {
    ClientEvent::Open { snapshot: SNAPSHOT }
}

pub(crate) fn answered(id: CallId, payload: Bytes) -> ClientEvent {
    ClientEvent::Answer { id, result: Ok(payload), extensions: Extensions::new() }
}

pub(crate) fn failed(id: CallId, error: CallError) -> ClientEvent {
    ClientEvent::Answer { id, result: Err(error), extensions: Extensions::new() }
}

pub(crate) fn changed(operations: Bytes) -> ClientEvent {
    ClientEvent::State { operations }
}

pub(crate) fn subscribed(topic: Bytes) -> ClientEvent {
    ClientEvent::Subscribed { topic, start: TopicStart::Fresh }
}

pub(crate) fn arrived(topic: Bytes, sequence: u64, payload: Bytes) -> ClientEvent {
    ClientEvent::Event { topic, sequence, event: 0, extensions: Extensions::new(), payload }
}

pub(crate) fn missed(topic: Bytes, first: u64, last: u64, reason: GapReason) -> ClientEvent {
    ClientEvent::Gap { topic, first, last, reason }
}

pub(crate) fn client_failed(error: ProtocolError) -> ClientEvent {
    ClientEvent::Closed(error.into())
}

pub(crate) fn started(id: CallId, method: u32, payload: Bytes) -> ServerEvent {
    ServerEvent::Call { id, method, extensions: Extensions::new(), payload }
}

pub(crate) fn server_failed(error: ProtocolError) -> ServerEvent {
    ServerEvent::Closed(error.into())
}

pub(crate) fn closed_by(
    initiator: Initiator,
    code: CloseCode,
    reason: &'static str,
) -> ConnectionError {
    ConnectionError::Closed { initiator, reason: CloseReason::new(code, reason) }
}

pub(crate) fn exceeded(limit: &'static str, allowed: usize) -> ConnectionError {
    ConnectionError::LimitExceeded { limit, allowed }
}

pub(crate) fn call_frame(id: u8, method: u32, payload: Bytes) -> Frame {
    let extensions = Extensions::new();
    Frame::Call { id: CallId(id), method, extensions, payload: payload.into() }
}

pub(crate) fn answer_frame(id: u8, payload: Bytes) -> Frame {
    Frame::Answer { id: CallId(id), extensions: Extensions::new(), payload: payload.into() }
}

pub(crate) fn error_frame(id: u8, error: CallError) -> Frame {
    Frame::Error { id: CallId(id), error, extensions: Extensions::new() }
}

pub(crate) fn state_frame(revision: u64, operations: Bytes) -> Frame {
    Frame::State { revision, operations: operations.into() }
}

pub(crate) fn event_frame(topic: u64, sequence: u64, payload: Bytes) -> Frame {
    let extensions = Extensions::new();
    Frame::Event { topic, sequence, event: 0, extensions, payload: payload.into() }
}

pub(crate) fn topic_frame(topic: u64, next: u64, start: TopicStart, name: Bytes) -> Frame {
    Frame::Topic { topic, next, start, name }
}
