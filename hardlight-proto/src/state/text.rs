//! Texts are patched by bytes, between characters.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::mem;

use rkyv::string::repr::INLINE_CAPACITY;

use super::{
    Change, PatchError, PatchReader, PatchWriter, StateDiff, places::Places, recording::Edit,
};
use crate::payload::{DecodeError, EncodeError};

impl StateDiff for String {
    const LEAF: bool = false;

    fn same(value: &Self, other: &Self) -> bool {
        value == other
    }

    fn copy(value: &Self) -> Self {
        value.clone()
    }

    fn out_of_line(value: &Self, _enough: usize) -> usize {
        if is_level(value.len()) { value.len() } else { 0 }
    }

    fn diff(
        value: &Self,
        shadow: &mut Self,
        out: &mut PatchWriter<'_>,
    ) -> Result<Change, EncodeError> {
        if is_level(value.len()) {
            out.below(|_| Ok(()))?;
        }
        diff(value, shadow, out)
    }

    fn check(value: &Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        if is_level(check(value, patch)?) {
            patch.below()?;
        }
        Ok(())
    }

    fn apply(value: &mut Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        apply(value, patch)
    }
}

impl StateDiff for Box<str> {
    const LEAF: bool = false;

    fn same(value: &Self, other: &Self) -> bool {
        value == other
    }

    fn copy(value: &Self) -> Self {
        value.clone()
    }

    fn out_of_line(value: &Self, _enough: usize) -> usize {
        value.len()
    }

    fn diff(
        value: &Self,
        shadow: &mut Self,
        out: &mut PatchWriter<'_>,
    ) -> Result<Change, EncodeError> {
        let mut text = mem::take(shadow).into_string();
        let change = diff(value, &mut text, out);
        *shadow = text.into_boxed_str();
        change
    }

    fn check(value: &Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        check(value, patch).map(drop)
    }

    fn apply(value: &mut Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        let mut text = mem::take(value).into_string();
        let applied = apply(&mut text, patch);
        *value = text.into_boxed_str();
        applied
    }
}

/// Whether a text of this length stands out of line, and so takes a level of its own.
const fn is_level(len: usize) -> bool {
    len > INLINE_CAPACITY
}

/// Writes what lies between the common beginning and the common end.
fn diff(
    value: &str,
    shadow: &mut String,
    out: &mut PatchWriter<'_>,
) -> Result<Change, EncodeError> {
    if value == shadow {
        return Ok(Change::Nothing);
    }
    let (start, behind) = common(value, shadow);
    let removed = start..shadow.len() - behind;
    let inserted = &value[start..value.len() - behind];
    write_splice(start, removed.len(), inserted, out)?;
    shadow.replace_range(removed, inserted);
    Ok(Change::Patch)
}

/// Writes the edits that a text has recorded.
pub(super) fn write_recorded<T>(
    edits: Vec<Edit<T>>,
    text: &str,
    out: &mut PatchWriter<'_>,
) -> Result<Change, EncodeError> {
    if is_level(text.len()) {
        out.below(|_| Ok(()))?;
    }
    let start = out.len();
    for Edit { start, removed, inserted, .. } in edits {
        write_splice(start, removed, &text[start..start + inserted], out)?;
    }
    Ok(if out.len() == start { Change::Nothing } else { Change::Patch })
}

fn write_splice(
    start: usize,
    removed: usize,
    inserted: &str,
    out: &mut PatchWriter<'_>,
) -> Result<(), EncodeError> {
    out.place(start);
    out.place(removed);
    out.section(|out| {
        out.text(inserted);
        Ok(())
    })
}

/// The lengths of the common beginning and of the common end of what follows it, in whole characters.
pub(super) fn common(a: &str, b: &str) -> (usize, usize) {
    let equal = |(a, b): &(u8, u8)| a == b;
    let start = a.bytes().zip(b.bytes()).take_while(equal).count();
    // What lies before is the same, so it ends within a character of both or of neither.
    let start = a.floor_char_boundary(start);
    let (a, b) = (&a.as_bytes()[start..], &b.as_bytes()[start..]);
    let behind = a.iter().copied().rev().zip(b.iter().copied().rev()).take_while(equal).count();
    let cut = a[a.len() - behind..].iter().take_while(|&&byte| byte & 0xc0 == 0x80).count();
    (start, behind - cut)
}

/// The length that the patch leads to.
fn check(value: &str, patch: PatchReader<'_>) -> Result<usize, PatchError> {
    let mut places = Places::default();
    let mut len = value.len();
    splices(patch, |start, removed, inserted| {
        let place = places.take(start, removed, value.len())?;
        places.give(inserted.len());
        if !value.is_char_boundary(place.old.start) || !value.is_char_boundary(place.old.end) {
            return Err(PatchError::CutCharacter);
        }
        len = len - removed + inserted.len();
        Ok(())
    })?;
    Ok(len)
}

fn apply(value: &mut String, patch: PatchReader<'_>) -> Result<(), PatchError> {
    let len = value.len();
    let mut places = Places::default();
    // What the first operation and those behind it are about, and how much of it is done with.
    let mut rest: Option<(String, usize)> = None;
    splices(patch, |start, removed, inserted| {
        let place = places.take(start, removed, len)?;
        places.give(inserted.len());
        match &mut rest {
            None if value.is_char_boundary(start) => rest = Some((value.split_off(start), removed)),
            None => return Err(PatchError::CutCharacter),
            Some((rest, done)) => {
                let kept = rest.get(*done..*done + place.kept).ok_or(PatchError::CutCharacter)?;
                value.push_str(kept);
                *done += place.kept + removed;
            }
        }
        value.push_str(inserted);
        Ok(())
    })?;
    if let Some((rest, done)) = rest {
        value.push_str(rest.get(done..).ok_or(PatchError::CutCharacter)?);
    }
    Ok(())
}

/// Gives every operation to `operate`: the place where it begins, how many bytes go, and what comes in their place.
fn splices(
    patch: PatchReader<'_>,
    mut operate: impl FnMut(usize, usize, &str) -> Result<(), PatchError>,
) -> Result<(), PatchError> {
    let mut patch = patch.not_empty()?;
    while !patch.is_empty() {
        let (start, removed) = (patch.place()?, patch.place()?);
        let inserted =
            core::str::from_utf8(patch.section()?).map_err(|_| DecodeError::Malformed)?;
        operate(start, removed, inserted)?;
    }
    Ok(())
}
