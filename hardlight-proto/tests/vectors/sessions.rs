//! Sessions: what goes into two ends, and what comes out. Each file of the vectors has one here.

mod calls;
mod events;
mod link;
mod state;
mod transfers;

use std::time::Duration;

use bytes::Bytes;
use hardlight_proto::{
    CallError, CloseCode, CloseReason, Extensions, GapReason, Limits, Resume, ResumeTopic,
};

use crate::{
    session::{Service, Session, Setup},
    store::{Case, File, check},
    values,
};

const ONE: Bytes = Bytes::from_static(&[1, 0, 0, 0]);
const TWO: Bytes = Bytes::from_static(&[2, 0, 0, 0]);
/// SET field 0 to 1.
const SET_ONE: Bytes = Bytes::from_static(&[0, 4, 1, 0, 0, 0]);
/// SET field 0 to 2, and field 1 to 1.
const SET_BOTH: Bytes = Bytes::from_static(&[0, 4, 2, 0, 0, 0, 4, 4, 1, 0, 0, 0]);

/// A service with two methods, a state field and two types of events.
pub(crate) fn counter() -> Service {
    Service {
        methods: vec![("increment", "fn{amount:u32}->u32", None), ("get", "fn{}->u32", None)],
        state: vec![(0, "counter", "u32", None)],
        events: vec![("Changed", "event{to:u32}", None), ("Stopped", "event{}", None)],
    }
}

/// Both ends with this service and the default settings, but no heartbeats.
pub(crate) fn setups(service: &Service) -> (Setup, Setup) {
    let mut setup = Setup::new(service.clone());
    setup.limits = Limits::new().with_heartbeat_interval(None);
    (setup.clone(), setup)
}

/// An open session of the counter.
pub(crate) fn open() -> Session {
    let (client, server) = setups(&counter());
    Session::open(&client, &server)
}

fn bytes(len: usize) -> Bytes {
    vec![b'x'; len].into()
}

/// The case that a session is.
fn case(name: &str, sections: &[&str], session: Session) -> Case {
    let (config, steps) = session.into_parts();
    Case::new(name, sections).with("config", config).with("steps", steps)
}

/// A session of which only the events are the same for every implementation.
fn free(name: &str, sections: &[&str], session: Session) -> Case {
    let (config, steps) = session.into_parts();
    Case::new(name, sections).with("exact", false).with("config", config).with("steps", steps)
}

fn file(path: &str, about: &'static str, cases: Vec<Case>) -> File {
    let mut file = File::new(path, "sessions", about);
    cases.into_iter().for_each(|case| file.add(case));
    file
}

#[test]
fn sessions_are_those_of_the_vectors() {
    let files = [
        calls::sessions(),
        state::sessions(),
        events::sessions(),
        transfers::sessions(),
        link::sessions(),
    ];
    check(&files, Some("sessions"));
}
