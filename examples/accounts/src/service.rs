//! What the server and its clients share.

use hardlight::{ConnectionState, Events, Feature, Topic, codable, rpc};

use crate::{Password, Token};

/// The longest name that a user may have, in bytes.
pub const MAX_NAME_BYTES: usize = 32;
/// The shortest password, in characters.
pub const MIN_PASSWORD_CHARS: usize = 8;
/// The longest password, in bytes.
pub const MAX_PASSWORD_BYTES: usize = 256;
/// The longest note, message or notice, in characters.
pub const MAX_TEXT_CHARS: usize = 200;
/// The most notes that a user may have.
pub const MAX_NOTES: usize = 100;
/// The topic that everybody may follow.
pub const NEWS: &str = "news";

/// What a connection may be allowed. An anonymous one has neither.
#[derive(Feature, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// What a user may do who has logged in.
    Account,
    /// What an administrator may do besides.
    Admin,
}

/// For everybody.
#[rpc(state = Session, events = AccountEvent)]
pub trait Entrance {
    /// Makes an account. It does not log in.
    #[rpc(secret)]
    async fn register(&self, name: String, password: Password) -> Result<(), RegisterError>;
    /// Opens the account on this connection, at once. Other connections present the token.
    #[rpc(secret)]
    async fn log_in(&self, name: String, password: Password) -> Result<Token, LogInError>;
    /// Asks for the events of a topic: whether the connection may have them. All may have [`NEWS`].
    async fn follow(&self, topic: Topic) -> bool;
}

/// For users who have logged in.
#[rpc(state = Session, events = AccountEvent, feature = Allowed::Account)]
pub trait Account {
    /// Keeps a note. All connections of the user see it in their state.
    async fn add_note(&self, text: String) -> Result<(), AccountError>;
    /// Tells another user something, on all connections where that user is logged in. Nobody learns whether there are any.
    async fn send(&self, to: String, text: String) -> Result<(), AccountError>;
    /// Ends the session of this connection: its token is worth nothing any longer, and all connections that came by it are
    /// anonymous again.
    async fn log_out(&self) -> Result<(), AccountError>;
    /// Ends all sessions of the user: how many there were.
    async fn log_out_everywhere(&self) -> Result<u32, AccountError>;
}

/// For administrators.
#[rpc(state = Session, events = AccountEvent, feature = Allowed::Admin)]
pub trait Administration {
    /// Ends all sessions of a user, for whom there are no others from here on.
    async fn suspend(&self, name: String) -> Result<(), AccountError>;
    /// Tells everybody something, and new connections as well.
    async fn announce(&self, text: String) -> Result<(), AccountError>;
}

/// What the server keeps for each connection. The client has a copy, without the fields that it may not see.
#[derive(ConnectionState, Debug)]
pub struct Session {
    /// For everybody: what was announced last.
    pub notice: String,
    /// Who has logged in.
    #[state(feature = Allowed::Account)]
    pub user: Option<String>,
    /// The user's notes, the oldest first.
    #[state(feature = Allowed::Account)]
    pub notes: Vec<String>,
}

/// What the server tells clients without being asked.
#[derive(Debug, PartialEq, Eq, Events)]
pub enum AccountEvent {
    /// On [`NEWS`]: something was announced.
    Announced {
        /// What.
        text: String,
    },
    /// On the topic of the user that it is for: somebody has sent something.
    #[events(feature = Allowed::Account)]
    Received {
        /// Who.
        from: String,
        /// What.
        text: String,
    },
}

/// Why there is no new account.
#[codable]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The name is empty, too long or has other characters.
    #[error("a name is 1 to {MAX_NAME_BYTES} of the characters a-z, 0-9 and -")]
    BadName,
    /// The password is too short or too long.
    #[error(
        "a password has at least {MIN_PASSWORD_CHARS} characters and at most {MAX_PASSWORD_BYTES} bytes"
    )]
    BadPassword,
    /// Somebody else has it. Whoever may register finds out which names there are.
    #[error("the name is taken")]
    NameTaken,
    /// There are as many accounts as there may be.
    #[error("there is no room for another account")]
    Full,
    /// There were too many attempts from this address.
    #[error("too many attempts: try again in {seconds} s")]
    TooManyAttempts {
        /// How long to wait.
        seconds: u32,
    },
    /// The server has too many passwords to hash.
    #[error("the server is busy: try again later")]
    Busy,
}

/// Why nobody is logged in.
#[codable]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogInError {
    /// There is no such user, or the password is another one: which, is not told.
    #[error("the name or the password is wrong")]
    BadCredentials,
    /// The account is suspended. Only who knows its password gets to know.
    #[error("the account is suspended")]
    Suspended,
    /// This connection has somebody logged in: log out first.
    #[error("somebody is logged in")]
    AlreadyLoggedIn,
    /// There were too many attempts with this name or from this address.
    #[error("too many attempts: try again in {seconds} s")]
    TooManyAttempts {
        /// How long to wait.
        seconds: u32,
    },
    /// The server has too many passwords to compare.
    #[error("the server is busy: try again later")]
    Busy,
}

/// Why an account did not do what it was asked.
#[codable]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The session has ended meanwhile, or may not do this.
    #[error("not allowed")]
    NotAllowed,
    /// The text is empty, too long, or more than a line.
    #[error("a text is a line of 1 to {MAX_TEXT_CHARS} characters")]
    BadText,
    /// There are as many notes as there may be.
    #[error("there are {MAX_NOTES} notes already")]
    TooManyNotes,
    /// There is no such user, or it is an administrator.
    #[error("there is nobody of that name to suspend")]
    NoSuchUser,
}

/// The topic of a user's own events.
pub fn own_topic(user: &str) -> Topic {
    format!("users/{user}").into()
}
