//! A connection, as the page's side has it: payloads are bytes.

use std::{
    cell::{Cell, RefCell},
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_core::Stream;
use hardlight_driver::{
    ClientConnection, ConnectionStatus, Error, Received, StateSnapshot, StateWatch, Topic,
    proto::{
        ConnectionError, ConnectionState, Events, GapReason, StateOperation, StateOperations,
        StateWriter,
    },
};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::{error, options::milliseconds, signal::unless_aborted, source::Source};

type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// The connection of one client. Not what an application uses: that is made of it, by `js/client.js`.
#[wasm_bindgen]
pub struct RawConnection {
    link: Rc<dyn Link>,
}

impl RawConnection {
    pub(super) fn new<S: ConnectionState, E: Events>(connection: ClientConnection<S, E>) -> Self {
        Self { link: Rc::new(Typed::new(connection)) }
    }
}

impl fmt::Debug for RawConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawConnection").field("status", &self.link.status()).finish()
    }
}

#[wasm_bindgen]
impl RawConnection {
    /// Calls a method by its place in the trait: the payload of its answer.
    pub async fn call(
        &self,
        method: u32,
        input: Vec<u8>,
        timeout: Option<f64>,
        signal: Option<AbortSignal>,
    ) -> Result<Uint8Array, JsValue> {
        let call = self.link.call(method, input.into(), timeout);
        let output = unless_aborted(signal, call).await?;
        output.map(|output| Uint8Array::from(&*output)).map_err(|error| error::calling(&error))
    }

    /// The fields of the state and their payloads, if it has changed since this was last asked.
    pub fn state(&self) -> Option<Array> {
        self.link.state()
    }

    /// Says so whenever the state has changed.
    pub fn states(&self) -> Source {
        self.link.states()
    }

    /// The events of one topic, or of all.
    pub fn events(&self, topic: Option<String>) -> Source {
        self.link.events(topic)
    }

    /// Whether the client is connected.
    pub fn status(&self) -> String {
        self.link.status().to_owned()
    }

    /// The status, whenever it has changed.
    pub fn statuses(&self) -> Source {
        self.link.statuses()
    }

    /// What the server lets this connection do.
    pub fn features(&self) -> Vec<String> {
        self.link.features()
    }

    /// Connects again now, if the client waits to do so.
    #[wasm_bindgen(js_name = reconnectNow)]
    pub fn reconnect_now(&self) {
        self.link.reconnect_now();
    }

    /// Closes the connection.
    pub async fn close(&self) {
        self.link.close().await;
    }

    /// Why the connection ended, once it has.
    pub async fn closed(&self) -> JsValue {
        error::closed(&self.link.closed().await)
    }
}

/// A connection of whatever service.
trait Link {
    fn call(
        &self,
        method: u32,
        input: Bytes,
        timeout: Option<f64>,
    ) -> LocalFuture<Result<Bytes, Error>>;
    fn state(&self) -> Option<Array>;
    fn states(&self) -> Source;
    fn events(&self, topic: Option<String>) -> Source;
    fn status(&self) -> &'static str;
    fn statuses(&self) -> Source;
    fn features(&self) -> Vec<String>;
    fn reconnect_now(&self);
    fn close(&self) -> LocalFuture<()>;
    fn closed(&self) -> LocalFuture<ConnectionError>;
}

struct Typed<S: ConnectionState, E: Events> {
    connection: ClientConnection<S, E>,
    state: RefCell<StateWatch<S, E>>,
    /// The page has not asked for the state yet.
    is_first: Cell<bool>,
}

impl<S: ConnectionState, E: Events> Typed<S, E> {
    fn new(connection: ClientConnection<S, E>) -> Self {
        let state = RefCell::new(connection.watch());
        Self { connection, state, is_first: Cell::new(true) }
    }

    /// The state, if the page has not seen it yet.
    fn newer(&self) -> Option<StateSnapshot<S>> {
        let mut watch = self.state.borrow_mut();
        if self.is_first.take() {
            return Some(watch.current());
        }
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut *watch).poll_next(&mut cx) {
            Poll::Ready(changed) => changed,
            Poll::Pending => None,
        }
    }
}

impl<S: ConnectionState, E: Events> Link for Typed<S, E> {
    fn call(
        &self,
        method: u32,
        input: Bytes,
        timeout: Option<f64>,
    ) -> LocalFuture<Result<Bytes, Error>> {
        let connection = match timeout {
            Some(timeout) => self.connection.with_timeout(milliseconds(timeout)),
            None => self.connection.clone(),
        };
        Box::pin(async move { connection.call_encoded(method, input).await })
    }

    fn state(&self) -> Option<Array> {
        self.newer().map(|state| fields(&*state))
    }

    fn states(&self) -> Source {
        Source::new(Mapped(self.connection.watch(), |_| JsValue::TRUE))
    }

    fn events(&self, topic: Option<String>) -> Source {
        let events = match topic {
            Some(topic) => self.connection.events_of(topic),
            None => self.connection.events(),
        };
        Source::new(Mapped(events, received))
    }

    fn status(&self) -> &'static str {
        name(&self.connection.status())
    }

    fn statuses(&self) -> Source {
        let statuses = self.connection.watch_status();
        Source::new(Mapped(statuses, |status| JsValue::from_str(name(&status))))
    }

    fn features(&self) -> Vec<String> {
        self.connection.features().iter().map(str::to_owned).collect()
    }

    fn reconnect_now(&self) {
        self.connection.reconnect_now();
    }

    fn close(&self) -> LocalFuture<()> {
        let connection = self.connection.clone();
        Box::pin(async move { connection.close().await })
    }

    fn closed(&self) -> LocalFuture<ConnectionError> {
        // A page that waits for the end does not put it off.
        let (mut status, mut statuses) = (self.connection.status(), self.connection.watch_status());
        Box::pin(async move {
            loop {
                if let ConnectionStatus::Closed(error) = status {
                    return error;
                }
                status = statuses.changed().await.expect("the last status is that it is closed");
            }
        })
    }
}

/// A stream of what the page is given for what a stream gives.
struct Mapped<S, F>(S, F);

impl<S: Stream + Unpin, F: FnMut(S::Item) -> JsValue + Unpin> Stream for Mapped<S, F> {
    type Item = JsValue;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<JsValue>> {
        let Self(stream, map) = &mut *self;
        Pin::new(stream).poll_next(cx).map(|item| item.map(map))
    }
}

/// `[[index, payload]]`, of every field.
fn fields<S: ConnectionState>(state: &S) -> Array {
    let mut writer = StateWriter::new();
    // What came in an encoding has one.
    let _ = state.snapshot(&mut writer);
    let snapshot = writer.finish();
    let set = StateOperations::new(&snapshot).filter_map(|operation| match operation {
        Ok(StateOperation::Set { field, value }) => {
            Some(Array::of2(&field.into(), &Uint8Array::from(value)))
        }
        _ => None,
    });
    set.collect()
}

/// `["Event", topic, type, payload]`, `["Lagged", topic, missed, reason]` or `["Restarted", topic]`.
fn received<E: Events>(received: Received<E>) -> JsValue {
    let shown = |topic: &Topic| JsValue::from_str(&topic.to_string());
    let item = match received {
        Received::Event { topic, event } => {
            // What came in an encoding has one.
            let (index, payload) = event.encode().unwrap_or_default();
            let payload = Uint8Array::from(&*payload);
            Array::of4(&"Event".into(), &shown(&topic), &index.into(), &payload)
        }
        Received::Lagged { topic, missed, reason } => {
            let (missed, reason) = (missed as f64, reason_name(reason));
            Array::of4(&"Lagged".into(), &shown(&topic), &missed.into(), &reason.into())
        }
        Received::Restarted { topic } => Array::of2(&"Restarted".into(), &shown(&topic)),
        _ => return JsValue::UNDEFINED,
    };
    item.into()
}

fn reason_name(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Expired => "expired",
        GapReason::TooLong => "too-long",
        _ => "lagged",
    }
}

fn name(status: &ConnectionStatus) -> &'static str {
    match status {
        ConnectionStatus::Connected => "connected",
        ConnectionStatus::Restoring => "restoring",
        ConnectionStatus::Leaving => "leaving",
        ConnectionStatus::Waiting { .. } => "waiting",
        ConnectionStatus::Connecting { .. } => "connecting",
        _ => "closed",
    }
}
