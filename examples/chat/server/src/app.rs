//! The handler: what the server does for one connection.

use std::{
    fmt::Display,
    sync::{Arc, OnceLock},
};

use chat_shared::{
    Chat, ChatError, ChatEvent, ChatEventTopics, MAX_CHARS, MAX_THREADS, Message, Session, chat,
    messages_of, presence_of, thread_of,
};
use hardlight::Interest;
use tokio::task;

use crate::{
    names::{check_thread, check_user},
    passwords::{Passwords, check_password},
    presence::Presence,
    store::Store,
};

/// What all connections share.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) passwords: Passwords,
    pub(crate) presence: Presence,
}

/// The handler of one connection: the connection, and whatever else the application needs.
#[derive(Debug)]
pub(crate) struct App {
    conn: chat::Connection,
    user: User,
    house: Arc<House>,
}

/// Who is logged in on a connection: nobody at first, and then always the same.
type User = Arc<OnceLock<String>>;

/// What a connection gets: the messages of the threads it is in, and who is in them.
struct Threads {
    user: User,
}

impl ChatEventTopics<Session> for Threads {
    /// Asked whenever the state has changed, so `join` and `leave` need do no more than change it.
    fn topics(&self, state: &Session) -> Vec<Interest> {
        let topics = state.threads.iter().flat_map(|name| [messages_of(name), presence_of(name)]);
        topics.map(Interest::from).collect()
    }

    /// Asked before each subscription, whoever makes it. `join` has looked already, to tell the client; here it is made
    /// certain that nobody reads what is for others, by whatever mistake in the code above.
    fn check(&self, interest: &Interest) -> bool {
        let Interest::Topic(topic) = interest else { return false };
        match (self.user.get(), thread_of(topic)) {
            (Some(user), Some(thread)) => check_thread(user, thread).is_ok(),
            _ => false,
        }
    }
}

impl Chat for App {
    async fn login(&self, user: String, password: Option<String>) -> Result<(), ChatError> {
        check_user(&user)?;
        self.check_is(&user, password).await?;
        if self.user.set(user.clone()).is_err() {
            return Err(ChatError::LoggedIn { user: self.user()?.to_owned() });
        }
        self.house.presence.arrive(self.conn.id(), user.clone());
        self.conn.state.lock().user = Some(user);
        Ok(())
    }

    async fn join(&self, thread: String) -> Result<(), ChatError> {
        check_thread(self.user()?, &thread)?;
        {
            let mut session = self.conn.state.lock();
            if session.threads.contains(&thread) {
                return Ok(());
            }
            if session.threads.len() >= MAX_THREADS {
                return Err(ChatError::TooManyThreads);
            }
            session.threads.insert(thread.clone());
        } // Here the lock ends: the connection is subscribed, and what it missed is on its way.
        self.house.presence.tell(&self.conn.events, &thread);
        Ok(())
    }

    async fn leave(&self, thread: String) -> Result<(), ChatError> {
        if !self.conn.state.lock().threads.remove(&thread) {
            return Err(ChatError::NotInThread { thread });
        }
        self.house.presence.tell(&self.conn.events, &thread);
        Ok(())
    }

    async fn send_message(&self, thread: String, text: String) -> Result<i64, ChatError> {
        let author = self.user()?.to_owned();
        self.check_is_in(&thread)?;
        // Other clients show it on their terminals.
        let has_control = text.chars().any(char::is_control);
        if has_control || !(1..=MAX_CHARS).contains(&text.chars().count()) {
            return Err(ChatError::BadText);
        }
        let events = self.conn.events.clone();
        let insert = move |house: &House| {
            house.store.insert(&thread, &author, text, |message| {
                events.emit(messages_of(&thread), ChatEvent::Said(message.clone()));
            })
        };
        self.run(insert).await
    }

    async fn history(
        &self,
        thread: String,
        before: Option<i64>,
    ) -> Result<Vec<Message>, ChatError> {
        self.check_is_in(&thread)?;
        self.run(move |house| house.store.page(&thread, before)).await
    }
}

impl App {
    /// The handler of a new connection.
    pub(crate) fn new(conn: chat::Connection, house: Arc<House>) -> Self {
        let user = User::default();
        Threads { user: Arc::clone(&user) }.attach(&conn);
        Self { conn, user, house }
    }

    fn user(&self) -> Result<&str, ChatError> {
        self.user.get().map(String::as_str).ok_or(ChatError::NotLoggedIn)
    }

    /// Checks that the client may log in as this user; keeps the name for who gives a password with it first.
    async fn check_is(&self, user: &str, password: Option<String>) -> Result<(), ChatError> {
        let name = user.to_owned();
        let kept = self.run(move |house| house.store.password_of(&name)).await?;
        let passwords = &self.house.passwords;
        let is_right = match (kept, password) {
            (None, None) => true,
            (None, Some(password)) => {
                check_password(&password)?;
                let (name, hash) = (user.to_owned(), passwords.hash(password).await?);
                // Somebody else may be quicker, with a password of their own.
                self.run(move |house| house.store.keep_name(&name, &hash)).await?
            }
            (Some(hash), Some(password)) => passwords.verify(password, hash).await?,
            (Some(_), None) => false,
        };
        if is_right { Ok(()) } else { Err(ChatError::WrongPassword) }
    }

    fn check_is_in(&self, thread: &str) -> Result<(), ChatError> {
        if self.conn.state.read().threads.contains(thread) {
            return Ok(());
        }
        Err(ChatError::NotInThread { thread: thread.to_owned() })
    }

    /// Runs work that blocks, as SQLite does, on a thread where it may.
    ///
    /// A client can cancel its call, which drops the handler's future at an `.await`; work that has begun runs to its
    /// end all the same. So a message that is in the store is sent as well.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&House) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ChatError> {
        // Not the whole handler: that is dropped with the connection, whatever runs.
        let house = Arc::clone(&self.house);
        match task::spawn_blocking(move || work(&house)).await {
            Ok(result) => result.map_err(|error| store_failed(&error)),
            Err(error) => Err(store_failed(&error)),
        }
    }
}

/// A handler is dropped with its connection, however that ended: also when its client was killed.
impl Drop for App {
    fn drop(&mut self) {
        let threads = std::mem::take(&mut self.conn.state.lock().threads);
        self.house.presence.depart(self.conn.id(), &self.conn.events, &threads);
    }
}

fn store_failed(error: &dyn Display) -> ChatError {
    eprintln!("the store failed: {error}");
    ChatError::StoreFailed
}

/// A handler needs no socket to be tested: a connection that is `detached` has the state, and nobody at the other end.
#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> App {
        app_in(&Arc::new(House {
            store: Store::in_memory(),
            passwords: Passwords::cheap(),
            presence: Presence::default(),
        }))
    }

    fn app_in(house: &Arc<House>) -> App {
        App::new(chat::Connection::detached(), Arc::clone(house))
    }

    async fn app_of(user: &str) -> App {
        let app = app();
        app.login(user.to_owned(), None).await.unwrap();
        app
    }

    async fn login(
        house: &Arc<House>,
        user: &str,
        password: Option<&str>,
    ) -> Result<(), ChatError> {
        app_in(house).login(user.to_owned(), password.map(str::to_owned)).await
    }

    #[tokio::test]
    async fn a_name_is_kept_by_who_gives_a_password_with_it_first() {
        let house = app().house.clone();
        assert_eq!(login(&house, "ann", None).await, Ok(()));
        assert_eq!(login(&house, "ann", Some("a secret")).await, Ok(()));
        assert_eq!(login(&house, "ann", Some("a secret")).await, Ok(()));
        for wrong in [None, Some(""), Some("a guess!")] {
            assert_eq!(login(&house, "ann", wrong).await, Err(ChatError::WrongPassword));
        }
        assert_eq!(login(&house, "bob", None).await, Ok(()));
    }

    #[tokio::test]
    async fn who_gave_a_wrong_password_is_nobody_and_may_try_again() {
        let ann = app_of("ann").await;
        assert_eq!(login(&ann.house, "bob", Some("a secret")).await, Ok(()));
        let bob = app_in(&ann.house);
        assert_eq!(bob.login("bob".to_owned(), None).await, Err(ChatError::WrongPassword));
        assert_eq!(bob.join("lobby".to_owned()).await, Err(ChatError::NotLoggedIn));
        assert_eq!(bob.login("bob".to_owned(), Some("a secret".to_owned())).await, Ok(()));
    }

    #[tokio::test]
    async fn nobody_keeps_a_name_by_a_password_that_is_easily_guessed_or_very_long() {
        let house = app().house.clone();
        for bad in ["", "short", &"é".repeat(200)] {
            assert_eq!(login(&house, "ann", Some(bad)).await, Err(ChatError::BadPassword));
        }
        assert_eq!(login(&house, "ann", None).await, Ok(()));
    }

    #[tokio::test]
    async fn nothing_is_done_for_who_has_not_logged_in() {
        let app = app();
        assert_eq!(app.join("lobby".to_owned()).await, Err(ChatError::NotLoggedIn));
        assert_eq!(app.login("no body".to_owned(), None).await, Err(ChatError::BadName));
        assert_eq!(app.login("ann".to_owned(), None).await, Ok(()));
        let refused = Err(ChatError::LoggedIn { user: "ann".to_owned() });
        assert_eq!(app.login("bob".to_owned(), None).await, refused);
    }

    #[tokio::test]
    async fn subscriptions_follow_the_threads() {
        let ann = app_of("ann").await;
        ann.join("lobby".to_owned()).await.unwrap();
        ann.join("lobby".to_owned()).await.unwrap();
        assert!(ann.conn.subscriptions.contains(messages_of("lobby")));
        assert!(ann.conn.subscriptions.contains(presence_of("lobby")));
        ann.leave("lobby".to_owned()).await.unwrap();
        assert_eq!(ann.conn.subscriptions.iter().len(), 0);
        let refused = ChatError::NotInThread { thread: "lobby".to_owned() };
        assert_eq!(ann.leave("lobby".to_owned()).await, Err(refused));
    }

    #[tokio::test]
    async fn a_thread_for_others_is_out_of_reach() {
        let eve = app_of("eve").await;
        let (thread, topic) = ("@ann,bob".to_owned(), messages_of("@ann,bob"));
        let refused = ChatError::NotForYou { thread: thread.clone() };
        assert_eq!(eve.join(thread.clone()).await, Err(refused));
        let refused = ChatError::NotInThread { thread: thread.clone() };
        assert_eq!(eve.history(thread.clone(), None).await, Err(refused.clone()));
        assert_eq!(eve.send_message(thread.clone(), "hi".to_owned()).await, Err(refused));
        // A mistake in the code above would not help either.
        eve.conn.state.lock().threads.insert(thread);
        assert!(!eve.conn.subscriptions.contains(topic));
        let everything = hardlight::Pattern::new("#").unwrap();
        assert!(eve.conn.subscriptions.add(everything).is_err());
    }

    #[tokio::test]
    async fn a_message_is_a_line_in_a_thread_that_one_is_in() {
        let ann = app_of("ann").await;
        let (thread, send) = ("lobby".to_owned(), "hi".to_owned());
        let refused = ChatError::NotInThread { thread: thread.clone() };
        assert_eq!(ann.send_message(thread.clone(), send).await, Err(refused));
        ann.join(thread.clone()).await.unwrap();
        for bad in ["", "two\nlines", "\x1b[2J", &"é".repeat(MAX_CHARS + 1)] {
            let sent = ann.send_message(thread.clone(), bad.to_owned()).await;
            assert_eq!(sent, Err(ChatError::BadText), "{bad:?}");
        }
        assert_eq!(ann.send_message(thread.clone(), "é".repeat(MAX_CHARS)).await, Ok(1));
        assert_eq!(ann.history(thread, None).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_connection_is_in_so_many_threads_and_no_more() {
        let ann = app_of("ann").await;
        for number in 0..MAX_THREADS {
            ann.join(number.to_string()).await.unwrap();
        }
        assert_eq!(ann.join("one-more".to_owned()).await, Err(ChatError::TooManyThreads));
        assert_eq!(ann.join("0".to_owned()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_store_that_fails_is_no_secret_and_why_it_does_is_one() {
        let ann = app_of("ann").await;
        ann.join("lobby".to_owned()).await.unwrap();
        ann.house.store.fill_up();
        let sent = ann.send_message("lobby".to_owned(), "hi".to_owned()).await;
        assert_eq!(sent, Err(ChatError::StoreFailed));
    }
}
