//! Names of topics where names have dots for levels, and cannot hold every character.

use std::fmt::Write as _;

use super::{
    Interest,
    pattern::{Level, levels},
};

/// The subjects, by NATS's rules, that stand for a topic or a pattern.
pub(super) fn subjects(interest: &Interest) -> Vec<String> {
    match interest {
        Interest::Topic(topic) => {
            vec![join(levels(topic.as_bytes()).map(Level::Name))]
        }
        Interest::Pattern(pattern) => {
            let levels: Vec<_> = pattern.levels().collect();
            let mut subjects = vec![join(levels.iter().copied())];
            if let [before @ .., Level::Rest] = &*levels
                && !before.is_empty()
            {
                subjects.insert(0, join(before.iter().copied()));
            }
            subjects
        }
    }
}

fn join<'a>(levels: impl Iterator<Item = Level<'a>>) -> String {
    let mut subject = String::new();
    for level in levels {
        if !subject.is_empty() {
            subject.push('.');
        }
        match level {
            Level::One => subject.push('*'),
            Level::Rest => subject.push('>'),
            // A level may be empty, and a token may not.
            Level::Name(name) => {
                subject.push('x');
                for byte in name {
                    let _ = write!(subject, "{byte:02x}");
                }
            }
        }
    }
    subject
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Pattern;

    #[test]
    fn levels_are_hexadecimal_and_wildcards_are_those_of_nats() {
        let of = |pattern: &str| subjects(&Pattern::new(pattern).unwrap().into());
        assert_eq!(subjects(&"a/ b/".into()), ["x61.x2062.x"]);
        assert_eq!(subjects(&"+".into()), ["x2b"]);
        assert_eq!(of("a/+/b"), ["x61.*.x62"]);
        assert_eq!(of("a/#"), ["x61", "x61.>"]);
        assert_eq!(of("#"), [">"]);
    }
}
