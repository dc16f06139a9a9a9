//! One run of a scenario: both applications at work over one connection after another, watched at every step.

use std::time::Duration;

use bytes::Bytes;
use hardlight_proto::*;

use super::{ledger::name, payloads::as_value, *};

const EPOCH: u64 = 0xe90c;

/// More steps than any run takes.
const MAX_STEPS: usize = 100_000;

/// How a run's connections are made.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) client: Limits,
    pub(crate) server: Limits,
    pub(crate) compression: bool,
    pub(crate) latency: Duration,
    /// What either direction of the transport holds, in bytes.
    pub(crate) window: usize,
    /// The length of the state's snapshot.
    pub(crate) snapshot: usize,
}

impl Setup {
    /// With heartbeats, so that a silent end is found out.
    pub(crate) fn new() -> Self {
        Self {
            client: Limits::new(),
            server: Limits::new(),
            compression: false,
            latency: Duration::ZERO,
            window: 0,
            snapshot: 0,
        }
    }

    /// The longest change of the state that may be sent.
    pub(crate) fn max_state_bytes(&self) -> usize {
        self.client.max_frame_bytes().min(self.server.max_frame_bytes()) - 64
    }

    fn pair(&self, resume: Option<Resume>, ledger: &Ledger) -> Pair {
        let client = ClientConfig::new(counter())
            .with_limits(self.client.clone())
            .with_compression(self.compression)
            .with_resume(resume);
        let server = ServerConfig::new(counter())
            .with_limits(self.server.clone())
            .with_compression(self.compression)
            .with_epoch(EPOCH);
        let snapshot = ledger.snapshot(self.snapshot);
        Pair::of(client, server, snapshot).over(self.latency, self.window)
    }
}

pub(crate) struct Run {
    pub(crate) pair: Pair,
    pub(crate) ledger: Ledger,
    setup: Setup,
    /// Steps that were made on this connection.
    pub(crate) steps: usize,
    /// What becomes of the transport, and before which step.
    cut: Option<(usize, Cut)>,
    /// Somebody has reason to believe that the other is gone.
    may_time_out: bool,
    /// Somebody wants the connection to end, or it was cut.
    may_end: bool,
    /// When somebody first wanted to close it in an orderly way.
    closes_since: Option<Time>,
    is_settled: bool,
    /// What is told of a run that fails.
    label: String,
}

impl Run {
    pub(crate) fn new(setup: Setup) -> Self {
        let ledger = Ledger::default();
        Self {
            pair: setup.pair(None, &ledger),
            ledger,
            setup,
            steps: 0,
            cut: None,
            may_time_out: false,
            may_end: false,
            closes_since: None,
            is_settled: false,
            label: String::from("the whole run"),
        }
    }

    /// The transport will be cut before this step.
    pub(crate) fn cut_at(mut self, step: usize, cut: Cut) -> Self {
        self.label = format!("{} cut by {cut:?} at step {step}", self.label);
        self.cut = Some((step, cut));
        self
    }

    pub(crate) fn apply(&mut self, act: &Act) {
        self.is_settled = false;
        let Self { pair, ledger, .. } = self;
        match *act {
            Act::Call { method, len } => {
                self.call(method, len, |client, input| client.call(method, input));
            }
            Act::CallValue { method, len } => {
                self.call(method, len, |client, input| {
                    client.call_value(method, &as_value(&input))
                });
            }
            Act::Cancel(nth) => {
                if let Some(id) = ledger.cancel(nth) {
                    pair.client.cancel(id);
                }
            }
            Act::CloseClient => {
                self.may_end = true;
                self.closes_since.get_or_insert(pair.now);
                pair.client.close(CloseReason::normal(), pair.now);
            }
            Act::AbortClient => {
                self.may_end = true;
                ledger.allow_losses();
                pair.client.abort(CloseReason::normal());
            }
            Act::ClientReads(pace) => {
                self.may_time_out |= pace != Pace::Free;
                pair.to_client.set_pace(pace, pair.now);
            }
            Act::ServerReads(pace) => {
                self.may_time_out |= pace != Pace::Free;
                pair.to_server.set_pace(pace, pair.now);
            }
            Act::ClientSleeps(sleeps) => {
                self.may_time_out |= sleeps;
                pair.client_sleeps = sleeps;
            }
            Act::ServerSleeps(sleeps) => {
                self.may_time_out |= sleeps;
                pair.server_sleeps = sleeps;
            }
            Act::Steps(steps) => {
                for _ in 0..steps {
                    self.step();
                }
            }
            Act::Drive => self.drive(),
            Act::RunFor(time) => self.run_for(time),
            Act::Cut(cut) => self.do_cut(cut),
            _ => self.serve(act),
        }
        self.observe();
    }

    /// What the server's application does.
    fn serve(&mut self, act: &Act) {
        let Self { pair: Pair { server, now, .. }, ledger, setup, .. } = self;
        match *act {
            Act::Answer { nth, len } => {
                if let Some((id, output)) = ledger.answer(nth, len) {
                    server.answer(id, Ok(output));
                }
            }
            Act::AnswerValue { nth, len } => {
                if let Some((id, output)) = ledger.answer(nth, len) {
                    server.answer_value(id, &as_value(&output));
                }
            }
            Act::Fail(nth) => {
                if let Some((id, _)) = ledger.take_running(nth) {
                    server.answer(id, Err(CallError::HandlerPanicked));
                }
            }
            Act::State(len) => {
                server.send_state(ledger.change_state(len.min(setup.max_state_bytes())));
            }
            Act::Features(paid) => {
                server.set_features(if paid { features(["paid"]) } else { FeatureSet::new() });
            }
            Act::Announce(topic) => {
                if !ledger.topic(topic).is_announced {
                    self.subscribe(topic);
                }
            }
            Act::Leave(topic) => {
                ledger.topic(topic).leave();
                server.leave_topic(topic as u64);
            }
            Act::Event { topic, len } => {
                server.send_event(&ledger.topic(topic).post(topic, len));
            }
            Act::Skip(topic) => {
                let last = ledger.topic(topic).withhold();
                server.skip_events(topic as u64, last, GapReason::Withheld);
            }
            Act::CloseServer => {
                self.may_end = true;
                self.closes_since.get_or_insert(*now);
                server.close(CloseReason::normal(), *now);
            }
            Act::AbortServer => {
                self.may_end = true;
                ledger.allow_losses();
                server.abort(CloseReason::normal());
            }
            _ => unreachable!("{act:?} is not the server's"),
        }
    }

    fn call(
        &mut self,
        method: u32,
        len: usize,
        make: impl FnOnce(&mut Connection<Client>, Bytes) -> Result<CallId, CallError>,
    ) {
        let Self { pair: Pair { client, .. }, ledger, .. } = self;
        let full = client.open_calls() == MAX_CALLS_IN_FLIGHT;
        match make(client, ledger.next_input(len)) {
            Ok(id) => ledger.call(id, method),
            Err(CallError::TooManyCallsInFlight) => assert!(full),
            Err(CallError::GoingAway) => assert!(self.may_end || self.may_time_out),
            Err(CallError::InputTooLarge { bytes, limit }) => assert!(bytes > limit),
            Err(error) => panic!("{error}"),
        }
    }

    /// Subscribes the client, from where it left off.
    fn subscribe(&mut self, topic: usize) {
        let Self { pair: Pair { server, .. }, ledger, .. } = self;
        let hint = server.resume_hint(&name(topic));
        let (next, replayed) = ledger.topic(topic).announce(hint);
        server.announce_topic(topic as u64, next, name(topic));
        for (sequence, event) in replayed {
            match event {
                Some(event) => server.send_event(&event),
                None => server.skip_events(topic as u64, sequence, GapReason::Withheld),
            }
        }
    }

    fn do_cut(&mut self, cut: Cut) {
        (self.may_end, self.may_time_out) = (true, true);
        self.ledger.allow_losses();
        self.pair.cut(cut);
        self.observe();
    }

    /// One step of the pair: whether there was one.
    fn step(&mut self) -> bool {
        self.count_step();
        let moved = self.pair.step();
        self.observe();
        moved
    }

    fn count_step(&mut self) {
        if let Some((_, cut)) = self.cut.filter(|(step, _)| *step == self.steps) {
            self.cut = None;
            self.do_cut(cut);
        }
        self.steps += 1;
    }

    /// Until nothing is under way.
    pub(crate) fn drive(&mut self) {
        for _ in 0..MAX_STEPS {
            if !self.step() {
                return;
            }
        }
        panic!("the run does not come to rest");
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.pair.now + time;
        for _ in 0..MAX_STEPS {
            self.count_step();
            let moved = self.pair.step_until(end);
            self.observe();
            if !moved {
                return;
            }
        }
        panic!("time does not go by");
    }

    /// Both applications look at what has happened.
    fn observe(&mut self) {
        let grace = self.setup.client.close_timeout().min(self.setup.server.close_timeout());
        let is_late = |since| self.pair.now >= since + grace;
        if self.may_time_out || self.closes_since.is_some_and(is_late) {
            self.ledger.allow_losses();
        }
        loop {
            self.pair.poll_events();
            let (client, server) = (self.pair.take_client_events(), self.pair.take_server_events());
            if client.is_empty() && server.is_empty() {
                break;
            }
            client.iter().for_each(|event| self.ledger.client_event(event));
            server.iter().for_each(|event| self.server_event(event));
        }
        self.check();
    }

    fn server_event(&mut self, event: &ServerEvent) {
        self.ledger.server_event(event);
        match event {
            ServerEvent::Open => {
                for topic in 0..ledger::TOPICS {
                    let known = self.ledger.topic(topic);
                    if known.is_wanted && !known.is_announced {
                        self.subscribe(topic);
                    }
                }
            }
            // Every other handler does not hear that it is not wanted.
            ServerEvent::Cancel { id } if id.0 % 2 == 0 => {
                self.ledger.stop(*id);
                self.pair.server.answer(*id, Err(CallError::Cancelled));
            }
            _ => {}
        }
    }

    /// What holds at any time.
    fn check(&self) {
        let Pair { client, server, .. } = &self.pair;
        self.ledger.check(client, server);
        for error in [client.error(), server.error()].into_iter().flatten() {
            let has_reason = match error {
                ConnectionError::Closed { .. } | ConnectionError::Lost(_) => {
                    self.may_end || self.may_time_out
                }
                ConnectionError::HeartbeatTimeout | ConnectionError::HandshakeTimeout => {
                    self.may_time_out
                }
                _ => false,
            };
            assert!(has_reason, "{error:?}");
        }
        for (arriving, limits) in [
            (client.arriving_bytes(), &self.setup.client),
            (server.arriving_bytes(), &self.setup.server),
        ] {
            let taken_in = limits.max_transfer_bytes().max(limits.max_frame_bytes());
            assert!(arriving <= taken_in.saturating_add(16 * INITIAL_CREDIT));
        }
    }

    /// Lets everything come to its end: readers read, handlers answer, timeouts pass; and checks what holds then.
    pub(crate) fn settle(&mut self) {
        for act in [
            Act::ClientSleeps(false),
            Act::ServerSleeps(false),
            Act::ClientReads(Pace::Free),
            Act::ServerReads(Pace::Free),
        ] {
            self.apply(&act);
        }
        self.drive();
        while self.ledger.has_running() {
            self.apply(&Act::Answer { nth: 0, len: 50 });
            self.drive();
        }
        if self.pair.to_client.is_dead() || self.pair.to_server.is_dead() {
            // Three missed intervals, and a close that waits in vain.
            self.run_for(Duration::from_secs(120));
            assert!(self.pair.client.is_ended() && self.pair.server.is_ended());
            // Whoever has a close to send gives the transport up.
            self.pair.client.handle_lost("gave up");
            self.pair.server.handle_lost("gave up");
        }
        let Pair { client, server, .. } = &self.pair;
        self.ledger.check_settled(client, server);
        assert!(self.may_end || self.may_time_out || client.is_open() && server.is_open());
        assert_at_rest(client);
        assert_at_rest(server);
        self.is_settled = true;
    }

    /// Ends this connection, if it has not ended, and begins the next: the client goes on where it left off.
    pub(crate) fn reconnect(&mut self) {
        assert!(self.is_settled);
        if !self.pair.client.is_ended() {
            self.do_cut(Cut::Both);
        }
        let resume = self.pair.client.resume_point();
        self.ledger.reconnect(resume.as_ref());
        self.pair = self.setup.pair(resume, &self.ledger);
        (self.steps, self.cut) = (0, None);
        (self.may_end, self.may_time_out, self.is_settled) = (false, false, false);
        self.closes_since = None;
        self.label.push_str(", and the next");
    }

    /// A bit of everything, to see that the connection is as good as any.
    pub(crate) fn exercise(&mut self) {
        let topics = 0..ledger::TOPICS;
        topics.clone().for_each(|topic| self.apply(&Act::Announce(topic)));
        self.apply(&Act::Call { method: 0, len: 100 });
        self.apply(&Act::Call { method: 1, len: 70_000 });
        self.drive();
        self.apply(&Act::State(10));
        topics.for_each(|topic| self.apply(&Act::Event { topic, len: 20 }));
        self.apply(&Act::Answer { nth: 1, len: 70_000 });
        self.settle();
        assert!(self.pair.client.is_open() && self.pair.server.is_open());
    }
}

/// Nobody can forget to let a run come to rest; and one that fails says where.
impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was {}, at step {}", self.label, self.steps);
        } else if !self.is_settled {
            self.settle();
        }
    }
}
