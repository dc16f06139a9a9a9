//! The client's application: it makes calls, and has a copy of the state.

use std::collections::BTreeMap;

use bytes::Bytes;
use hardlight_proto::{
    CallId, Client, ClientConfig, ClientEvent, Connection, ConnectionState as _, Resume,
    StateOperations, TopicStart,
};

use super::{
    World,
    calls::Calls,
    check_ended,
    service::{Service, State, check_event, limits, schema},
    wire,
};

pub(super) struct Caller {
    pub(super) connection: Connection<Client>,
    /// Calls that have not ended, and their numbers.
    open: BTreeMap<CallId, usize>,
    state: State,
    opened: bool,
    closed: bool,
    /// Where this connection goes on, as far as the server has not said how.
    asked: Option<Resume>,
    /// The topics that it is subscribed to, and the number of the next event of each: what it may be, before the first.
    topics: BTreeMap<Bytes, Vec<u64>>,
    /// By epoch and topic, over all connections: events below this have arrived, or were missed.
    seen: BTreeMap<(u64, Bytes), u64>,
}

impl Caller {
    pub(super) fn new(world: &World) -> Self {
        Self {
            connection: connect(world, None),
            open: BTreeMap::new(),
            state: State::initial(),
            opened: false,
            closed: false,
            asked: None,
            topics: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Where a further connection is to go on.
    pub(super) fn resume_point(&self) -> Option<Resume> {
        let unused = self.asked.clone().filter(|_| !self.opened);
        self.connection.resume_point().or(unused)
    }

    pub(super) fn reconnect(&mut self, world: &World, resume: Option<Resume>) {
        let seen = std::mem::take(&mut self.seen);
        *self = Self {
            connection: connect(world, resume.clone()),
            asked: resume,
            seen,
            ..Self::new(world)
        };
    }

    pub(super) fn call(&mut self, world: &mut World, method: u32, len: usize) {
        let input = Calls::input(world.calls.next(), len);
        if let Ok(id) = self.connection.call(method % 3, input) {
            let taken = self.open.insert(id, world.calls.next());
            assert_eq!(taken, None, "{id:?} was given out twice");
            world.calls.add(method % 3, len);
        }
    }

    pub(super) fn cancel(&mut self, world: &mut World, id: CallId) {
        if let Some(number) = self.open.get(&id) {
            world.calls.cancel(*number);
        }
        self.connection.cancel(id);
    }

    pub(super) fn poll_events(&mut self, world: &mut World) {
        while let Some(event) = self.connection.poll_event() {
            assert!(!self.closed, "{event:?} after Closed");
            self.event(world, event);
        }
    }

    fn event(&mut self, world: &mut World, event: ClientEvent) {
        match event {
            ClientEvent::Open { snapshot } => {
                assert!(!std::mem::replace(&mut self.opened, true));
                self.apply(&snapshot);
            }
            ClientEvent::State { operations } => self.apply(&operations),
            ClientEvent::Answer { id, result, .. } => {
                let number = self.open.remove(&id).expect("it is open");
                world.calls.end(number, &result, self.state.counter);
            }
            ClientEvent::Unanswered { id, .. } => {
                assert!(self.connection.is_ended());
                self.open.remove(&id).expect("it is open");
            }
            ClientEvent::Subscribed { topic, start } => self.subscribed(world, topic, start),
            ClientEvent::Unsubscribed { topic } => {
                let left = self.topics.remove(&topic);
                assert!(left.is_some(), "it was not subscribed to");
            }
            ClientEvent::Event {
                topic,
                sequence,
                event,
                payload,
                ..
            } => {
                self.advance(world, &topic, sequence, sequence);
                check_event(&topic, sequence, event, &payload, self.state.counter);
            }
            ClientEvent::Gap {
                topic, first, last, ..
            } => self.advance(world, &topic, first, last),
            ClientEvent::Closed(_) => {
                self.closed = true;
                assert!(self.open.is_empty(), "{:?} never ended", self.open);
            }
            ClientEvent::Features | ClientEvent::GoingAway { .. } | ClientEvent::Busy => {}
            event => panic!("{event:?} was not to be expected"),
        }
    }

    fn apply(&mut self, operations: &[u8]) {
        assert!(self.opened);
        let applied = self.state.apply(StateOperations::new(operations));
        assert_eq!(applied, Ok(()));
    }

    /// It begins where the server said, or goes on where it left off.
    fn subscribed(&mut self, world: &mut World, name: Bytes, start: TopicStart) {
        let announced = &world.announced[name.len() - 1];
        assert!(!announced.is_empty(), "it was announced");
        let announced: Vec<_> = announced.iter().copied().collect();
        let asked = self.asked.as_mut().and_then(|asked| {
            let place = asked.topics.iter().position(|topic| topic.name == name)?;
            Some((asked.epoch, asked.topics.remove(place).next))
        });
        let next = match (start, asked) {
            (TopicStart::Fresh, None) => announced,
            // The highest number stands for one of an epoch before, too.
            (TopicStart::Restarted, Some((epoch, asked)))
                if epoch != world.epoch || asked == u64::MAX =>
            {
                announced
            }
            (TopicStart::Resumed, Some((epoch, asked))) if epoch == world.epoch => {
                assert!(announced.iter().any(|announced| asked <= *announced));
                vec![asked]
            }
            (start, asked) => panic!("{start:?}, and asked for was {asked:?}"),
        };
        assert_eq!(self.topics.insert(name, next), None);
    }

    /// The events from `first` to `last` are the next of their topic, and were not there before.
    fn advance(&mut self, world: &mut World, name: &Bytes, first: u64, last: u64) {
        let next = self.topics.get_mut(name).expect("it is subscribed to");
        assert!(next.contains(&first));
        assert!(first <= last);
        if next.len() > 1 {
            let announced = &mut world.announced[name.len() - 1];
            let place = announced.iter().position(|announced| *announced == first);
            announced.drain(..=place.expect("it was announced so"));
        }
        *next = vec![last + 1];
        let seen = self.seen.entry((world.epoch, name.clone())).or_default();
        assert!(first >= *seen, "event {first} came again");
        *seen = last + 1;
    }

    pub(super) fn check(&self) {
        assert_eq!(self.connection.open_calls(), self.open.len());
        let resume = self.connection.resume_point();
        let topics = resume.into_iter().flat_map(|resume| resume.topics);
        let resumed: BTreeMap<_, _> = topics.map(|topic| (topic.name, topic.next)).collect();
        for (name, next) in &self.topics {
            // Without an epoch there is nothing to resume.
            assert!(
                resumed
                    .get(name)
                    .is_none_or(|resumed| next.contains(resumed))
            );
        }
    }

    pub(super) fn check_ended(&mut self) {
        check_ended(&mut self.connection, self.closed);
        assert_eq!(self.connection.open_calls(), 0);
    }

    /// Everything has arrived.
    pub(super) fn check_settled(&self, service: &Service) {
        assert!(self.open.is_empty());
        assert!(self.state.encoded() == service.state_at_client().encoded());
        let topics = service.topics();
        assert!(self.topics.keys().eq(topics.keys()));
        let arrived = |(next, of): (&Vec<u64>, &u64)| next.contains(of);
        assert!(self.topics.values().zip(topics.values()).all(arrived));
    }
}

fn connect(world: &World, resume: Option<Resume>) -> Connection<Client> {
    // Less than the server sends.
    let limits = limits(world.setup).with_max_frame_bytes(wire::PEER_FRAME_BYTES);
    let config = ClientConfig::new(schema())
        .with_limits(limits)
        .with_compression(world.setup.peer_compression)
        .with_resume(resume);
    Connection::client(config, world.now)
}
