//! The handler: what the server does for one connection.

use std::{fmt::Display, sync::Arc};

use hardlight::{Refusal, Request, http::StatusCode};
use notes_shared::{Action, MAX_CHARS, Note, NoteEvent, Notes, NotesError, notes};
use tokio::task;

use crate::store::Store;

/// The handler of one connection: the connection, and whatever else the application needs. Clones share all of it.
#[derive(Clone)]
pub(crate) struct App {
    conn: notes::Connection,
    user: Arc<str>,
    store: Arc<Store>,
}

impl Notes for App {
    async fn add(&self, text: String) -> Result<Note, NotesError> {
        // Other clients show it on their terminals.
        let has_control = text.chars().any(char::is_control);
        if has_control || !(1..=MAX_CHARS).contains(&text.chars().count()) {
            return Err(NotesError::BadText);
        }
        let add = move |app: &Self| {
            let note = app.store.insert(&app.user, text)?;
            app.record(Action::Added(note.id), NoteEvent::Added(note.clone()))?;
            Ok(note)
        };
        self.run(add).await
    }

    async fn remove(&self, id: i64) -> Result<(), NotesError> {
        let remove = move |app: &Self| {
            if !app.store.delete(id, &app.user)? {
                let refused = match app.store.author(id)? {
                    Some(author) => NotesError::NotYours { id, author },
                    None => NotesError::NoSuchNote { id },
                };
                return Err(Failure::Refused(refused));
            }
            app.record(Action::Removed(id), NoteEvent::Removed { id })
        };
        self.run(remove).await
    }

    async fn list(&self) -> Result<Vec<Note>, NotesError> {
        self.run(|app| Ok(app.store.all()?)).await
    }

    async fn follow(&self, author: String) -> Result<(), NotesError> {
        self.conn.subscriptions.add(author).map_err(|_| NotesError::CannotFollow)
    }

    async fn unfollow(&self, author: String) -> bool {
        self.conn.subscriptions.remove(author)
    }
}

impl App {
    /// The handler of a new connection. The user is whom the path of the URL names: `wss://localhost:4433/ann`.
    ///
    /// A real service does not take the client's word for that: it looks at a cookie or a token of the request here.
    pub(crate) async fn new(
        conn: notes::Connection,
        request: Request,
        store: Arc<Store>,
    ) -> Result<Self, Refusal> {
        let user = request.path().trim_start_matches('/');
        if user.is_empty() || !user.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let advice = "the path of the URL is the user's name, in letters and digits\n";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, advice));
        }
        let app = Self { conn, user: user.into(), store };
        let greet = |app: &Self| {
            // The client has this before it can do anything.
            let mut session = app.conn.state.lock();
            session.user = app.user.to_string();
            session.notes = app.store.count(&app.user)?;
            Ok(())
        };
        app.run(greet).await.map_err(|_| Refusal::unavailable())?;
        Ok(app)
    }

    /// Tells the followers and the client itself what the user has done. Neither waits for the network.
    fn record(&self, action: Action, event: NoteEvent) -> Result<(), Failure> {
        self.conn.events.emit(&*self.user, event);
        let mut session = self.conn.state.lock();
        // Counted while the state is locked: of two calls at once, the one that counts last has its number stay.
        session.notes = self.store.count(&self.user)?;
        session.last_action = Some(action);
        Ok(())
    } // Here the lock ends, and what changed is sent: ahead of the answer of the call that did it.

    /// Runs work that blocks, as SQLite does, on a thread where it may.
    ///
    /// A client can cancel its call, which drops the handler's future at an `.await`; work that has begun runs to its
    /// end all the same. So it does all that belongs together: a note that is in the store is in the state, and
    /// its event is sent.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, NotesError> {
        let app = self.clone();
        match task::spawn_blocking(move || work(&app)).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(Failure::Refused(refused))) => Err(refused),
            Ok(Err(Failure::Store(error))) => Err(store_failed(&error)),
            Err(error) => Err(store_failed(&error)),
        }
    }
}

/// Why work was not done.
enum Failure {
    /// The client gets to read this.
    Refused(NotesError),
    /// The server's log has this, and the client only that it happened.
    Store(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error)
    }
}

fn store_failed(error: &dyn Display) -> NotesError {
    eprintln!("the store failed: {error}");
    NotesError::StoreFailed
}

/// A handler needs no socket to be tested: a connection that is `detached` has the state, and nobody at the other end.
#[cfg(test)]
mod tests {
    use super::*;

    fn app(user: &str, store: &Arc<Store>) -> App {
        let conn = notes::Connection::detached();
        App { conn, user: user.into(), store: Arc::clone(store) }
    }

    #[tokio::test]
    async fn what_a_user_did_is_in_the_state() {
        let ann = app("ann", &Arc::new(Store::in_memory()));
        let note = ann.add("buy milk".to_owned()).await.unwrap();
        {
            let session = ann.conn.state.lock();
            assert_eq!((session.notes, &session.last_action), (1, &Some(Action::Added(note.id))));
        }
        ann.remove(note.id).await.unwrap();
        assert_eq!(ann.conn.state.lock().notes, 0);
    }

    #[tokio::test]
    async fn authors_are_followed_until_they_are_not() {
        let ann = app("ann", &Arc::new(Store::in_memory()));
        ann.follow("bob".to_owned()).await.unwrap();
        assert!(ann.conn.subscriptions.contains("bob"));
        assert!(ann.unfollow("bob".to_owned()).await);
        assert!(!ann.unfollow("bob".to_owned()).await);
        assert_eq!(ann.follow("b".repeat(1 << 20)).await, Err(NotesError::CannotFollow));
    }

    #[tokio::test]
    async fn a_note_belongs_to_its_author() {
        let store = Arc::new(Store::in_memory());
        let (ann, bob) = (app("ann", &store), app("bob", &store));
        let id = ann.add("buy milk".to_owned()).await.unwrap().id;
        let refused = NotesError::NotYours { id, author: "ann".to_owned() };
        assert_eq!(bob.remove(id).await, Err(refused));
        assert_eq!(bob.list().await.unwrap().len(), 1);
        ann.remove(id).await.unwrap();
        assert_eq!(ann.remove(id).await, Err(NotesError::NoSuchNote { id }));
    }

    #[tokio::test]
    async fn a_note_is_a_line() {
        let ann = app("ann", &Arc::new(Store::in_memory()));
        for bad in ["", "two\nlines", "\x1b[2J"] {
            assert_eq!(ann.add(bad.to_owned()).await, Err(NotesError::BadText), "{bad:?}");
        }
        assert!(ann.add("é".repeat(MAX_CHARS)).await.is_ok());
        assert_eq!(ann.add("é".repeat(MAX_CHARS + 1)).await, Err(NotesError::BadText));
    }
}
