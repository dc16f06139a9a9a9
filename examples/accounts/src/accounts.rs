//! What may be done with accounts, and by whom.

use std::{
    fmt,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use hardlight::{SubscribeError, Topic};
use parking_lot::Mutex;

use crate::{
    AccountError, AccountEvent, HashCost, LogInError, MAX_NAME_BYTES, MAX_NOTES,
    MAX_PASSWORD_BYTES, MAX_TEXT_CHARS, MIN_PASSWORD_CHARS, NEWS, Pace, Password, RegisterError,
    Token,
    book::{Book, OnlineId, Owner, User},
    entrance, own_topic,
    passwords::Passwords,
    throttle::Throttle,
};

/// How many accounts there may be. They are in memory, and anybody may register.
const MAX_USERS: usize = 10_000;

type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// How accounts are kept.
#[derive(Clone)]
pub struct AccountsOptions {
    /// What hashing a password costs.
    pub hash_cost: HashCost,
    /// How fast passwords may be tried out.
    pub pace: Pace,
    /// How long a token is good for. Default 7 days.
    pub session_lifetime: Duration,
    /// What time it is. Default [`Instant::now`].
    pub clock: Clock,
}

impl Default for AccountsOptions {
    fn default() -> Self {
        Self {
            hash_cost: HashCost::default(),
            pace: Pace::default(),
            session_lifetime: Duration::from_secs(7 * 24 * 3600),
            clock: Arc::new(Instant::now),
        }
    }
}

impl fmt::Debug for AccountsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hash_cost, pace, session_lifetime, .. } = self;
        f.debug_struct("AccountsOptions")
            .field("hash_cost", hash_cost)
            .field("pace", pace)
            .field("session_lifetime", session_lifetime)
            .finish_non_exhaustive()
    }
}

/// The accounts of a server, in memory, and the connections that use them.
pub struct Accounts {
    passwords: Passwords,
    throttle: Throttle,
    session_lifetime: Duration,
    clock: Clock,
    book: Mutex<Book>,
}

impl Accounts {
    /// No accounts yet.
    ///
    /// # Panics
    ///
    /// If argon2 takes no such [`HashCost`].
    pub fn new(options: AccountsOptions) -> Arc<Self> {
        let AccountsOptions { hash_cost, pace, session_lifetime, clock } = options;
        let passwords = Passwords::new(hash_cost);
        let throttle = Throttle::new(pace);
        Arc::new(Self { passwords, throttle, session_lifetime, clock, book: Mutex::default() })
    }

    /// Makes the account of an administrator: for whoever runs the server.
    ///
    /// # Errors
    ///
    /// As for registering.
    pub async fn add_admin(&self, name: &str, password: Password) -> Result<(), RegisterError> {
        self.add(name, password, true, None).await
    }

    /// Ends the sessions that have expired, and narrows their connections. To be called now and then; whatever a session
    /// is used for looks at its age as well.
    pub fn expire(&self) {
        let now = (self.clock)();
        self.book.lock().end_expired(now);
    }

    pub(crate) async fn register(
        &self,
        name: &str,
        password: Password,
        address: Option<IpAddr>,
    ) -> Result<(), RegisterError> {
        self.add(name, password, false, address).await
    }

    pub(crate) async fn log_in(
        &self,
        id: OnlineId,
        name: &str,
        password: Password,
        address: Option<IpAddr>,
    ) -> Result<Token, LogInError> {
        let now = (self.clock)();
        if !self.book.lock().is_anonymous(id, now) {
            return Err(LogInError::AlreadyLoggedIn);
        }
        let place = self.passwords.line_up().ok_or(LogInError::Busy)?;
        let is_possible = is_name(name) && password.as_str().len() <= MAX_PASSWORD_BYTES;
        let counted = is_possible.then_some(name);
        self.throttle
            .begin(counted, address, now)
            .map_err(|wait| LogInError::TooManyAttempts { seconds: seconds(wait) })?;
        if !is_possible {
            return Err(LogInError::BadCredentials);
        }
        let hash = self.book.lock().users.get(name).map(|user| user.password.clone());
        if !place.verify(password, hash).await.ok_or(LogInError::Busy)? {
            return Err(LogInError::BadCredentials);
        }
        self.throttle.succeeded(name, address);
        self.open(id, name)
    }

    /// The password was right.
    fn open(&self, id: OnlineId, name: &str) -> Result<Token, LogInError> {
        let mut book = self.book.lock();
        // Whatever has happened while it was compared.
        if book.users.get(name).is_none_or(|user| user.is_suspended) {
            return Err(LogInError::Suspended);
        }
        let now = (self.clock)();
        if !book.is_anonymous(id, now) {
            return Err(LogInError::AlreadyLoggedIn);
        }
        let token = book.begin_session(id, name, now + self.session_lifetime);
        token.ok_or(LogInError::BadCredentials)
    }

    /// Opens the account that a token stands for: how long it will yet, or `None` if it stands for none.
    pub(crate) fn resume(&self, id: OnlineId, token: &Token) -> Option<Duration> {
        let now = (self.clock)();
        self.book.lock().resume(id, token, now)
    }

    pub(crate) fn enter(&self, connection: entrance::Connection, owner: Owner) -> OnlineId {
        self.book.lock().enter(connection, owner)
    }

    pub(crate) fn leave(&self, id: OnlineId) {
        self.book.lock().leave(id);
    }

    /// Under the lock, so that a connection which loses its account meanwhile is not subscribed to the account's topic.
    pub(crate) fn follow(
        &self,
        connection: &entrance::Connection,
        topic: Topic,
    ) -> Result<(), SubscribeError> {
        let _book = self.book.lock();
        connection.subscriptions.add(topic)
    }

    pub(crate) fn add_note(&self, id: OnlineId, text: String) -> Result<(), AccountError> {
        let mut book = self.book.lock();
        let name = book.user_of(id, (self.clock)())?;
        check_text(&text)?;
        let user = book.users.get_mut(&name).ok_or(AccountError::NotAllowed)?;
        if user.notes.len() >= MAX_NOTES {
            return Err(AccountError::TooManyNotes);
        }
        user.notes.push(text);
        book.show_notes(&name);
        Ok(())
    }

    pub(crate) fn send(
        &self,
        id: OnlineId,
        connection: &entrance::Connection,
        to: &str,
        text: String,
    ) -> Result<(), AccountError> {
        let mut book = self.book.lock();
        let from = book.user_of(id, (self.clock)())?;
        check_text(&text)?;
        if is_name(to) {
            connection.events.emit(own_topic(to), AccountEvent::Received { from, text });
        }
        Ok(())
    }

    pub(crate) fn log_out(&self, id: OnlineId) -> Result<(), AccountError> {
        let mut book = self.book.lock();
        book.user_of(id, (self.clock)())?;
        book.end_session_of(id);
        Ok(())
    }

    pub(crate) fn log_out_everywhere(&self, id: OnlineId) -> Result<u32, AccountError> {
        let mut book = self.book.lock();
        let user = book.user_of(id, (self.clock)())?;
        Ok(book.end_sessions(&user))
    }

    pub(crate) fn suspend(&self, id: OnlineId, name: &str) -> Result<(), AccountError> {
        let mut book = self.book.lock();
        self.check_admin(&mut book, id)?;
        let user = book.users.get_mut(name).filter(|user| !user.is_admin);
        user.ok_or(AccountError::NoSuchUser)?.is_suspended = true;
        book.end_sessions(name);
        tracing::info!(user = name, "suspended");
        Ok(())
    }

    pub(crate) fn announce(
        &self,
        id: OnlineId,
        connection: &entrance::Connection,
        text: String,
    ) -> Result<(), AccountError> {
        let mut book = self.book.lock();
        self.check_admin(&mut book, id)?;
        check_text(&text)?;
        book.notice.clone_from(&text);
        book.show_notice();
        connection.events.emit(NEWS, AccountEvent::Announced { text });
        Ok(())
    }

    fn check_admin(&self, book: &mut Book, id: OnlineId) -> Result<(), AccountError> {
        let user = book.user_of(id, (self.clock)())?;
        let is_admin = book.users.get(&user).is_some_and(|user| user.is_admin);
        if is_admin { Ok(()) } else { Err(AccountError::NotAllowed) }
    }

    async fn add(
        &self,
        name: &str,
        password: Password,
        is_admin: bool,
        address: Option<IpAddr>,
    ) -> Result<(), RegisterError> {
        if !is_name(name) {
            return Err(RegisterError::BadName);
        }
        let text = password.as_str();
        if text.len() > MAX_PASSWORD_BYTES || text.chars().count() < MIN_PASSWORD_CHARS {
            return Err(RegisterError::BadPassword);
        }
        let place = self.passwords.line_up().ok_or(RegisterError::Busy)?;
        // It is not taken back: of one address there are not many accounts in a short time.
        self.throttle
            .begin(None, address, (self.clock)())
            .map_err(|wait| RegisterError::TooManyAttempts { seconds: seconds(wait) })?;
        check_room(&self.book.lock(), name)?;
        let password = place.hash(password).await.ok_or(RegisterError::Busy)?;
        let mut book = self.book.lock();
        // Whatever has happened while it was hashed.
        check_room(&book, name)?;
        book.users.insert(name.to_owned(), User::new(password, is_admin));
        tracing::info!(user = name, "registered");
        Ok(())
    }
}

/// Shows nothing of what is in it.
impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

/// So that there are no two names which look alike, and none that means something in a topic.
fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_allowed)
}

fn check_text(text: &str) -> Result<(), AccountError> {
    let is_line = !text.chars().any(char::is_control);
    let is_good = is_line && (1..=MAX_TEXT_CHARS).contains(&text.chars().count());
    if is_good { Ok(()) } else { Err(AccountError::BadText) }
}

fn check_room(book: &Book, name: &str) -> Result<(), RegisterError> {
    if book.users.contains_key(name) {
        return Err(RegisterError::NameTaken);
    }
    if book.users.len() >= MAX_USERS {
        return Err(RegisterError::Full);
    }
    Ok(())
}

/// Rounded up.
fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
