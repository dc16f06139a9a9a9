//! Patterns: names of topics with wildcards, by MQTT's rules.

use std::{
    fmt,
    str::{self, FromStr},
    sync::Arc,
};

use hardlight_proto::{MAX_TOPIC_NAME_BYTES, Topic};
use thiserror::Error;

/// What stands between the levels of a name.
pub(super) const SEPARATOR: u8 = b'/';
/// Matches one level.
const ONE: &[u8] = b"+";
/// Matches all levels from here on.
const REST: &[u8] = b"#";
/// A pattern has no more levels, so that no walk through patterns, nor the end of one, goes deeper.
pub(super) const MAX_LEVELS: usize = 32;
/// Names that begin with it are matched by no wildcard in the first place.
const RESERVED: u8 = b'$';

/// A name of topics with wildcards, by the rules of MQTT (version 5.0, section 4.7). Cheap to clone.
///
/// A name has levels, with `/` between them. In a pattern a level that is `+` matches any one level, and a last level that
/// is `#` matches any number of levels, none among them:
///
/// | pattern | matches | does not match |
/// |---|---|---|
/// | `chat/+` | `chat/blue`, `chat/` | `chat`, `chat/blue/typing` |
/// | `chat/+/typing` | `chat/blue/typing` | `chat/typing` |
/// | `chat/#` | `chat`, `chat/blue`, `chat/blue/typing` | `chats` |
/// | `#` | everything | `$internal` |
///
/// No wildcard in the first place matches a name that begins with `$`: write `$internal/#` for those.
///
/// A pattern has at most 32 levels; topics may have more, and `#` matches them all.
///
/// A topic itself may have any name, `a/+` among them. A pattern matches it like others; it alone is subscribed to as a
/// [`Topic`], which has no wildcards. A text is a topic wherever either will do, so what a client chose as a name never
/// subscribes it to more than that.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Arc<[u8]>);

/// Why a text is no [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is too long.
    #[error("the pattern takes {bytes} bytes, at most {MAX_TOPIC_NAME_BYTES} are allowed")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It has too many levels.
    #[error("the pattern has {levels} levels, at most {MAX_LEVELS} are allowed")]
    TooManyLevels {
        /// How many it has.
        levels: usize,
    },
    /// `#` stands before the last level.
    #[error("`#` can only be the last level of a pattern")]
    RestNotLast,
    /// A wildcard stands beside other characters.
    #[error("a wildcard is a level of its own: `a/+/b`, not `a+/b`")]
    WildcardInLevel,
}

/// A level of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level<'a> {
    Name(&'a [u8]),
    One,
    Rest,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`PatternError`], if its wildcards do not stand as they must, or it has more than
    /// [`MAX_TOPIC_NAME_BYTES`], or more than 32 levels.
    pub fn new(pattern: impl AsRef<[u8]>) -> Result<Self, PatternError> {
        let pattern = pattern.as_ref();
        if pattern.len() > MAX_TOPIC_NAME_BYTES {
            return Err(PatternError::TooLong { bytes: pattern.len() });
        }
        let count = levels(pattern).count();
        if count > MAX_LEVELS {
            return Err(PatternError::TooManyLevels { levels: count });
        }
        let mut ended = false;
        for level in levels(pattern) {
            if ended {
                return Err(PatternError::RestNotLast);
            }
            ended = level == REST;
            let has_wildcard = level.iter().any(|byte| [*byte] == *ONE || [*byte] == *REST);
            if level.len() > 1 && has_wildcard {
                return Err(PatternError::WildcardInLevel);
            }
        }
        Ok(Self(pattern.into()))
    }

    /// The pattern, as it was written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The pattern, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }

    /// Whether the pattern matches a topic.
    pub fn matches(&self, topic: &Topic) -> bool {
        let mut names = levels(topic.as_bytes());
        for (place, level) in self.levels().enumerate() {
            let hidden = place == 0 && is_reserved(topic.as_bytes());
            match level {
                Level::Rest => return !hidden,
                Level::One if hidden || names.next().is_none() => return false,
                Level::Name(name) if names.next() != Some(name) => return false,
                Level::One | Level::Name(_) => {}
            }
        }
        names.next().is_none()
    }

    pub(super) fn levels(&self) -> impl Iterator<Item = Level<'_>> {
        levels(&self.0).map(|level| match level {
            ONE => Level::One,
            REST => Level::Rest,
            name => Level::Name(name),
        })
    }
}

/// The levels of a topic's name, of which there is always one.
pub(super) fn levels(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|byte| *byte == SEPARATOR)
}

/// Whether a name is matched by no wildcard in the first place.
pub(super) fn is_reserved(name: &[u8]) -> bool {
    name.first() == Some(&RESERVED)
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(pattern: &str) -> Result<Self, Self::Err> {
        Self::new(pattern)
    }
}

/// Bytes that are not UTF-8 are shown as U+FFFD.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).fmt(f)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// What a connection can be subscribed to: a topic, or all topics that a pattern matches.
///
/// Whatever is made into a [`Topic`] is made into one of these; only a [`Pattern`] becomes a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interest {
    /// One topic.
    Topic(Topic),
    /// Every topic that the pattern matches, now or later.
    Pattern(Pattern),
}

impl Interest {
    /// The name or the pattern.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Topic(topic) => topic.as_bytes(),
            Self::Pattern(pattern) => pattern.as_bytes(),
        }
    }

    /// What it is called where names have dots for levels and cannot hold every character, as the subjects of NATS, for a
    /// backplane: the bytes of a level are `x` and hexadecimal digits, `+` is `*`, and `#` is `>`.
    ///
    /// It is one subject, or two for a pattern that ends with `#`, since `>` does not match the level above. An event's own
    /// is that of its topic.
    pub fn subjects(&self) -> Vec<String> {
        super::subject::subjects(self)
    }

    /// Whether it covers a topic.
    pub fn covers(&self, topic: &Topic) -> bool {
        match self {
            Self::Topic(own) => own == topic,
            Self::Pattern(pattern) => pattern.matches(topic),
        }
    }
}

impl<T: Into<Topic>> From<T> for Interest {
    fn from(topic: T) -> Self {
        Self::Topic(topic.into())
    }
}

impl From<Pattern> for Interest {
    fn from(pattern: Pattern) -> Self {
        Self::Pattern(pattern)
    }
}

impl From<&Pattern> for Interest {
    fn from(pattern: &Pattern) -> Self {
        Self::Pattern(pattern.clone())
    }
}

impl fmt::Display for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => topic.fmt(f),
            Self::Pattern(pattern) => pattern.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    /// The examples of the MQTT standard, version 5.0, section 4.7, and what its rules say of edges.
    pub(crate) const CASES: [(&str, &[&str], &[&str]); 12] = [
        (
            "sport/tennis/player1/#",
            &[
                "sport/tennis/player1",
                "sport/tennis/player1/ranking",
                "sport/tennis/player1/score/wimbledon",
            ],
            &["sport/tennis", "sport/tennis/player10"],
        ),
        ("sport/#", &["sport", "sport/", "sport/tennis/player1"], &["sports", "", "/sport"]),
        (
            "sport/tennis/+",
            &["sport/tennis/player1", "sport/tennis/"],
            &["sport/tennis", "sport/tennis/player1/ranking"],
        ),
        ("sport/+", &["sport/"], &["sport"]),
        ("+/+", &["/finance", "a/b", "/"], &["finance", "/a/b"]),
        ("/+", &["/finance", "/"], &["finance"]),
        ("+", &["finance", "", "+", "#"], &["/finance", "$SYS"]),
        ("#", &["", "/", "a/b/c", "#", "a/+"], &["$SYS", "$SYS/monitor", "$"]),
        ("+/monitor/Clients", &["a/monitor/Clients"], &["$SYS/monitor/Clients"]),
        ("$SYS/#", &["$SYS", "$SYS/", "$SYS/monitor/Clients"], &["SYS"]),
        ("a/+/#", &["a/b", "a/", "a/b/c/d", "a/$b"], &["a", "b/b"]),
        ("a", &["a"], &["", "a/", "A"]),
    ];

    #[test]
    fn the_rules_of_mqtt_hold() {
        for (text, matched, others) in CASES {
            for topic in matched {
                assert!(pattern(text).matches(&Topic::from(*topic)), "{text}, {topic}");
            }
            for topic in others {
                assert!(!pattern(text).matches(&Topic::from(*topic)), "{text}, {topic}");
            }
        }
    }

    #[test]
    fn wildcards_stand_alone_and_the_rest_stands_last() {
        let error = |text: &str| Pattern::new(text).unwrap_err();
        for text in ["sport+", "a/+b", "#a", "a/b#", "++", "##", "+#"] {
            assert_eq!(error(text), PatternError::WildcardInLevel, "{text}");
        }
        for text in ["#/a", "a/#/b", "#/", "#/#"] {
            assert_eq!(error(text), PatternError::RestNotLast, "{text}");
        }
        assert_eq!(error(&"x".repeat(513)), PatternError::TooLong { bytes: 513 });
        assert!(Pattern::new("x".repeat(512)).is_ok());
        assert_eq!(error(&"/".repeat(32)), PatternError::TooManyLevels { levels: 33 });
        assert!(Pattern::new("/".repeat(31)).is_ok());
        assert!(Pattern::new(b"\xff/+").unwrap().matches(&Topic::from(&b"\xff/\x00"[..])));
    }

    #[test]
    fn a_text_is_a_topic_and_never_a_pattern() {
        assert_eq!(Interest::from("chat/#"), Interest::Topic("chat/#".into()));
        assert_eq!(Interest::from(pattern("chat/#")), Interest::Pattern(pattern("chat/#")));
        assert!(!Interest::from("chat/#").covers(&"chat/blue".into()));
        assert!(Interest::from(pattern("chat/#")).covers(&"chat/#".into()));
    }
}
