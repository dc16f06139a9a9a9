//! The chat example: what the server and its clients share.

use std::collections::BTreeSet;

use hardlight::{ConnectionState, Events, Topic, codable, rpc};

/// The most characters that a message may have.
pub const MAX_CHARS: usize = 1000;

/// The most characters that the name of a user or of a thread may have.
pub const MAX_NAME_CHARS: usize = 32;

/// The fewest characters that a password may have.
pub const MIN_PASSWORD_CHARS: usize = 8;

/// The most bytes that a password may have.
pub const MAX_PASSWORD_BYTES: usize = 256;

/// The most threads that one connection may be in.
pub const MAX_THREADS: usize = 64;

/// How many messages [`Chat::history`] returns at once.
pub const PAGE: usize = 50;

/// What a client can ask the server to do.
#[rpc(state = Session, events = ChatEvent)]
pub trait Chat {
    /// Says who this is, once on each connection and before anything else.
    ///
    /// Whoever first gives a password with a name keeps the name by it: nobody logs in under it from here on who does not know
    /// the password.
    #[rpc(secret)]
    async fn login(&self, user: String, password: Option<String>) -> Result<(), ChatError>;
    /// Enters a thread: what is said there reaches this connection from here on. A client that comes back gets what it
    /// missed first.
    ///
    /// A name of letters, digits, `-` and `_` is open to everybody. `@ann,bob` is between ann and bob alone.
    async fn join(&self, thread: String) -> Result<(), ChatError>;
    /// Ends that.
    async fn leave(&self, thread: String) -> Result<(), ChatError>;
    /// Stores a message, and then sends it to whoever is in the thread: its id.
    async fn send_message(&self, thread: String, text: String) -> Result<i64, ChatError>;
    /// The [`PAGE`] messages of a thread before that one, or the last ones, the oldest first. Fewer: there are no more.
    #[rpc(idempotent)]
    async fn history(&self, thread: String, before: Option<i64>)
    -> Result<Vec<Message>, ChatError>;
}

/// What the server keeps for each connection. The client has a copy, which follows by itself.
#[derive(ConnectionState, Debug)]
pub struct Session {
    /// Whose connection it is; nobody's before [`Chat::login`].
    pub user: Option<String>,
    /// The threads it is in. What the connection is subscribed to follows from this.
    pub threads: BTreeSet<String>,
}

/// What the server tells those who are in a thread, without being asked.
#[derive(Debug, Events)]
pub enum ChatEvent {
    /// Somebody said something. On the topic [`messages_of`] the thread.
    Said(Message),
    /// Who is in the thread now: all of them, in order. On the topic [`presence_of`] the thread.
    Present {
        /// Their names, each once.
        users: Vec<String>,
    },
}

/// A message, as it is stored.
#[codable]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Ascends, in all threads together.
    pub id: i64,
    /// When the server took it, in milliseconds since 1970.
    pub sent_ms: i64,
    /// The user who wrote it.
    pub author: String,
    /// 1 to [`MAX_CHARS`] characters, none of them a control character.
    pub text: String,
}

/// Why the application did not do what it was asked. Clients can match on it.
#[codable]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// Nobody is logged in on this connection.
    #[error("log in first")]
    NotLoggedIn,
    /// Somebody is logged in on this connection already.
    #[error("you are logged in as {user}")]
    LoggedIn {
        /// Who it is.
        user: String,
    },
    /// This is no name of a user.
    #[error("a name is 1 to {MAX_NAME_CHARS} letters, digits, - and _")]
    BadName,
    /// Nobody keeps a name by this.
    #[error(
        "a password is {MIN_PASSWORD_CHARS} characters or more, of {MAX_PASSWORD_BYTES} bytes at most"
    )]
    BadPassword,
    /// The name is kept by another password, or none was given.
    #[error("somebody keeps this name by another password")]
    WrongPassword,
    /// This is no name of a thread.
    #[error(
        "a thread is called by 1 to {MAX_NAME_CHARS} letters, digits, - and _, or @ann,bob for some only"
    )]
    BadThread,
    /// The thread is for others.
    #[error("{thread} is for those it names")]
    NotForYou {
        /// What was asked for.
        thread: String,
    },
    /// The connection is not in this thread.
    #[error("you are not in {thread}")]
    NotInThread {
        /// What was asked for.
        thread: String,
    },
    /// The connection is in as many threads as it may be.
    #[error("you are in {MAX_THREADS} threads already")]
    TooManyThreads,
    /// The text is empty, too long, or more than a line.
    #[error("a message is a line of 1 to {MAX_CHARS} characters")]
    BadText,
    /// The server could not read or write its messages. Its log says why, and is not for clients to read.
    #[error("the server's store failed")]
    StoreFailed,
}

/// Where what is said in a thread is sent. The server keeps the last events of it, for clients that come back.
pub fn messages_of(thread: &str) -> Topic {
    format!("{MESSAGES}{thread}").into()
}

/// Where it is sent who is in a thread.
pub fn presence_of(thread: &str) -> Topic {
    format!("{PRESENCE}{thread}").into()
}

/// The thread that a topic belongs to.
pub fn thread_of(topic: &Topic) -> Option<&str> {
    let name = topic.as_str()?;
    name.strip_prefix(MESSAGES).or_else(|| name.strip_prefix(PRESENCE))
}

const MESSAGES: &str = "messages/";
const PRESENCE: &str = "presence/";
