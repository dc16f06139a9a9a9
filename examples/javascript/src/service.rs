//! What both ends share.

use std::{collections::BTreeSet, time::Duration};

use hardlight::{ConnectionState, Events, codable, rpc};

/// A board of tasks that everybody shares.
#[rpc(state = Session, events = BoardEvent)]
pub trait Board {
    /// Says who this is, before anything else: how many tasks there are.
    async fn join(&self, name: String) -> Result<u32, BoardError>;
    /// Adds a task.
    async fn add_task(
        &self,
        title: String,
        priority: Priority,
        labels: BTreeSet<String>,
        due_in: Option<Duration>,
    ) -> Result<Task, BoardError>;
    /// Ends a task.
    async fn finish(&self, id: u64) -> Result<(), BoardError>;
    /// All tasks that are open, the oldest first.
    async fn open_tasks(&self) -> Vec<Task>;
    /// Waits until somebody has ended a task: its number.
    async fn next_finished(&self) -> u64;
    /// Gives a picture of the board, in bytes.
    async fn picture(&self, width: u16, height: u16) -> Vec<u8>;
}

/// What the server tells a client of itself.
#[derive(Debug, ConnectionState)]
pub struct Session {
    /// Whose connection it is; nobody's before [`Board::join`].
    pub user_name: Option<String>,
    /// How many tasks this connection has added.
    pub added: u32,
    /// Those that it added last.
    pub recent_tasks: Vec<Task>,
}

/// What the server tells everybody who has joined, on the topic `tasks`.
#[derive(Debug, Events)]
pub enum BoardEvent {
    /// Somebody has added a task.
    Added(Task),
    /// Somebody has ended one.
    Finished {
        /// Which.
        id: u64,
        /// Who.
        finished_by: String,
    },
}

/// How soon something is to be done.
#[codable]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Some day.
    Low,
    /// Soon.
    Normal,
    /// Now.
    High,
}

/// Something to do.
#[codable]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub id: u64,
    /// What is to be done.
    pub title: String,
    /// How soon.
    pub priority: Priority,
    /// Words to find it by.
    pub labels: BTreeSet<String>,
    /// How much time there was when it was added.
    pub due_in: Option<Duration>,
    /// Who has added it.
    pub added_by: String,
}

/// Why the board did not do what it was asked.
#[codable]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoardError {
    /// Nobody has joined on this connection.
    NotJoined,
    /// A title has 1 to so many characters.
    BadTitle {
        /// How many.
        most: u32,
    },
    /// There is no open task of this number.
    NoSuchTask(u64),
}
