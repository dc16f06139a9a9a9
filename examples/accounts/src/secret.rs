//! What is shown to nobody: `Debug` of these types is a word.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hardlight::codable;
use sha2::{Digest, Sha256};

/// How long a token is, in bytes before they are encoded: 256 bits, so that none is ever guessed.
const TOKEN_BYTES: usize = 32;

/// A password, on its way from a user to the hash.
#[codable]
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    text: String,
}

impl Password {
    /// What the user typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// What stands for a session: whoever has it is the user.
#[codable]
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
}

impl Token {
    /// A token that a client has kept.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// The token itself: letters, digits, `-` and `_`, so that it can stand in a cookie and in a header.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A token that nobody has.
    ///
    /// # Panics
    ///
    /// If the system has no random numbers to give: better no session than one that can be guessed.
    pub(crate) fn random() -> Self {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).expect("the system has random numbers");
        Self::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(&self.text).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// What the server keeps of a token: who reads its memory or a backup of its store cannot log in by it. The token is
/// random, so a hash without salt and cost does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash([u8; 32]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secrets() {
        let shown = format!("{:?} {:?}", Password::new("hunter2"), Token::new("c2VjcmV0"));
        assert_eq!(shown, "Password Token");
    }

    #[test]
    fn tokens_have_256_bits_and_differ() {
        let (one, other) = (Token::random(), Token::random());
        assert_eq!(URL_SAFE_NO_PAD.decode(one.as_str()).map(|bytes| bytes.len()), Ok(TOKEN_BYTES));
        assert!(one != other && one.hash() != other.hash());
    }
}
