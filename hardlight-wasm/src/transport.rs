//! The browser's WebSocket as the driver's transport.

use std::{
    fmt,
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hardlight_driver::{
    Incoming, Outgoing, Timer, Transport,
    proto::{CloseCode, CloseReason, MAX_MESSAGE_BYTES, SUBPROTOCOL},
};
use js_sys::{Array, ArrayBuffer, Uint8Array};
use thiserror::Error;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use crate::{BrowserTimer, ConnectError, inbox::Inbox, page::Listener};

/// How much may wait in the browser to be sent, in bytes, before the driver keeps the rest back.
const MAX_BUFFERED_BYTES: u32 = 256 * 1024;

/// How long to wait before looking whether the browser has sent some of it: it does not say so.
const DRAIN_PAUSE: Duration = Duration::from_millis(4);

/// What fails in a [`BrowserTransport`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The connection broke, or the server broke the rules of WebSocket; the browser does not say which.
    #[error("the browser does not say why")]
    Lost,
    /// The user has left the page.
    #[error("the page was left")]
    PageLeft,
    /// The server sent a message that is longer than this side accepts. It was told so.
    #[error("a message of {bytes} bytes exceeds the limit max_message_bytes ({MAX_MESSAGE_BYTES})")]
    MessageTooLarge {
        /// Its length, in bytes.
        bytes: u32,
    },
    /// The browser refused to send a message.
    #[error("the browser cannot send: {0}")]
    Send(String),
}

/// A [`Transport`] over the browser's own WebSocket. Dropping it closes the connection, and so does leaving the page.
pub struct BrowserTransport {
    socket: WebSocket,
    inbox: Rc<Inbox>,
    drain: BrowserTimer,
    _callbacks: Callbacks,
    _page_hide: Listener,
}

/// What the browser calls; kept for as long as it may.
struct Callbacks {
    open: Closure<dyn FnMut()>,
    message: Closure<dyn FnMut(MessageEvent)>,
    close: Closure<dyn FnMut(CloseEvent)>,
}

impl BrowserTransport {
    /// Has the browser open a WebSocket.
    pub(crate) fn open(url: &str, protocols: &[String]) -> Result<Self, ConnectError> {
        let protocols: Array =
            protocols.iter().map(|protocol| JsValue::from_str(protocol)).collect();
        let socket = WebSocket::new_with_str_sequence(url, &protocols).map_err(|error| {
            ConnectError::InvalidUrl { url: url.to_owned(), reason: message_of(&error) }
        })?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let inbox = Rc::new(Inbox::default());
        let callbacks = Callbacks::of(&socket, &inbox);
        let (left, leaving) = (Rc::clone(&inbox), socket.clone());
        let page_hide = Listener::new("pagehide", move || {
            left.fail(TransportError::PageLeft);
            close(&leaving, &CloseReason::new(CloseCode::NORMAL, "the page was left"));
        });
        let drain = BrowserTimer::new();
        Ok(Self { socket, inbox, drain, _callbacks: callbacks, _page_hide: page_hide })
    }

    /// Waits until it is open, or cannot be opened.
    pub(crate) async fn opened(&mut self) -> Result<(), ()> {
        let opened = poll_fn(|cx| self.inbox.poll_open(cx)).await;
        if opened { Ok(()) } else { Err(()) }
    }

    pub(crate) fn check_subprotocol(&self) -> Result<(), ConnectError> {
        match self.socket.protocol().as_str() {
            SUBPROTOCOL => Ok(()),
            "" => Err(ConnectError::Subprotocol("it selected none".to_owned())),
            // What it is may be a token that came back.
            _ => Err(ConnectError::Subprotocol("it selected another one".to_owned())),
        }
    }
}

impl Callbacks {
    fn of(socket: &WebSocket, inbox: &Rc<Inbox>) -> Self {
        let (opened, arrived, closed) = (Rc::clone(inbox), Rc::clone(inbox), Rc::clone(inbox));
        let receiving = socket.clone();
        let callbacks = Self {
            open: Closure::new(move || opened.open()),
            message: Closure::new(move |event: MessageEvent| match incoming(&event.data()) {
                Ok(incoming) => arrived.push(incoming),
                Err(error) => {
                    arrived.fail(error);
                    let code = CloseCode::LIMIT_EXCEEDED;
                    close(&receiving, &CloseReason::new(code, "max_message_bytes"));
                }
            }),
            close: Closure::new(move |event: CloseEvent| {
                closed.close(event.code(), event.reason());
            }),
        };
        socket.set_onopen(Some(callbacks.open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(callbacks.message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(callbacks.close.as_ref().unchecked_ref()));
        callbacks
    }
}

impl Transport for BrowserTransport {
    type Error = TransportError;

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Incoming, TransportError>>> {
        self.inbox.poll_next(cx)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        // What a closed WebSocket was given stays in its buffer for ever.
        if self.inbox.is_closing() || self.socket.buffered_amount() <= MAX_BUFFERED_BYTES {
            return Poll::Ready(Ok(()));
        }
        self.drain.reset(self.drain.now() + DRAIN_PAUSE);
        if self.drain.poll_expired(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn start_send(&mut self, message: Outgoing) -> Result<(), TransportError> {
        // What crosses a Close on its way goes nowhere. The end of what is received tells the driver.
        if self.inbox.is_closing() {
            return Ok(());
        }
        match message {
            Outgoing::Message(message) => self
                .socket
                .send_with_u8_array(&message)
                .map_err(|error| TransportError::Send(message_of(&error))),
            Outgoing::Close(reason) => {
                self.inbox.set_closing();
                close(&self.socket, &reason);
                Ok(())
            }
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        // The browser sends by itself.
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for BrowserTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserTransport").finish_non_exhaustive()
    }
}

impl Drop for BrowserTransport {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // It does nothing to one that is closed.
        let _ = self.socket.close();
    }
}

fn incoming(data: &JsValue) -> Result<Incoming, TransportError> {
    let Some(buffer) = data.dyn_ref::<ArrayBuffer>() else { return Ok(Incoming::Text) };
    let bytes = buffer.byte_length();
    if bytes as usize > MAX_MESSAGE_BYTES {
        return Err(TransportError::MessageTooLarge { bytes });
    }
    Ok(Incoming::Message(Bytes::from(Uint8Array::new(buffer).to_vec())))
}

/// Closes with the code, or with 1000 in place of one that a page may not send.
fn close(socket: &WebSocket, reason: &CloseReason) {
    let code = match reason.code().0 {
        code @ 3000..=4999 => code,
        _ => CloseCode::NORMAL.0,
    };
    // The code is allowed, and the reason short enough, so nothing is wrong with it.
    let _ = socket.close_with_code_and_reason(code, reason.reason());
}

/// What a browser says of an error.
fn message_of(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => "the browser does not say why".to_owned(),
    }
}
