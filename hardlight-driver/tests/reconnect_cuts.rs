//! A session that is cut at each of its messages, in either direction, by a client that comes back: in the end the state is
//! equal, and events are in order, with at most one gap that is told.

mod support;

use std::time::Duration;

use hardlight_driver::{ConnectionStatus, Error, EventStream, Reconnect};
use support::returning::{BoardEvent, ReturningHouse, board};

const EVENTS: u32 = 6;

/// Calls, state and events, one after the other, whatever becomes of the connection meanwhile.
struct Session {
    house: ReturningHouse,
    events: EventStream<BoardEvent>,
    answers: Vec<Result<u32, Error>>,
}

impl Session {
    fn begin(kept: usize) -> Self {
        let mut house = ReturningHouse::keeping(kept, Reconnect::new());
        let client = house.client();
        let events = client.events();
        house.run(client.follow("news".into())).expect("it is connected");
        client.on_reconnected(async |client: board::Client| client.follow("news".into()).await);
        Self { house, events, answers: Vec::new() }
    }

    fn run(&mut self) {
        for number in 1..=EVENTS {
            self.house.emit("news", number);
            let call = self.house.start(async move |client| client.add(1).await);
            self.house.settle();
            if self.house.is_cut() {
                self.house.pass(Duration::from_secs(1));
            }
            self.answers.push(call.take().expect("it has ended, or was made again"));
        }
        assert_eq!(self.house.client().status(), ConnectionStatus::Connected);
    }

    /// The messages of a session that is not cut.
    fn messages(kept: usize) -> (usize, usize) {
        let mut session = Self::begin(kept);
        let before = session.house.messages();
        session.run();
        let after = session.house.messages();
        (after.0 - before.0, after.1 - before.1)
    }
}

/// Cuts a session of servers that keep so many events at each message, and looks at what became of the events.
fn cut_at_each_message(kept: usize, check: impl Fn(&[Option<u32>])) {
    let (to_client, to_server) = Session::messages(kept);
    assert!(to_client >= EVENTS as usize && to_server >= EVENTS as usize);
    let cuts = (0..to_client).map(|at| (at, usize::MAX));
    for (at_client, at_server) in cuts.chain((0..to_server).map(|at| (usize::MAX, at))) {
        let mut session = Session::begin(kept);
        session.house.cut_after(at_client, at_server);
        session.run();
        let place = format!("cut at {at_client} and {at_server}");
        assert_eq!(session.house.dialed(), 1, "{place}");
        assert_eq!(session.house.client().state().sum, session.house.sum(), "{place}");
        let lost = session.answers.iter().filter(|answer| answer.is_err()).count();
        assert!(lost <= 1, "{place}: {:?}", session.answers);
        println!("{place}");
        check(&session.house.read_all(&mut session.events));
    }
}

#[test]
fn a_cut_at_any_message_loses_no_event_that_is_kept() {
    let all: Vec<_> = (1..=EVENTS).map(Some).collect();
    cut_at_each_message(100, |events| assert_eq!(events, all));
}

#[test]
fn a_cut_at_any_message_leaves_one_gap_where_events_are_not_kept() {
    cut_at_each_message(0, |events| {
        let numbers: Vec<_> = events.iter().flatten().copied().collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{events:?}");
        assert_eq!(numbers.last(), Some(&EVENTS), "{events:?}");
        let mut next = 1;
        let mut gaps = 0;
        for pair in events.iter().chain([&None]).zip([&None].into_iter().chain(events)) {
            let (&event, &before) = pair;
            let Some(number) = event else { continue };
            if number != next {
                assert!(before.is_none(), "a hole before {number} that is not told: {events:?}");
                gaps += 1;
            }
            next = number + 1;
        }
        let told = events.iter().filter(|event| event.is_none()).count();
        assert!(gaps <= 1 && told <= 1, "{events:?}");
    });
}
