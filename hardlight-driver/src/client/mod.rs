//! The client's handle of a connection, and what it shares with the driver.

mod attached;
mod calls;
mod driver;
mod events;
mod features;
mod options;
mod queue;
mod state;
mod stream;
mod watch;

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use event_listener::Event;
use hardlight_proto::{
    CallError, ClientConfig, CloseReason, Codable, ConnectionError, ConnectionState, Events,
    Feature, FeatureSet, GapReason, Limits, NoEvents, Resume, SchemaMismatch, Topic, payload,
};

pub use attached::Attachment;
pub use driver::ClientDriver;
pub use events::EventCounts;
pub use features::FeatureWatch;
pub use state::{StateSnapshot, ValuesSnapshot};
pub use stream::{EventStream, Received};
pub use watch::{Projection, StateWatch};

use crate::{
    clock::Clock,
    error::Error,
    mailbox::Mailbox,
    opening::Opening,
    service::{ServiceClient, ServiceMethod},
    timer::Timer,
    transport::Transport,
};
use attached::Attached;
use calls::{CallKey, Calls, Special, WhenFull};
use events::Receivers;
use features::PublishedFeatures;
use options::CallOptions;
use queue::Kind;
use state::PublishedState;

/// The driver of a connection of the client `C`.
pub type DriverOf<C, T, M> =
    ClientDriver<<C as ServiceClient>::State, <C as ServiceClient>::Events, T, M>;

/// Opens the client's side of a connection over a transport that is connected already.
///
/// The first part is ready with the client once the server's Hello and snapshot were read. The second is the driver: it
/// does all the work and must be polled (spawned, usually) until it ends, also for the first part to become ready.
pub fn client<C, T, M>(
    transport: T,
    timer: M,
    limits: Limits,
) -> (impl Future<Output = Result<C, ConnectionError>>, DriverOf<C, T, M>)
where
    C: ServiceClient,
    T: Transport,
    M: Timer,
{
    client_with(transport, timer, ClientConfig::new(C::schema()).with_limits(limits))
}

/// [`client`], with whatever else a [`ClientConfig`] says. One with
/// [`resume`](ClientConfig::with_resume) goes on where an earlier connection left off, whose
/// [`resume_point`](ClientConnection::resume_point) it has: when the server subscribes this one to a topic of that name
/// again, the events that it missed come first, or the stream says that they are missing.
///
/// # Panics
///
/// If `config` was made with another schema than `C::schema()`.
pub fn client_with<C, T, M>(
    transport: T,
    timer: M,
    config: ClientConfig,
) -> (impl Future<Output = Result<C, ConnectionError>>, DriverOf<C, T, M>)
where
    C: ServiceClient,
    T: Transport,
    M: Timer,
{
    client_opened(transport, timer, config, Opening::none(), None)
}

/// [`client_with`], on a connection that the server has accepted with a response: [`ClientConnection::response`] finds it. Calls
/// may take `call_timeout`, if that is some time: see [`ClientConnection::with_timeout`].
///
/// # Panics
///
/// As [`client_with`].
pub fn client_answered<C, T, M>(
    transport: T,
    timer: M,
    config: ClientConfig,
    response: impl Send + Sync + 'static,
    call_timeout: Option<Duration>,
) -> (impl Future<Output = Result<C, ConnectionError>>, DriverOf<C, T, M>)
where
    C: ServiceClient,
    T: Transport,
    M: Timer,
{
    client_opened(transport, timer, config, Opening::new(response), call_timeout)
}

fn client_opened<C, T, M>(
    transport: T,
    timer: M,
    config: ClientConfig,
    response: Opening,
    call_timeout: Option<Duration>,
) -> (impl Future<Output = Result<C, ConnectionError>>, DriverOf<C, T, M>)
where
    C: ServiceClient,
    T: Transport,
    M: Timer,
{
    assert!(std::ptr::eq(config.schema(), C::schema()), "the schema is that of the service");
    let shared = Arc::new(Shared {
        mailbox: Mailbox::new(Calls::default()),
        state: PublishedState::new(),
        events: Receivers::new(config.limits().max_queued_event_bytes()),
        features: PublishedFeatures::default(),
        progress: Event::new(),
        response,
        clock: timer.clock(),
    });
    let driver = ClientDriver::new(Arc::clone(&shared), transport, timer, config);
    let options = CallOptions::with_timeout(call_timeout);
    let handle = Arc::new(Handle { shared });
    let connection = ClientConnection { handle, first_method: 0, options };
    let connecting = async move {
        connection.opened().await?;
        Ok(C::new(connection))
    };
    (connecting, driver)
}

/// The client's handle of a connection. Clones share the connection; when the last one is dropped, it closes.
pub struct ClientConnection<S: ConnectionState, E: Events = NoEvents> {
    handle: Arc<Handle<S, E>>,
    /// The place of the service's methods among those of the connection, which may have several services.
    first_method: u32,
    options: Option<Arc<CallOptions>>,
}

/// Closes the connection when the last clone of a [`ClientConnection`] is gone.
struct Handle<S: ConnectionState, E: Events> {
    shared: Arc<Shared<S, E>>,
}

struct Shared<S, E> {
    mailbox: Mailbox<Calls>,
    state: PublishedState<S>,
    events: Receivers<E>,
    features: PublishedFeatures,
    /// The connection has opened, ended or finished.
    progress: Event,
    response: Opening,
    /// That of the driver's timer.
    clock: Clock,
}

impl<S: ConnectionState, E: Events> ClientConnection<S, E> {
    /// Calls a method by its index in the schema. While 256 calls are in flight it waits in line.
    ///
    /// Dropping the future gives the call up: the server is asked to cancel it.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if this call failed, [`Error::Connection`] if the connection ended before the answer arrived.
    pub async fn call<I: Codable, O: Codable>(&self, method: u32, input: I) -> Result<O, Error> {
        self.call_when(WhenFull::Wait, method, input).await
    }

    /// Like [`call`](Self::call), but fails with [`CallError::TooManyCallsInFlight`] instead of waiting in line.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub async fn try_call<I: Codable, O: Codable>(
        &self,
        method: u32,
        input: I,
    ) -> Result<O, Error> {
        self.call_when(WhenFull::Fail, method, input).await
    }

    /// The connection as a service has it whose methods begin at this place.
    pub(crate) fn of_methods_from(&self, first_method: u32) -> Self {
        Self { first_method: self.first_method + first_method, ..self.clone() }
    }

    /// The state as the client knows it now. It holds every change that the calls answered so far have made.
    ///
    /// It costs a reference count, and neither waits for the driver nor keeps it waiting. See [`StateSnapshot`] on how
    /// long to keep it.
    pub fn state(&self) -> StateSnapshot<S> {
        self.shared().state.get()
    }

    /// The values beside the state, as the client knows them now: what the server has set by name. It costs
    /// what [`state`](Self::state) does; [`StateSnapshot::values`] are those of the same moment as a state.
    pub fn values(&self) -> ValuesSnapshot<S> {
        self.shared().state.values()
    }

    /// What the server answered before the connection began, of the type that the adapter has for it:
    /// `response::<Response>()` on every adapter that sees one. `None` if it is of another type, or there was none.
    pub fn response<R: 'static>(&self) -> Option<&R> {
        self.shared().response.get()
    }

    /// Watches the state and the values change from here on.
    pub fn watch(&self) -> StateWatch<S, E> {
        StateWatch::new(Arc::clone(self.shared()))
    }

    /// The events that arrive from here on, of all topics, and those that arrived before and nobody has taken: no stream of
    /// their topic, no handler of their type. Each stream gets every event.
    ///
    /// An event whose type this client does not know is skipped.
    pub fn events(&self) -> EventStream<E> {
        self.shared().events.stream()
    }

    /// The events of one topic that arrive from here on, and those that arrived before and nobody has taken.
    ///
    /// What nobody takes waits for whoever comes first, as much as for a stream, until there was a stream of all topics.
    pub fn events_of(&self, topic: impl Into<Topic>) -> EventStream<E> {
        self.shared().events.stream_of(topic.into())
    }

    /// What became of the events of this connection so far.
    pub fn event_counts(&self) -> EventCounts {
        self.shared().events.counts()
    }

    /// What the server lets this connection do, as far as it has said (SPEC.md, section 14). It is known from the beginning,
    /// and whatever a call has changed when that call returns.
    pub fn features(&self) -> Arc<FeatureSet> {
        self.shared().features.get()
    }

    /// Whether this connection has a feature.
    pub fn has(&self, feature: impl Feature) -> bool {
        self.features().contains(feature.name())
    }

    /// See the method `can` of generated clients.
    pub(crate) fn can(&self, method: impl ServiceMethod) -> bool {
        let has_feature = method.feature().is_none_or(|feature| self.features().contains(feature));
        has_feature && self.shared().mailbox.with(|calls| calls.fits(method.name()))
    }

    /// Watches the features change from here on.
    pub fn watch_features(&self) -> FeatureWatch<S, E> {
        FeatureWatch::new(Arc::clone(self.shared()))
    }

    /// What of this side's service does not work on this connection: methods that the server does not have, or has with other
    /// types, from the first answer on; events and fields of the state that it has with other types, from the beginning (SPEC.md,
    /// section 6.3). Events and fields that it does not have at all are not among them: they do not come, or have their defaults.
    ///
    /// Empty if both sides are of the same version, or of versions that fit.
    pub fn mismatches(&self) -> Vec<SchemaMismatch> {
        self.shared().mailbox.with(|calls| calls.mismatches.clone())
    }

    /// How far this connection came on its topics, for [`client_with`] and the adapters' options, so that the next
    /// connection goes on there; also once this one has ended. `None` if there is nothing to go on with.
    ///
    /// Events up to there have arrived: streams still have those that were not read.
    pub async fn resume_point(&self) -> Option<Resume> {
        let ticket = self.shared().mailbox.post(|calls| {
            calls.resume_asked += 1;
            calls.resume_asked
        });
        let answered = |calls: &mut Calls| {
            let is_known = calls.resume_answered >= ticket || calls.ended.is_some();
            is_known.then(|| calls.resume.clone())
        };
        self.shared().wait_for(answered).await
    }

    /// Has the driver run `handler`, which is made of a stream of all events, beside the connection.
    pub(crate) fn attach<F>(&self, handler: impl FnOnce(EventStream<E>) -> F) -> Attachment
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = Box::pin(handler(self.events()));
        let (attached, attachment) = Attached::new(self.shared(), task);
        self.shared().mailbox.post(|calls| {
            if !calls.finished {
                calls.attached.push(attached);
                calls.attached_woken = true;
            }
        });
        attachment
    }

    /// Has `handler` called, with the topic, how many and why, where events do not reach this client: it reads too slowly for
    /// one. It is for those who take events by handlers: a stream says so itself, where they are missing.
    ///
    /// It runs in the driver's task, as the handlers of events do, and must not block. What nobody was told of yet it is told
    /// at once. A handler lives as long as the connection: if it holds a clone of the client, the connection is not closed by
    /// dropping the others.
    pub fn on_lagged(&self, mut handler: impl FnMut(&Topic, u64, GapReason) + Send + 'static) {
        self.handle(Kind::Lagged, move |received| {
            if let Received::Lagged { topic, missed, reason } = received {
                handler(&topic, missed, reason);
            }
        });
    }

    /// Has `handler` called with each topic that goes on from an earlier connection, where nobody knows how much was missed:
    /// [`Received::Restarted`]. As [`on_lagged`](Self::on_lagged) in all else.
    pub fn on_restarted(&self, mut handler: impl FnMut(&Topic) + Send + 'static) {
        self.handle(Kind::Restarted, move |received| {
            if let Received::Restarted { topic } = received {
                handler(&topic);
            }
        });
    }

    /// Has `handler` called for every event of one type, by its index. `#[derive(Events)]` has a method for each type.
    pub(crate) fn on_event(&self, event: u32, mut handler: impl FnMut(&Topic, E) + Send + 'static) {
        self.handle(Kind::Event(event), move |received| {
            if let Received::Event { topic, event } = received {
                handler(&topic, event);
            }
        });
    }

    fn handle(&self, kind: Kind, handler: impl FnMut(Received<E>) + Send + 'static) {
        if self.shared().events.handle(kind, Box::new(handler)) {
            self.shared().mailbox.post(|calls| calls.attached_woken = true);
        }
    }

    /// Closes the connection: calls in flight are waited for, new ones fail. Returns once the transport is closed,
    /// at the latest after twice [`Limits::close_timeout`].
    pub async fn close(&self) {
        self.shared().mailbox.post(|calls| calls.close = Some(CloseReason::normal()));
        self.closed().await;
    }

    /// Waits until the connection has ended and its transport is closed: why it ended.
    pub async fn closed(&self) -> ConnectionError {
        self.shared().wait_for(|calls| calls.ended.clone().filter(|_| calls.finished)).await
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.shared().mailbox.with(|calls| calls.ended.is_some())
    }

    async fn opened(&self) -> Result<(), ConnectionError> {
        let opened = |calls: &mut Calls| match &calls.ended {
            Some(error) => Some(Err(error.clone())),
            None => calls.opened.then_some(Ok(())),
        };
        self.shared().wait_for(opened).await
    }

    async fn call_when<I: Codable, O: Codable>(
        &self,
        when_full: WhenFull,
        method: u32,
        input: I,
    ) -> Result<O, Error> {
        let special = self.special()?;
        let payload =
            payload::encode_to_bytes(&input).map_err(|_| Error::Call(CallError::EncodeFailed))?;
        drop(input);
        let call = Call {
            mailbox: &self.shared().mailbox,
            stage: Stage::New { method: self.first_method + method, payload, when_full, special },
        };
        let output = call.await?;
        payload::decode(&output).map_err(|_| Error::Call(CallError::InvalidOutput))
    }

    /// What is special about a call that begins now.
    fn special(&self) -> Result<Option<Box<Special>>, Error> {
        let Some(options) = &self.options else { return Ok(None) };
        let special = options.begin(&self.shared().clock);
        special
            .map(|special| Some(Box::new(special)))
            .ok_or_else(|| CallError::DeadlineExceeded.into())
    }

    fn shared(&self) -> &Arc<Shared<S, E>> {
        &self.handle.shared
    }
}

impl<S, E: Events> Shared<S, E> {
    /// Waits until `ready` finds what it looks for.
    async fn wait_for<V>(&self, mut ready: impl FnMut(&mut Calls) -> Option<V>) -> V {
        loop {
            let listener = self.progress.listen();
            if let Some(value) = self.mailbox.with(&mut ready) {
                return value;
            }
            listener.await;
        }
    }

    /// The connection has ended: every waiter learns why.
    fn end(&self, error: &ConnectionError) {
        let mut wakers = Vec::new();
        self.mailbox.with(|calls| calls.end(error, &mut wakers));
        wakers.into_iter().for_each(Waker::wake);
        self.events.end();
        self.features.tell();
        self.state.changed.notify(usize::MAX);
        self.tell();
    }

    fn tell(&self) {
        self.progress.notify(usize::MAX);
    }
}

impl<S: ConnectionState, E: Events> Clone for ClientConnection<S, E> {
    fn clone(&self) -> Self {
        let (handle, options) = (Arc::clone(&self.handle), self.options.clone());
        Self { handle, first_method: self.first_method, options }
    }
}

impl<S: ConnectionState, E: Events> fmt::Debug for ClientConnection<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConnection").field("closed", &self.is_closed()).finish()
    }
}

impl<S: ConnectionState, E: Events> Drop for Handle<S, E> {
    fn drop(&mut self) {
        self.shared.mailbox.post(|calls| calls.close = Some(CloseReason::normal()));
    }
}

/// The result of one call.
struct Call<'a> {
    mailbox: &'a Mailbox<Calls>,
    stage: Stage,
}

enum Stage {
    New { method: u32, payload: Bytes, when_full: WhenFull, special: Option<Box<Special>> },
    Waiting(CallKey),
    Done,
}

impl Future for Call<'_> {
    type Output = Result<Bytes, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let result = match std::mem::replace(&mut this.stage, Stage::Done) {
            Stage::New { method, payload, when_full, special } => {
                let inserted = this.mailbox.post(|calls| {
                    let key = calls.insert(method, payload, when_full)?;
                    if let Some(special) = special {
                        calls.set_special(key, *special);
                    }
                    calls.poll(key, cx.waker());
                    Ok(key)
                });
                match inserted {
                    Ok(key) => {
                        this.stage = Stage::Waiting(key);
                        None
                    }
                    Err(error) => Some(Err(error)),
                }
            }
            Stage::Waiting(key) => {
                let result = this.mailbox.with(|calls| calls.poll(key, cx.waker()));
                if result.is_none() {
                    this.stage = Stage::Waiting(key);
                }
                result
            }
            Stage::Done => None,
        };
        result.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Stage::Waiting(key) = self.stage {
            drop(self.mailbox.post(|calls| calls.abandon(key)));
        }
    }
}
