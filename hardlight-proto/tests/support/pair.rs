//! Both sides of a connection, joined.

use std::time::Duration;

use bytes::Bytes;
use hardlight_proto::*;

use super::{
    link::{Link, Parcel},
    *,
};

/// More steps than any test takes.
const MAX_STEPS: usize = 100_000;

pub(crate) struct Pair {
    pub(crate) now: Time,
    pub(crate) client: Connection<Client>,
    pub(crate) server: Connection<Server>,
    pub(crate) to_client: Link,
    pub(crate) to_server: Link,
    pub(crate) client_events: Vec<ClientEvent>,
    pub(crate) server_events: Vec<ServerEvent>,
    /// What the client, and the server, has sent.
    pub(crate) up: Tap,
    pub(crate) down: Tap,
    /// Whether nothing is sent behind the taps' backs.
    pub(crate) is_tapped: bool,
    /// An application that sleeps takes no events; then its side reads no further message.
    pub(crate) client_sleeps: bool,
    pub(crate) server_sleeps: bool,
    is_finished: bool,
}

/// How a transport ends that nobody closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Both sides are told at once; what is under way is lost.
    Both,
    /// Both are told behind what is under way.
    Late,
    /// The client is told at once, the server behind what is under way to it.
    Client,
    /// The other way round.
    Server,
    /// Nobody is told: heartbeats have to find out.
    Silent,
}

impl Cut {
    pub(crate) const ALL: [Self; 5] =
        [Self::Both, Self::Late, Self::Client, Self::Server, Self::Silent];
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(counter(), counter(), Limits::new(), Limits::new())
    }

    pub(crate) fn with(
        client: &'static ServiceSchema,
        server: &'static ServiceSchema,
        client_limits: Limits,
        server_limits: Limits,
    ) -> Self {
        let client = ClientConfig::new(client).with_limits(client_limits);
        let server = ServerConfig::new(server).with_limits(server_limits);
        Self::of(client, server, SNAPSHOT)
    }

    /// What is sent arrives at once; one message at a time is under way in each direction.
    pub(crate) fn of(client: ClientConfig, server: ServerConfig, snapshot: Bytes) -> Self {
        let now = Time::ZERO;
        Self {
            now,
            client: Connection::client(client, now),
            server: Connection::server(server, snapshot, now),
            to_client: Link::new(Duration::ZERO, 0),
            to_server: Link::new(Duration::ZERO, 0),
            client_events: Vec::new(),
            server_events: Vec::new(),
            up: Tap::default(),
            down: Tap::default(),
            is_tapped: true,
            client_sleeps: false,
            server_sleeps: false,
            is_finished: false,
        }
    }

    /// The pair, with links that take this long, and hold so many bytes.
    pub(crate) fn over(mut self, latency: Duration, window: usize) -> Self {
        self.to_client = Link::new(latency, window);
        self.to_server = Link::new(latency, window);
        self
    }

    /// A pair that has exchanged its Hellos.
    pub(crate) fn open() -> Self {
        Self::new().opened()
    }

    /// The pair, once it has exchanged its Hellos.
    pub(crate) fn opened(mut self) -> Self {
        self.drive();
        assert!(self.client.is_open() && self.server.is_open());
        self.client_events.clear();
        self.server_events.clear();
        self
    }

    /// Delivers until nothing moves any more.
    pub(crate) fn drive(&mut self) {
        for _ in 0..MAX_STEPS {
            if !self.step() {
                return;
            }
        }
        panic!("the pair does not come to rest");
    }

    /// Delivers what is due, one message in each direction; if nothing is, time jumps to when something will be, or to a
    /// timeout before that. Whether there was anything to wait for.
    pub(crate) fn step(&mut self) -> bool {
        if self.exchange() {
            return true;
        }
        let Some(arrival) = self.next_arrival() else { return false };
        self.jump(self.next_timeout().map_or(arrival, |timeout| timeout.min(arrival)));
        true
    }

    /// So many steps, or as many as there are.
    pub(crate) fn steps(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
    }

    /// As [`step`](Self::step), and jumps to timeouts as well while nothing is under way; but not beyond `end`.
    pub(crate) fn step_until(&mut self, end: Time) -> bool {
        if self.exchange() {
            return true;
        }
        let next = self.next_arrival().into_iter().chain(self.next_timeout()).min();
        let Some(next) = next.filter(|next| *next <= end) else {
            self.now = self.now.max(end);
            return false;
        };
        self.jump(next);
        true
    }

    /// Time goes by, and all that falls due in it happens when it is due.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..MAX_STEPS {
            if !self.step_until(end) {
                return;
            }
        }
        panic!("time does not go by");
    }

    /// Both sides learn late how much time has passed.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
        self.drive();
    }

    pub(crate) fn cut(&mut self, cut: Cut) {
        match cut {
            Cut::Both => {
                self.to_client.kill();
                self.to_server.kill();
                self.client.handle_lost("cut");
                self.server.handle_lost("cut");
            }
            Cut::Late => {
                self.to_client.end(self.now);
                self.to_server.end(self.now);
            }
            Cut::Client => {
                self.to_client.swallow();
                self.to_server.end(self.now);
                self.client.handle_lost("cut");
            }
            Cut::Server => {
                self.to_server.swallow();
                self.to_client.end(self.now);
                self.server.handle_lost("cut");
            }
            Cut::Silent => {
                self.to_client.swallow();
                self.to_server.swallow();
            }
        }
    }

    /// Makes a call and runs it up to the server: its id.
    pub(crate) fn call(&mut self, method: u32) -> CallId {
        self.call_of(method, INPUT)
    }

    /// Makes a call with this input and runs it up to the server: its id.
    pub(crate) fn call_of(&mut self, method: u32, input: Bytes) -> CallId {
        let id = self.client.call(method, input).expect("an id is free");
        self.drive();
        id
    }

    pub(crate) fn take_client_events(&mut self) -> Vec<ClientEvent> {
        std::mem::take(&mut self.client_events)
    }

    pub(crate) fn take_server_events(&mut self) -> Vec<ServerEvent> {
        std::mem::take(&mut self.server_events)
    }

    pub(crate) fn poll_events(&mut self) {
        if !self.client_sleeps {
            self.client_events.extend(client_events(&mut self.client));
        }
        if !self.server_sleeps {
            self.server_events.extend(server_events(&mut self.server));
        }
    }

    /// The test took what was sent for itself: all that is left is that the transport ends.
    pub(crate) fn part(mut self) {
        self.cut(Cut::Both);
        self.finish();
    }

    /// The end of every test, by itself: readers read on, every call that runs is answered, nothing stays behind on either
    /// side. If one side alone has ended the other one learns of it.
    pub(crate) fn finish(&mut self) {
        self.is_finished = true;
        (self.client_sleeps, self.server_sleeps) = (false, false);
        self.to_client.set_pace(Pace::Free, self.now);
        self.to_server.set_pace(Pace::Free, self.now);
        self.drive();
        while self.server.running_calls() > 0 && !self.server.is_ended() {
            let before = self.server.running_calls();
            (0..=255).for_each(|id| self.server.answer(CallId(id), Ok(OUTPUT)));
            self.drive();
            assert!(self.server.running_calls() < before, "calls are held for ever");
        }
        if self.client.is_ended() != self.server.is_ended() {
            self.client.handle_lost("the server has gone");
            self.server.handle_lost("the client has gone");
            self.drive();
        }
        assert!(self.to_client.is_empty() && self.to_server.is_empty(), "something is under way");
        assert_eq!(self.client.open_calls(), 0, "calls that were not answered");
        assert_eq!(self.server.running_calls(), 0);
        assert_eq!(self.server.input_bytes(), 0);
        assert!(!self.server.has_ready_call());
        assert_at_rest(&self.client);
        assert_at_rest(&self.server);
    }

    /// Sends what there is room for, and delivers what is due: whether anything was.
    fn exchange(&mut self) -> bool {
        self.poll_events();
        while self.to_server.takes()
            && let Some(transmit) = self.client.poll_transmit()
        {
            if let (Transmit::Message(message), true) = (&transmit, self.is_tapped) {
                self.up.message(message, &mut self.down);
            }
            self.to_server.send(transmit, self.now);
        }
        while self.to_client.takes()
            && let Some(transmit) = self.server.poll_transmit()
        {
            if let (Transmit::Message(message), true) = (&transmit, self.is_tapped) {
                self.down.message(message, &mut self.up);
            }
            self.to_client.send(transmit, self.now);
        }
        let reads = |arrival: Option<Time>| arrival.is_some_and(|arrival| arrival <= self.now);
        let (reads_up, reads_down) = (reads(self.arrival_up()), reads(self.arrival_down()));
        let up = reads_up.then(|| self.to_server.receive(self.now)).flatten();
        let down = reads_down.then(|| self.to_client.receive(self.now)).flatten();
        let moved = up.is_some() || down.is_some();
        let echo_up = down.is_some_and(|parcel| deliver(parcel, &mut self.client));
        let echo_down = up.is_some_and(|parcel| deliver(parcel, &mut self.server));
        // A WebSocket answers a close with a close, behind which its transport ends; nothing else may follow.
        if echo_up {
            self.to_server.end(self.now);
        }
        if echo_down {
            self.to_client.end(self.now);
        }
        moved
    }

    fn next_arrival(&self) -> Option<Time> {
        self.arrival_down().into_iter().chain(self.arrival_up()).min()
    }

    /// When the server reads the next thing.
    fn arrival_up(&self) -> Option<Time> {
        self.to_server.next_arrival().filter(|_| reads(&self.server))
    }

    fn arrival_down(&self) -> Option<Time> {
        self.to_client.next_arrival().filter(|_| reads(&self.client))
    }

    fn next_timeout(&self) -> Option<Time> {
        self.client.poll_timeout().into_iter().chain(self.server.poll_timeout()).min()
    }

    fn jump(&mut self, time: Time) {
        self.now = self.now.max(time);
        for timeout in [self.client.poll_timeout(), self.server.poll_timeout()] {
            // What is early or not needed does nothing.
            if timeout.is_some_and(|timeout| timeout <= self.now) {
                self.client.handle_timeout(self.now);
                self.server.handle_timeout(self.now);
            }
        }
    }
}

/// Nobody can forget to look whether anything stays behind.
impl Drop for Pair {
    fn drop(&mut self) {
        if !self.is_finished && !std::thread::panicking() {
            self.finish();
        }
    }
}

/// Whether a side reads on; once it has ended it reads, and drops, what still comes.
fn reads<R: Role>(connection: &Connection<R>) -> bool {
    connection.wants_message() || connection.is_ended()
}

/// Hands over what has arrived: whether the transport owes the sender an answer to its close.
fn deliver<R: Role>(parcel: Parcel, to: &mut Connection<R>) -> bool {
    let closes = matches!(parcel, Parcel::Close(_));
    match parcel {
        Parcel::Message(message) => to.handle_message(message),
        Parcel::Close(reason) => to.handle_close(Some(reason)),
        Parcel::Lost => to.handle_lost("cut"),
    }
    closes
}

/// A side on which nothing is under way.
pub(crate) fn assert_at_rest<R: Role>(connection: &Connection<R>) {
    assert_eq!(connection.queued_bytes(), 0, "bytes that were not sent");
    assert_eq!(connection.arriving_bytes(), 0, "frames that did not arrive");
    assert!(!connection.has_transmit());
    assert!(connection.is_open() || connection.is_ended(), "neither open nor ended");
    // Whatever arrived is handled; on an open connection heartbeats alone go on.
    assert_eq!(connection.wants_message(), connection.is_open());
    assert!(connection.is_open() || connection.poll_timeout().is_none());
    assert!(connection.is_idle());
}
