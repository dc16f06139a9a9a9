//! Users, their sessions, and the connections that there are. One lock is around all of it, so what a connection may do
//! is what its session says at any moment.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use argon2::password_hash::phc::PasswordHash;
use hardlight::ConnectionId;
use parking_lot::Mutex;

use crate::{AccountError, Allowed, Token, entrance, own_topic, secret::TokenHash};

/// How many sessions a user may have. One more ends the one that expires first.
const MAX_SESSIONS: usize = 10;

/// Whose events a connection may have. Behind a lock of its own, since it is asked for under that of the state.
pub(crate) type Owner = Arc<Mutex<Option<String>>>;

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) notice: String,
    pub(crate) users: HashMap<String, User>,
    sessions: HashMap<TokenHash, LoginSession>,
    online: HashMap<ConnectionId, Online>,
}

pub(crate) struct User {
    pub(crate) password: PasswordHash,
    pub(crate) is_admin: bool,
    pub(crate) is_suspended: bool,
    pub(crate) notes: Vec<String>,
}

struct LoginSession {
    user: String,
    expires: Instant,
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
    pub(crate) fn enter(&mut self, connection: entrance::Connection, owner: Owner) {
        connection.state.lock().notice.clone_from(&self.notice);
        self.online.insert(connection.id(), Online { connection, owner, session: None });
    }

    pub(crate) fn leave(&mut self, id: ConnectionId) {
        self.online.remove(&id);
    }

    pub(crate) fn is_anonymous(&self, id: ConnectionId) -> bool {
        self.online.get(&id).is_some_and(|online| online.session.is_none())
    }

    /// A new session of a user, on this connection first.
    pub(crate) fn begin_session(
        &mut self,
        id: ConnectionId,
        user: &str,
        expires: Instant,
    ) -> Token {
        let mut hashes: Vec<_> = self.sessions_of(user);
        hashes.sort_by_key(|hash| self.sessions[hash].expires);
        let surplus = (hashes.len() + 1).saturating_sub(MAX_SESSIONS);
        hashes[..surplus].iter().for_each(|hash| self.end_session(*hash));
        let token = Token::random();
        self.sessions.insert(token.hash(), LoginSession { user: user.to_owned(), expires });
        self.open(id, token.hash());
        token
    }

    /// Opens the account of a session for a new connection: how long the session lasts, if there is one.
    pub(crate) fn resume(
        &mut self,
        id: ConnectionId,
        token: &Token,
        now: Instant,
    ) -> Option<Duration> {
        let hash = token.hash();
        self.end_expired(now);
        let left = self.sessions.get(&hash)?.expires.duration_since(now);
        self.open(id, hash);
        Some(left)
    }

    /// Whose session a connection has.
    pub(crate) fn user_of(
        &mut self,
        id: ConnectionId,
        now: Instant,
    ) -> Result<String, AccountError> {
        self.end_expired(now);
        let session = self.online.get(&id).and_then(|online| self.sessions.get(&online.session?));
        session.map(|session| session.user.clone()).ok_or(AccountError::NotAllowed)
    }

    pub(crate) fn end_session_of(&mut self, id: ConnectionId) {
        if let Some(hash) = self.online.get(&id).and_then(|online| online.session) {
            self.end_session(hash);
        }
    }

    /// Ends all sessions of a user: how many there were.
    pub(crate) fn end_sessions(&mut self, user: &str) -> u32 {
        let hashes = self.sessions_of(user);
        hashes.iter().for_each(|hash| self.end_session(*hash));
        u32::try_from(hashes.len()).expect("a user has few sessions")
    }

    pub(crate) fn end_expired(&mut self, now: Instant) {
        let expired = self.sessions.iter().filter(|(_, session)| session.expires <= now);
        let expired: Vec<_> = expired.map(|(hash, _)| *hash).collect();
        expired.into_iter().for_each(|hash| self.end_session(hash));
    }

    /// Has all connections of a user show the user's notes as they are now.
    pub(crate) fn show_notes(&self, user: &str) {
        let Some(User { notes, .. }) = self.users.get(user) else { return };
        for online in self.online.values() {
            let session = online.session.and_then(|hash| self.sessions.get(&hash));
            if session.is_some_and(|session| session.user == user) {
                online.connection.state.lock().notes.clone_from(notes);
            }
        }
    }

    /// Has all connections show the notice.
    pub(crate) fn show_notice(&self) {
        for online in self.online.values() {
            online.connection.state.lock().notice.clone_from(&self.notice);
        }
    }

    fn sessions_of(&self, user: &str) -> Vec<TokenHash> {
        let own = self.sessions.iter().filter(|(_, session)| session.user == user);
        own.map(|(hash, _)| *hash).collect()
    }

    fn end_session(&mut self, hash: TokenHash) {
        self.sessions.remove(&hash);
        let narrowed = self.online.values_mut().filter(|online| online.session == Some(hash));
        narrowed.for_each(Online::narrow);
    }

    fn open(&mut self, id: ConnectionId, hash: TokenHash) {
        let (Some(online), Some(session)) = (self.online.get_mut(&id), self.sessions.get(&hash))
        else {
            return;
        };
        if let Some(user) = self.users.get(&session.user) {
            online.open(hash, &session.user, user);
        }
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
