//! What a front end shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chat_shared::{Message, PAGE};

use crate::{Gap, Status, Update};

/// How many messages of a thread are held; the oldest go, and can be asked for again.
const MAX_MESSAGES: usize = 5000;

/// What a front end shows. Changed by updates alone.
#[derive(Debug)]
pub struct Model {
    /// Who has logged in.
    pub user: String,
    /// The connection.
    pub status: Status,
    /// The threads that it is in, by name.
    pub threads: BTreeMap<String, Thread>,
    /// The thread that is looked at; in `threads`, if there are any.
    pub current: Option<String>,
    /// What is to be said apart from the threads.
    pub notice: Option<String>,
}

/// A thread, as far as it is known here.
#[derive(Debug, Default)]
pub struct Thread {
    /// By id, so each is there once, in the order of the store, whichever way and however often it came.
    pub messages: BTreeMap<i64, Message>,
    /// Who is in it now.
    pub present: Vec<String>,
    /// How many came that were not looked at.
    pub unread: usize,
    /// Whether the first message is here.
    pub is_complete: bool,
}

/// What an update has changed, for those who tell it line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The connection is another, or none.
    Status(Status),
    /// The connection is in this thread now.
    Joined(String),
    /// The connection is in this thread no longer.
    Left(String),
    /// A message that was not there before.
    Said {
        /// Where.
        thread: String,
        /// What, and by whom.
        message: Message,
    },
    /// Events were missing.
    Gap {
        /// Where.
        thread: String,
        /// Why.
        why: Gap,
        /// How many messages the store had in their place; they are news of their own.
        filled: usize,
    },
    /// Others than before are in a thread.
    Present {
        /// Where.
        thread: String,
        /// All who are.
        users: Vec<String>,
    },
    /// Something was not done: why.
    Refused(String),
}

impl Model {
    /// What is shown to this user before anything is known.
    pub fn new(user: String) -> Self {
        let (threads, status) = (BTreeMap::new(), Status::Connecting);
        Self { user, status, threads, current: None, notice: None }
    }

    /// The thread that is looked at, and its name.
    pub fn current(&self) -> Option<(&str, &Thread)> {
        let name = self.current.as_ref()?;
        Some((name, self.threads.get(name)?))
    }

    /// Looks at a thread, if this connection is in it.
    pub fn look_at(&mut self, name: &str) -> bool {
        let Some(thread) = self.threads.get_mut(name) else { return false };
        thread.unread = 0;
        self.current = Some(name.to_owned());
        true
    }

    /// Looks at the thread that is `by` places further, round and round.
    pub fn move_by(&mut self, by: isize) {
        let names: Vec<_> = self.threads.keys().cloned().collect();
        let Some(current) = &self.current else { return };
        let place = names.iter().position(|name| name == current).unwrap_or(0) as isize;
        if let Some(name) = names.get((place + by).rem_euclid(names.len() as isize) as usize) {
            self.look_at(name);
        }
    }

    /// Takes over what has happened.
    pub fn apply(&mut self, update: Update) -> Vec<News> {
        match update {
            Update::Status(status) => self.set_status(status),
            Update::Threads(names) => self.set_threads(&names),
            Update::Said { thread, message } => self.add(&thread, vec![message]),
            Update::Older { thread, messages } => self.add_older(&thread, messages),
            Update::Filled { thread, why, messages, is_all } => {
                self.fill(thread, why, messages, is_all)
            }
            Update::Present { thread, users } => {
                let Some(known) = self.threads.get_mut(&thread) else { return Vec::new() };
                known.present.clone_from(&users);
                vec![News::Present { thread, users }]
            }
            // A notice stays: it may be all that is left of what was not sent before.
            Update::Done => Vec::new(),
            Update::Refused(why) => {
                self.notice = Some(why.clone());
                vec![News::Refused(why)]
            }
        }
    }

    fn set_status(&mut self, status: Status) -> Vec<News> {
        if status != Status::Online {
            self.threads.values_mut().for_each(|thread| thread.present.clear());
        }
        self.status = status.clone();
        vec![News::Status(status)]
    }

    fn set_threads(&mut self, names: &BTreeSet<String>) -> Vec<News> {
        let mut news = Vec::new();
        self.threads.retain(|name, _| {
            let stays = names.contains(name);
            if !stays {
                news.push(News::Left(name.clone()));
            }
            stays
        });
        for name in names {
            if !self.threads.contains_key(name) {
                self.threads.insert(name.clone(), Thread::default());
                // What was joined just now is what the user wants to see.
                self.look_at(name);
                news.push(News::Joined(name.clone()));
            }
        }
        if !self.current.as_ref().is_some_and(|name| self.threads.contains_key(name)) {
            self.current = self.threads.keys().next().cloned();
            self.move_by(0);
        }
        news
    }

    fn add_older(&mut self, name: &str, messages: Vec<Message>) -> Vec<News> {
        let is_complete = messages.len() < PAGE;
        let unread = self.threads.get(name).map_or(0, |thread| thread.unread);
        let news = self.add(name, messages);
        if let Some(thread) = self.threads.get_mut(name) {
            thread.is_complete |= is_complete;
            thread.unread = unread;
        }
        news
    }

    fn fill(
        &mut self,
        thread: String,
        why: Gap,
        messages: Vec<Message>,
        is_all: bool,
    ) -> Vec<News> {
        let Some(known) = self.threads.get_mut(&thread) else { return Vec::new() };
        if !is_all {
            // There would be a hole that nobody sees.
            known.messages.clear();
            known.is_complete = false;
        }
        let mut news = self.add(&thread, messages);
        let filled = news.len();
        self.notice = Some(format!("{thread}: {why}; {filled} from the store"));
        news.insert(0, News::Gap { thread, why, filled });
        news
    }

    /// Adds messages: those that were not there.
    fn add(&mut self, name: &str, messages: Vec<Message>) -> Vec<News> {
        let is_current = self.current.as_deref() == Some(name);
        let Some(thread) = self.threads.get_mut(name) else { return Vec::new() };
        let mut news = Vec::new();
        for message in messages {
            if thread.messages.insert(message.id, message.clone()).is_some() {
                continue;
            }
            if !is_current && message.author != self.user {
                thread.unread += 1;
            }
            news.push(News::Said { thread: name.to_owned(), message });
        }
        while thread.messages.len() > MAX_MESSAGES {
            thread.messages.pop_first();
            thread.is_complete = false;
        }
        news
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(Status::Connecting) => f.write_str("connecting"),
            Self::Status(Status::Online) => f.write_str("online"),
            Self::Status(Status::Offline { why }) => write!(f, "offline: {why}"),
            Self::Joined(thread) => write!(f, "joined {thread}"),
            Self::Left(thread) => write!(f, "left {thread}"),
            Self::Said { thread, message: Message { author, text, .. } } => {
                write!(f, "{thread}: {author}: {text}")
            }
            Self::Gap { thread, why, filled } => {
                write!(f, "gap in {thread}: {why}; {filled} from the store")
            }
            Self::Present { thread, users } => write!(f, "in {thread}: {}", users.join(", ")),
            Self::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: i64) -> Message {
        Message { id, sent_ms: 0, author: "bob".to_owned(), text: format!("number {id}") }
    }

    fn said(id: i64) -> Update {
        Update::Said { thread: "lobby".to_owned(), message: message(id) }
    }

    fn in_threads(names: &[&str]) -> Model {
        let mut model = Model::new("ann".to_owned());
        model.apply(Update::Threads(names.iter().map(|name| (*name).to_owned()).collect()));
        model
    }

    fn ids(model: &Model) -> Vec<i64> {
        model.threads["lobby"].messages.keys().copied().collect()
    }

    #[test]
    fn a_message_is_news_once_whichever_way_it_comes() {
        let mut model = in_threads(&["lobby"]);
        assert_eq!(model.apply(said(2)).len(), 1);
        assert_eq!(model.apply(said(2)), []);
        let page = vec![message(1), message(2)];
        let news = model.apply(Update::Older { thread: "lobby".to_owned(), messages: page });
        assert_eq!(news, [News::Said { thread: "lobby".to_owned(), message: message(1) }]);
        assert_eq!(ids(&model), [1, 2]);
        assert!(model.threads["lobby"].is_complete);
    }

    #[test]
    fn messages_stand_in_the_order_of_the_store() {
        let mut model = in_threads(&["lobby"]);
        for id in [3, 1, 2] {
            model.apply(said(id));
        }
        assert_eq!(ids(&model), [1, 2, 3]);
    }

    #[test]
    fn a_gap_that_is_too_wide_leaves_no_hole() {
        let mut model = in_threads(&["lobby"]);
        model.apply(said(1));
        let fill = |messages, is_all| Update::Filled {
            thread: "lobby".to_owned(),
            why: Gap::Restarted,
            messages,
            is_all,
        };
        let news = model.apply(fill(vec![message(2), message(3)], true));
        let first = News::Gap { thread: "lobby".to_owned(), why: Gap::Restarted, filled: 2 };
        assert_eq!(news[0], first);
        assert_eq!(ids(&model), [1, 2, 3]);
        model.apply(fill(vec![message(9)], false));
        assert_eq!(ids(&model), [9]);
        assert!(!model.threads["lobby"].is_complete);
    }

    #[test]
    fn what_is_said_elsewhere_is_unread_until_it_is_looked_at() {
        let mut model = in_threads(&["lobby", "plans"]);
        assert!(model.look_at("plans"));
        model.apply(said(1));
        assert_eq!(model.threads["lobby"].unread, 1);
        model.move_by(1);
        assert_eq!(model.current.as_deref(), Some("lobby"));
        assert_eq!(model.threads["lobby"].unread, 0);
        model.apply(said(2));
        assert_eq!(model.threads["lobby"].unread, 0);
        model.look_at("plans");
        let own = Message { author: "ann".to_owned(), ..message(3) };
        model.apply(Update::Said { thread: "lobby".to_owned(), message: own });
        assert_eq!(model.threads["lobby"].unread, 0);
    }

    #[test]
    fn what_was_not_sent_is_told_until_the_user_goes_on() {
        let mut model = in_threads(&["lobby"]);
        model.apply(Update::Refused("not sent: lobby: hello".to_owned()));
        model.apply(Update::Done);
        assert_eq!(model.notice.as_deref(), Some("not sent: lobby: hello"));
    }

    #[test]
    fn a_thread_that_is_left_takes_its_messages_along() {
        let mut model = in_threads(&["lobby", "plans"]);
        model.look_at("lobby");
        let only = BTreeSet::from(["plans".to_owned()]);
        assert_eq!(model.apply(Update::Threads(only)), [News::Left("lobby".to_owned())]);
        assert_eq!(model.current.as_deref(), Some("plans"));
        assert_eq!(model.apply(said(1)), []);
        assert!(!model.look_at("lobby"));
        model.apply(Update::Threads(BTreeSet::new()));
        assert!(model.current().is_none());
        model.move_by(1);
    }
}
