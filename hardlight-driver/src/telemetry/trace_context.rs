//! W3C Trace Context (<https://www.w3.org/TR/trace-context-2/>), as calls carry it (SPEC.md, section 7).

use std::{
    collections::HashSet,
    fmt,
    num::{NonZeroU64, NonZeroU128},
};

use hardlight_proto::Extensions;
use thiserror::Error;

/// The flag that says that whoever made the call may have recorded it.
const SAMPLED: u8 = 1;
/// The flag that says that the last 7 bytes of the trace's id are random.
const RANDOM: u8 = 2;
/// What version 00 of `traceparent` takes, in bytes, and any later one at least.
const TRACEPARENT_BYTES: usize = 55;
/// The most that a `tracestate` takes on the wire, in bytes.
const MAX_STATE_BYTES: usize = 512;
/// The most entries of a `tracestate`.
const MAX_STATE_ENTRIES: usize = 32;
/// Longer entries are left out first, where there is no room for all.
const LONG_ENTRY_BYTES: usize = 128;

/// Which trace a call belongs to, and which span of it the call was made in: the headers `traceparent` and `tracestate` of W3C
/// Trace Context.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: NonZeroU128,
    parent_id: NonZeroU64,
    flags: u8,
    state: String,
}

/// What is wrong with a `traceparent` or a `tracestate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TraceContextError {
    /// It is not what W3C Trace Context describes, or an id in it is zero.
    #[error("a traceparent that is malformed, or has an id of zeros")]
    Traceparent,
    /// It is not a list of at most 32 keys, each different, with their values.
    #[error("a tracestate that is no list of at most 32 different keys with their values")]
    Tracestate,
}

impl TraceContext {
    /// The span `parent_id` of a trace; not sampled, without state.
    pub const fn new(trace_id: NonZeroU128, parent_id: NonZeroU64) -> Self {
        Self { trace_id, parent_id, flags: 0, state: String::new() }
    }

    /// Reads a `traceparent` of any version that there may ever be. It has no state yet.
    ///
    /// # Errors
    ///
    /// [`TraceContextError::Traceparent`].
    pub fn parse(traceparent: &[u8]) -> Result<Self, TraceContextError> {
        read(traceparent).ok_or(TraceContextError::Traceparent)
    }

    /// With what vendors keep of it: a `tracestate`. Empty for none.
    ///
    /// # Errors
    ///
    /// [`TraceContextError::Tracestate`].
    pub fn with_state(mut self, tracestate: &str) -> Result<Self, TraceContextError> {
        if !is_state(tracestate) {
            return Err(TraceContextError::Tracestate);
        }
        self.state = tracestate.into();
        Ok(self)
    }

    /// With these flags, of which W3C defines the two lowest.
    #[must_use]
    pub const fn with_flags(mut self, flags: u8) -> Self {
        self.flags = flags;
        self
    }

    /// Whether the trace is recorded.
    #[must_use]
    pub const fn with_sampled(mut self, sampled: bool) -> Self {
        self.flags = if sampled { self.flags | SAMPLED } else { self.flags & !SAMPLED };
        self
    }

    /// The same trace, in this span of it.
    #[must_use]
    pub fn in_span(&self, parent_id: NonZeroU64) -> Self {
        Self { parent_id, ..self.clone() }
    }

    /// The trace.
    pub const fn trace_id(&self) -> NonZeroU128 {
        self.trace_id
    }

    /// The span in which the call was made.
    pub const fn parent_id(&self) -> NonZeroU64 {
        self.parent_id
    }

    /// The flags.
    pub const fn flags(&self) -> u8 {
        self.flags
    }

    /// Whether whoever made the call may have recorded it.
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// What vendors keep of it; empty if nothing.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// What a call says of its trace; `None` if nothing, or nothing that can be read. A state that cannot is left out.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        let context = Self::parse(&extensions.traceparent()?).ok()?;
        let state = extensions.tracestate();
        let state = state.as_deref().and_then(|state| std::str::from_utf8(state).ok());
        Some(match state {
            Some(state) if is_state(state) => Self { state: state.into(), ..context },
            _ => context,
        })
    }

    /// `extensions` with this in place of what they say of a trace. Where a state is too long it loses entries, as W3C has it: long
    /// ones first, then the last. Where there is no room the extensions stay as they are.
    #[must_use]
    pub fn put(&self, extensions: Extensions) -> Extensions {
        let before = extensions.clone();
        let with = extensions.without_trace().with_traceparent(self.to_string().as_bytes());
        let Ok(with) = with else { return before };
        let state = shortened(&self.state);
        if state.is_empty() {
            return with;
        }
        with.clone().with_tracestate(state.as_bytes()).unwrap_or(with)
    }
}

/// As `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

fn read(traceparent: &[u8]) -> Option<TraceContext> {
    let head = traceparent.get(..TRACEPARENT_BYTES)?;
    let rest = &traceparent[TRACEPARENT_BYTES..];
    let (version, flags) = (hex(&head[..2])? as u8, hex(&head[53..])? as u8);
    let is_cut = [2, 35, 52].iter().all(|&place| head[place] == b'-');
    let ends = match version {
        0 => rest.is_empty(),
        0xff => false,
        _ => rest.is_empty() || rest[0] == b'-',
    };
    if !is_cut || !ends {
        return None;
    }
    Some(TraceContext {
        trace_id: NonZeroU128::new(hex(&head[3..35])?)?,
        parent_id: NonZeroU64::new(hex(&head[36..52])? as u64)?,
        // Of a later version it is not known what the others mean.
        flags: if version == 0 { flags } else { flags & (SAMPLED | RANDOM) },
        state: String::new(),
    })
}

/// A number of lower-case hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

/// The entries of a `tracestate`. There may be empty ones.
fn entries(state: &str) -> impl Iterator<Item = &str> {
    state.split(',').map(|entry| entry.trim_matches([' ', '\t'])).filter(|entry| !entry.is_empty())
}

fn is_state(state: &str) -> bool {
    let mut keys = HashSet::new();
    entries(state).all(|entry| {
        let Some((key, value)) = entry.split_once('=') else { return false };
        is_key(key) && is_value(value) && keys.insert(key)
    }) && keys.len() <= MAX_STATE_ENTRIES
}

fn is_key(key: &str) -> bool {
    let may_follow =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let may_begin = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    key.len() <= 256 && key.as_bytes().first().is_some_and(may_begin) && key.bytes().all(may_follow)
}

fn is_value(value: &str) -> bool {
    let may_stand = |byte: u8| matches!(byte, b' '..=b'~') && !b",=".contains(&byte);
    !value.is_empty() && value.len() <= 256 && value.bytes().all(may_stand)
}

/// A state as long as the wire takes.
fn shortened(state: &str) -> String {
    let mut entries: Vec<_> = entries(state).collect();
    let len = |entries: &[&str]| entries.iter().map(|entry| entry.len() + 1).sum::<usize>();
    while len(&entries) > MAX_STATE_BYTES + 1 {
        let long = entries.iter().rposition(|entry| entry.len() > LONG_ENTRY_BYTES);
        entries.remove(long.unwrap_or(entries.len() - 1));
    }
    entries.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_and_written() {
        let context = TraceContext::parse(TRACEPARENT.as_bytes()).unwrap();
        assert_eq!(context.trace_id().get(), 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(context.parent_id().get(), 0xb7ad_6b71_6920_3331);
        assert!(context.is_sampled() && context.flags() == 1 && context.state().is_empty());
        assert_eq!(context.to_string(), TRACEPARENT);
        assert!(context.with_sampled(false).to_string().ends_with("-00"));
    }

    #[test]
    fn what_w3c_does_not_allow_is_no_traceparent() {
        for wrong in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
        ] {
            let error = Err(TraceContextError::Traceparent);
            assert_eq!(TraceContext::parse(wrong.as_bytes()), error, "{wrong}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_this_one_goes() {
        for later in [
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fd",
            "fe-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fd-what-else",
        ] {
            let context = TraceContext::parse(later.as_bytes()).unwrap();
            assert_eq!(context.to_string(), TRACEPARENT, "{later}");
        }
    }

    #[test]
    fn a_tracestate_is_a_list_of_different_keys() {
        let context = TraceContext::parse(TRACEPARENT.as_bytes()).unwrap();
        let many: Vec<_> = (0..32).map(|number| format!("k{number}=v")).collect();
        for right in ["", "a=1", "a=1,b@c=2 x", " a=1 ,\t, b=2", &many.join(",")] {
            assert_eq!(context.clone().with_state(right).unwrap().state(), right);
        }
        let more = format!("{},x=1", many.join(","));
        for wrong in ["a", "a=", "=1", "A=1", "a=1,a=2", "a=1=2", "a=\u{e9}", "a=\x07", &more] {
            let error = Err(TraceContextError::Tracestate);
            assert_eq!(context.clone().with_state(wrong), error, "{wrong}");
        }
    }

    #[test]
    fn calls_carry_both_and_lose_what_cannot_be_read() {
        let context =
            TraceContext::parse(TRACEPARENT.as_bytes()).unwrap().with_state("a=1").unwrap();
        let said = context.put(Extensions::new());
        assert_eq!(TraceContext::of(&said), Some(context.clone()));
        // In place of what was said before; nothing is left of its state.
        let stateless = TraceContext::parse(TRACEPARENT.as_bytes()).unwrap();
        assert_eq!(TraceContext::of(&stateless.put(said)), Some(stateless.clone()));
        let odd = Extensions::new().with_traceparent(TRACEPARENT.as_bytes()).unwrap();
        let odd = odd.with_tracestate(b"\xff").unwrap();
        assert_eq!(TraceContext::of(&odd), Some(stateless));
        let none = Extensions::new().with_traceparent(b"none").unwrap();
        assert_eq!(TraceContext::of(&none), None);
        assert_eq!(TraceContext::of(&Extensions::new()), None);
    }

    #[test]
    fn a_state_that_is_too_long_loses_its_long_entries_and_then_its_last() {
        let (long, short) = ("l=".to_owned() + &"x".repeat(200), "x".repeat(100));
        let parts: Vec<_> = (0..6).map(|number| format!("k{number}={short}")).collect();
        let state = format!("{},{long},{}", parts[..2].join(","), parts[2..].join(","));
        let context = TraceContext::parse(TRACEPARENT.as_bytes()).unwrap();
        let said = context.with_state(&state).unwrap().put(Extensions::new());
        let said = TraceContext::of(&said).unwrap();
        assert_eq!(said.state(), parts[..4].join(","));
    }
}
