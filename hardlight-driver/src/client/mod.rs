//! The client's handle of a connection.

mod attached;
mod call;
mod calls;
mod driver;
mod events;
mod features;
mod open;
mod options;
mod published;
mod queue;
mod reconnect;
mod restore;
mod retry;
mod shared;
mod state;
mod status;
mod stream;
mod watch;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use hardlight_proto::{
    CallError, CloseReason, Codable, ConnectionError, ConnectionState, Events, Feature, FeatureSet,
    GapReason, NoEvents, Resume, SchemaMismatch, ServiceSchema, Topic, payload,
};

pub use attached::Attachment;
pub use driver::ClientDriver;
pub use events::EventCounts;
pub use features::FeatureWatch;
pub use open::{DriverOf, client, client_over, client_reconnecting, client_with, until_open};
pub use reconnect::{ConnectFailure, Connected, Connector, Reconnect};
pub use retry::Retry;
pub use state::{StateSnapshot, ValuesSnapshot};
pub use status::{ConnectionStatus, StatusWatch};
pub use stream::{EventStream, Received};
pub use watch::{Projection, StateWatch};

use crate::{
    error::Error,
    local::{Local, MaybeSend, boxed},
    service::{ServiceClient, ServiceMethod},
    telemetry::{self, client::ClientCall},
};
use attached::Attached;
use call::{Call, Stage};
pub(crate) use calls::Special;
use calls::{Calls, Request, Turn, WhenFull};
use options::CallOptions;
use queue::Kind;
use shared::Shared;

/// The client's handle of a connection, or of one after the other if it [comes back](Reconnect). Clones share it; when the
/// last one is dropped, it closes.
pub struct ClientConnection<S: ConnectionState, E: Events = NoEvents> {
    handle: Arc<Handle<S, E>>,
    /// The service that it is the handle for.
    schema: &'static ServiceSchema,
    /// The place of the service's methods among those of the connection, which may have several services.
    first_method: u32,
    turn: Turn,
    options: Option<Arc<CallOptions>>,
    /// All calls are told of, whoever listens.
    tells: bool,
}

/// What is known of the inputs and outputs of a method, for those who want to know of its calls.
pub(crate) trait Payloads<I, O> {
    /// Whether it is an error of the application's.
    fn is_error(output: &O) -> bool;

    fn log_input(method: &str, input: &I);

    fn log_output(method: &str, output: &O);
}

/// Of a method that is called by its number nothing is.
struct Unknown;

impl<I, O> Payloads<I, O> for Unknown {
    fn is_error(_: &O) -> bool {
        false
    }

    fn log_input(_: &str, _: &I) {}

    fn log_output(_: &str, _: &O) {}
}

/// Closes the connection when the last clone of a [`ClientConnection`] is gone.
struct Handle<S: ConnectionState, E: Events> {
    shared: Arc<Shared<S, E>>,
}

impl<S: ConnectionState, E: Events> ClientConnection<S, E> {
    /// Calls a method by its index in the schema. While 256 calls are in flight it waits in line.
    ///
    /// Dropping the future gives the call up: the server is asked to cancel it.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if this call failed, [`Error::NotSent`] or [`Error::Indeterminate`] if the connection ended before the
    /// answer arrived.
    pub async fn call<I: Codable, O: Codable>(&self, method: u32, input: I) -> Result<O, Error> {
        self.call_when::<I, O, Unknown>(WhenFull::Wait, method, input).await
    }

    /// Like [`call`](Self::call), but fails with [`CallError::TooManyCallsInFlight`] instead of waiting in line, and with
    /// [`Error::NotSent`] instead of waiting for the next connection.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub async fn try_call<I: Codable, O: Codable>(
        &self,
        method: u32,
        input: I,
    ) -> Result<O, Error> {
        self.call_when::<I, O, Unknown>(WhenFull::Fail, method, input).await
    }

    /// [`call`](Self::call), whose output may be an error of the application's, as `R` tells.
    pub(crate) async fn call_fallible<I: Codable, O: Codable, R: Payloads<I, O>>(
        &self,
        method: u32,
        input: I,
    ) -> Result<O, Error> {
        self.call_when::<I, O, R>(WhenFull::Wait, method, input).await
    }

    /// [`try_call`](Self::try_call), likewise.
    pub(crate) async fn try_call_fallible<I: Codable, O: Codable, R: Payloads<I, O>>(
        &self,
        method: u32,
        input: I,
    ) -> Result<O, Error> {
        self.call_when::<I, O, R>(WhenFull::Fail, method, input).await
    }

    /// Like [`call`](Self::call), with the payload of the arguments (SPEC.md, section 21.11), for that of the answer: for those who
    /// know types at run time only. What it holds is neither looked at on the way out nor on the way in: to spans and metrics an answer is `OK`,
    /// also one that is an error of the application's.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub async fn call_encoded(&self, method: u32, input: Bytes) -> Result<Bytes, Error> {
        let mut told = self.begin(method);
        let mut special = match self.special() {
            Ok(special) => special,
            Err(error) => return Err(tell(told, error)),
        };
        told = told.map(|call| call.say(&mut special));
        match self.start(WhenFull::Wait, method, input, special).await {
            Ok(output) => {
                if let Some(told) = &mut told {
                    told.end(false);
                }
                Ok(output)
            }
            Err(error) => Err(tell(told, error)),
        }
    }

    /// The connection as a service has it whose methods begin at this place.
    pub(crate) fn of_methods_from(
        &self,
        first_method: u32,
        schema: &'static ServiceSchema,
    ) -> Self {
        Self { schema, first_method: self.first_method + first_method, ..self.clone() }
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
    /// `response::<Response>()` on every adapter that sees one. `None` if it is of another type, or there was none. Of a client
    /// that comes back it is the answer to the last attempt that succeeded.
    pub fn response<R: Send + Sync + 'static>(&self) -> Option<Arc<R>> {
        self.shared().response.load().get_shared()
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

    /// Whether the client is connected.
    pub fn status(&self) -> ConnectionStatus {
        self.shared().status.get()
    }

    /// Watches the status change from here on.
    pub fn watch_status(&self) -> StatusWatch<S, E> {
        StatusWatch::new(Arc::clone(self.shared()))
    }

    /// Has `restore` called with a client whenever this one is connected again, and waits for what it returns before other
    /// calls go out: to log in, to ask for topics, whatever the server does not know of the new connection. Calls of the client
    /// that it gets go first. Several such are done one after the other, in the order in which they were added. It is not called
    /// for the connection that there is.
    ///
    /// If it fails or panics, the client ends with [`ConnectionError::Internal`], which says so. If the connection is lost
    /// meanwhile, or takes longer than [`Reconnect::restore_timeout`], the future is
    /// dropped, and all begins anew on the next one. A client that does not [reconnect](Reconnect) never calls it.
    ///
    /// The client that it gets is for this: calls of other clones wait until it is done, so to make one here would wait for
    /// itself, until [`Reconnect::restore_timeout`]. The future runs in the driver's task, beside the connection, and must not
    /// block. `restore` lives as long as the client: if it holds a clone of the client, this is not closed by dropping the others.
    ///
    /// # Panics
    ///
    /// If `C` is not the client that it is called on, but one of another service, or of several.
    pub fn on_reconnected<C, F, X>(&self, mut restore: impl FnMut(C) -> F + MaybeSend + 'static)
    where
        C: ServiceClient<State = S, Events = E>,
        F: Future<Output = Result<(), X>> + MaybeSend + 'static,
        X: fmt::Display,
    {
        assert!(std::ptr::eq(C::schema(), self.schema), "this is the client of another service");
        let handle = Arc::downgrade(&self.handle);
        let (schema, first_method, options) =
            (self.schema, self.first_method, self.options.clone());
        let tells = self.tells;
        self.shared().restores.add(move |connection| {
            let (handle, turn) = (handle.upgrade()?, Turn::First(connection));
            let options = options.clone();
            Some(restore(C::new(Self { handle, schema, first_method, turn, options, tells })))
        });
    }

    /// Connects again now, if the client [waits](ConnectionStatus::Waiting) to do so: since a user asks for it, or the network
    /// is there again. Does nothing else.
    pub fn reconnect_now(&self) {
        self.shared().mailbox.post(Calls::hurry);
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
        F: Future<Output = ()> + MaybeSend + 'static,
    {
        let task = boxed(handler(self.events()));
        let (attached, attachment) = Attached::new(self.shared(), task);
        let late = self.shared().mailbox.post(|calls| {
            if calls.finished {
                return Some(attached);
            }
            calls.attached.push(attached);
            calls.attached_woken = true;
            None
        });
        // Without the lock: it may hold whatever it likes.
        drop(late);
        attachment
    }

    /// Has `handler` called, with the topic, how many and why, where events do not reach this client: it reads too slowly for
    /// one. It is for those who take events by handlers: a stream says so itself, where they are missing.
    ///
    /// It runs in the driver's task, as the handlers of events do, and must not block. What nobody was told of yet it is told
    /// at once. A handler lives as long as the connection: if it holds a clone of the client, the connection is not closed by
    /// dropping the others.
    pub fn on_lagged(&self, mut handler: impl FnMut(&Topic, u64, GapReason) + MaybeSend + 'static) {
        self.handle(Kind::Lagged, move |received| {
            if let Received::Lagged { topic, missed, reason } = received {
                handler(&topic, missed, reason);
            }
        });
    }

    /// Has `handler` called with each topic that goes on from an earlier connection, where nobody knows how much was missed:
    /// [`Received::Restarted`]. As [`on_lagged`](Self::on_lagged) in all else.
    pub fn on_restarted(&self, mut handler: impl FnMut(&Topic) + MaybeSend + 'static) {
        self.handle(Kind::Restarted, move |received| {
            if let Received::Restarted { topic } = received {
                handler(&topic);
            }
        });
    }

    /// Has `handler` called for every event of one type, by its index. `#[derive(Events)]` has a method for each type.
    pub(crate) fn on_event(
        &self,
        event: u32,
        mut handler: impl FnMut(&Topic, E) + MaybeSend + 'static,
    ) {
        self.handle(Kind::Event(event), move |received| {
            if let Received::Event { topic, event } = received {
                handler(&topic, event);
            }
        });
    }

    fn handle(&self, kind: Kind, handler: impl FnMut(Received<E>) + MaybeSend + 'static) {
        let mut handler = Local::new(handler);
        if self.shared().events.handle(kind, Box::new(move |received| handler.get_mut()(received)))
        {
            self.shared().mailbox.post(|calls| calls.attached_woken = true);
        }
    }

    /// Closes the connection: calls in flight are waited for, new ones fail. Returns once the transport is closed,
    /// at the latest after twice [`Limits::close_timeout`](hardlight_proto::Limits::close_timeout).
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

    async fn call_when<I: Codable, O: Codable, R: Payloads<I, O>>(
        &self,
        when_full: WhenFull,
        method: u32,
        input: I,
    ) -> Result<O, Error> {
        let mut told = self.begin(method);
        let mut special = match self.special() {
            Ok(special) => special,
            Err(error) => return Err(tell(told, error)),
        };
        if let Some(call) = told {
            told = Some(call.say(&mut special));
            self.log_payload(method, |name| R::log_input(name, &input));
        }
        let Ok(payload) = payload::encode_to_bytes(&input) else {
            return Err(tell(told, CallError::EncodeFailed.into()));
        };
        drop(input);
        let output = match self.start(when_full, method, payload, special).await {
            Ok(output) => output,
            Err(error) => return Err(tell(told, error)),
        };
        let Ok(output) = payload::decode(&output) else {
            return Err(tell(told, CallError::InvalidOutput.into()));
        };
        if let Some(mut told) = told {
            told.end(R::is_error(&output));
            self.log_payload(method, |name| R::log_output(name, &output));
        }
        Ok(output)
    }

    /// Logs an input or an output, if that is wanted.
    #[cold]
    fn log_payload(&self, method: u32, log: impl FnOnce(&str)) {
        if self.shared().telemetry.logs_payloads()
            && let Some(name) = telemetry::MethodName::of(self.schema, method)
        {
            log(&name.to_string());
        }
    }

    /// What is told of a call that begins, if anybody wants to know.
    #[inline(always)]
    fn begin(&self, method: u32) -> Option<Box<ClientCall>> {
        if self.tells || telemetry::wants_calls() {
            return self.begin_told(method);
        }
        None
    }

    #[cold]
    fn begin_told(&self, method: u32) -> Option<Box<ClientCall>> {
        let cause = self.options.as_ref().and_then(|options| options.trace().cloned());
        self.shared().telemetry.begin(self.schema, self.first_method, method, cause)
    }

    #[inline(always)]
    fn start(
        &self,
        when_full: WhenFull,
        method: u32,
        payload: Bytes,
        special: Option<Box<Special>>,
    ) -> Call<'_> {
        let request = Request { method: self.first_method + method, payload };
        let stage = match self.retry(when_full) {
            None => Stage::New { request, turn: self.turn, when_full, special },
            Some(retry) => Stage::Again(Box::pin(self.call_again(retry, request, special))),
        };
        Call { mailbox: &self.shared().mailbox, stage }
    }

    /// How a call is made again that fails, if it is.
    fn retry(&self, when_full: WhenFull) -> Option<&Retry> {
        let retry = self.options.as_ref()?.retry.as_ref();
        retry.filter(|_| when_full == WhenFull::Wait)
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

/// Tells why a call has failed, if anybody wants to know.
#[cold]
fn tell(told: Option<Box<ClientCall>>, error: Error) -> Error {
    if let Some(mut told) = told {
        told.fail(&error);
    }
    error
}

impl<S: ConnectionState, E: Events> Clone for ClientConnection<S, E> {
    fn clone(&self) -> Self {
        let (handle, options) = (Arc::clone(&self.handle), self.options.clone());
        Self { handle, options, ..*self }
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
