//! The two ends of a state as an embedder holds them: the source on the server, the copy on the client.
#![cfg(feature = "payload")]

mod support;

use hardlight_macros::{ConnectionState, Feature, codable};
use hardlight_proto::*;
use support::{
    client, client_events, client_failed, client_hello, exceeded, quiet, sent, server,
    server_config, server_of,
};

#[derive(Debug, ConnectionState)]
struct Notes {
    title: String,
    lines: Vec<String>,
}

fn source() -> (StateSource<Notes>, bytes::Bytes) {
    let notes = Notes { title: "today".into(), lines: vec!["one".into()] };
    StateSource::new(notes).expect("it encodes")
}

#[test]
fn the_copy_follows_what_the_source_says_has_changed() {
    let mut connection = client(quiet());
    let (mut source, snapshot) = source();
    let mut copy = StateCopy::<Notes>::new();
    assert!(copy.title.is_empty());
    assert!(copy.apply(&snapshot, &mut connection));
    assert_eq!((&*copy.title, &copy.lines[..]), ("today", &["one".to_owned()][..]));

    source.get_mut().lines.push("two".into());
    let changes = source.changes().expect("it encodes").expect("something has changed");
    assert!(changes.len() < snapshot.len());
    assert!(copy.apply(&changes, &mut connection));
    assert_eq!(copy.lines, source.lines);
    assert!(connection.is_open());
}

#[test]
fn a_source_sends_what_has_changed_and_only_once() {
    let mut server = server(quiet());
    let (mut source, _) = source();
    source.send_changes(&mut server);
    assert_eq!(sent(&mut server), []);
    source.get_mut().title = "tomorrow".into();
    source.send_changes(&mut server);
    source.send_changes(&mut server);
    assert!(matches!(sent(&mut server)[..], [Frame::State { revision: 1, .. }]));
}

#[test]
fn a_source_that_cannot_be_encoded_ends_the_connection() {
    #[codable]
    #[derive(Default)]
    struct Chain {
        next: Option<Box<Self>>,
    }
    #[derive(ConnectionState)]
    struct Deep {
        chain: Chain,
    }
    let mut server = server(quiet());
    let (mut source, _) = StateSource::new(Deep::initial()).expect("it encodes");
    for _ in 0..100 {
        let state = source.get_mut();
        state.chain = Chain { next: Some(Box::new(std::mem::take(&mut state.chain))) };
    }
    source.send_changes(&mut server);
    let reason = CloseReason::new(CloseCode::INTERNAL_ERROR, "");
    assert_eq!(server.poll_transmit(), Some(Transmit::Close(reason)));
}

#[test]
fn a_source_that_was_not_changed_has_nothing_to_send() {
    let (mut source, _) = source();
    assert_eq!(source.changes(), Ok(None));
    source.get_mut().title = "today".into();
    assert_eq!(source.changes(), Ok(None));
    source.get_mut().title = "tomorrow".into();
    assert!(matches!(source.changes(), Ok(Some(_))));
    assert_eq!(source.changes(), Ok(None));
}

#[test]
fn operations_that_do_not_apply_end_the_connection_and_leave_the_copy_as_it_was() {
    let mut connection = client(quiet());
    let (_, snapshot) = source();
    let mut copy = StateCopy::<Notes>::new();
    assert!(copy.apply(&snapshot, &mut connection));
    assert!(!copy.apply(&snapshot[..snapshot.len() - 1], &mut connection));
    assert_eq!(copy.title, "today");
    assert_eq!(client_events(&mut connection), [client_failed(ProtocolError::InvalidState)]);
}

#[test]
fn a_server_cannot_make_the_copy_larger_than_the_limit() {
    let mut connection = client(quiet().with_max_state_bytes(1000));
    let (mut source, snapshot) = source();
    let mut copy = StateCopy::<Notes>::new();
    assert!(copy.apply(&snapshot, &mut connection));
    let mut applied = 0;
    loop {
        source.get_mut().lines.push("three and four".into());
        let changes = source.changes().expect("it encodes").expect("something has changed");
        if !copy.apply(&changes, &mut connection) {
            break;
        }
        applied += 1;
    }
    // 24 bytes each, and a sixteenth of the limit before it is measured again.
    assert!((30..=45).contains(&applied), "{applied} lines");
    let closed = ClientEvent::Closed(exceeded("max_state_bytes", 1000));
    assert_eq!(client_events(&mut connection), [closed]);
}

#[test]
fn a_state_that_stays_small_may_change_for_ever_and_is_measured_now_and_then() {
    let mut size = StateSize::new();
    let mut measured = 0;
    for _ in 0..1000 {
        let allowed = size.allows(10, 1600, || {
            measured += 1;
            Ok(1590)
        });
        assert_eq!(allowed, Ok(true));
    }
    assert!((1..=1000 * 10 / 100).contains(&measured), "measured {measured} times");
}

#[derive(Debug, ConnectionState)]
struct Gated {
    open: u32,
    #[state(feature = Allowed::Paid)]
    paid: Vec<u32>,
    #[state(feature = Allowed::Admin, default = 5)]
    admin: u32,
}

#[derive(Feature)]
enum Allowed {
    #[features(name = "paid")]
    Paid,
    Admin,
}

fn features(names: &[&str]) -> FeatureSet {
    let mut features = FeatureSet::new();
    names.iter().for_each(|name| features.insert(*name).expect("a good name"));
    features
}

/// What a client has that applied what was sent.
fn seen(copy: &mut Gated, server: &mut Connection<Server>) -> (u32, Vec<u32>, u32) {
    for frame in sent(server) {
        if let Frame::State { operations: Content::Plain(operations), .. } = frame {
            copy.apply(StateOperations::new(&operations)).expect("it applies");
        }
    }
    (copy.open, copy.paid.clone(), copy.admin)
}

#[test]
fn fields_that_need_a_feature_come_and_go_with_it() {
    let schema = Gated::schema();
    let needs: Vec<_> = schema.iter().map(|field| field.feature).collect();
    assert_eq!(needs, [None, Some("paid"), Some("admin")]);

    let state = Gated { open: 1, paid: vec![1], admin: 1 };
    let (mut source, snapshot) = StateSource::with_features(state, features(&["admin"])).unwrap();
    let mut copy = Gated::initial();
    copy.apply(StateOperations::new(&snapshot)).unwrap();
    assert_eq!((copy.open, &copy.paid[..], copy.admin), (1, &[][..], 1));

    let config = server_config(quiet()).with_features(features(&["admin"]));
    let mut server = server_of(config, client_hello());
    sent(&mut server);
    // What changes of a field that is not there is not sent.
    source.get_mut().paid.push(2);
    source.send_changes(&mut server);
    assert_eq!(sent(&mut server), []);
    source.set_features(features(&["admin", "paid"]), &mut server);
    assert_eq!(seen(&mut copy, &mut server), (1, vec![1, 2], 1));
    source.get_mut().paid.push(3);
    source.send_changes(&mut server);
    assert_eq!(seen(&mut copy, &mut server), (1, vec![1, 2, 3], 1));
    source.get_mut().open = 2;
    source.set_features(features(&["paid"]), &mut server);
    assert_eq!(seen(&mut copy, &mut server), (2, vec![1, 2, 3], 5));
    source.set_features(FeatureSet::new(), &mut server);
    source.get_mut().paid.clear();
    source.get_mut().admin = 7;
    source.send_changes(&mut server);
    assert_eq!(seen(&mut copy, &mut server), (2, vec![], 5));
    source.set_features(features(&["admin", "paid"]), &mut server);
    assert_eq!(seen(&mut copy, &mut server), (2, vec![], 7));
}

#[test]
fn a_change_of_the_features_is_told_before_the_fields_that_come_with_it() {
    let (mut source, _) = StateSource::new(Gated { open: 1, paid: vec![1], admin: 1 }).unwrap();
    let mut server = server(quiet());
    sent(&mut server);
    source.set_features(features(&["paid"]), &mut server);
    let frames = sent(&mut server);
    assert!(matches!(frames[..], [Frame::Features(_), Frame::State { .. }]), "{frames:?}");
}
