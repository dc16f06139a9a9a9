//! One connection as a pure state machine, for either side.
//!
//! Where it says `inline(always)`, `scripts/test instructions` holds what that is for.

mod buffer;
mod call;
mod call_ids;
mod client;
mod config;
mod control;
mod heartbeat;
mod held;
mod inbox;
mod inputs;
mod outbox;
mod packer;
mod pinned;
mod server;
mod skip;
mod tally;
mod topics;
mod transfer;
#[cfg(feature = "payload")]
mod values;
mod waiting;

use core::{fmt, time::Duration};

use bytes::Bytes;
#[cfg(feature = "payload")]
use bytes::BytesMut;

pub use call_ids::MAX_CALLS_IN_FLIGHT;
pub use client::{Client, ClientEvent, SchemaMismatch, SchemaPart};
pub use config::{ClientConfig, ServerConfig};
pub use outbox::unannounced::{Unannounced, Untold};
pub use server::{Server, ServerEvent};
pub use tally::EventTally;

use crate::{
    close::{CloseCode, CloseReason},
    deflate,
    error::{ConnectionError, Initiator, ProtocolError},
    frame::{CallId, Content, Extensions, Frame, Hello, REVISION},
    limits::{Limits, MAX_MESSAGE_BYTES},
    schema::ServiceSchema,
    time::Time,
};
use heartbeat::{Beat, Heartbeat};
use inbox::Inbox;
use outbox::Outbox;
use pinned::{MAX_UNCOUNTED_BYTES, Pinned};
use transfer::incoming::Incoming;

/// Which side of a connection this is: [`Client`] or [`Server`].
pub trait Role: sealed::Role {
    /// What happens on this side: [`ClientEvent`] or [`ServerEvent`].
    type Event;
}

mod sealed {
    use super::Connection;
    use crate::time::Time;

    /// What the shared part asks of a side.
    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    pub trait Role: Sized {
        /// The body of [`Connection::poll_event`].
        fn next_event(connection: &mut Connection<Self>) -> Option<Self::Event>
        where
            Self: super::Role;

        /// Whether calls are open that a close has to wait for.
        fn has_open_calls(&self) -> bool;

        /// Lets go of what the end of the connection has made void.
        fn forget(&mut self);

        /// Lets go of memory that nothing waits in.
        fn release_memory(&mut self);

        /// Whether no call is open, and nothing waits to be given out.
        fn is_idle(&self) -> bool;

        /// Whether what arrived before the transport ended is still of use: answers are, calls that nobody waits for
        /// are not.
        const HANDLES_LATE_INPUT: bool;

        /// Whether this side asks for signs of life, rather than giving them.
        const SENDS_PINGS: bool;

        /// Whether this side gives no credit while it has much to send. Only one may, or each would wait for the other's.
        const WITHHOLDS_CREDIT: bool;

        /// Whether this side has subscriptions to send events to. Of one that has none no code is made for them.
        const SENDS_EVENTS: bool;

        /// Whether a frame of this kind may arrive in pieces.
        fn takes_in_pieces(kind: u8) -> bool;

        /// When something is due that this side alone has.
        fn deadline(&self) -> Option<Time> {
            None
        }

        /// The time was told.
        fn handle_time(_connection: &mut Connection<Self>, _now: Time)
        where
            Self: super::Role,
        {
        }
    }
}

/// One side of a connection: bytes in, bytes out, no I/O, no clock.
///
/// It has four kinds of method:
///
/// - `handle_*` tells it what happened in the outside world: a message, the end of the transport, a timer;
/// - commands tell it what the application wants: [`call`](Self::call), [`answer`](Self::answer),
///   [`close`](Self::close) ...;
/// - `poll_*` asks it what to do next: [`poll_event`](Self::poll_event), [`poll_transmit`](Self::poll_transmit),
///   [`poll_timeout`](Self::poll_timeout);
/// - getters.
///
/// Any order of calls is legal. After any `handle_*` or command, drain `poll_event`, then take one `poll_transmit`, and so
/// on until neither has anything, or the transport has no room; then look at `poll_timeout`, since it may have changed. All
/// times must come from one monotonic clock.
///
/// [`call`](Self::call) and [`answer`](Self::answer) take payloads; with the feature `payload`, `call_value`, `answer_value`
/// and `answer_result` take values, and encode them where they leave from.
///
/// Every open call ends exactly once, and `Closed` is the last event, on every path, exactly once. Once
/// [`is_finished`](Self::is_finished) there is nothing left to do.
pub struct Connection<R: Role> {
    link: Link<R>,
    role: R,
}

/// Frames that need no attention (ignored, refused) are handled in one `poll_event` up to this many: then others get
/// their turn.
const MAX_QUIET_FRAMES: usize = 64;

/// What to do with the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Transmit {
    /// Send this as one binary message.
    Message(Bytes),
    /// Close the transport with this reason. Nothing follows.
    Close(CloseReason),
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The peer's Hello is awaited until this time.
    Handshake { deadline: Time },
    /// Calls may be made.
    Open,
    /// Waiting for open calls before closing, until this time.
    Draining { deadline: Time },
    /// Ended; what is left is to tell so, until [`Link::leave_by`].
    Ended,
}

/// What both sides have in common.
#[derive(Debug)]
struct Link<R> {
    schema: &'static ServiceSchema,
    limits: Limits,
    /// The latest time that was told.
    now: Time,
    phase: Phase,
    /// Until when what is left may be sent after the end. Unknown until the time is told then.
    leave_by: Option<Time>,
    /// The peer's Hello is read.
    greeted: bool,
    /// This side offers to read compressed payloads; once both have, they are agreed.
    offers_deflate: bool,
    deflates: bool,
    heartbeat: Option<Heartbeat>,
    /// Counts the signs of life that were asked for.
    pings: u64,
    inbox: Inbox,
    pinned: Pinned,
    outbox: Outbox<R>,
    /// The value that was encoded last; kept for its memory.
    #[cfg(feature = "payload")]
    encoded: BytesMut,
    incoming: Incoming,
    /// The transport has ended: takes effect once the inbox is handled.
    transport_end: Option<ConnectionError>,
    /// The transport has ended: there is nothing to send to any longer.
    transport_gone: bool,
    /// What to close the transport with, once the connection has ended and the outbox is sent.
    close: Option<CloseReason>,
    error: Option<ConnectionError>,
    /// The `Closed` event was given out.
    reported: bool,
}

impl<R: Role> Connection<R> {
    fn new(
        schema: &'static ServiceSchema,
        limits: Limits,
        compression: bool,
        role: R,
        now: Time,
    ) -> Self {
        let deadline = now + limits.hello_timeout();
        let outbox = Outbox::new(limits.max_queued_event_bytes());
        let incoming = Incoming::new(&limits, R::takes_in_pieces);
        let link = Link {
            schema,
            limits,
            now,
            phase: Phase::Handshake { deadline },
            leave_by: None,
            greeted: false,
            offers_deflate: compression && deflate::IS_SUPPORTED,
            deflates: false,
            heartbeat: None,
            pings: 0,
            inbox: Inbox::default(),
            pinned: Pinned::default(),
            outbox,
            #[cfg(feature = "payload")]
            encoded: BytesMut::new(),
            incoming,
            transport_end: None,
            transport_gone: false,
            close: None,
            error: None,
            reported: false,
        };
        Self { link, role }
    }

    /// Whether the handshake is done (for a client: the snapshot is read) and this side has not begun to close.
    pub fn is_open(&self) -> bool {
        matches!(self.link.phase, Phase::Open)
    }

    /// Whether the connection has ended. Events and a last transmit may still wait.
    pub fn is_ended(&self) -> bool {
        self.link.phase == Phase::Ended
    }

    /// Whether there is nothing left to do: the connection has ended, the `Closed` event was given out, and so was all
    /// that was to be sent.
    pub fn is_finished(&self) -> bool {
        self.link.reported && !self.has_transmit()
    }

    /// Why the connection has ended, once it has.
    pub fn error(&self) -> Option<&ConnectionError> {
        self.link.error.as_ref()
    }

    /// The limits of this side.
    pub const fn limits(&self) -> &Limits {
        &self.link.limits
    }

    /// Bytes that wait to be sent.
    pub fn queued_bytes(&self) -> usize {
        self.link.outbox.queued_bytes()
    }

    /// Memory that frames hold which are arriving in pieces, in bytes.
    pub fn arriving_bytes(&self) -> usize {
        self.link.incoming.bytes()
    }

    /// Whether nothing is under way on this side: nothing waits to be sent, to be handled or to arrive as a whole, no call
    /// is open, and the connection is neither being opened nor being closed.
    ///
    /// Heartbeats aside it stays so until a message arrives or the application asks for something; once the connection
    /// has ended, for ever.
    pub fn is_idle(&self) -> bool {
        let rests = self.is_open() || self.link.reported;
        let sent = self.link.outbox.is_empty() && !self.has_transmit();
        let read = self.link.inbox.is_empty() && self.link.incoming.is_empty();
        rests && sent && read && self.role.is_idle()
    }

    /// Whether compressed payloads are agreed on.
    pub const fn deflates(&self) -> bool {
        self.link.deflates
    }

    /// Whether to read on: everything that has arrived is handled.
    pub fn wants_message(&self) -> bool {
        self.link.inbox.is_empty() && !self.is_ended()
    }

    /// A binary message arrived. Its frames are handled as [`poll_event`](Self::poll_event) comes to them.
    pub fn handle_message(&mut self, message: Bytes) {
        if self.is_ended() || self.link.transport_gone {
            return;
        }
        if message.is_empty() {
            return self.fail(ProtocolError::Empty.into());
        }
        if message.len() > MAX_MESSAGE_BYTES {
            return self.handle_oversized();
        }
        if let Some(heartbeat) = &mut self.link.heartbeat {
            heartbeat.heard();
        }
        self.link.inbox.push(message);
    }

    /// A message of more than [`MAX_MESSAGE_BYTES`] arrives; the transport need not read it. The connection ends.
    pub fn handle_oversized(&mut self) {
        let allowed = MAX_MESSAGE_BYTES;
        self.fail(ConnectionError::LimitExceeded { limit: "max_message_bytes", allowed });
    }

    /// A text message arrived. The connection ends: this protocol is binary.
    pub fn handle_text(&mut self) {
        self.fail(ProtocolError::TextMessage.into());
    }

    /// The peer closed the transport; `None` if it gave no code. What arrived before is handled first.
    pub fn handle_close(&mut self, reason: Option<CloseReason>) {
        let reason = reason.unwrap_or_else(|| CloseReason::new(CloseCode::NO_STATUS, ""));
        let initiator = Initiator::Remote;
        self.end_of_transport(ConnectionError::Closed { initiator, reason });
    }

    /// The transport ended or failed without a close. What arrived before is handled first, so this comes behind all that
    /// could be read.
    pub fn handle_lost(&mut self, why: impl Into<alloc::borrow::Cow<'static, str>>) {
        self.end_of_transport(ConnectionError::Lost(why.into()));
    }

    /// Time has passed. Calling it early or without need does nothing.
    ///
    /// Once the connection has ended, the transport has [`Limits::close_timeout`] for what is left to be sent. Then that is
    /// dropped, [`Transmit::Close`] included.
    pub fn handle_timeout(&mut self, now: Time) {
        self.link.tell_time(now);
        R::handle_time(self, now);
        match self.link.phase {
            Phase::Handshake { deadline } if now >= deadline => {
                self.fail(ConnectionError::HandshakeTimeout);
            }
            Phase::Draining { deadline } if now >= deadline => self.finish_closing(),
            // Heartbeats begin with the connection.
            Phase::Handshake { .. } | Phase::Ended => {}
            Phase::Draining { .. } | Phase::Open => self.handle_heartbeat(now),
        }
        if self.is_ended() {
            self.link.leave();
        }
    }

    fn handle_heartbeat(&mut self, now: Time) {
        match self.link.heartbeat.as_mut().map_or(Beat::Nothing, |heartbeat| heartbeat.tick(now)) {
            Beat::Nothing => {}
            Beat::Ping => self.ask_for_life(),
            Beat::Quiet => {
                self.release_memory();
                self.ask_for_life();
            }
            Beat::GiveUp => self.fail(ConnectionError::HeartbeatTimeout),
        }
    }

    fn ask_for_life(&mut self) {
        if R::SENDS_PINGS {
            self.link.outbox.control().ping(self.link.pings);
            self.link.pings += 1;
        }
    }

    /// Lets go of the memory that is kept so that what is to come needs none: up to 256 KiB. Does no harm at any time.
    ///
    /// A connection with heartbeats does so by itself, whenever nothing was said or heard for an interval. Without them
    /// nobody tells it that it is quiet.
    pub fn release_memory(&mut self) {
        self.link.release_memory();
        self.role.release_memory();
    }

    /// What happened next, in order.
    ///
    /// A [`poll_transmit`](Self::poll_transmit) may bring more: the end that a close waited for; on a server a call that
    /// was held while more waited to be sent than [`is_congested`](Connection::is_congested) allows.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<R::Event> {
        R::next_event(self)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), at once if that has passed; `None` if nothing is due.
    ///
    /// After the end something is due for as long as there is something to send.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let deadline = match self.link.phase {
            Phase::Handshake { deadline } => return Some(deadline),
            Phase::Draining { deadline } => Some(deadline),
            Phase::Open => None,
            Phase::Ended => {
                let leave_by = self.link.leave_by.unwrap_or(self.link.now);
                return self.has_transmit().then_some(leave_by);
            }
        };
        let heartbeat = self.link.heartbeat.as_ref().map(Heartbeat::deadline);
        deadline.into_iter().chain(heartbeat).chain(self.role.deadline()).min()
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something to send.
    pub fn has_transmit(&self) -> bool {
        let closes = self.is_ended() && !self.link.transport_gone && self.link.close.is_some();
        closes || self.link.outbox.is_ready()
    }

    /// What to send next; a [`Transmit::Close`] is the last.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if let Some(message) = self.link.outbox.pop() {
            if let Some(heartbeat) = &mut self.link.heartbeat {
                heartbeat.said();
            }
            // There may be room for more now, and nothing left to wait for.
            self.link.grant_credit();
            self.finish_draining();
            return Some(Transmit::Message(message));
        }
        if !self.is_ended() || self.link.transport_gone {
            return None;
        }
        self.link.close.take().map(Transmit::Close)
    }

    /// Closes once the open calls have ended and all is sent; new ones are refused. Calls still open after
    /// [`Limits::close_timeout`] are given up.
    fn drain(&mut self, reason: CloseReason, now: Time) {
        if matches!(self.link.phase, Phase::Draining { .. } | Phase::Ended) {
            return;
        }
        self.link.close = Some(reason);
        self.link.tell_time(now);
        let deadline = self.link.now + self.link.limits.close_timeout();
        self.link.phase = Phase::Draining { deadline };
        self.finish_draining();
    }

    /// Closes at once. Open calls are given up, and output that waits is lost.
    pub fn abort(&mut self, reason: CloseReason) {
        if !self.is_ended() {
            self.link.outbox.clear();
            self.link.close = Some(reason);
            self.finish_closing();
        }
    }

    /// Ends the connection because of `error`, and tells the peer.
    fn fail(&mut self, error: ConnectionError) {
        if !self.is_ended() {
            self.link.outbox.clear();
            self.link.close = Some(close_reason(&error));
            self.link.end(error);
        }
    }

    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn finish_draining(&mut self) {
        if matches!(self.link.phase, Phase::Draining { .. }) {
            self.close_if_drained();
        }
    }

    fn close_if_drained(&mut self) {
        if !self.role.has_open_calls() && !self.link.outbox.has_transfers() {
            self.finish_closing();
        }
    }

    fn finish_closing(&mut self) {
        let reason = self.link.close.clone().unwrap_or_else(CloseReason::normal);
        self.link.end(ConnectionError::Closed { initiator: Initiator::Local, reason });
    }

    /// Everything that arrived is handled: now the end of the transport takes effect.
    fn handle_end_of_input(&mut self) {
        if let Some(error) = self.link.transport_end.take() {
            self.link.end(error);
        }
    }

    /// Handles what is common to both sides: the order of the beginning, and transfers. What is left is for the side to
    /// handle.
    fn receive(&mut self, frame: Bytes) -> Result<Option<Frame>, ConnectionError> {
        let Some(frame) = Frame::decode(frame)? else { return Ok(None) };
        let left = self.link.receive(frame)?;
        if left.is_none() {
            // It may have been credit for the last that was to be sent.
            self.finish_draining();
        }
        Ok(left)
    }

    fn end_of_transport(&mut self, error: ConnectionError) {
        if self.link.transport_gone {
            return;
        }
        self.link.transport_gone = true;
        // Nothing can be sent any longer, and nothing is to pile up.
        self.link.outbox.shut();
        if self.is_ended() {
            return;
        }
        self.link.transport_end = Some(error);
        if !R::HANDLES_LATE_INPUT {
            self.link.inbox.clear();
        }
    }

    /// Opens this side; one that is too long for a message ends the connection.
    fn greet(&mut self, hello: Hello) {
        let frame = Frame::Hello(hello.into());
        if frame.encoded_len() > MAX_MESSAGE_BYTES {
            let why = "the Hello is too long: fewer methods, events or state fields are needed";
            return self.fail(ConnectionError::Internal(why.into()));
        }
        self.link.outbox.greet(frame);
    }

    /// What is common to both Hellos.
    fn accept_hello(&mut self, hello: &Hello, epoch: Option<u64>) {
        self.link.greeted = true;
        self.link.deflates = self.link.offers_deflate && hello.deflate;
        let (max, deflates) = (hello.max_frame_bytes, self.link.deflates);
        self.link.outbox.greeted(max, deflates, hello.resume.as_ref(), epoch);
    }

    /// Gives out the `Closed` event, once.
    fn take_closed(&mut self) -> Option<ConnectionError> {
        if self.link.reported {
            return None;
        }
        let error = self.link.error.clone()?;
        self.link.reported = true;
        self.role.forget();
        Some(error)
    }
}

impl<R: Role> Link<R> {
    /// Handles what is common to both sides: the order of the beginning, and transfers.
    fn receive(&mut self, frame: Frame) -> Result<Option<Frame>, ConnectionError> {
        if self.greeted == matches!(frame, Frame::Hello(_)) {
            return Err(ProtocolError::UnexpectedFrame(frame.name()).into());
        }
        let whole = match frame {
            Frame::Begin { transfer, length, piece } => {
                self.incoming.begin(transfer, length, &piece)?;
                None
            }
            Frame::Chunk { transfer, piece } => {
                let whole = self.incoming.chunk(transfer, &piece)?;
                if whole.is_some() {
                    self.outbox.control().forget_credit(transfer);
                }
                whole
            }
            Frame::Abort { transfer } => {
                self.incoming.abort(transfer)?;
                self.outbox.control().forget_credit(transfer);
                None
            }
            Frame::Credit { transfer, bytes } => {
                self.outbox.credit(transfer, bytes)?;
                None
            }
            frame => return Ok(Some(frame)),
        };
        self.grant_credit();
        Ok(whole.map(Frame::decode).transpose()?.flatten())
    }

    /// Whether a call or an answer with this payload goes out in its shortest form, at once.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn takes_short(&self, payload: &[u8], extensions: &Extensions) -> bool {
        let is_plain = !self.deflates || payload.len() < deflate::MIN_BYTES;
        extensions.is_empty() && is_plain && self.outbox.takes_short(payload)
    }

    /// A payload that has arrived with a call or an answer, to be given out.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn give_out(&mut self, id: CallId, payload: Content) -> Result<Bytes, ConnectionError> {
        let message_len = self.inbox.message_len();
        let counts = message_len > MAX_UNCOUNTED_BYTES && matches!(payload, Content::Plain(_));
        let mut payload = self.expand(payload)?;
        if counts {
            let max_bytes = self.limits.max_input_bytes() / 2;
            self.pinned.count(id, &mut payload, message_len, max_bytes);
        }
        Ok(payload)
    }

    /// Whether so much waits to be sent that no more is to be begun.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn is_congested(&self) -> bool {
        let (line, transfers) = (self.outbox.line_bytes(), self.outbox.transfer_bytes());
        // Most of the time there is nothing, and the limits need not be looked at.
        line > 0 && line > self.limits.max_buffered_bytes()
            || transfers > 0 && transfers > self.limits.max_frame_bytes().saturating_mul(2)
    }

    /// Lets the peer send more of what arrives in pieces.
    fn grant_credit(&mut self) {
        let withholds = || R::WITHHOLDS_CREDIT && self.is_congested();
        if !self.incoming.is_empty() && !withholds() {
            let Self { incoming, outbox, .. } = self;
            incoming.grant(|transfer, bytes| outbox.control().credit(transfer, bytes));
        }
    }

    /// The longest frame that may be sent, in bytes.
    fn max_sent_bytes(&self) -> usize {
        self.outbox.max_frame_bytes().min(self.limits.max_frame_bytes())
    }

    /// A payload as it is to travel.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn shrink(&self, payload: Bytes, is_secret: impl FnOnce() -> bool) -> Content {
        if self.deflates && !is_secret() {
            deflate::deflate(payload)
        } else {
            Content::Plain(payload)
        }
    }

    /// Checks that a payload may have travelled as it did: the length that it says it has.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn check_content(&self, content: &Content) -> Result<usize, ConnectionError> {
        match content {
            Content::Plain(payload) => Ok(payload.len()),
            Content::Deflated { length, .. } => self.check_deflated(*length),
        }
    }

    fn check_deflated(&self, length: u64) -> Result<usize, ConnectionError> {
        if !self.deflates {
            return Err(ProtocolError::InvalidCompression.into());
        }
        let allowed = self.limits.max_frame_bytes();
        let length = usize::try_from(length).ok().filter(|&length| length <= allowed);
        length.ok_or(ConnectionError::LimitExceeded { limit: "max_frame_bytes", allowed })
    }

    /// A payload that has arrived, as it was meant.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn expand(&self, content: Content) -> Result<Bytes, ConnectionError> {
        match content {
            Content::Plain(payload) => Ok(payload),
            Content::Deflated { length, stream } => self.inflate(length, &stream),
        }
    }

    fn inflate(&self, length: u64, stream: &[u8]) -> Result<Bytes, ConnectionError> {
        let length = self.check_deflated(length)?;
        Ok(deflate::inflate(stream, length)?)
    }

    /// Lets go of the memory that is kept for what may come.
    fn release_memory(&mut self) {
        self.inbox.release_memory();
        self.outbox.release_memory();
        self.incoming.release_memory();
        self.pinned = Pinned::default();
        #[cfg(feature = "payload")]
        {
            self.encoded = BytesMut::new();
        }
    }

    /// Time does not run backwards.
    fn tell_time(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// The connection has ended, and time has passed since: drops what is left to be sent once that takes too long.
    fn leave(&mut self) {
        match self.leave_by {
            None => {
                // The transport has its chance, however short.
                let timeout = self.limits.close_timeout().max(Duration::from_micros(1));
                self.leave_by = Some(self.now + timeout);
            }
            Some(leave_by) if self.now >= leave_by => {
                self.outbox.shut();
                self.close = None;
            }
            Some(_) => {}
        }
    }

    fn end(&mut self, error: ConnectionError) {
        self.phase = Phase::Ended;
        self.outbox.release();
        self.inbox.clear();
        self.incoming.clear();
        self.pinned = Pinned::default();
        self.error = Some(error);
    }
}

/// Nothing else is to be looked at in the Hello of another revision.
fn check_revision(hello: &Hello) -> Result<(), ConnectionError> {
    let (ours, theirs) = (REVISION, hello.revision);
    if theirs == ours {
        return Ok(());
    }
    let why = alloc::format!("it speaks revision {theirs}, this side speaks {ours}");
    Err(ConnectionError::Incompatible(why.into()))
}

/// What a peer is told of why this side ends the connection.
fn close_reason(error: &ConnectionError) -> CloseReason {
    let code = match error {
        ConnectionError::Closed { reason, .. } => return reason.clone(),
        ConnectionError::Protocol(_) => CloseCode::PROTOCOL_ERROR,
        ConnectionError::Incompatible(_) => CloseCode::INCOMPATIBLE,
        ConnectionError::HandshakeTimeout => CloseCode::HANDSHAKE_TIMEOUT,
        ConnectionError::HeartbeatTimeout => CloseCode::HEARTBEAT_TIMEOUT,
        ConnectionError::LimitExceeded { limit, .. } => {
            return CloseReason::new(CloseCode::LIMIT_EXCEEDED, *limit);
        }
        // The words may hold what the peer need not know.
        ConnectionError::Lost(_) | ConnectionError::Internal(_) => {
            return CloseReason::new(CloseCode::INTERNAL_ERROR, "");
        }
    };
    CloseReason::new(code, alloc::format!("{error}"))
}

impl<R: Role + fmt::Debug> fmt::Debug for Connection<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("phase", &self.link.phase)
            .field("role", &self.role)
            .field("queued_bytes", &self.queued_bytes())
            .field("error", &self.link.error)
            .finish_non_exhaustive()
    }
}
