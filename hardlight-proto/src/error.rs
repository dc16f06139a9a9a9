//! What can go wrong, split by who must act: [`CallError`] for one call, [`ConnectionError`] for the connection.

use alloc::borrow::Cow;

use thiserror::Error;

use crate::close::CloseReason;

/// Why one call has no result. The connection lives on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CallError {
    /// All 256 call ids are in use, and the caller chose not to wait. The call was not sent.
    #[error("too many calls in flight: all 256 call ids of this connection are in use")]
    TooManyCallsInFlight,
    /// The call was cancelled before it had a result.
    #[error("the call was cancelled")]
    Cancelled,
    /// The handler panicked. What it had done before that is done.
    #[error("the handler panicked")]
    HandlerPanicked,
    /// The peer has no method of this name.
    #[error("the server has no such method")]
    UnknownMethod,
    /// The peer's method of this name has other arguments or another result.
    #[error("the server's method of this name has other arguments or another result")]
    IncompatibleMethod,
    /// The arguments did not decode. The handler did not run.
    #[error("the arguments of the call did not decode")]
    InvalidInput,
    /// The result did not decode.
    #[error("the result of the call did not decode")]
    InvalidOutput,
    /// The arguments are larger than either side allows. The call was not sent.
    #[error("the arguments take {bytes} bytes, {limit} are allowed")]
    InputTooLarge {
        /// The size of the arguments in bytes.
        bytes: usize,
        /// The most that either side's [`max_frame_bytes`](crate::Limits::with_max_frame_bytes) leaves, in bytes.
        limit: usize,
    },
    /// The result is larger than either side allows. The handler ran.
    #[error("the result of the call is larger than this side accepts")]
    OutputTooLarge,
    /// A value could not be encoded.
    #[error("a value could not be encoded")]
    EncodeFailed,
    /// The connection is closing. The handler did not run: the call is safe to retry elsewhere.
    #[error("the connection is closing; the call did not run")]
    GoingAway,
    /// The connection lacks a feature that the method needs. The handler did not run.
    #[error("the connection lacks a feature that the method needs")]
    MissingFeature,
    /// The server has too much to do. The handler did not run: the call is safe to retry, a little later.
    #[error("the server is busy; the call did not run")]
    Busy,
    /// The call's deadline has passed.
    #[error("the deadline of the call has passed")]
    DeadlineExceeded,
    /// An error code that this revision does not know.
    #[error("the peer answered with an error that is not known here: code {0}")]
    Unknown(u32),
}

impl CallError {
    /// Whether it is certain that the handler did not run, so that calling again cannot do anything twice.
    ///
    /// `false` says that it ran, or may have.
    pub const fn did_not_run(&self) -> bool {
        match self {
            Self::TooManyCallsInFlight
            | Self::UnknownMethod
            | Self::IncompatibleMethod
            | Self::InvalidInput
            | Self::InputTooLarge { .. }
            | Self::GoingAway
            | Self::MissingFeature
            | Self::Busy => true,
            Self::Cancelled
            | Self::HandlerPanicked
            | Self::InvalidOutput
            | Self::OutputTooLarge
            | Self::EncodeFailed
            | Self::DeadlineExceeded
            | Self::Unknown(_) => false,
        }
    }

    /// Whether the same call may be made again: it [did not run](Self::did_not_run), and may well succeed the next time.
    ///
    /// That is so for [`TooManyCallsInFlight`](Self::TooManyCallsInFlight), once another call has ended, for
    /// [`Busy`](Self::Busy), a little later, and for [`GoingAway`](Self::GoingAway), on another connection. The other
    /// errors that did not run would be the same again.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::TooManyCallsInFlight | Self::Busy | Self::GoingAway)
    }

    /// The error's name in SPEC.md, section 18.1, or, of those that a caller finds by itself, that of the variant, written
    /// likewise: what traces and metrics call it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TooManyCallsInFlight => "TOO_MANY_CALLS_IN_FLIGHT",
            Self::Cancelled => "CANCELLED",
            Self::HandlerPanicked => "HANDLER_PANICKED",
            Self::UnknownMethod => "UNKNOWN_METHOD",
            Self::IncompatibleMethod => "INCOMPATIBLE_METHOD",
            Self::InvalidInput => "INVALID_INPUT",
            Self::InvalidOutput => "INVALID_OUTPUT",
            Self::InputTooLarge { .. } => "INPUT_TOO_LARGE",
            Self::OutputTooLarge => "OUTPUT_TOO_LARGE",
            Self::EncodeFailed => "ENCODE_FAILED",
            Self::GoingAway => "GOING_AWAY",
            Self::MissingFeature => "MISSING_FEATURE",
            Self::Busy => "BUSY",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Unknown(_) => "UNKNOWN",
        }
    }

    /// The code that stands for this error in an ERROR frame (SPEC.md, section 18.1).
    pub(crate) const fn code(&self) -> u32 {
        match self {
            Self::Cancelled => 1,
            Self::HandlerPanicked => 2,
            Self::UnknownMethod => 3,
            Self::IncompatibleMethod => 4,
            Self::InvalidInput | Self::InputTooLarge { .. } => 5,
            Self::OutputTooLarge => 6,
            Self::EncodeFailed | Self::InvalidOutput => 7,
            Self::GoingAway => 8,
            Self::MissingFeature => 9,
            // Some that a caller finds by itself and never receives, from a handler that passes them on.
            Self::Busy | Self::TooManyCallsInFlight => 10,
            Self::DeadlineExceeded => 11,
            Self::Unknown(code) => *code,
        }
    }

    pub(crate) const fn from_code(code: u32) -> Self {
        match code {
            1 => Self::Cancelled,
            2 => Self::HandlerPanicked,
            3 => Self::UnknownMethod,
            4 => Self::IncompatibleMethod,
            5 => Self::InvalidInput,
            6 => Self::OutputTooLarge,
            7 => Self::EncodeFailed,
            8 => Self::GoingAway,
            9 => Self::MissingFeature,
            10 => Self::Busy,
            11 => Self::DeadlineExceeded,
            code => Self::Unknown(code),
        }
    }
}

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// The application on this side.
    Local,
    /// The application on the other side.
    Remote,
}

/// Why a connection ended. Every open call and every waiter gets a clone of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// One side closed it on purpose.
    #[error("the connection was closed by {}: {reason}", match .initiator { Initiator::Local => "this side", Initiator::Remote => "the peer" })]
    Closed {
        /// Who closed it.
        initiator: Initiator,
        /// The code and the words.
        reason: CloseReason,
    },
    /// The transport ended or failed without a close.
    #[error("the connection was lost: {0}")]
    Lost(Cow<'static, str>),
    /// The peer sent something that this protocol forbids.
    #[error("the peer broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    /// The peer and this side do not fit together.
    #[error("the peer is incompatible: {0}")]
    Incompatible(Cow<'static, str>),
    /// The peer exceeded a limit of this side.
    #[error("the peer exceeded a limit of this side: {limit} is {allowed}")]
    LimitExceeded {
        /// The limit's name (SPEC.md, section 17), or `max_message_bytes`, which is fixed (4.1).
        limit: &'static str,
        /// What it allows.
        allowed: usize,
    },
    /// The peer did not finish the handshake in time.
    #[error("the peer did not finish the handshake in time")]
    HandshakeTimeout,
    /// Nothing was heard of the peer for three heartbeat intervals.
    #[error("nothing was heard of the peer for three heartbeat intervals")]
    HeartbeatTimeout,
    /// A failure on this side that is not the peer's fault.
    #[error("internal error: {0}")]
    Internal(Cow<'static, str>),
}

impl ConnectionError {
    /// The variant's name, as call errors have theirs: what traces and metrics call it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "CLOSED",
            Self::Lost(_) => "LOST",
            Self::Protocol(_) => "PROTOCOL",
            Self::Incompatible(_) => "INCOMPATIBLE",
            Self::LimitExceeded { .. } => "LIMIT_EXCEEDED",
            Self::HandshakeTimeout => "HANDSHAKE_TIMEOUT",
            Self::HeartbeatTimeout => "HEARTBEAT_TIMEOUT",
            Self::Internal(_) => "INTERNAL",
        }
    }

    /// Whether a new connection may well succeed, later and unchanged: this one was lost or too slow, or it was closed with a
    /// code [that says so](crate::CloseCode::is_retryable). What does not fit, or was broken, it will be again.
    ///
    /// Of the calls that were open nobody knows whether they ran.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Closed { reason, .. } => reason.code().is_retryable(),
            Self::Lost(_) | Self::HandshakeTimeout | Self::HeartbeatTimeout => true,
            Self::Protocol(_)
            | Self::Incompatible(_)
            | Self::LimitExceeded { .. }
            | Self::Internal(_) => false,
        }
    }
}

/// What a peer did that this protocol forbids (SPEC.md, section 18.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A field goes beyond the end of what surrounds it.
    #[error("a frame is cut short")]
    Truncated,
    /// Bytes are left behind the end of a frame.
    #[error("bytes are left behind the end of a frame")]
    TrailingBytes,
    /// A varint is longer than needed, or does not fit its type.
    #[error("a varint is not in its shortest form, or too large")]
    InvalidVarint,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    InvalidUtf8,
    /// An empty message, or an empty frame in a batch.
    #[error("an empty message or frame")]
    Empty,
    /// A batch within a batch, or one with fewer than two frames.
    #[error("a batch that may not be one")]
    InvalidBatch,
    /// A frame of a kind that this revision does not know and may not ignore.
    #[error("a frame of unknown kind {0:#04x} that may not be ignored")]
    UnknownFrame(u8),
    /// A flag that is not allowed on this kind of frame.
    #[error("flags {0:#04x} are not allowed on this frame")]
    InvalidFlags(u8),
    /// A frame that this side may not receive, or not now.
    #[error("an unexpected {0} frame")]
    UnexpectedFrame(&'static str),
    /// A Hello whose sections are out of order, or say what they may not.
    #[error("a Hello whose sections are out of order, or say what they may not")]
    InvalidHello,
    /// A METHODS frame that is empty, out of order, or about methods outside the table.
    #[error("a list of refused methods that is empty, out of order or beyond the table")]
    InvalidMethods,
    /// A block of extensions that is empty, too long or out of order, or an extension of the wrong form.
    #[error("extensions that are empty, too long, out of order or malformed")]
    InvalidExtensions,
    /// Compression that was not agreed, or a stream that is not what it says.
    #[error("a compressed payload that was not agreed on, or is malformed")]
    InvalidCompression,
    /// A transfer that breaks the rules of pieces, numbers and credit.
    #[error("a transfer that breaks the rules of pieces, numbers and credit")]
    InvalidTransfer,
    /// A call with an id that is in use.
    #[error("call id {0} is in use")]
    CallIdInUse(u8),
    /// An answer to a call that is not open.
    #[error("an answer to call {0}, which is not open")]
    NoSuchCall(u8),
    /// A call of a method index outside the caller's own table.
    #[error("method index {0} is not in the caller's table")]
    NoSuchMethod(u32),
    /// A state revision out of sequence.
    #[error("state revision out of sequence")]
    StateRevision,
    /// State operations that do not apply.
    #[error("state operations that do not apply")]
    InvalidState,
    /// An event whose type is outside the server's own table.
    #[error("event index {0} is not in the server's table")]
    NoSuchEvent(u32),
    /// A topic that is announced twice, was not announced, has too long a name, or goes on from where it was not asked to.
    #[error("a topic that is announced twice or wrongly, or was not announced")]
    InvalidTopic,
    /// An event or a gap out of sequence.
    #[error("an event out of sequence")]
    EventSequence,
    /// A list of features that is out of order or too long, or a name that is empty or too long.
    #[error("a list of features that is out of order or too long, or has a name that is")]
    InvalidFeatures,
    /// A text message; this protocol is binary.
    #[error("a text message; this protocol is binary")]
    TextMessage,
}

impl ProtocolError {
    /// The error's name in SPEC.md, section 18.2, and in the vectors.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::TrailingBytes => "trailing-bytes",
            Self::InvalidVarint => "invalid-varint",
            Self::InvalidUtf8 => "invalid-utf8",
            Self::Empty => "empty",
            Self::InvalidBatch => "invalid-batch",
            Self::UnknownFrame(_) => "unknown-frame",
            Self::InvalidFlags(_) => "invalid-flags",
            Self::UnexpectedFrame(_) => "unexpected-frame",
            Self::InvalidHello => "invalid-hello",
            Self::InvalidMethods => "invalid-methods",
            Self::InvalidExtensions => "invalid-extensions",
            Self::InvalidCompression => "invalid-compression",
            Self::InvalidTransfer => "invalid-transfer",
            Self::CallIdInUse(_) => "call-id-in-use",
            Self::NoSuchCall(_) => "no-such-call",
            Self::NoSuchMethod(_) => "no-such-method",
            Self::StateRevision => "state-revision",
            Self::InvalidState => "invalid-state",
            Self::NoSuchEvent(_) => "no-such-event",
            Self::InvalidTopic => "invalid-topic",
            Self::EventSequence => "event-sequence",
            Self::InvalidFeatures => "invalid-features",
            Self::TextMessage => "text-message",
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::close::CloseCode;

    const ALL: [CallError; 15] = [
        CallError::TooManyCallsInFlight,
        CallError::Cancelled,
        CallError::HandlerPanicked,
        CallError::UnknownMethod,
        CallError::IncompatibleMethod,
        CallError::InvalidInput,
        CallError::InvalidOutput,
        CallError::InputTooLarge { bytes: 2, limit: 1 },
        CallError::OutputTooLarge,
        CallError::EncodeFailed,
        CallError::GoingAway,
        CallError::MissingFeature,
        CallError::Busy,
        CallError::DeadlineExceeded,
        CallError::Unknown(77),
    ];

    #[test]
    fn a_connection_is_made_again_where_time_may_help() {
        let closed = |code| ConnectionError::Closed {
            initiator: Initiator::Remote,
            reason: CloseReason::new(code, ""),
        };
        for error in [
            ConnectionError::Lost("".into()),
            ConnectionError::HandshakeTimeout,
            ConnectionError::HeartbeatTimeout,
            closed(CloseCode::GOING_AWAY),
            closed(CloseCode(4503)),
        ] {
            assert!(error.is_retryable(), "{error}");
        }
        for error in [
            ConnectionError::Protocol(ProtocolError::Empty),
            ConnectionError::Incompatible("".into()),
            ConnectionError::LimitExceeded { limit: "max_frame_bytes", allowed: 1 },
            ConnectionError::Internal("".into()),
            closed(CloseCode::NORMAL),
            closed(CloseCode(4401)),
        ] {
            assert!(!error.is_retryable(), "{error}");
        }
    }

    #[test]
    fn what_may_be_retried_did_not_run() {
        let retryable: Vec<_> = ALL.into_iter().filter(CallError::is_retryable).collect();
        let expected = [CallError::TooManyCallsInFlight, CallError::GoingAway, CallError::Busy];
        assert_eq!(retryable, expected);
        assert!(retryable.iter().all(CallError::did_not_run));
    }

    #[test]
    fn what_is_not_known_may_have_run() {
        let ran: Vec<_> = ALL.into_iter().filter(|error| !error.did_not_run()).collect();
        let expected = [
            CallError::Cancelled,
            CallError::HandlerPanicked,
            CallError::InvalidOutput,
            CallError::OutputTooLarge,
            CallError::EncodeFailed,
            CallError::DeadlineExceeded,
            CallError::Unknown(77),
        ];
        assert_eq!(ran, expected);
    }
}
