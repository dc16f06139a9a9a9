//! Users, their sessions, and the connections that there are. One lock is around all of it, so what a connection may do
//! is what its session says at any moment.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use argon2::password_hash::phc::PasswordHash;
use parking_lot::Mutex;

use crate::{AccountError, Allowed, Token, entrance, own_topic, secret::TokenHash};

/// How many sessions a user may have. One more ends the oldest.
const MAX_SESSIONS: usize = 10;

/// Whose events a connection may have. Behind a lock of its own, since it is asked for under that of the state.
pub(crate) type Owner = Arc<Mutex<Option<String>>>;

/// Names a connection here. [`ServerConnection::id`](hardlight::ServerConnection::id) would do, but that two servers with the
/// same accounts could give two connections the same one, unless they share their hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OnlineId(u64);

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) notice: String,
    pub(crate) users: HashMap<String, User>,
    sessions: HashMap<TokenHash, LoginSession>,
    online: HashMap<OnlineId, Online>,
    /// How many connections there have been.
    entered: u64,
}

pub(crate) struct User {
    pub(crate) password: PasswordHash,
    pub(crate) is_admin: bool,
    pub(crate) is_suspended: bool,
    pub(crate) notes: Vec<String>,
    /// The oldest first.
    sessions: Vec<TokenHash>,
}

impl User {
    pub(crate) const fn new(password: PasswordHash, is_admin: bool) -> Self {
        Self { password, is_admin, is_suspended: false, notes: Vec::new(), sessions: Vec::new() }
    }
}

struct LoginSession {
    user: String,
    expires: Instant,
    connections: Vec<OnlineId>,
}

/// A connection.
struct Online {
    connection: entrance::Connection,
    owner: Owner,
    /// `None` while it is anonymous.
    session: Option<TokenHash>,
}

impl Book {
    /// There is a connection more. It is anonymous.
    pub(crate) fn enter(&mut self, connection: entrance::Connection, owner: Owner) -> OnlineId {
        connection.state.lock().notice.clone_from(&self.notice);
        self.entered += 1;
        let id = OnlineId(self.entered);
        self.online.insert(id, Online { connection, owner, session: None });
        id
    }

    pub(crate) fn leave(&mut self, id: OnlineId) {
        let session = self.online.remove(&id).and_then(|online| online.session);
        if let Some(session) = session.and_then(|hash| self.sessions.get_mut(&hash)) {
            session.connections.retain(|connection| *connection != id);
        }
    }

    pub(crate) fn is_anonymous(&mut self, id: OnlineId, now: Instant) -> bool {
        self.user_of(id, now).is_err()
    }

    /// A new session of a user, on this connection first. `None` if there is no such user, or no such connection.
    pub(crate) fn begin_session(
        &mut self,
        id: OnlineId,
        name: &str,
        expires: Instant,
    ) -> Option<Token> {
        self.online.get(&id)?;
        let sessions = &self.users.get(name)?.sessions;
        if sessions.len() >= MAX_SESSIONS {
            self.end_session(sessions[0]);
        }
        let (token, connections) = (Token::random(), Vec::new());
        let session = LoginSession { user: name.to_owned(), expires, connections };
        self.sessions.insert(token.hash(), session);
        self.users.get_mut(name)?.sessions.push(token.hash());
        self.open(id, token.hash())?;
        Some(token)
    }

    /// Opens the account of a session for a new connection: how long the session lasts, if there is one.
    pub(crate) fn resume(&mut self, id: OnlineId, token: &Token, now: Instant) -> Option<Duration> {
        let hash = token.hash();
        self.end_if_expired(hash, now);
        let left = self.sessions.get(&hash)?.expires.duration_since(now);
        self.open(id, hash)?;
        Some(left)
    }

    /// Whose session a connection has.
    pub(crate) fn user_of(&mut self, id: OnlineId, now: Instant) -> Result<String, AccountError> {
        let hash = self.session_of(id).ok_or(AccountError::NotAllowed)?;
        self.end_if_expired(hash, now);
        let session = self.sessions.get(&hash).ok_or(AccountError::NotAllowed)?;
        Ok(session.user.clone())
    }

    pub(crate) fn end_session_of(&mut self, id: OnlineId) {
        if let Some(hash) = self.session_of(id) {
            self.end_session(hash);
        }
    }

    /// Ends all sessions of a user: how many there were.
    pub(crate) fn end_sessions(&mut self, name: &str) -> u32 {
        let hashes = self.users.get(name).map_or_else(Vec::new, |user| user.sessions.clone());
        hashes.iter().for_each(|hash| self.end_session(*hash));
        u32::try_from(hashes.len()).expect("a user has few sessions")
    }

    /// Looks at all sessions.
    pub(crate) fn end_expired(&mut self, now: Instant) {
        let hashes: Vec<_> = self.sessions.keys().copied().collect();
        hashes.into_iter().for_each(|hash| self.end_if_expired(hash, now));
    }

    /// Has all connections of a user show the user's notes as they are now.
    pub(crate) fn show_notes(&self, name: &str) {
        let Some(user) = self.users.get(name) else { return };
        let sessions = user.sessions.iter().filter_map(|hash| self.sessions.get(hash));
        for online in sessions.flat_map(|session| &session.connections) {
            if let Some(online) = self.online.get(online) {
                online.connection.state.lock().notes.clone_from(&user.notes);
            }
        }
    }

    /// Has all connections show the notice.
    pub(crate) fn show_notice(&self) {
        for online in self.online.values() {
            online.connection.state.lock().notice.clone_from(&self.notice);
        }
    }

    fn session_of(&self, id: OnlineId) -> Option<TokenHash> {
        self.online.get(&id)?.session
    }

    fn end_if_expired(&mut self, hash: TokenHash, now: Instant) {
        if self.sessions.get(&hash).is_some_and(|session| session.expires <= now) {
            self.end_session(hash);
        }
    }

    fn end_session(&mut self, hash: TokenHash) {
        let Some(session) = self.sessions.remove(&hash) else { return };
        if let Some(user) = self.users.get_mut(&session.user) {
            user.sessions.retain(|other| *other != hash);
        }
        for id in session.connections {
            if let Some(online) = self.online.get_mut(&id) {
                online.narrow();
            }
        }
    }

    fn open(&mut self, id: OnlineId, hash: TokenHash) -> Option<()> {
        let (online, session) = (self.online.get_mut(&id)?, self.sessions.get_mut(&hash)?);
        online.open(hash, &session.user, self.users.get(&session.user)?);
        session.connections.push(id);
        Some(())
    }
}

impl Online {
    /// First what the account is, then the features: so no other state is ever seen with them.
    fn open(&mut self, session: TokenHash, name: &str, user: &User) {
        self.session = Some(session);
        *self.owner.lock() = Some(name.to_owned());
        {
            let mut state = self.connection.state.lock();
            state.user = Some(name.to_owned());
            state.notes.clone_from(&user.notes);
        } // subscribes to the user's topic, see `App::topics`
        let admin = user.is_admin.then_some(Allowed::Admin);
        self.connection.features().set([Allowed::Account].into_iter().chain(admin));
    }

    /// The other way round.
    fn narrow(&mut self) {
        self.session = None;
        self.connection.features().clear();
        let owner = self.owner.lock().take();
        {
            let mut state = self.connection.state.lock();
            state.user = None;
            state.notes.clear();
        }
        if let Some(owner) = owner {
            self.connection.subscriptions.remove(own_topic(&owner));
        }
    }
}

#[cfg(test)]
mod tests {
    use argon2::{
        Argon2, Params,
        password_hash::{PasswordHasher, phc::PasswordHash},
    };

    use super::*;

    fn user(is_admin: bool) -> User {
        let params = Params::new(8, 1, 1, None).expect("argon2 takes so little");
        let argon2 = Argon2::new(Default::default(), Default::default(), params);
        let hash: PasswordHash = argon2.hash_password(b"password").expect("argon2 hashes it");
        User { notes: vec!["a note".into()], ..User::new(hash, is_admin) }
    }

    #[test]
    fn of_an_account_that_is_closed_nothing_stays_on_the_connection() {
        let mut book = Book::default();
        book.users.insert("ann".into(), user(true));
        let (connection, owner) = (entrance::Connection::detached(), Owner::default());
        let now = Instant::now();
        let id = book.enter(connection.clone(), Arc::clone(&owner));
        book.begin_session(id, "ann", now + Duration::from_secs(1)).expect("there is one");
        // As the state would have it.
        connection.subscriptions.add(own_topic("ann")).unwrap();
        assert_eq!(owner.lock().as_deref(), Some("ann"));
        assert!(connection.features().contains(Allowed::Admin));
        assert_eq!(connection.state.lock().notes, ["a note"]);

        book.end_session_of(id);
        assert_eq!(*owner.lock(), None);
        assert!(connection.features().get().iter().next().is_none());
        assert_eq!(connection.subscriptions.iter().len(), 0);
        let state = connection.state.lock();
        assert_eq!((&state.user, &state.notes), (&None, &Vec::new()));
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let mut book = Book::default();
        book.users.insert("ann".into(), user(false));
        let [first, second, third] =
            [(); 3].map(|()| book.enter(entrance::Connection::detached(), Owner::default()));
        let now = Instant::now();
        let token = book.begin_session(first, "ann", now + Duration::from_secs(1)).unwrap();
        assert_eq!(book.resume(second, &token, now), Some(Duration::from_secs(1)));
        book.begin_session(third, "ann", now + Duration::from_secs(2)).unwrap();
        book.leave(first);
        assert_eq!(book.sessions[&token.hash()].connections, [second]);
        book.end_expired(now + Duration::from_secs(1));
        assert_eq!((book.sessions.len(), book.users["ann"].sessions.len()), (1, 1));
        assert!(book.user_of(second, now).is_err() && book.user_of(third, now).is_ok());
        assert_eq!(book.end_sessions("ann"), 1);
        book.leave(second);
        book.leave(third);
        assert!(book.sessions.is_empty() && book.online.is_empty());
    }
}
