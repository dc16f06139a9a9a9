//! What is said to break is what two connections, one of each schema, make of it.

mod support;

use bytes::Bytes;
use hardlight_proto::{
    CallError, Client, ClientConfig, ClientEvent, Connection, ConnectionError, Mismatch,
    SchemaPart, Server, ServerConfig, ServerEvent, ServiceSchema, Time, Transmit,
};
use hardlight_schema::{Part, Schema, What, compare};
use proptest::prelude::*;
use support::services;

/// What a client meets at a server.
#[derive(Debug, Default, PartialEq)]
struct Met {
    /// What does not fit: the part, its name, and how.
    mismatches: Vec<(Part, &'static str, Mismatch)>,
    /// Methods that fit, and are refused to a connection without features.
    disabled: Vec<&'static str>,
    /// It refuses to connect, if it cannot do without the fields that do not fit.
    refuses: bool,
}

const fn part(part: SchemaPart) -> Part {
    match part {
        SchemaPart::Method => Part::Method,
        SchemaPart::StateField => Part::StateField,
        SchemaPart::Event => Part::Event,
    }
}

/// Calls every method once.
fn meet(old: &'static ServiceSchema, new: &'static ServiceSchema, partial: bool) -> Met {
    let config = ClientConfig::new(old).with_partial_state(partial);
    let mut client = Connection::client(config, Time::ZERO);
    let mut server = Connection::server(ServerConfig::new(new), Bytes::new(), Time::ZERO);
    let (mut met, mut calls) = (Met::default(), Vec::new());
    exchange(&mut client, &mut server, |client, event| match event {
        ClientEvent::Open { .. } => calls.extend((0..old.methods.len()).map(|method| {
            (client.call(u32::try_from(method).unwrap(), Bytes::new()).unwrap(), method)
        })),
        ClientEvent::Mismatch(mismatch) => {
            met.mismatches.push((part(mismatch.part), mismatch.name, mismatch.why));
        }
        ClientEvent::Answer { id, result: Err(CallError::MissingFeature), .. } => {
            let (_, method) = calls.iter().find(|(call, _)| *call == id).unwrap();
            met.disabled.push(old.methods[*method].name);
        }
        ClientEvent::Closed(ConnectionError::Incompatible(_)) => met.refuses = true,
        ClientEvent::Closed(error) => panic!("{error}"),
        _ => {}
    });
    met
}

/// Until neither side has anything to say.
fn exchange(
    client: &mut Connection<Client>,
    server: &mut Connection<Server>,
    mut handle: impl FnMut(&mut Connection<Client>, ClientEvent),
) {
    loop {
        while let Some(event) = client.poll_event() {
            handle(client, event);
        }
        while let Some(event) = server.poll_event() {
            if let ServerEvent::Call { id, .. } = event {
                server.answer(id, Ok(Bytes::new()));
            }
        }
        let (up, down) = (client.poll_transmit(), server.poll_transmit());
        if up.is_none() && down.is_none() {
            return;
        }
        match up {
            Some(Transmit::Message(message)) => server.handle_message(message),
            Some(Transmit::Close(reason)) => server.handle_close(Some(reason)),
            None => {}
        }
        match down {
            Some(Transmit::Message(message)) => client.handle_message(message),
            Some(Transmit::Close(reason)) => client.handle_close(Some(reason)),
            None => {}
        }
    }
}

/// What `compare` says that it meets.
fn expected(old: &'static ServiceSchema, new: &'static ServiceSchema) -> Met {
    let mut met = Met::default();
    for change in compare(&Schema::from(old), &Schema::from(new)) {
        let why = match (change.part, &change.what) {
            (Part::Method, What::Removed { .. }) => Mismatch::Unknown,
            (_, What::Retyped { .. } | What::Replaced { .. }) => Mismatch::Incompatible,
            // The client is not told: nothing of it arrives.
            _ => continue,
        };
        let methods = old.methods.iter().map(|method| method.name);
        let fields = old.state.iter().map(|field| field.name);
        let events = old.events.iter().map(|event| event.name);
        let mut names = methods.chain(fields).chain(events);
        let name = names.find(|name| *name == change.name).unwrap();
        met.refuses |= change.part == Part::StateField;
        met.mismatches.push((change.part, name, why));
    }
    met
}

fn sorted(mut mismatches: Vec<(Part, &'static str, Mismatch)>) -> Vec<String> {
    mismatches.sort_by_key(|(part, name, _)| (part.to_string(), *name));
    mismatches.iter().map(|mismatch| format!("{mismatch:?}")).collect()
}

proptest! {
    #[test]
    fn what_breaks_is_what_a_client_is_told_of(old in services(), new in services()) {
        let (old, new): (&ServiceSchema, &ServiceSchema) =
            (Box::leak(Box::new(old)), Box::leak(Box::new(new)));
        let expected = expected(old, new);
        let met = meet(old, new, true);
        prop_assert_eq!(sorted(met.mismatches), sorted(expected.mismatches));
        prop_assert_eq!(meet(old, new, false).refuses, expected.refuses);
    }

    #[test]
    fn a_method_that_newly_needs_a_feature_is_refused_without_it(service in services(), which in 0_usize..6) {
        let mut old = service;
        for method in &mut old.methods {
            method.feature = None;
        }
        let mut new = old.clone();
        if let Some(method) = new.methods.get_mut(which) {
            method.feature = Some("Admin");
        }
        let changes = compare(&Schema::from(&old), &Schema::from(&new));
        let named: Vec<_> = changes.iter().filter(|c| c.is_breaking()).map(|c| c.name.clone()).collect();
        let met = meet(Box::leak(Box::new(old)), Box::leak(Box::new(new)), false);
        prop_assert_eq!(met.disabled, named);
    }
}
