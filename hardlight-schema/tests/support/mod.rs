//! Services to describe and to compare.

#![allow(dead_code, reason = "each suite uses a part of it")]

use hardlight_proto::{EventSchema, FieldSchema, Fingerprint, MethodSchema, ServiceSchema};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{select, subsequence},
};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
/// Names and indexes that nothing from [`services`] has.
const OTHER_NAMES: [&str; 3] = ["x", "y", "z"];
const OTHER_INDEXES: u32 = 100;

pub(crate) fn method(name: &'static str, ty: &str) -> MethodSchema {
    let mut method = MethodSchema::with_fingerprint(name, Fingerprint::of_text(ty));
    ty.clone_into(&mut method.ty);
    method
}

pub(crate) fn field(index: u32, name: &'static str, ty: &str) -> FieldSchema {
    let mut field = FieldSchema::with_fingerprint(index, name, Fingerprint::of_text(ty));
    ty.clone_into(&mut field.ty);
    field
}

pub(crate) fn event(name: &'static str, ty: &str) -> EventSchema {
    let mut event = EventSchema::with_fingerprint(name, Fingerprint::of_text(ty));
    ty.clone_into(&mut event.ty);
    event
}

/// A service that has one of everything.
pub(crate) fn counter() -> ServiceSchema {
    let mut service = ServiceSchema::new("Counter");
    service.methods = vec![
        method("reset", "fn{}->unit").with_feature("Admin").secret(),
        method("increment", "fn{amount:u32}->u32"),
    ];
    service.state = vec![
        field(0, "counter", "u32"),
        field(2, "user", "option<string>").with_feature("Account").secret(),
        field(4_095, "$values", "map<string,tuple<u64,vec<u8>>>"),
    ];
    service.events = vec![
        event("Told", "event{text:string}").secret(),
        event("Emptied", "event{}").with_feature("Account"),
    ];
    service
}

/// What an entry has besides its name.
#[derive(Clone, Copy, Debug)]
struct Details {
    ty: &'static str,
    feature: Option<&'static str>,
    secret: bool,
}

fn details() -> impl Strategy<Value = Details> {
    let ty = select(&["u8", "u16", "string"][..]);
    let feature = select(&[None, None, Some("Account"), Some("Admin")][..]);
    (ty, feature, any::<bool>()).prop_map(|(ty, feature, secret)| Details { ty, feature, secret })
}

fn named(names: &'static [&'static str]) -> impl Strategy<Value = Named> {
    let most = names.len();
    let names = subsequence(names, 0..=most).prop_shuffle();
    (names, vec(details(), most))
        .prop_map(|(names, details)| names.into_iter().zip(details).collect())
}

type Named = Vec<(&'static str, Details)>;
type Fields = Vec<(u32, (&'static str, Details))>;

fn service((methods, fields, events): (Named, Fields, Named)) -> ServiceSchema {
    let mut service = ServiceSchema::new("Service");
    for (name, Details { ty, feature, secret }) in methods {
        let mut method = method(name, ty);
        (method.feature, method.secret) = (feature, secret);
        service.methods.push(method);
    }
    for (index, (name, Details { ty, feature, secret })) in fields {
        let mut field = field(index, name, ty);
        (field.feature, field.secret) = (feature, secret);
        service.state.push(field);
    }
    for (name, Details { ty, feature, secret }) in events {
        let mut event = event(name, ty);
        (event.feature, event.secret) = (feature, secret);
        service.events.push(event);
    }
    service
}

/// Any service of few names, so that two of them have much in common.
pub(crate) fn services() -> impl Strategy<Value = ServiceSchema> {
    let indexes = subsequence((0..8).collect::<Vec<u32>>(), 6);
    let fields = (indexes, named(&NAMES))
        .prop_map(|(indexes, fields)| indexes.into_iter().zip(fields).collect());
    (named(&NAMES), fields, named(&NAMES)).prop_map(service)
}

/// What may be added to any of [`services`].
pub(crate) fn additions() -> impl Strategy<Value = ServiceSchema> {
    let fields = named(&OTHER_NAMES).prop_map(|fields| (OTHER_INDEXES..).zip(fields).collect());
    (named(&OTHER_NAMES), fields, named(&OTHER_NAMES)).prop_map(service)
}

/// Both in one.
pub(crate) fn with(service: &ServiceSchema, more: &ServiceSchema) -> ServiceSchema {
    let mut service = service.clone();
    service.methods.extend(more.methods.iter().cloned());
    service.state.extend(more.state.iter().cloned());
    service.events.extend(more.events.iter().cloned());
    service
}
