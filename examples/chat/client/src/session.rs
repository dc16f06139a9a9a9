//! The connection, and what is done so that the user need not notice when it is lost.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Display,
    path::PathBuf,
    pin::Pin,
    time::Duration,
};

use chat_front::{Action, Gap, Status, Update, calls};
use chat_shared::{ChatEvent, Message, chat, messages_of, thread_of};
use hardlight::{
    ClientOptions, ConnectError, Error, EventStream, GapReason, Received, Resume, Topic, Trust,
    connect_plain_with, connect_with,
};
use tokio::{
    select,
    sync::mpsc::{Receiver, Sender},
    time::sleep,
};

/// How long to wait before the second attempt to connect; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How long to wait at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where to connect to, and as whom.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    /// The file with the certificate that is trusted, or none, and no TLS. It is read for each connection: the server's next
    /// start makes a new one.
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
}

/// What outlives a connection.
pub(crate) struct Session {
    target: Target,
    updates: Sender<Update>,
    /// The threads to be in.
    threads: BTreeSet<String>,
    /// The last message that is known of each thread.
    newest: HashMap<String, i64>,
    /// The threads of which events are missing, until they were fetched.
    gaps: HashMap<String, Gap>,
    /// How far the last connection came.
    resume: Option<Resume>,
}

/// Why a connection is not used any longer.
enum End {
    /// Another one may do: why, and how long the server asks to wait before that.
    Lost { why: String, wait: Duration },
    /// The user wants nothing more.
    Finished,
    /// To connect again would change nothing: why.
    Hopeless(String),
}

impl From<ConnectError> for End {
    fn from(error: ConnectError) -> Self {
        let why = error.to_string();
        // A server that was just started has a new certificate, and its file may be a moment late.
        let is_certificate = matches!(error, ConnectError::Tls { .. } | ConnectError::Trust(_));
        if error.is_retryable() || is_certificate {
            Self::Lost { why, wait: error.retry_after().unwrap_or_default() }
        } else {
            Self::Hopeless(why)
        }
    }
}

impl<E: Display> From<Error<E>> for End {
    fn from(error: Error<E>) -> Self {
        match error {
            Error::NotSent(error) | Error::Indeterminate(error) => ConnectError::from(error).into(),
            Error::Call(error) if error.is_retryable() => {
                Self::Lost { why: error.to_string(), wait: Duration::ZERO }
            }
            Error::Call(error) => Self::Hopeless(error.to_string()),
            Error::Application(error) => Self::Hopeless(error.to_string()),
        }
    }
}

/// A call that runs.
type Calling = Pin<Box<dyn Future<Output = Update> + Send>>;

impl Session {
    pub(crate) fn new(target: Target, threads: BTreeSet<String>, updates: Sender<Update>) -> Self {
        let (newest, gaps) = (HashMap::new(), HashMap::new());
        Self { target, updates, threads, newest, gaps, resume: None }
    }

    /// Does what the actions say and tells what happens, until there are no more actions. A connection that is lost is made
    /// again, and goes on where it was.
    ///
    /// # Errors
    ///
    /// If there can be no connection: the first attempt failed, the server does not accept the user, or it refuses the
    /// connection for a reason that waiting does not change.
    pub(crate) async fn run(mut self, mut actions: Receiver<Action>) -> Result<(), String> {
        let mut pause = FIRST_PAUSE;
        let mut was_online = false;
        loop {
            self.tell(Update::Status(Status::Connecting)).await;
            let end = match self.connect().await {
                Ok(client) => {
                    let end = self.use_connection(&client, &mut actions).await;
                    (was_online, pause) = (true, FIRST_PAUSE);
                    // Also once the connection has ended. Without a topic there is nothing to go on with: the threads
                    // were not entered again yet, and what was known before still holds.
                    self.resume = client.resume_point().await.or(self.resume);
                    end
                }
                Err(error) if !was_online => return Err(error.to_string()),
                Err(error) => error.into(),
            };
            let (why, wait) = match end {
                End::Finished => return Ok(()),
                End::Hopeless(why) => return Err(why),
                End::Lost { why, wait } => (why, wait),
            };
            if actions.is_closed() {
                return Err(why);
            }
            self.tell(Update::Status(Status::Offline { why })).await;
            sleep(wait.max(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn connect(&self) -> Result<chat::Client, ConnectError> {
        let Target { url, certificate, .. } = &self.target;
        let options = ClientOptions::new().resume(self.resume.clone());
        match certificate {
            Some(file) => connect_with(url, options.trust(Trust::pem_file(file)?)).await,
            None => connect_plain_with(url, options).await,
        }
    }

    async fn use_connection(
        &mut self,
        client: &chat::Client,
        actions: &mut Receiver<Action>,
    ) -> End {
        let mut events = client.events();
        let end = match self.enter(client).await {
            Ok(()) => self.follow(client, &mut events, actions).await,
            Err(end) => end,
        };
        client.close().await; // does nothing if it was lost
        // What the next connection goes on from counts what has arrived, whether it was read or not.
        while let Some(received) = events.next().await {
            self.receive(client, received).await;
        }
        end
    }

    /// Logs in, and enters the threads again.
    async fn enter(&mut self, client: &chat::Client) -> Result<(), End> {
        client.login(self.target.user.clone(), self.target.password.clone()).await?;
        for thread in self.threads.clone() {
            match client.join(thread.clone()).await {
                Ok(()) => {}
                Err(Error::Application(error)) => {
                    self.tell(Update::Refused(error.to_string())).await;
                    self.threads.remove(&thread);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.tell(Update::Threads(self.threads.clone())).await;
        self.tell(Update::Status(Status::Online)).await;
        for thread in self.threads.clone() {
            if !self.newest.contains_key(&thread) {
                let update = calls::last_page(client, thread).await;
                self.note(update).await;
            } else if self.gaps.contains_key(&thread) || !self.resumes(&thread) {
                self.miss(client, thread, Gap::Restarted).await;
            }
        }
        Ok(())
    }

    /// Whether the server was told how far this client came in a thread, so that it sends what is missing or says that
    /// it cannot.
    fn resumes(&self, thread: &str) -> bool {
        let topic = messages_of(thread);
        let mut topics = self.resume.iter().flat_map(|resume| &resume.topics);
        topics.any(|resumed| resumed.name == topic.as_bytes())
    }

    /// Tells what happens, and does one thing after the other, until the end.
    async fn follow(
        &mut self,
        client: &chat::Client,
        events: &mut EventStream<ChatEvent>,
        actions: &mut Receiver<Action>,
    ) -> End {
        let mut state = client.watch();
        let mut calling: Option<Calling> = None;
        loop {
            select! {
                // In this order: what a call has changed, and the events before its answer, are told before its result.
                biased;
                Ok(_) = state.changed() => self.look_at_state(client).await,
                received = events.next() => match received {
                    Some(received) => self.receive(client, received).await,
                    None => break,
                },
                update = result(&mut calling), if calling.is_some() => {
                    calling = None;
                    self.note(update).await;
                }
                action = actions.recv(), if calling.is_none() => match action {
                    Some(action) => calling = Some(Box::pin(calls::run(client.clone(), action))),
                    None => return End::Finished,
                },
            }
        }
        // The connection has ended; the call learns of it as well.
        if calling.is_some() {
            let update = result(&mut calling).await;
            self.note(update).await;
        }
        ConnectError::from(client.closed().await).into()
    }

    /// Takes over which threads this connection is in.
    async fn look_at_state(&mut self, client: &chat::Client) {
        let state = client.state();
        if state.threads != self.threads {
            self.threads.clone_from(&state.threads);
            self.tell(Update::Threads(self.threads.clone())).await;
        }
    }

    async fn receive(&mut self, client: &chat::Client, received: Received<ChatEvent>) {
        match received {
            Received::Event { topic, event } => {
                // The state that came before an event is there by now, told or not.
                if !client.is_closed() {
                    self.look_at_state(client).await;
                }
                let Some(thread) = thread_of(&topic).map(str::to_owned) else { return };
                let update = match event {
                    ChatEvent::Said(message) => Update::Said { thread, message },
                    ChatEvent::Present { users } => Update::Present { thread, users },
                };
                self.note(update).await;
            }
            Received::Lagged { topic, reason: GapReason::Expired, .. } => {
                self.miss_on(client, &topic, Gap::Expired).await;
            }
            Received::Lagged { topic, .. } => self.miss_on(client, &topic, Gap::TooSlow).await,
            Received::Restarted { topic } => self.miss_on(client, &topic, Gap::Restarted).await,
            _ => {}
        }
    }

    /// Events of a topic are missing. What was said is in the store; who is there is told anew with each change.
    async fn miss_on(&mut self, client: &chat::Client, topic: &Topic, why: Gap) {
        if let Some(thread) = thread_of(topic)
            && *topic == messages_of(thread)
        {
            self.miss(client, thread.to_owned(), why).await;
        }
    }

    /// Fetches what came since the last message that is known. Events wait meanwhile, so it comes before them.
    async fn miss(&mut self, client: &chat::Client, thread: String, why: Gap) {
        let why = *self.gaps.entry(thread.clone()).or_insert(why);
        let after = self.newest.get(&thread).copied().unwrap_or(0);
        match calls::since(client, &thread, after).await {
            Ok((messages, is_all)) => {
                self.gaps.remove(&thread);
                self.note(Update::Filled { thread, why, messages, is_all }).await;
            }
            // The next connection will.
            Err(Error::NotSent(_) | Error::Indeterminate(_)) => {}
            // Such as a thread that was left meanwhile.
            Err(error) => {
                self.gaps.remove(&thread);
                self.tell(Update::Refused(error.to_string())).await;
            }
        }
    }

    /// Notes what is known now, and tells it.
    async fn note(&mut self, update: Update) {
        let (thread, messages): (_, &[Message]) = match &update {
            Update::Said { thread, message } => (thread, std::slice::from_ref(message)),
            Update::Older { thread, messages } | Update::Filled { thread, messages, .. } => {
                (thread, messages)
            }
            _ => return self.tell(update).await,
        };
        let last = messages.iter().map(|message| message.id).max().unwrap_or(0);
        let newest = self.newest.entry(thread.clone()).or_insert(0);
        *newest = last.max(*newest);
        self.tell(update).await;
    }

    async fn tell(&self, update: Update) {
        // A front end that is gone needs no telling; it has ended the actions as well.
        let _ = self.updates.send(update).await;
    }
}

/// The result of a call that runs. Cancel safe.
async fn result(calling: &mut Option<Calling>) -> Update {
    match calling {
        Some(calling) => calling.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use chat_shared::ChatError;
    use hardlight::{
        ConnectionError, Response,
        http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER},
    };

    use super::*;

    fn refused(status: StatusCode) -> ConnectError {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("30"))]);
        let response = Response::new(headers);
        ConnectError::Refused { status, reason: String::new(), close_code: None, response }
    }

    #[test]
    fn who_is_refused_waits_as_long_as_the_server_asks_and_comes_back_only_if_that_may_help() {
        let busy = End::from(refused(StatusCode::SERVICE_UNAVAILABLE));
        assert!(matches!(busy, End::Lost { wait, .. } if wait == Duration::from_secs(30)));
        for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND] {
            assert!(matches!(End::from(refused(status)), End::Hopeless(_)), "{status}");
        }
    }

    #[test]
    fn a_connection_that_was_lost_is_made_again_and_one_that_does_not_fit_is_not() {
        let end = |error| End::from(Error::<ChatError>::Indeterminate(error));
        assert!(matches!(end(ConnectionError::HeartbeatTimeout), End::Lost { .. }));
        assert!(matches!(end(ConnectionError::Incompatible("it".into())), End::Hopeless(_)));
    }
}
