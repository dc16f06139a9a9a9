//! The notes, in SQLite. Knows nothing of connections and users' rights. Everything here blocks.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use notes_shared::Note;
use rusqlite::{Connection, OptionalExtension, params};

/// Once `AUTOINCREMENT` has given an id, it never does again.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS notes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        author TEXT NOT NULL,
        text TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS notes_by_author ON notes (author);
";

pub(crate) struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens the database in this file, or makes a new one.
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        Self::new(Connection::open(path)?)
    }

    pub(crate) fn insert(&self, author: &str, text: String) -> rusqlite::Result<Note> {
        let connection = self.lock();
        connection
            .execute("INSERT INTO notes (author, text) VALUES (?1, ?2)", params![author, text])?;
        Ok(Note { id: connection.last_insert_rowid(), author: author.to_owned(), text })
    }

    /// Deletes a note of this author: whether there was one.
    pub(crate) fn delete(&self, id: i64, author: &str) -> rusqlite::Result<bool> {
        let sql = "DELETE FROM notes WHERE id = ?1 AND author = ?2";
        Ok(self.lock().execute(sql, params![id, author])? > 0)
    }

    /// Who wrote a note.
    pub(crate) fn author(&self, id: i64) -> rusqlite::Result<Option<String>> {
        let sql = "SELECT author FROM notes WHERE id = ?1";
        self.lock().query_row(sql, [id], |row| row.get(0)).optional()
    }

    /// How many notes an author has.
    pub(crate) fn count(&self, author: &str) -> rusqlite::Result<u32> {
        let sql = "SELECT count(*) FROM notes WHERE author = ?1";
        self.lock().query_row(sql, [author], |row| row.get(0))
    }

    /// All notes, the oldest first.
    pub(crate) fn all(&self) -> rusqlite::Result<Vec<Note>> {
        let connection = self.lock();
        let mut query = connection.prepare("SELECT id, author, text FROM notes ORDER BY id")?;
        let notes = query.query_map([], |row| {
            Ok(Note { id: row.get(0)?, author: row.get(1)?, text: row.get(2)? })
        })?;
        notes.collect()
    }

    fn new(connection: Connection) -> rusqlite::Result<Self> {
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // Each method is one statement, so a panic leaves nothing half done.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        Connection::open_in_memory().and_then(Self::new).expect("SQLite opens a new database")
    }
}
