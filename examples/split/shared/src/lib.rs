//! The split example, one crate of three: what the server and its clients share.
//!
//! A board that everybody can pin notes to. Both ends are made from this crate, so neither can call what the other does
//! not have, or read it as something else.

use hardlight::{ConnectionState, Events, codable, rpc};

/// The most characters that a note may have.
pub const MAX_CHARS: usize = 200;

/// What a client can ask the server to do.
#[rpc(state = Session, events = NoteEvent)]
pub trait Notes {
    /// Pins a note to the board, and returns it as it is kept.
    async fn add(&self, text: String) -> Result<Note, NotesError>;
    /// Takes one of the user's own notes off the board.
    async fn remove(&self, id: i64) -> Result<(), NotesError>;
    /// The notes on the board, the oldest first.
    async fn list(&self) -> Result<Vec<Note>, NotesError>;
    /// From now on, this connection gets the events of what this author does.
    async fn follow(&self, author: String) -> Result<(), NotesError>;
    /// Ends that: whether the author was followed.
    async fn unfollow(&self, author: String) -> bool;
}

/// What the server keeps for each connection. The client has a copy, which follows by itself.
#[derive(ConnectionState, Debug)]
pub struct Session {
    /// Whose connection it is.
    pub user: String,
    /// How many notes the user had on the board when this connection last changed that, or was made.
    pub notes: u32,
    /// What the user last did on this connection.
    pub last_action: Option<Action>,
}

/// What the server tells the clients that follow an author, without being asked. The topic is the author's name.
#[derive(Debug, Events)]
pub enum NoteEvent {
    /// The author pinned this note to the board.
    Added(Note),
    /// The author took this note off the board.
    Removed {
        /// Which it was.
        id: i64,
    },
}

/// Something that a user did.
#[codable]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The user pinned this note to the board.
    Added(i64),
    /// The user took this note off the board.
    Removed(i64),
}

/// A note on the board.
#[codable]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Never used again, not even when the note is gone.
    pub id: i64,
    /// The user who wrote it.
    pub author: String,
    /// 1 to [`MAX_CHARS`] characters, none of them a control character.
    pub text: String,
}

/// Why the application did not do what it was asked. Clients can match on it.
#[codable]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotesError {
    /// The text is empty, too long, or more than a line.
    #[error("a note is a line of 1 to {MAX_CHARS} characters")]
    BadText,
    /// There is no note with this id.
    #[error("there is no note {id}")]
    NoSuchNote {
        /// What was asked for.
        id: i64,
    },
    /// Somebody else wrote the note.
    #[error("note {id} belongs to {author}")]
    NotYours {
        /// What was asked for.
        id: i64,
        /// Who wrote it.
        author: String,
    },
    /// The author's name is too long, or this connection follows too many authors.
    #[error("the name is too long, or you follow too many")]
    CannotFollow,
    /// The server could not read or write its notes. Its log says why, and is not for clients to read.
    #[error("the server's store failed")]
    StoreFailed,
}
