//! The messages, and by which password a name is kept, in SQLite. Knows nothing of connections and users' rights. Everything
//! here blocks.

use std::{
    fmt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use chat_shared::{Message, PAGE};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

/// Once `AUTOINCREMENT` has given an id, it never does again. With a write-ahead log several servers can share a file.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        thread TEXT NOT NULL,
        sent_ms INTEGER NOT NULL,
        author TEXT NOT NULL,
        text TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS messages_by_thread ON messages (thread, id);
    CREATE TABLE IF NOT EXISTS kept_names (
        name TEXT PRIMARY KEY,
        password_hash TEXT NOT NULL
    ) STRICT;
";

/// The messages of all threads, in a database. One writes or reads at a time.
pub struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens the database in this file, or makes a new one.
    ///
    /// # Errors
    ///
    /// If it is none, or cannot be read and written.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        Self::new(Connection::open(path)?)
    }

    /// Stores a message, and calls `then` with it once it is on the disk, before another one is stored: so the order of
    /// what `then` does is that of the ids.
    pub(crate) fn insert(
        &self,
        thread: &str,
        author: &str,
        text: String,
        then: impl FnOnce(&Message),
    ) -> rusqlite::Result<i64> {
        let mut connection = self.lock();
        let sent_ms = now_ms();
        // Two servers that write the same file wait for each other here.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "INSERT INTO messages (thread, sent_ms, author, text) VALUES (?1, ?2, ?3, ?4)";
        transaction.execute(sql, params![thread, sent_ms, author, text])?;
        let id = transaction.last_insert_rowid();
        transaction.commit()?;
        then(&Message { id, sent_ms, author: author.to_owned(), text });
        Ok(id)
    }

    /// The last messages of a thread before one, at most [`PAGE`], the oldest first.
    pub(crate) fn page(&self, thread: &str, before: Option<i64>) -> rusqlite::Result<Vec<Message>> {
        let connection = self.lock();
        let mut query = connection.prepare(
            "SELECT id, sent_ms, author, text FROM messages
             WHERE thread = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
        )?;
        let before = before.unwrap_or(i64::MAX);
        let rows = query.query_map(params![thread, before, PAGE as i64], |row| {
            let (id, sent_ms) = (row.get(0)?, row.get(1)?);
            Ok(Message { id, sent_ms, author: row.get(2)?, text: row.get(3)? })
        })?;
        let mut messages: Vec<_> = rows.collect::<Result<_, _>>()?;
        messages.reverse();
        Ok(messages)
    }

    /// The hash of the password that a name is kept by, if it is.
    pub(crate) fn password_of(&self, name: &str) -> rusqlite::Result<Option<String>> {
        let sql = "SELECT password_hash FROM kept_names WHERE name = ?1";
        self.lock().query_row(sql, params![name], |row| row.get(0)).optional()
    }

    /// Keeps a name by a password, unless it is kept: whether it is by this one now.
    pub(crate) fn keep_name(&self, name: &str, password_hash: &str) -> rusqlite::Result<bool> {
        let sql = "INSERT INTO kept_names (name, password_hash) VALUES (?1, ?2)
                   ON CONFLICT DO NOTHING";
        Ok(self.lock().execute(sql, params![name, password_hash])? == 1)
    }

    fn new(connection: Connection) -> rusqlite::Result<Self> {
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // Each method is one transaction, so a panic leaves nothing half done.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        Connection::open_in_memory().and_then(Self::new).expect("SQLite opens a new database")
    }

    /// Has every further write fail.
    #[cfg(test)]
    pub(crate) fn fill_up(&self) {
        self.lock().execute_batch("PRAGMA query_only = ON").expect("SQLite has this");
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(messages: &[Message]) -> Vec<i64> {
        messages.iter().map(|message| message.id).collect()
    }

    #[test]
    fn pages_go_back_to_the_first_message() {
        let store = Store::in_memory();
        for number in 0..PAGE + 10 {
            let thread = if number == 3 { "other" } else { "lobby" };
            store.insert(thread, "ann", number.to_string(), |_| {}).unwrap();
        }
        let last = store.page("lobby", None).unwrap();
        assert_eq!(ids(&last), (11..=60).collect::<Vec<_>>());
        let rest = store.page("lobby", Some(11)).unwrap();
        assert_eq!(ids(&rest), [1, 2, 3, 5, 6, 7, 8, 9, 10]);
        assert_eq!(store.page("lobby", Some(1)).unwrap(), []);
    }

    #[test]
    fn a_name_is_kept_once() {
        let store = Store::in_memory();
        assert_eq!(store.password_of("ann"), Ok(None));
        assert_eq!(store.keep_name("ann", "first"), Ok(true));
        assert_eq!(store.keep_name("ann", "second"), Ok(false));
        assert_eq!(store.password_of("ann"), Ok(Some("first".to_owned())));
    }

    #[test]
    fn what_cannot_be_stored_goes_no_further() {
        let store = Store::in_memory();
        store.fill_up();
        let told = |_: &Message| panic!("it was not stored");
        assert!(store.insert("lobby", "ann", "hi".to_owned(), told).is_err());
    }
}
