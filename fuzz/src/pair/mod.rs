//! Both sides of a connection, joined by a pipe that may be slow and may break, whatever both applications do.

mod caller;
mod calls;
mod pipe;
mod service;

use std::{collections::VecDeque, time::Duration};

use hardlight_proto::{CallId, CloseReason, Connection, ConnectionError, Role, Time};

use self::{caller::Caller, calls::Calls, pipe::Pipe, service::Service};
use crate::{
    script::{self, Setup, Step},
    wire,
};

/// Neither side finds fault with the other. Every call ends once, and runs at most once; what a call changed of the state
/// is there before its answer; events arrive once and in order, and a gap tells of those that do not; a client that comes
/// back goes on where it left off. Once all has arrived the client's state is the server's, and nothing is left behind.
pub fn pair(input: &[u8]) {
    let script = script::read(input);
    let mut pair = Pair::new(script.setup);
    for step in script.steps {
        pair.step(step);
        pair.check();
    }
    pair.finish();
}

/// What follows when the pipe breaks: bits of `Step::Cut`.
pub mod cut {
    /// The server that the client comes back to is another one: it numbers events anew.
    pub const RESTARTS: u8 = 1;
    /// The client has forgotten where it left off.
    pub const FORGETS: u8 = 2;
    /// The client does not come back.
    pub const STAYS_DOWN: u8 = 4;
    /// Before they hear of it both sides send what they have, to nobody.
    pub const UNNOTICED: u8 = 8;
    /// The transport says that it was closed, without a code.
    pub const CLOSED: u8 = 16;
    /// The client is subscribed to what it was at once, before it has said where it left off.
    pub const RESUBSCRIBES: u8 = 32;
}

/// More topics than these are not announced.
const TOPICS: usize = 3;

/// What both applications know.
struct World {
    setup: Setup,
    now: Time,
    calls: Calls,
    /// Which life of the server's it is.
    epoch: u64,
    /// By topic: the number that each subscription of this connection begins with that the client may still hear of. It
    /// hears nothing of those that ended before they were sent.
    announced: [VecDeque<u64>; TOPICS],
}

struct Pair {
    world: World,
    caller: Caller,
    service: Service,
    /// To the server, and to the client.
    up: Pipe,
    down: Pipe,
    /// Somebody wants to close.
    over: bool,
    /// Time has passed while nothing arrived.
    may_time_out: bool,
}

impl Pair {
    fn new(setup: Setup) -> Self {
        let world = World {
            setup,
            now: Time::ZERO,
            calls: Calls::default(),
            epoch: wire::EPOCH,
            announced: Default::default(),
        };
        Self {
            caller: Caller::new(&world),
            service: Service::new(&world),
            world,
            up: Pipe::default(),
            down: Pipe::default(),
            over: false,
            may_time_out: false,
        }
    }

    fn step(&mut self, step: Step) {
        let world = &mut self.world;
        match step {
            Step::Call { method, len } => self.caller.call(world, method.into(), len),
            Step::Cancel(id) => self.caller.cancel(world, CallId(id)),
            Step::Answer { id, len } => self.service.answer(world, CallId(id), len),
            Step::State { len } => self.service.change_state(len),
            Step::Features(bits) => self.service.set_features(bits),
            Step::Announce { topic, .. } => self.service.announce(world, topic_of(topic)),
            Step::Leave { topic } => self.service.leave(topic_of(topic)),
            Step::Event { topic, skip, len } => {
                self.service.event(topic_of(topic), skip.into(), len);
            }
            Step::Skip { topic, more } => self.service.skip(topic_of(topic), more.into()),
            // Less than is counted as a sign of life missed.
            Step::Pass(millis) => self.pass(Duration::from_millis(u64::from(millis) % 3_001)),
            Step::Close => {
                self.over = true;
                let reason = CloseReason::normal();
                self.service.connection.close(reason, self.world.now);
            }
            Step::Abort => {
                self.over = true;
                let reason = CloseReason::normal();
                self.caller.connection.close(reason, self.world.now);
            }
            Step::Lost => self.cut(u8::MAX, u8::MAX, cut::STAYS_DOWN),
            Step::Cut { up, down, then } => self.cut(up, down, then),
            Step::Hold(bits) => {
                self.up.held = bits & 1 != 0;
                self.down.held = bits & 2 != 0;
            }
            Step::Deliver { up, down } => self.deliver(up, down),
            Step::PollEvent => self.poll_events(),
            Step::PollTransmit => drop(self.send()),
            Step::Drain => self.drive(),
            Step::Handshake
            | Step::Message(_)
            | Step::Text
            | Step::PeerCloses(_)
            | Step::RejectState
            | Step::RejectStateSize
            | Step::Begin { .. }
            | Step::Chunk { .. }
            | Step::Credit { .. } => {}
        }
    }

    fn pass(&mut self, time: Duration) {
        let now = self.world.now + time;
        self.world.now = now;
        self.may_time_out |= self.up.held || self.down.held;
        self.caller.connection.handle_timeout(now);
        self.service.connection.handle_timeout(now);
        wire::check_timeout(&self.caller.connection, now);
        wire::check_timeout(&self.service.connection, now);
        self.drive();
    }

    /// Sends and delivers until nothing moves any more.
    fn drive(&mut self) {
        loop {
            self.poll_events();
            let sent = self.send();
            let moving = |pipe: &Pipe| !pipe.held && !pipe.is_empty();
            if !sent && !moving(&self.up) && !moving(&self.down) {
                return;
            }
            self.deliver(1, 1);
        }
    }

    /// Both sides send what the pipe takes: whether there was something.
    fn send(&mut self) -> bool {
        let up = self.up.fill(&mut self.caller.connection);
        let down = self.down.fill(&mut self.service.connection);
        up || down
    }

    /// So many messages arrive at the server, and at the client.
    fn deliver(&mut self, up: u8, down: u8) {
        self.up.deliver(up, &mut self.service.connection);
        self.down.deliver(down, &mut self.caller.connection);
    }

    fn poll_events(&mut self) {
        self.service.poll_events(&mut self.world);
        self.caller.poll_events(&mut self.world);
    }

    /// The pipe breaks.
    fn cut(&mut self, up: u8, down: u8, then: u8) {
        (self.up.held, self.down.held) = (false, false);
        self.deliver(up, down);
        (self.up, self.down) = Default::default();
        if then & cut::UNNOTICED != 0 {
            self.drive_unnoticed();
        }
        end(&mut self.caller.connection, then);
        end(&mut self.service.connection, then);
        self.over = true;
        self.poll_events();
        self.check();
        self.caller.check_ended();
        self.service.check_ended();
        if then & cut::STAYS_DOWN == 0 {
            self.reconnect(then);
        }
    }

    /// Both sides send, and nothing arrives.
    fn drive_unnoticed(&mut self) {
        let mut sent = true;
        while sent {
            self.poll_events();
            sent = self.send();
            (self.up, self.down) = Default::default();
        }
    }

    fn reconnect(&mut self, then: u8) {
        self.world.announced = Default::default();
        let restarts = then & cut::RESTARTS != 0;
        self.world.epoch += u64::from(restarts);
        let subscribed = self.service.reconnect(&self.world, restarts);
        let resume = self.caller.resume_point();
        let resume = resume.filter(|_| then & cut::FORGETS == 0);
        self.caller.reconnect(&self.world, resume);
        if then & cut::RESUBSCRIBES != 0 {
            for topic in subscribed {
                self.service.announce(&mut self.world, topic);
            }
        }
        (self.over, self.may_time_out) = (false, false);
    }

    /// Nobody finds fault with the other, and nobody ends without a reason.
    fn check(&mut self) {
        self.caller.check();
        self.service.check();
        let errors = [
            self.caller.connection.error(),
            self.service.connection.error(),
        ];
        let errors: Vec<_> = errors.into_iter().flatten().collect();
        if errors.iter().any(|error| is_timeout(error)) {
            assert!(self.may_time_out, "{errors:?}");
            self.over = true;
        }
        for error in errors {
            let fair = matches!(
                error,
                ConnectionError::Closed { .. } | ConnectionError::Lost(_)
            );
            assert!(fair || is_timeout(error), "{error:?}");
            assert!(self.over, "nobody wanted to close: {error:?}");
        }
    }

    fn finish(&mut self) {
        (self.up.held, self.down.held) = (false, false);
        self.drive();
        self.check();
        while let Some(id) = self.service.first_running() {
            self.service.answer(&mut self.world, id, Some(3));
            self.drive();
        }
        self.check();
        if self.over {
            self.cut(u8::MAX, u8::MAX, cut::STAYS_DOWN);
            return;
        }
        let (caller, service) = (&self.caller, &self.service);
        assert!(caller.connection.is_open() && service.connection.is_open());
        assert_eq!(service.connection.input_bytes(), 0);
        assert_eq!(service.connection.running_calls(), 0);
        check_empty(&caller.connection);
        check_empty(&service.connection);
        caller.check_settled(service);
        self.cut(0, 0, cut::STAYS_DOWN);
    }
}

fn is_timeout(error: &ConnectionError) -> bool {
    matches!(
        error,
        ConnectionError::HandshakeTimeout | ConnectionError::HeartbeatTimeout
    )
}

fn topic_of(number: u8) -> usize {
    usize::from(number) % TOPICS
}

/// The transport has ended.
fn end<R: Role>(connection: &mut Connection<R>, then: u8) {
    if then & cut::CLOSED == 0 {
        connection.handle_lost("cut");
    } else {
        connection.handle_close(None);
    }
}

fn check_empty<R: Role>(connection: &Connection<R>) {
    assert_eq!(connection.queued_bytes(), 0);
    assert_eq!(connection.arriving_bytes(), 0);
    assert!(!connection.has_transmit());
}

/// Nothing is left of a connection that has ended.
fn check_ended<R: Role>(connection: &mut Connection<R>, closed: bool) {
    assert!(closed && connection.is_ended() && !connection.wants_message());
    assert_eq!(connection.poll_timeout(), None);
    assert_eq!(connection.poll_transmit(), None);
    check_empty(connection);
}
