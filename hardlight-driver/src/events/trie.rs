//! Names and patterns, level by level: whatever matches is found by walking, not by trying each.

use std::{collections::HashMap, ops::ControlFlow};

use hardlight_proto::Topic;

use super::pattern::{Level, MAX_LEVELS, Pattern, SEPARATOR, is_reserved};

/// Values at patterns, or at topics; one tree holds either.
pub(super) struct Trie<V> {
    root: Node<V>,
}

struct Node<V> {
    names: HashMap<Box<[u8]>, Self>,
    /// Below `+`.
    one: Option<Box<Self>>,
    /// At what ends here.
    here: Option<V>,
    /// At what ends with `#` behind here.
    rest: Option<V>,
}

impl<V> Node<V> {
    fn new() -> Self {
        Self { names: HashMap::new(), one: None, here: None, rest: None }
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.one.is_none() && self.here.is_none() && self.rest.is_none()
    }

    /// The node below this level, which is not `#`.
    fn below(&mut self, level: Level<'_>) -> &mut Self {
        match level {
            Level::Name(name) => self.names.entry(name.into()).or_insert_with(Self::new),
            Level::One | Level::Rest => self.one.get_or_insert_with(|| Box::new(Self::new())),
        }
    }

    /// The place of the value behind these levels.
    fn place<'a>(&mut self, levels: impl Iterator<Item = Level<'a>>) -> &mut Option<V> {
        let mut node = self;
        for level in levels {
            if level == Level::Rest {
                return &mut node.rest;
            }
            node = node.below(level);
        }
        &mut node.here
    }

    /// Visits the values here and below, until it is told to stop. No tree is deep.
    fn visit_all<'a>(
        &'a self,
        visit: &mut impl FnMut(&'a V) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.here.iter().chain(&self.rest).try_for_each(&mut *visit)?;
        let below = self.names.values().chain(self.one.as_deref());
        below.into_iter().try_for_each(|below| below.visit_all(visit))
    }

    /// Visits the values of topics that these levels match, as far as wildcards are shown them here, until it is told to
    /// stop.
    fn visit_within<'a>(
        &'a self,
        levels: &[Level<'_>],
        is_shown: fn(&[u8]) -> bool,
        visit: &mut impl FnMut(&'a V) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut shown = self.names.iter().filter(|(name, _)| is_shown(name));
        match levels {
            [] => self.here.iter().try_for_each(visit),
            [Level::Name(name), others @ ..] => {
                let mut below = self.names.get(*name).into_iter();
                below.try_for_each(|below| below.visit_within(others, |_| true, visit))
            }
            [Level::One, others @ ..] => {
                shown.try_for_each(|(_, below)| below.visit_within(others, |_| true, visit))
            }
            [Level::Rest, ..] => {
                self.here.iter().try_for_each(&mut *visit)?;
                shown.try_for_each(|(_, below)| below.visit_all(visit))
            }
        }
    }

    /// Takes the value behind these levels out, and the nodes that are of no use without it.
    fn remove(&mut self, levels: &[Level<'_>]) -> Option<V> {
        match levels {
            [] => self.here.take(),
            [Level::Rest, ..] => self.rest.take(),
            [Level::One, others @ ..] => {
                let node = self.one.as_mut()?;
                let value = node.remove(others);
                if node.is_empty() {
                    self.one = None;
                }
                value
            }
            [Level::Name(name), others @ ..] => {
                let node = self.names.get_mut(*name)?;
                let value = node.remove(others);
                if node.is_empty() {
                    self.names.remove(*name);
                    self.names.shrink_to(self.names.len() * 2);
                }
                value
            }
        }
    }
}

/// The levels of a topic's name as they stand in a tree. What is behind the last level that a pattern can tell from others
/// is one level: whatever a client calls a topic, no tree is deeper than this.
pub(super) fn tree_levels(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.splitn(MAX_LEVELS + 1, |byte| *byte == SEPARATOR)
}

impl<V> Trie<V> {
    pub(super) fn new() -> Self {
        Self { root: Node::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.root.is_empty()
    }

    /// The place of the value of a pattern.
    pub(super) fn pattern(&mut self, pattern: &Pattern) -> &mut Option<V> {
        self.root.place(pattern.levels())
    }

    /// The place of the value of a topic.
    pub(super) fn topic(&mut self, topic: &Topic) -> &mut Option<V> {
        self.root.place(tree_levels(topic.as_bytes()).map(Level::Name))
    }

    pub(super) fn remove_pattern(&mut self, pattern: &Pattern) -> Option<V> {
        self.root.remove(&pattern.levels().collect::<Vec<_>>())
    }

    pub(super) fn remove_topic(&mut self, topic: &Topic) -> Option<V> {
        let levels: Vec<_> = tree_levels(topic.as_bytes()).map(Level::Name).collect();
        self.root.remove(&levels)
    }

    /// Of a tree of patterns: visits the values of those that match a topic.
    pub(super) fn matching<'a>(&'a self, topic: &Topic, mut visit: impl FnMut(&'a V)) {
        let _ = self.find_matching(topic, |value| {
            visit(value);
            ControlFlow::Continue(())
        });
    }

    /// Whether any pattern matches a topic.
    pub(super) fn matches(&self, topic: &Topic) -> bool {
        self.find_matching(topic, |_| ControlFlow::Break(())).is_break()
    }

    /// Of a tree of patterns: visits the values of those that match a topic, until it is told to stop.
    fn find_matching<'a>(
        &'a self,
        topic: &Topic,
        mut visit: impl FnMut(&'a V) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.is_empty() {
            return ControlFlow::Continue(());
        }
        let name = topic.as_bytes();
        let hidden = is_reserved(name);
        if !hidden {
            self.root.rest.iter().try_for_each(&mut visit)?;
        }
        let mut nodes = vec![&self.root];
        let mut next = Vec::new();
        for (place, level) in tree_levels(name).enumerate() {
            for node in nodes.drain(..) {
                next.extend(node.names.get(level));
                if place > 0 || !hidden {
                    next.extend(node.one.as_deref());
                }
            }
            std::mem::swap(&mut nodes, &mut next);
            if nodes.is_empty() {
                return ControlFlow::Continue(());
            }
            nodes.iter().filter_map(|node| node.rest.as_ref()).try_for_each(&mut visit)?;
        }
        nodes.iter().filter_map(|node| node.here.as_ref()).try_for_each(visit)
    }

    /// Visits all values.
    pub(super) fn for_each<'a>(&'a self, mut visit: impl FnMut(&'a V)) {
        let _ = self.root.visit_all(&mut |value| {
            visit(value);
            ControlFlow::Continue(())
        });
    }

    /// Of a tree of topics: visits the values of those that a pattern matches, until it is told to stop.
    pub(super) fn within<'a>(
        &'a self,
        pattern: &Pattern,
        mut visit: impl FnMut(&'a V) -> ControlFlow<()>,
    ) {
        let levels: Vec<_> = pattern.levels().collect();
        // What is hidden from a wildcard in the first place.
        let _ = self.root.visit_within(&levels, |name| !is_reserved(name), &mut visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 15] = [
        "", "/", "a", "a/", "/a", "a/b", "a/b/c", "a/+", "+", "#", "$a", "$a/b", "a/$b", "b/b",
        "a//c",
    ];
    const PATTERNS: [&str; 17] = [
        "", "/", "#", "+", "+/+", "+/#", "a", "a/#", "a/+", "a/+/c", "a/b", "a/b/#", "$a/#",
        "$a/+", "+/b", "a//c", "/#",
    ];

    fn patterns() -> impl Iterator<Item = Pattern> {
        PATTERNS.iter().map(|text| Pattern::new(text).unwrap())
    }

    fn topics() -> impl Iterator<Item = Topic> {
        NAMES.iter().map(|name| Topic::from(*name))
    }

    #[test]
    fn walking_finds_what_trying_each_finds() {
        let (mut by_pattern, mut by_topic) = (Trie::new(), Trie::new());
        patterns().for_each(|pattern| *by_pattern.pattern(&pattern) = Some(pattern.clone()));
        topics().for_each(|topic| *by_topic.topic(&topic) = Some(topic.clone()));
        for topic in topics() {
            let mut found = Vec::new();
            by_pattern.matching(&topic, |pattern| found.push(pattern.clone()));
            let mut expected: Vec<_> =
                patterns().filter(|pattern| pattern.matches(&topic)).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{topic}");
        }
        for pattern in patterns() {
            let mut found = Vec::new();
            by_topic.within(&pattern, |topic| {
                found.push(topic.clone());
                ControlFlow::Continue(())
            });
            let mut expected: Vec<_> = topics().filter(|topic| pattern.matches(topic)).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{pattern}");
        }
    }

    #[test]
    fn a_visit_ends_where_it_is_told_to() {
        let mut trie = Trie::new();
        topics().for_each(|topic| *trie.topic(&topic) = Some(()));
        for pattern in patterns() {
            let (mut all, mut two) = (0, 0);
            trie.within(&pattern, |()| {
                all += 1;
                ControlFlow::Continue(())
            });
            trie.within(&pattern, |()| {
                two += 1;
                if two == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert_eq!(two, all.min(2), "{pattern}");
        }
    }

    #[test]
    fn what_is_removed_is_gone_and_leaves_nothing_behind() {
        let mut trie = Trie::new();
        patterns().for_each(|pattern| *trie.pattern(&pattern) = Some(()));
        assert_eq!(trie.remove_pattern(&Pattern::new("never/there").unwrap()), None);
        for pattern in patterns() {
            assert_eq!(trie.remove_pattern(&pattern), Some(()));
            assert_eq!(trie.remove_pattern(&pattern), None);
        }
        assert!(trie.is_empty());
        topics().for_each(|topic| *trie.topic(&topic) = Some(()));
        topics().for_each(|topic| assert_eq!(trie.remove_topic(&topic), Some(())));
        assert!(trie.is_empty());
    }

    #[test]
    fn many_wildcards_cost_no_more_than_there_are_nodes() {
        // 2 ways at each of 32 levels, if the walk did not keep to what is there.
        let mut trie = Trie::new();
        for wildcards in 0..MAX_LEVELS {
            let text = "+/".repeat(wildcards) + "#";
            *trie.pattern(&Pattern::new(text).unwrap()) = Some(());
        }
        let mut found = 0;
        trie.matching(&Topic::from("a/".repeat(200)), |()| found += 1);
        assert_eq!(found, MAX_LEVELS);
    }

    #[test]
    fn names_of_more_levels_than_patterns_have_are_found_as_others_are() {
        let names = [30, 31, 32, 33, 511].map(|levels| Topic::from("/".repeat(levels)));
        let others = [30, 31, 32, 33].map(|levels| Topic::from("/".repeat(levels) + "x"));
        let patterns =
            ["#".to_owned(), "+/".repeat(31) + "#", "+/".repeat(31) + "+", "/".repeat(31)];
        let patterns = patterns.map(|text| Pattern::new(text).unwrap());
        let (mut by_pattern, mut by_topic) = (Trie::new(), Trie::new());
        for pattern in &patterns {
            *by_pattern.pattern(pattern) = Some(pattern.clone());
        }
        let topics = || names.iter().chain(&others);
        for topic in topics() {
            *by_topic.topic(topic) = Some(topic.clone());
        }
        for topic in topics() {
            for pattern in &patterns {
                let (mut found, mut within) = (false, false);
                by_pattern.matching(topic, |matched: &Pattern| found |= matched == pattern);
                by_topic.within(pattern, |other: &Topic| {
                    within |= other == topic;
                    ControlFlow::Continue(())
                });
                let expected = pattern.matches(topic);
                assert_eq!((found, within), (expected, expected), "{topic}, {pattern}");
            }
        }
        for topic in topics() {
            assert_eq!(by_topic.remove_topic(topic).as_ref(), Some(topic));
        }
        assert!(by_topic.is_empty());
    }

    #[test]
    fn no_name_makes_a_deep_tree() {
        // It would overflow the stack otherwise, when it is taken out or dropped.
        let mut trie = Trie::new();
        let names = ["/".repeat(1_000_000), "/".repeat(1_000_001)].map(Topic::from);
        names.iter().for_each(|name| *trie.topic(name) = Some(()));
        assert_eq!(trie.remove_topic(&names[0]), Some(()));
        drop(trie);
    }
}
