//! The driver of a server's connection: the one task that owns the connection, its transport and its handlers.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hardlight_proto::{
    Announcement, CallError, CallId, CloseCode, CloseReason, Connection, ConnectionError,
    ConnectionState, EncodeError, Extensions, Server, ServerConfig, ServerEvent, ServiceSchema,
    Time, Topic,
};

use super::{
    End,
    call_set::CallSet,
    handlers::{Handlers, Start},
    mailbox::{
        Announce, Answer, Close, Command, Commands, Loss, Losses, MAX_STATE_BYTES, ServerMailbox,
    },
    state::Shared,
    unfinished::{Unfinished, run_woken},
};
use crate::{
    context::{Peer, TypeMap},
    inside::Inside,
    offload::Offload,
    opening::Opening,
    telemetry::{end_connection, meters::ConnectionMeter, server::ServerTelemetry},
    timer::Timer,
    transport::Transport,
    wire::Wire,
};

/// Rounds of reading and writing before the driver lets others run.
const MAX_ROUNDS: usize = 16;
/// Events that are handled before what is ready is written: the first answer does not wait for all the others.
const MAX_EVENTS_PER_ROUND: usize = 64;

pub(super) struct ServerDriver<S: ConnectionState, T, M, D, F> {
    connection: Connection<Server>,
    wire: Wire<T, M>,
    shared: Arc<Shared<S>>,
    /// The one in `shared`, which need not be touched for it.
    mailbox: Arc<ServerMailbox>,
    handlers: Handlers<F>,
    /// Makes the future of a call, from the index of its method and its input.
    dispatch: D,
    /// What is to go out next, in order. Between two steps it is empty, unless an answer waits.
    queue: VecDeque<Next>,
    /// Whether an answer waits for the state.
    answer: Answer,
    /// Calls that were cancelled meanwhile.
    cancelled: CallSet,
    /// Calls whose deadline has passed meanwhile.
    overdue: CallSet,
    /// How long a call may run.
    max_call_time: Option<Duration>,
    /// Taken from the mailbox; kept for its memory.
    commands: VecDeque<Command>,
    schema: &'static ServiceSchema,
    close_timeout: Duration,
    /// Until when emitters wait for the client, if any do.
    patience: Option<Time>,
    meter: ConnectionMeter,
    end: End<S>,
}

/// What a connection is made with besides what the core needs.
pub(super) struct Setup {
    pub(super) request: Opening,
    pub(super) extensions: Arc<TypeMap>,
    pub(super) max_call_time: Option<Duration>,
    pub(super) telemetry: ServerTelemetry,
    pub(super) offload: Offload,
}

/// What goes out in the order in which it happened.
enum Next {
    Posted(Command),
    /// Events that were dropped in the mailbox.
    Skip(u64, Loss),
    Answer(CallId, Result<Bytes, CallError>),
}

impl<S, T, M, D, F> ServerDriver<S, T, M, D, F>
where
    S: ConnectionState,
    T: Transport,
    M: Timer,
    D: Fn(u32, Bytes) -> F,
    F: Future<Output = Result<Bytes, CallError>>,
{
    #[track_caller]
    pub(super) fn new(
        config: ServerConfig,
        transport: T,
        timer: M,
        dispatch: D,
        setup: Setup,
        end: End<S>,
    ) -> Self {
        let shared = Arc::clone(&end.shared);
        let (schema, close_timeout) = (config.schema(), config.limits().close_timeout());
        let meter = ConnectionMeter::new(&setup.telemetry.meters);
        let wire = Wire::new(transport, timer, meter.bytes());
        let Setup { request, extensions, max_call_time, telemetry, offload } = setup;
        let id = end.subscriptions.id();
        let peer =
            Peer { schema, clock: wire.clock(), id, request, extensions, telemetry, offload };
        let (features, snapshot) = shared.go_live();
        let config = config.with_features(features);
        let encoded = snapshot.as_ref().map_or_else(|_| Bytes::new(), Bytes::clone);
        let mut connection = Connection::server(config, encoded, wire.now());
        if let Err(error) = snapshot {
            connection.abort(cannot_encode(error));
        }
        Self {
            connection,
            wire,
            mailbox: Arc::clone(&shared.mailbox),
            shared,
            handlers: Handlers::new(Arc::new(peer)),
            dispatch,
            queue: VecDeque::new(),
            answer: Answer::None,
            cancelled: CallSet::new(),
            overdue: CallSet::new(),
            max_call_time,
            commands: VecDeque::new(),
            end,
            schema,
            close_timeout,
            patience: None,
            meter,
        }
    }

    /// Moves handlers, messages and timers on until nothing more can be done now: whether it stopped for fairness only.
    fn run(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..MAX_ROUNDS {
            let looked = self.connection.wants_message();
            let polled = self.drain_mailbox();
            let read = self.wire.read(&mut self.connection);
            self.tell_time();
            let handled = self.handle_events();
            self.tell_time();
            let more = handled == MAX_EVENTS_PER_ROUND;
            if polled || handled > 0 {
                // What handlers and their wakers have put there.
                self.drain_mailbox();
            }
            // Behind all that may set a deadline.
            let timed_out = self.run_timer();
            if self.connection.is_ended() {
                self.handle_events();
                return false;
            }
            if read && !more {
                continue;
            }
            let write_failed = self.wire.write(cx, &mut self.connection);
            // What was not looked for while something else was in hand may be there by now.
            let looks = !looked && self.connection.wants_message();
            if !(read || more || timed_out || write_failed || looks) && self.sleeps() {
                return false;
            }
        }
        self.wire.write(cx, &mut self.connection);
        true
    }

    /// Tells the connection the time, if calls wait in it that have a deadline.
    #[inline(always)]
    fn tell_time(&mut self) {
        if self.connection.wants_time() {
            self.tell_time_now();
        }
    }

    #[cold]
    fn tell_time_now(&mut self) {
        self.connection.handle_timeout(self.wire.now());
    }

    /// Whether something was due, and is done.
    fn run_timer(&mut self) -> bool {
        let next = match (self.patience, self.handlers.next_deadline()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let timed_out = self.wire.run_timer(&mut self.connection, next);
        self.end_patience();
        if timed_out {
            self.end_overdue();
        }
        timed_out
    }

    fn sleeps(&mut self) -> bool {
        self.handlers.shrink();
        let (congested, unsent) = (self.is_congested(), self.connection.state_bytes());
        let has_room = self.answer == Answer::AwaitsClient && !self.holds_state_back();
        if self.connection.has_ready_call() || has_room {
            // What was held back for a slow client goes on now that some was written.
            return false;
        }
        let backlog = self.connection.firm_event_bytes();
        let mut roomy = false;
        let sleeps = self.mailbox.fall_asleep(|commands| {
            commands.congested = congested;
            roomy = commands.set_backlog(backlog);
            commands.set_unsent_state(unsent);
            commands.lets_driver_sleep(self.answer)
        });
        self.note_room(roomy);
        sleeps
    }

    /// Emitters that wait for the client go on, if there is room again.
    fn note_room(&mut self, roomy: bool) {
        if roomy && self.patience.take().is_some() {
            self.end.subscriptions.subscriber().room.notify(usize::MAX);
        }
    }

    /// Emitters have waited for the client for long enough.
    fn end_patience(&mut self) {
        if self.patience.is_some_and(|until| until <= self.wire.now()) {
            self.patience = None;
            self.mailbox.with(Commands::give_up);
            self.end.subscriptions.subscriber().room.notify(usize::MAX);
        }
    }

    /// Calls that have run for as long as they may.
    fn end_overdue(&mut self) {
        let now = self.wire.now();
        while let Some(id) = self.handlers.pop_overdue(now) {
            if self.handlers.give_up(id, &CallError::DeadlineExceeded) {
                self.refuse(id, CallError::DeadlineExceeded);
            }
        }
    }

    /// Whether changes of the state had better be encoded later, together.
    fn is_congested(&self) -> bool {
        self.connection.is_congested() || self.holds_state_back()
    }

    /// Whether so much of the state is to be sent that no more is to be made.
    fn holds_state_back(&self) -> bool {
        self.connection.state_bytes() > MAX_STATE_BYTES
    }

    /// Polls the handlers that were woken: whether there was any.
    fn poll_woken(&mut self, mut woken: CallSet) -> bool {
        let any = !woken.is_empty();
        while let Some(id) = woken.pop() {
            self.poll_handler(id);
        }
        any
    }

    fn poll_handler(&mut self, id: CallId) {
        if self.answer != Answer::None {
            return self.mailbox.with(|commands| commands.wake_call(id));
        }
        if let Poll::Ready(result) = self.handlers.poll(id) {
            self.answer(id, result);
        }
    }

    /// Handles as many events as there are, up to a limit: how many.
    fn handle_events(&mut self) -> usize {
        for handled in 0..MAX_EVENTS_PER_ROUND {
            match self.connection.poll_event() {
                None => return handled,
                Some(ServerEvent::Call { id, method, extensions, payload }) => {
                    self.start(id, method, extensions, payload);
                }
                Some(ServerEvent::Cancel { id }) => {
                    // One that runs to its end is answered with what comes of it.
                    if self.handlers.give_up(id, &CallError::Cancelled) {
                        self.refuse(id, CallError::Cancelled);
                    }
                }
                Some(ServerEvent::Open) => {
                    let names = self.connection.resume_names().map(Topic::from).collect();
                    self.end.subscriptions.resume(names);
                }
                Some(ServerEvent::Closed(error)) => {
                    tracing::debug!(%error, "connection ended");
                    self.meter.end(&error);
                    end_connection(self.handlers.connection_span(), &error);
                    self.handlers.give_up_all();
                    self.queue.clear();
                    self.answer = Answer::None;
                    self.end.end();
                }
                Some(_) => {}
            }
        }
        MAX_EVENTS_PER_ROUND
    }

    fn start(&mut self, id: CallId, method: u32, wire: Extensions, input: Bytes) {
        if !self.may_run(method) {
            let index = method;
            let method = self.schema.methods[method as usize].name;
            tracing::debug!(service = self.schema.name, method, "a call lacks its feature");
            self.handlers.note_refusal(index, &wire, &CallError::MissingFeature);
            return self.answer(id, Err(CallError::MissingFeature));
        }
        let no_cancel = self.schema.methods[method as usize].no_cancel;
        let deadline = self.deadline(&wire);
        let start = Start { id, method, no_cancel, deadline, wire };
        let dispatch = &self.dispatch;
        let future = || dispatch(method, input);
        if let Poll::Ready(result) = self.handlers.start(start, &self.shared, future) {
            self.answer(id, result);
        }
    }

    /// When a call that begins now is to end.
    fn deadline(&self, wire: &Extensions) -> Option<Time> {
        if wire.is_empty() && self.max_call_time.is_none() {
            return None;
        }
        let asked = wire.deadline();
        let left = asked.into_iter().chain(self.max_call_time).min()?;
        Some(self.wire.now() + left)
    }

    /// Whether the connection has the feature that the method needs: a handler that has run since the call was read may have
    /// taken it away.
    fn may_run(&self, method: u32) -> bool {
        let needs = self.schema.methods[method as usize].feature;
        needs.is_none_or(|feature| self.shared.features.read().contains(feature))
    }

    fn report_panic(&self, id: CallId) {
        let method = self.handlers.method(id).and_then(|index| {
            let methods = &self.schema.methods;
            methods.get(usize::try_from(index).ok()?).map(|method| method.name)
        });
        tracing::error!(service = self.schema.name, method, "a handler panicked");
    }

    /// Answers a call, behind all that its handler has changed.
    fn answer(&mut self, id: CallId, result: Result<Bytes, CallError>) {
        if result == Err(CallError::HandlerPanicked) {
            self.report_panic(id);
        }
        self.collect();
        self.queue.push_back(Next::Answer(id, result));
        self.flush_queue();
    }

    /// Answers a call that was given up. If it is given up for another reason as well, that is its answer which comes first.
    fn refuse(&mut self, id: CallId, why: CallError) {
        if self.answer == Answer::None {
            self.answer(id, Err(why));
        } else if why == CallError::DeadlineExceeded {
            self.overdue.insert(id);
        } else {
            self.cancelled.insert(id);
        }
    }

    /// Answers those calls that were given up while an answer waited.
    fn refuse_given_up(&mut self) {
        let mut overdue = std::mem::take(&mut self.overdue);
        while let Some(id) = overdue.pop() {
            self.refuse(id, CallError::DeadlineExceeded);
        }
        let mut cancelled = std::mem::take(&mut self.cancelled);
        while let Some(id) = cancelled.pop() {
            self.refuse(id, CallError::Cancelled);
        }
    }

    /// Hands on what handles have put into the mailbox, as far as no answer waits for the state, and polls the handlers that
    /// were woken: whether there was any. While an answer waits, no other is made and nothing is taken: what goes with it
    /// could not be kept in order.
    fn drain_mailbox(&mut self) -> bool {
        self.flush_queue();
        if !(self.overdue.is_empty() && self.cancelled.is_empty()) {
            self.refuse_given_up();
        }
        let takes_all = self.answer == Answer::None;
        let (unsent, backlog) = (self.connection.state_bytes(), self.connection.firm_event_bytes());
        let commands = takes_all.then_some(&mut self.commands);
        let mut roomy = false;
        let taken = self.mailbox.with(|mailbox| {
            // A driver that is always busy says what was sent as well as one that sleeps.
            roomy = takes_all && mailbox.set_backlog(backlog);
            mailbox.take(commands, unsent)
        });
        self.note_room(roomy);
        if taken.features_wait {
            // What is lost is lost at once, though the client has to be told in order.
            self.connection.restrict_features(&self.shared.features.read());
        }
        if let Some(command) = taken.only {
            self.send(command);
        }
        self.hand_on(taken.dropped);
        if let (Some(milliseconds), None) = (taken.waited, self.patience) {
            self.patience = Some(self.wire.now() + Duration::from_millis(milliseconds.into()));
        }
        match taken.close {
            Some(Close::Drain(reason)) => self.connection.close(reason, self.wire.now()),
            Some(Close::Abort(reason)) => self.connection.abort(reason),
            None => {}
        }
        if takes_all && taken.dirty && !self.is_congested() && self.send_changes() {
            // Nothing in it is an answer.
            self.flush_queue();
        }
        self.poll_woken(taken.woken)
    }

    /// Sends what was taken from the mailbox. No answer waits.
    fn hand_on(&mut self, dropped: Losses) {
        if !self.commands.is_empty() {
            let mut commands = std::mem::take(&mut self.commands);
            commands.drain(..).for_each(|command| self.send(command));
            self.commands = commands;
        }
        // Behind what was queued, which may announce the topic.
        for (topic, loss) in dropped {
            self.skip(topic, loss);
        }
    }

    /// Takes over what handles have put into the mailbox.
    fn collect(&mut self) {
        let (unsent, backlog) = (self.connection.state_bytes(), self.connection.firm_event_bytes());
        let mut roomy = false;
        let dropped = self.mailbox.with(|commands| {
            commands.set_unsent_state(unsent);
            // Nothing that was taken is still in hand: it is with the connection.
            roomy = commands.set_backlog(backlog);
            commands.take_queue(&mut self.commands);
            commands.take_dropped()
        });
        self.note_room(roomy);
        self.queue.extend(self.commands.drain(..).map(Next::Posted));
        // Behind what was queued, which may announce the topic.
        let skip = |(topic, loss)| Next::Skip(topic, loss);
        self.queue.extend(dropped.into_iter().map(skip));
    }

    /// Hands on what is next, up to an answer that has to wait.
    fn flush_queue(&mut self) {
        self.wait_for(Answer::None);
        while let Some(next) = self.queue.pop_front() {
            match next {
                Next::Posted(command) => self.send(command),
                Next::Skip(topic, loss) => self.skip(topic, loss),
                Next::Answer(id, result) => {
                    let waits = self.send_changes_before_answer();
                    if waits != Answer::None {
                        self.queue.push_front(Next::Answer(id, result));
                        return self.wait_for(waits);
                    }
                    self.connection.answer(id, result);
                }
            }
        }
    }

    fn wait_for(&mut self, answer: Answer) {
        self.answer = answer;
        self.connection.hold_calls(answer != Answer::None);
    }

    /// Whether an answer has to wait until changes of the state are sent before it.
    fn send_changes_before_answer(&mut self) -> Answer {
        if !self.mailbox.with(|commands| commands.dirty) {
            Answer::None
        } else if self.holds_state_back() {
            Answer::AwaitsClient
        } else if !self.send_changes() {
            Answer::AwaitsState
        } else {
            Answer::None
        }
    }

    fn send(&mut self, command: Command) {
        match command {
            Command::State(operations) => self.connection.send_state(operations),
            Command::Fail(error) => self.connection.abort(cannot_encode(error)),
            Command::Announce(announce) => self.announce(*announce),
            Command::Features(features) => self.connection.set_features(features),
            Command::Leave { topic, .. } => self.connection.leave_topic(topic),
            Command::Event { event, gap, .. } => {
                if let (Some(reason), Some(last)) = (gap, event.sequence().checked_sub(1)) {
                    self.connection.skip_events(event.topic(), last, reason);
                }
                self.connection.send_event(&event);
            }
            Command::Empty => {}
        }
    }

    fn skip(&mut self, topic: u64, Loss { last, reason }: Loss) {
        self.connection.skip_events(topic, last, reason);
    }

    fn announce(&mut self, announce: Announce) {
        let Announce { topic, next, name, overflow, kept, history, .. } = announce;
        let announcement = Announcement::new(topic, next, name.to_bytes())
            .with_overflow(overflow)
            .with_history(history);
        let announcement = kept.into_iter().fold(announcement, Announcement::with_kept);
        self.connection.announce(announcement);
    }

    /// Encodes and sends what has changed in the state: whether it could look.
    fn send_changes(&mut self) -> bool {
        let Some(changes) = self.shared.try_take_changes(&mut self.commands) else {
            return false;
        };
        // What was posted before goes first, in its order; an answer that waits goes behind all that.
        self.queue.extend(self.commands.drain(..).map(Next::Posted));
        for next in std::mem::take(&mut self.queue) {
            match next {
                Next::Posted(command) => self.send(command),
                Next::Skip(topic, loss) => self.skip(topic, loss),
                answer @ Next::Answer(..) => self.queue.push_back(answer),
            }
        }
        match changes {
            Ok(operations) if operations.is_empty() => {}
            Ok(operations) => self.connection.send_state(operations),
            Err(error) => self.connection.abort(cannot_encode(error)),
        }
        true
    }

    /// What is to go on once the connection has ended. The transport is dropped.
    pub(super) fn into_unfinished(self) -> Unfinished<F> {
        Unfinished::new(self.handlers, self.mailbox)
    }
}

impl<S, T, M, D, F> Future for ServerDriver<S, T, M, D, F>
where
    S: ConnectionState,
    T: Transport,
    M: Timer,
    D: Fn(u32, Bytes) -> F + Unpin,
    F: Future<Output = Result<Bytes, CallError>>,
{
    type Output = ConnectionError;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let _inside = Inside::enter();
        this.mailbox.wake_up(cx);
        this.wire.wake_up(cx);
        this.handlers.look_for_listeners();
        if !this.connection.is_ended() && this.run(cx) {
            cx.waker().wake_by_ref();
        }
        this.meter.look_at_server(&this.connection);
        let Some(error) = this.connection.error() else {
            return Poll::Pending;
        };
        let error = error.clone();
        if !this.handlers.is_empty() && !run_woken(&mut this.handlers, &this.mailbox) {
            cx.waker().wake_by_ref();
        }
        let timeout = this.close_timeout;
        let finished = this.wire.poll_finish(cx, &mut this.connection, timeout);
        finished.map(|()| error)
    }
}

fn cannot_encode(error: EncodeError) -> CloseReason {
    tracing::error!(%error, "the connection state could not be encoded");
    CloseReason::new(CloseCode::INTERNAL_ERROR, "")
}
