//! What an older client meets at a newer server.

use crate::{
    change::{Change, Part, What},
    schema::{Entry, Schema},
};

/// What has changed from `old` to `new` that a client or a reader can tell: first of the service, then of its methods, its
/// state and its events. What breaks is what an `old` client misses at a `new` server.
///
/// Methods and events are told by their names, fields of the state by their indexes, as peers do it (SPEC.md, section 6.3).
/// The order of methods and events means nothing, and is not compared. For a newer client at an older server swap the two.
pub fn compare(old: &Schema, new: &Schema) -> Vec<Change> {
    let whole =
        service(old, new).into_iter().map(|what| (Part::Service, old.service.clone(), what));
    let parts = [Part::Method, Part::StateField, Part::Event];
    let parts = parts.into_iter().flat_map(|part| {
        let changed = entries(part, old.entries(part), new.entries(part));
        changed.into_iter().map(move |(name, what)| (part, name, what))
    });
    let change = |(part, name, what)| Change { service: old.service.clone(), part, name, what };
    whole.chain(parts).map(change).collect()
}

fn service(old: &Schema, new: &Schema) -> Vec<What> {
    let mut found = Vec::new();
    if old.revision != new.revision {
        found.push(What::Revision { old: old.revision, new: new.revision });
    }
    if old.service != new.service {
        found.push(What::Renamed { new: new.service.clone() });
    }
    found
}

fn entries(part: Part, old: &[Entry], new: &[Entry]) -> Vec<(String, What)> {
    let of_old = old.iter().flat_map(|entry| {
        let found = match counterpart(part, entry, new) {
            Some(new) => differences(entry, new),
            None => vec![What::Removed { index: entry.index, ty: entry.shown_type() }],
        };
        found.into_iter().map(|what| (entry.name.clone(), what))
    });
    let added = new.iter().filter(|entry| counterpart(part, entry, old).is_none()).map(|entry| {
        (entry.name.clone(), What::Added { index: entry.index, ty: entry.shown_type() })
    });
    of_old.chain(added).collect()
}

/// What peers compare an entry with.
fn counterpart<'a>(part: Part, entry: &Entry, others: &'a [Entry]) -> Option<&'a Entry> {
    others.iter().find(|other| match part {
        Part::StateField => other.index == entry.index,
        _ => other.name == entry.name,
    })
}

fn differences(old: &Entry, new: &Entry) -> Vec<What> {
    let (index, ty) = (old.index, new.shown_type());
    if old.name != new.name {
        let (old, name) = (old.shown_type(), new.name.clone());
        return vec![What::Replaced { index, old, name, new: ty }];
    }
    let mut found = Vec::new();
    if old.fingerprint != new.fingerprint {
        found.push(What::Retyped { index, old: old.shown_type(), new: ty.clone() });
    }
    if old.feature != new.feature {
        let (old, new) = (old.feature.clone(), new.feature.clone());
        found.push(What::Needs { index, ty: ty.clone(), old, new });
    }
    if old.secret != new.secret {
        found.push(What::Secret { index, ty, new: new.secret });
    }
    found
}
