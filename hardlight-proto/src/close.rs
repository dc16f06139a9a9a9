//! Why a connection is closed: a code and a reason, as WebSocket carries them (RFC 6455, section 7.4).

use alloc::borrow::{Cow, ToOwned};
use core::fmt;

use bytes::{Bytes, BytesMut};

use crate::varint;

/// The longest reason, in bytes: what fits into a WebSocket control frame behind the code (RFC 6455, section 5.5).
pub const MAX_CLOSE_REASON_BYTES: usize = 123;

/// How a message begins that is a close (SPEC.md, section 3.2): as no other does, since no frame of a batch is empty.
const MESSAGE: &[u8] = &[0, 0];

/// A close code (SPEC.md, section 18.3), of 16 bits. HardLight's own lie in 4000 to 4099, and those of refusals in 4400 to
/// 4599; the others from 4100 to 4999 are for applications, and so are [`NORMAL`](Self::NORMAL) and
/// [`GOING_AWAY`](Self::GOING_AWAY). A browser may send no others but 1000.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The work is done.
    pub const NORMAL: Self = Self(1000);
    /// The endpoint is stopping (a server that shuts down, a browser that leaves the page).
    pub const GOING_AWAY: Self = Self(1001);
    /// No code was given. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// The peer broke the rules of this protocol: a malformed or unexpected frame.
    pub const PROTOCOL_ERROR: Self = Self(4000);
    /// The peers speak different revisions.
    pub const INCOMPATIBLE: Self = Self(4001);
    /// The peer exceeded a limit; the reason names it.
    pub const LIMIT_EXCEEDED: Self = Self(4002);
    /// The peer did not finish its handshake in time.
    pub const HANDSHAKE_TIMEOUT: Self = Self(4003);
    /// A failure inside the endpoint that is not the peer's fault.
    pub const INTERNAL_ERROR: Self = Self(4004);
    /// The peer did not finish closing in time. Reserved: a [`Connection`](crate::Connection) sends the reason that it was
    /// closed with, also when it has given calls up.
    pub const CLOSE_TIMEOUT: Self = Self(4005);
    /// Nothing was heard of the peer for three heartbeat intervals.
    pub const HEARTBEAT_TIMEOUT: Self = Self(4006);

    /// What refuses a connection where the client cannot read an HTTP status: 4000 and that status (SPEC.md, section 3.4).
    /// `None` if the status refuses nothing: if it is not 400 to 599.
    pub const fn refusal(status: u16) -> Option<Self> {
        if matches!(status, 400..=599) { Some(Self(4000 + status)) } else { None }
    }

    /// The HTTP status that a refusal's code stands for; `None` for every other code.
    pub const fn refused_status(self) -> Option<u16> {
        if matches!(self.0, 4400..=4599) { Some(self.0 - 4000) } else { None }
    }

    /// Whether a client that was closed with this code may well succeed if it connects again, later and unchanged: the server
    /// goes away, is busy, or the network was slow. What the client did wrong, or may not do, it will do wrong again.
    pub const fn is_retryable(self) -> bool {
        // 1012 and 1013, which proxies send, are "service restart" and "try again later" (IANA's registry).
        matches!(
            self,
            Self::GOING_AWAY
                | Self(1012 | 1013)
                | Self::HANDSHAKE_TIMEOUT
                | Self::HEARTBEAT_TIMEOUT
        ) || matches!(self.refused_status(), Some(408 | 425 | 429 | 502..=504))
    }

    /// The constant's name, where the code has one here.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NORMAL => "normal",
            Self::GOING_AWAY => "going away",
            Self::NO_STATUS => "no status",
            Self::PROTOCOL_ERROR => "protocol error",
            Self::INCOMPATIBLE => "incompatible",
            Self::LIMIT_EXCEEDED => "limit exceeded",
            Self::HANDSHAKE_TIMEOUT => "handshake timeout",
            Self::INTERNAL_ERROR => "internal error",
            Self::CLOSE_TIMEOUT => "close timeout",
            Self::HEARTBEAT_TIMEOUT => "heartbeat timeout",
            _ => return None,
        })
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A close code and the words that go with it. Shown, control characters among them are escaped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CloseReason {
    code: CloseCode,
    reason: Cow<'static, str>,
}

impl CloseReason {
    /// A reason to close. Words beyond [`MAX_CLOSE_REASON_BYTES`] are cut off at a character boundary.
    ///
    /// Any code is taken, also what was received. To close with one that is not the application's tells the peer what is not
    /// so, and a WebSocket may refuse to send it.
    pub fn new(code: CloseCode, reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = reason.into();
        let fits = reason.floor_char_boundary(MAX_CLOSE_REASON_BYTES);
        let reason =
            if fits < reason.len() { Cow::Owned(reason[..fits].to_owned()) } else { reason };
        Self { code, reason }
    }

    /// The work is done.
    pub const fn normal() -> Self {
        Self { code: CloseCode::NORMAL, reason: Cow::Borrowed("") }
    }

    /// The close as a message, for transports that carry messages and cannot say why they end (SPEC.md, section 3.2).
    pub fn to_message(&self) -> Bytes {
        let mut message = BytesMut::with_capacity(MESSAGE.len() + 3 + self.reason.len());
        message.extend_from_slice(MESSAGE);
        varint::put(&mut message, self.code.0.into());
        message.extend_from_slice(self.reason.as_bytes());
        message.freeze()
    }

    /// What a message says on such a transport: `None` if it is no close. One without a code that can be read has the code 1005,
    /// as a WebSocket's without any has; words that are too long, or no UTF-8, are none.
    pub fn from_message(message: &Bytes) -> Option<Self> {
        let mut words = message.slice_ref(message.strip_prefix(MESSAGE)?);
        let code = varint::take(&mut words).ok().and_then(|code| u16::try_from(code).ok());
        let Some(code) = code else { return Some(Self::new(CloseCode::NO_STATUS, "")) };
        let fits = words.len() <= MAX_CLOSE_REASON_BYTES;
        let words = str::from_utf8(&words).ok().filter(|_| fits).unwrap_or_default();
        Some(Self::new(CloseCode(code), words.to_owned()))
    }

    /// The code.
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// The words; may be empty.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason.is_empty() {
            write!(f, "{}", self.code)
        } else {
            write!(f, "{}: ", self.code)?;
            self.reason.chars().try_for_each(|char| shown(char, f))
        }
    }
}

/// What a peer wrote may end up in a log, where it is to be no line of its own.
fn shown(char: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if char.is_control() { write!(f, "{}", char.escape_default()) } else { write!(f, "{char}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn a_long_reason_is_cut_at_a_character_boundary() {
        let long: String = "é".repeat(100);
        let close = CloseReason::new(CloseCode::NORMAL, long);
        assert_eq!(close.reason().len(), 122);
    }

    #[test]
    fn a_refusal_is_the_status_and_4000_and_nothing_else_is_one() {
        for status in [400, 401, 403, 404, 429, 503, 599] {
            let code = CloseCode::refusal(status).unwrap();
            assert_eq!((code.0, code.refused_status()), (4000 + status, Some(status)));
        }
        for status in [0, 101, 200, 302, 399, 600, u16::MAX] {
            assert_eq!(CloseCode::refusal(status), None);
        }
        for code in [0, 1000, 4000, 4099, 4399, 4600, 4999, u16::MAX] {
            assert_eq!(CloseCode(code).refused_status(), None);
        }
    }

    #[test]
    fn who_is_refused_for_what_it_is_does_not_try_again() {
        for code in [1001, 1012, 1013, 4003, 4006, 4408, 4429, 4502, 4503, 4504] {
            assert!(CloseCode(code).is_retryable(), "{code}");
        }
        for code in [1000, 1005, 4000, 4001, 4002, 4004, 4100, 4400, 4401, 4403, 4404, 4500, 4501] {
            assert!(!CloseCode(code).is_retryable(), "{code}");
        }
    }

    #[test]
    fn a_close_as_a_message_is_read_again() {
        for close in [
            CloseReason::normal(),
            CloseReason::new(CloseCode(u16::MAX), "é".repeat(61)),
            CloseReason::new(CloseCode(0), "why"),
        ] {
            assert_eq!(CloseReason::from_message(&close.to_message()), Some(close));
        }
        let close = CloseReason::new(CloseCode::LIMIT_EXCEEDED, "why");
        assert_eq!(close.to_message(), &b"\x00\x00\xa2\x1fwhy"[..]);
    }

    #[test]
    fn no_message_of_a_connection_is_a_close() {
        for message in [&b""[..], b"\0", b"\0\x03\x04\x05\x61\x03\x05\x06\x02", b"\x04\0\0"] {
            assert_eq!(CloseReason::from_message(&Bytes::from_static(message)), None);
        }
    }

    #[test]
    fn whatever_a_close_holds_it_is_one() {
        let read = |message: &[u8]| {
            CloseReason::from_message(&Bytes::copy_from_slice(message)).expect("a close")
        };
        for message in [&b"\0\0"[..], b"\0\0\xe8", b"\0\0\xe8\x00", b"\0\0\xff\xff\x7fwhy"] {
            assert_eq!(read(message), CloseReason::new(CloseCode::NO_STATUS, ""), "{message:?}");
        }
        for words in [&b"a\xff"[..], &[b'x'; MAX_CLOSE_REASON_BYTES + 1], &[b'x'; 60_000]] {
            let message = [&b"\0\0\xe8\x07"[..], words].concat();
            assert_eq!(read(&message), CloseReason::normal());
        }
    }

    #[test]
    fn display_names_known_codes() {
        let close = CloseReason::new(CloseCode::LIMIT_EXCEEDED, "max_message_bytes");
        assert_eq!(alloc::format!("{close}"), "4002 (limit exceeded): max_message_bytes");
    }
}
