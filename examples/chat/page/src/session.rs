//! A user's time in the chat, over however many connections: the client comes back by itself.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, VecDeque},
    rc::Rc,
    time::Duration,
};

use chat_front::{Action, Gap, Model, Status, Update, calls};
use chat_shared::{ChatError, ChatEvent, chat, messages_of, thread_of};
use futures_channel::mpsc::{Receiver, Sender, channel};
use futures_util::StreamExt;
use hardlight::{
    CallError, ClientOptions, ConnectError, ConnectionError, ConnectionStatus, Error, GapReason,
    Received, Reconnect, Topic, connect_with,
};
use wasm_bindgen_futures::spawn_local;

use crate::view::View;

/// How much of what the user wants may wait for the connection.
const WAITING: usize = 64;

/// How long the server may take to let somebody in.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(15);

/// Who logs in, again on each connection.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) password: Option<String>,
}

/// Why somebody is not in the chat, as they are told.
pub(crate) enum Denied {
    /// Another name may do.
    ByName(String),
    /// Another password may do.
    ByPassword(String),
    /// It is nothing that they have typed.
    ByChance(String),
}

pub(crate) struct Session {
    client: chat::Client,
    account: Account,
    view: Rc<View>,
    model: RefCell<Model>,
    actions: RefCell<Sender<Action>>,
    /// What the user has said and the server has not answered, by thread.
    waiting: RefCell<VecDeque<(String, String)>>,
    /// The user has logged out, or there is no hope of another connection. Nothing more is shown.
    is_over: Cell<bool>,
}

impl Session {
    /// Connects, logs in, and enters a thread.
    ///
    /// # Errors
    ///
    /// Why the user is not in the chat.
    pub(crate) async fn begin(
        url: &str,
        account: Account,
        thread: &str,
        view: &Rc<View>,
    ) -> Result<Rc<Self>, Denied> {
        let options = ClientOptions::new().reconnect(Reconnect::new());
        let connecting = connect_with::<chat::Client>(url, options);
        let client = connecting.await?;
        let Account { user, password } = account.clone();
        client.with_timeout(LOGIN_TIMEOUT).login(user.clone(), password).await?;
        let (actions, wanted) = channel(WAITING);
        let session = Rc::new(Self {
            client,
            account,
            view: Rc::clone(view),
            model: RefCell::new(Model::new(user)),
            actions: RefCell::new(actions),
            waiting: RefCell::default(),
            is_over: Cell::new(false),
        });
        session.follow(wanted);
        session.act(Action::Join(thread.to_owned()));
        Ok(session)
    }

    pub(crate) const fn client(&self) -> &chat::Client {
        &self.client
    }

    /// Has the server do something, behind all that was wanted before. Whether it will, or too much waits already, as the user is
    /// told then.
    pub(crate) fn act(&self, action: Action) -> bool {
        let said = match &action {
            Action::Send { thread, text } => Some((thread.clone(), text.clone())),
            _ => None,
        };
        if self.actions.borrow_mut().try_send(action).is_err() {
            self.apply(Update::Refused("too much waits for the connection".to_owned()));
            return false;
        }
        self.waiting.borrow_mut().extend(said);
        self.change(|model| model.notice = None);
        true
    }

    /// Changes what is shown without the server's doing.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Model)) {
        change(&mut self.model.borrow_mut());
        self.show();
    }

    /// What is shown.
    pub(crate) fn with_model<V>(&self, look: impl FnOnce(&Model) -> V) -> V {
        look(&self.model.borrow())
    }

    /// Ends it.
    pub(crate) async fn end(&self) {
        self.is_over.set(true);
        self.client.close().await;
    }

    /// Waits until there is no connection any longer, and will be none: why, if it is not the user who wanted that.
    pub(crate) async fn ended(&self) -> Option<ConnectionError> {
        let error = self.client.closed().await;
        (!self.is_over.replace(true)).then_some(error)
    }

    /// Follows everything that the connection tells, each in a task that ends with it.
    fn follow(self: &Rc<Self>, wanted: Receiver<Action>) {
        let session = Rc::clone(self);
        self.client.on_reconnected(move |client| Rc::clone(&session).restore(client));
        spawn_local(Rc::clone(self).follow_status());
        spawn_local(Rc::clone(self).follow_state());
        spawn_local(Rc::clone(self).follow_events());
        spawn_local(Rc::clone(self).follow_actions(wanted));
    }

    /// Makes a new connection what the last one was. Calls of the user's wait for it.
    async fn restore(self: Rc<Self>, client: chat::Client) -> Result<(), Error<ChatError>> {
        let Account { user, password } = self.account.clone();
        client.login(user, password).await?;
        let threads: Vec<_> = self.model.borrow().threads.keys().cloned().collect();
        for thread in threads {
            match client.join(thread).await {
                Ok(()) => {}
                Err(Error::Application(error)) => self.apply(Update::Refused(error.to_string())),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn follow_status(self: Rc<Self>) {
        let mut statuses = self.client.watch_status();
        let mut status = Some(self.client.status());
        while let Some(now) = status {
            let shown = shown(&now, &self.model.borrow().status);
            self.apply(Update::Status(shown));
            status = statuses.changed().await;
        }
    }

    async fn follow_state(self: Rc<Self>) {
        let mut state = self.client.watch();
        while state.changed().await.is_ok() {
            self.look_at_state();
            self.show();
        }
    }

    async fn follow_events(self: Rc<Self>) {
        let mut events = self.client.events();
        while let Some(received) = events.next().await {
            match received {
                Received::Event { topic, event } => {
                    let Some(thread) = thread_of(&topic).map(str::to_owned) else { continue };
                    self.apply(match event {
                        ChatEvent::Said(message) => Update::Said { thread, message },
                        ChatEvent::Present { users } => Update::Present { thread, users },
                    });
                }
                Received::Lagged { topic, reason: GapReason::Expired, .. } => {
                    self.miss(&topic, Gap::Expired).await;
                }
                Received::Lagged { topic, .. } => self.miss(&topic, Gap::TooSlow).await,
                Received::Restarted { topic } => self.miss(&topic, Gap::Restarted).await,
                _ => {}
            }
        }
    }

    /// Events of a topic are missing. What was said is in the store, and is fetched before the next event is taken; who is there
    /// is told anew with each change.
    async fn miss(&self, topic: &Topic, why: Gap) {
        let Some(thread) = thread_of(topic).filter(|thread| *topic == messages_of(thread)) else {
            return;
        };
        let newest = |model: &Model| Some(*model.threads.get(thread)?.messages.keys().last()?);
        let after = self.with_model(newest).unwrap_or(0);
        // On the next connection, if this one is lost before it is answered: it is idempotent.
        let update = match calls::since(&self.client, thread, after).await {
            Ok((messages, is_all)) => {
                Update::Filled { thread: thread.to_owned(), why, messages, is_all }
            }
            Err(error) => Update::Refused(error.to_string()),
        };
        self.apply(update);
    }

    /// Does one thing after the other.
    async fn follow_actions(self: Rc<Self>, mut wanted: Receiver<Action>) {
        while let Some(action) = wanted.next().await {
            let is_said = matches!(action, Action::Send { .. });
            let update = calls::run(self.client.clone(), action).await;
            if is_said {
                self.waiting.borrow_mut().pop_front();
            }
            self.apply(update);
            if self.client.is_closed() {
                break;
            }
        }
    }

    fn apply(&self, update: Update) {
        // The state that came before is there by now, told or not.
        self.look_at_state();
        self.model.borrow_mut().apply(update);
        self.show();
    }

    /// Takes over which threads this connection is in. While it is being restored it is not in all of them yet.
    fn look_at_state(&self) {
        if !self.client.status().is_connected() {
            return;
        }
        let threads: BTreeSet<_> = self.client.state().threads.clone();
        let mut model = self.model.borrow_mut();
        if !model.threads.keys().eq(&threads) {
            model.apply(Update::Threads(threads));
        }
    }

    fn show(&self) {
        if !self.is_over.get() {
            let waiting = self.waiting.borrow_mut().make_contiguous().to_vec();
            self.view.show(&self.model.borrow(), &waiting);
        }
    }
}

impl Denied {
    pub(crate) fn why(&self) -> &str {
        let (Self::ByName(why) | Self::ByPassword(why) | Self::ByChance(why)) = self;
        why
    }
}

impl From<ConnectError> for Denied {
    fn from(error: ConnectError) -> Self {
        Self::ByChance(match error {
            ConnectError::Io { .. } | ConnectError::Timeout { .. } => {
                "the chat cannot be reached".to_owned()
            }
            ConnectError::Connection(error) => why(&error),
            error => error.to_string(),
        })
    }
}

impl From<Error<ChatError>> for Denied {
    fn from(error: Error<ChatError>) -> Self {
        match error {
            Error::Application(error @ (ChatError::WrongPassword | ChatError::BadPassword)) => {
                Self::ByPassword(error.to_string())
            }
            Error::Application(error @ ChatError::BadName) => Self::ByName(error.to_string()),
            Error::Call(CallError::DeadlineExceeded) => {
                Self::ByChance("the chat does not answer".to_owned())
            }
            Error::NotSent(error) | Error::Indeterminate(error) => Self::ByChance(why(&error)),
            error => Self::ByChance(error.to_string()),
        }
    }
}

/// What is shown of a connection, as it is now, to whom `before` was shown.
fn shown(now: &ConnectionStatus, before: &Status) -> Status {
    match now {
        ConnectionStatus::Connected => Status::Online,
        ConnectionStatus::Waiting { .. } | ConnectionStatus::Connecting { .. }
            if matches!(before, Status::Offline { .. }) =>
        {
            // What it was lost by says more than what attempts fail by; and who has it read to them hears it once.
            before.clone()
        }
        ConnectionStatus::Waiting { error, .. } | ConnectionStatus::Closed(error) => {
            Status::Offline { why: why(error) }
        }
        ConnectionStatus::Leaving => Status::Offline { why: "the server is stopping".to_owned() },
        _ => Status::Connecting,
    }
}

/// What a user is told of the end of a connection: the server's own words, if it had any.
pub(crate) fn why(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Closed { reason, .. } if !reason.reason().is_empty() => {
            reason.reason().to_owned()
        }
        error => error.to_string(),
    }
}
