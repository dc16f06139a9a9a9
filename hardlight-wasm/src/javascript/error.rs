//! Errors, as the page has them.

use std::fmt;

use hardlight_driver::{
    Error,
    proto::{CallError, ConnectionError},
};
use wasm_bindgen::prelude::*;

use crate::ConnectError;

#[wasm_bindgen(module = "/js/error.js")]
extern "C" {
    /// The class of all of them, which the module exports.
    #[wasm_bindgen(reexport)]
    pub type HardLightError;

    fn failure(
        kind: &str,
        message: &str,
        code: &str,
        status: Option<u16>,
        did_not_run: bool,
        is_retryable: bool,
    ) -> JsValue;
}

/// Why there is no connection.
pub(super) fn connecting(error: &ConnectError) -> JsValue {
    let code = match error {
        ConnectError::InvalidUrl { .. } => "invalid-url",
        ConnectError::InvalidToken => "invalid-token",
        ConnectError::InvalidSubprotocol(_) => "invalid-subprotocol",
        ConnectError::Io { .. } => "io",
        ConnectError::Timeout { .. } => "timeout",
        ConnectError::Refused { .. } => "refused",
        ConnectError::Subprotocol(_) => "subprotocol",
        ConnectError::Connection(error) => connection_code(error),
    };
    let (status, is_retryable) = (error.refused_status(), error.is_retryable());
    failure("connect", &error.to_string(), code, status, true, is_retryable)
}

/// Why a call has no answer.
pub(super) fn calling(error: &Error) -> JsValue {
    let (kind, code) = match error {
        Error::Application(never) => match *never {},
        Error::Call(error) => ("call", call_code(error)),
        Error::NotSent(error) => ("not-sent", connection_code(error)),
        Error::Indeterminate(error) => ("indeterminate", connection_code(error)),
    };
    failure(kind, &error.to_string(), code, None, error.did_not_run(), error.is_retryable())
}

/// Why a connection ended.
pub(super) fn closed(error: &ConnectionError) -> JsValue {
    let status = match error {
        ConnectionError::Closed { reason, .. } => reason.code().refused_status(),
        _ => None,
    };
    let code = connection_code(error);
    failure("closed", &error.to_string(), code, status, false, error.is_retryable())
}

fn call_code(error: &CallError) -> &'static str {
    match error {
        CallError::TooManyCallsInFlight => "too-many-calls-in-flight",
        CallError::Cancelled => "cancelled",
        CallError::HandlerPanicked => "handler-panicked",
        CallError::UnknownMethod => "unknown-method",
        CallError::IncompatibleMethod => "incompatible-method",
        CallError::InvalidInput => "invalid-input",
        CallError::InvalidOutput => "invalid-output",
        CallError::InputTooLarge { .. } => "input-too-large",
        CallError::OutputTooLarge => "output-too-large",
        CallError::EncodeFailed => "encode-failed",
        CallError::GoingAway => "going-away",
        CallError::MissingFeature => "missing-feature",
        CallError::Busy => "busy",
        CallError::DeadlineExceeded => "deadline-exceeded",
        _ => "unknown",
    }
}

fn connection_code(error: &ConnectionError) -> &'static str {
    match error {
        ConnectionError::Closed { .. } => "closed",
        ConnectionError::Lost(_) => "lost",
        ConnectionError::Protocol(_) => "protocol",
        ConnectionError::Incompatible(_) => "incompatible",
        ConnectionError::LimitExceeded { .. } => "limit-exceeded",
        ConnectionError::HandshakeTimeout => "handshake-timeout",
        ConnectionError::HeartbeatTimeout => "heartbeat-timeout",
        ConnectionError::Internal(_) => "internal",
        _ => "unknown",
    }
}

/// What JavaScript has thrown, in words.
pub(super) struct Shown(pub(super) JsValue);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
