use alloc::string::String;
use core::{
    convert::Infallible,
    fmt, mem,
    ops::{AddAssign, RangeBounds},
};

use super::{edits::Edits, list::within, record::Record, same_on_the_wire};
use crate::{
    payload::EncodeError,
    state::{
        Change, PatchWriter,
        text::{common, write_recorded},
    },
};

/// A [`String`] that records its changes: see the [module](crate::sync). A `string` on the wire.
///
/// It derefs to the [`String`] for reading, and so to [`str`]. Places are in bytes.
pub struct Text {
    items: String,
    record: Record<Edits<Infallible>>,
}

impl Text {
    /// Without characters.
    pub const fn new() -> Self {
        Self { items: String::new(), record: Record::untied() }
    }

    /// The standard text.
    pub fn into_inner(self) -> String {
        self.items
    }

    /// The standard text, for whatever has no method here. It is sent whole afterwards.
    pub fn whole_mut(&mut self) -> &mut String {
        self.record.forget();
        &mut self.items
    }

    /// Puts another text in its place. What both have in common at the beginning and at the end is not sent.
    pub fn set(&mut self, text: &str) {
        let (start, behind) = common(text, &self.items);
        self.replace_range(start..self.items.len() - behind, &text[start..text.len() - behind]);
    }

    /// Appends a character.
    pub fn push(&mut self, char: char) {
        self.push_str(char.encode_utf8(&mut [0; 4]));
    }

    /// Appends a text.
    pub fn push_str(&mut self, text: &str) {
        self.items.push_str(text);
        self.spliced(self.items.len() - text.len(), 0, text.len());
    }

    /// Removes the last character, and gives it.
    pub fn pop(&mut self) -> Option<char> {
        let last = self.items.pop()?;
        self.spliced(self.items.len(), last.len_utf8(), 0);
        Some(last)
    }

    /// Inserts a character.
    ///
    /// # Panics
    ///
    /// If `index` is beyond the end or within a character.
    pub fn insert(&mut self, index: usize, char: char) {
        self.insert_str(index, char.encode_utf8(&mut [0; 4]));
    }

    /// Inserts a text.
    ///
    /// # Panics
    ///
    /// If `index` is beyond the end or within a character.
    pub fn insert_str(&mut self, index: usize, text: &str) {
        self.items.insert_str(index, text);
        self.spliced(index, 0, text.len());
    }

    /// Removes a character, and gives it.
    ///
    /// # Panics
    ///
    /// If there is none at `index`.
    pub fn remove(&mut self, index: usize) -> char {
        let removed = self.items.remove(index);
        self.spliced(index, removed.len_utf8(), 0);
        removed
    }

    /// Puts another text in the place of a range.
    ///
    /// # Panics
    ///
    /// If the range is not within the text, or begins or ends within a character.
    pub fn replace_range(&mut self, range: impl RangeBounds<usize>, text: &str) {
        let range = within(range, self.items.len());
        self.items.replace_range(range.clone(), text);
        self.spliced(range.start, range.len(), text.len());
    }

    /// Keeps the first `len` bytes, if there are as many.
    ///
    /// # Panics
    ///
    /// If `len` is within a character.
    pub fn truncate(&mut self, len: usize) {
        let gone = self.items.len().saturating_sub(len);
        self.items.truncate(len);
        self.spliced(self.items.len(), gone, 0);
    }

    /// Takes out what begins at `at`.
    ///
    /// # Panics
    ///
    /// If `at` is beyond the end or within a character.
    #[must_use = "what is not needed is removed by `truncate`"]
    pub fn split_off(&mut self, at: usize) -> String {
        let behind = self.items.split_off(at);
        self.spliced(at, behind.len(), 0);
        behind
    }

    /// Removes all characters.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Removes the characters that `keep` does not want.
    pub fn retain(&mut self, mut keep: impl FnMut(char) -> bool) {
        let (record, mut kept) = (&mut self.record, 0);
        self.items.retain(|char| {
            let keep = keep(char);
            if keep {
                kept += char.len_utf8();
            } else if let Some(edits) = record.changes() {
                edits.splice(kept, char.len_utf8(), 0);
            }
            keep
        });
    }

    const fn no_changes(&self) -> Edits<Infallible> {
        Edits::new(self.items.len())
    }

    fn has_no_changes(&self) -> bool {
        self.record.peek().is_some_and(|edits| edits.are_none(self.items.len()))
    }

    /// Writes what has changed, and forgets it.
    fn write_changes(&mut self, out: &mut PatchWriter<'_>) -> Result<Change, EncodeError> {
        let no_changes = self.no_changes();
        let edits = self.record.changes().map(|edits| mem::replace(edits, no_changes));
        match edits.and_then(|edits| edits.into_edits(self.items.len())) {
            Some(edits) => write_recorded(edits, &self.items, out),
            None => Ok(Change::Set),
        }
    }

    fn spliced(&mut self, start: usize, removed: usize, inserted: usize) {
        if let Some(edits) = self.record.changes() {
            edits.splice(start, removed, inserted);
        }
    }
}

same_on_the_wire!([] Text, String);

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

/// The copy has recorded nothing.
impl Clone for Text {
    fn clone(&self) -> Self {
        Self::from(self.items.clone())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.items, f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.items, f)
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

impl AddAssign<&str> for Text {
    fn add_assign(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl From<String> for Text {
    fn from(items: String) -> Self {
        Self { items, record: Record::untied() }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(String::from(text))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.items
    }
}

impl FromIterator<char> for Text {
    fn from_iter<I: IntoIterator<Item = char>>(chars: I) -> Self {
        Self::from(String::from_iter(chars))
    }
}

impl<'a> FromIterator<&'a str> for Text {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        Self::from(String::from_iter(texts))
    }
}

impl Extend<char> for Text {
    fn extend<I: IntoIterator<Item = char>>(&mut self, chars: I) {
        chars.into_iter().for_each(|char| self.push(char));
    }
}

impl<'a> Extend<&'a str> for Text {
    fn extend<I: IntoIterator<Item = &'a str>>(&mut self, texts: I) {
        texts.into_iter().for_each(|text| self.push_str(text));
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.items
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.items == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.items == *other
    }
}
