//! Values by name, beside the state.

use std::collections::BTreeMap;

use bytes::Bytes;
use hardlight_macros::{ConnectionState, codable};
use hardlight_proto::{
    ConnectionState as _, DecodeError, Fingerprint, StateOperation, StateOperations, ValueError,
    Values, WithValues,
};

use super::{One, apply, diff, hex, snapshot};

type Both = WithValues<One<u32>>;

fn both() -> Both {
    let mut both = Both::initial();
    both.values.set("theme", &"dark".to_owned()).unwrap();
    both.values.set("visits", &3_u32).unwrap();
    both
}

/// The operations that `change` leads to, after they were applied to a copy, which has the values now.
#[track_caller]
fn change(change: impl FnOnce(&mut Both)) -> (Vec<u8>, Both) {
    let (mut server, mut client) = (both(), Both::initial());
    assert_eq!(apply(&mut client, &snapshot(&server)), Ok(()));
    let mut shadow = server.shadow();
    change(&mut server);
    let operations = diff(&mut server, &mut shadow);
    assert_eq!(apply(&mut client, &operations), Ok(()));
    assert_eq!(snapshot(&client), snapshot(&server));
    assert_eq!(diff(&mut server, &mut shadow), [], "what was sent is sent again");
    (operations, client)
}

#[test]
fn a_value_is_read_as_what_it_was_set_as() {
    let (_, client) = change(|both| {
        both.values.set("list", &vec![1_u8, 2]).unwrap();
        both.values.set("visits", &4_u32).unwrap();
        assert!(both.values.remove("theme"));
    });
    assert_eq!(client.values.get("list"), Ok(Some(vec![1_u8, 2])));
    assert_eq!(client.values.get("visits"), Ok(Some(4_u32)));
    assert_eq!(client.values.get::<String>("theme"), Ok(None));
    assert_eq!(client.values.names().collect::<Vec<_>>(), ["list", "visits"]);
}

#[test]
fn a_value_of_another_type_is_not_read() {
    let error = both().values.get::<u64>("visits");
    let (stored, asked) = (Fingerprint::of::<u32>(), Fingerprint::of::<u64>());
    assert_eq!(error, Err(ValueError::OtherType { stored, asked }));
}

#[test]
fn a_value_may_change_its_type() {
    let (_, client) = change(|both| both.values.set("visits", &"many".to_owned()).unwrap());
    assert_eq!(client.values.get("visits"), Ok(Some("many".to_owned())));
}

#[test]
fn a_value_that_is_set_to_what_it_was_is_not_sent() {
    let (operations, _) = change(|both| both.values.set("visits", &3_u32).unwrap());
    assert_eq!(operations, []);
}

#[test]
fn a_change_takes_what_is_new_in_the_value() {
    let text =
        "a text that is long enough to be worth a patch, and that goes on for a while".to_owned();
    let longer = format!("{text}!");
    let (mut server, mut client) = (Both::initial(), Both::initial());
    server.values.set("text", &text).unwrap();
    assert_eq!(apply(&mut client, &snapshot(&server)), Ok(()));
    let mut shadow = server.shadow();
    server.values.set("text", &longer).unwrap();
    let operations = diff(&mut server, &mut shadow);
    assert!(operations.len() < 60, "{} bytes", operations.len());
    assert_eq!(apply(&mut client, &operations), Ok(()));
    assert_eq!(client.values.get("text"), Ok(Some(longer)));
}

#[test]
fn a_private_value_is_in_no_message() {
    let secret = "a token that nobody is to see".to_owned();
    let (operations, client) = change(|both| {
        both.values.set_private("token", &secret).unwrap();
        assert_eq!(both.values.get("token"), Ok(Some(secret.clone())));
        let whole = snapshot(both);
        assert!(!whole.windows(5).any(|bytes| bytes == b"token"));
    });
    assert_eq!(operations, []);
    assert!(!client.values.contains("token"));
}

#[test]
fn a_value_that_becomes_private_is_taken_away() {
    let (_, client) = change(|both| both.values.set_private("theme", &7_u8).unwrap());
    assert!(!client.values.contains("theme"));
}

#[test]
fn a_private_value_does_not_become_public_by_mistake() {
    let mut values = Values::new();
    values.set_private("token", &1_u8).unwrap();
    assert_eq!(values.set("token", &2_u8), Err(ValueError::Private));
    assert_eq!(values.get("token"), Ok(Some(1_u8)));
    assert!(values.is_private("token"));
    assert!(values.remove("token"));
    assert_eq!(values.set("token", &2_u8), Ok(()));
    assert!(!values.is_private("token"));
}

#[test]
fn values_are_not_shown() {
    let mut values = both().values;
    values.set_private("token", &"secret".to_owned()).unwrap();
    assert_eq!(format!("{values:?}"), r#"{"theme", "visits", "token"}"#);
}

#[test]
fn the_field_is_described_like_any_other() {
    let schema = WithValues::<()>::schema();
    let [field] = &schema[..] else { panic!("one field") };
    assert_eq!((field.index, field.name), (4_095, "$values"));
    assert_eq!(field.fingerprint, Fingerprint::of::<BTreeMap<String, (u64, Bytes)>>());
    assert_eq!(field.fingerprint, Fingerprint::of_text("map<string,tuple<u64,vec<u8>>>"));
    let with_state: Vec<_> = Both::schema().iter().map(|field| field.index).collect();
    assert_eq!(with_state, [0, 4_095]);
}

#[test]
fn the_field_is_written_behind_all_others() {
    let (operations, _) = change(|both| {
        both.state.field = 7;
        both.values.remove("visits");
    });
    assert_eq!(operations, hex("00 04 07000000  fd7f 0a 01 08 76697369 7473ffff"));
}

#[test]
fn a_state_without_values_skips_them() {
    let mut state = One { field: 0_u32 };
    assert_eq!(apply(&mut state, &snapshot(&both())), Ok(()));
}

#[test]
fn operations_apply_to_both_or_to_neither() {
    #[derive(ConnectionState)]
    struct Number {
        number: u32,
    }
    type Both = WithValues<Number>;

    let mut both = Both::initial();
    both.values.set("a", &1_u8).unwrap();
    both.state.number = 5;
    let unchanged = snapshot(&both);
    let remove = hex("fd7f 0a 01 08 61ffffff ffffffff");
    for operations in [
        // The value is not there.
        [hex("00 04 07000000"), hex("fd7f 0a 01 08 62ffffff ffffffff")].concat(),
        // The state's value is cut off.
        [hex("00 03 070000"), remove.clone()].concat(),
        // So is what follows.
        [hex("00 04 07000000"), remove.clone(), hex("ff")].concat(),
    ] {
        assert!(apply(&mut both, &operations).is_err());
        assert_eq!(snapshot(&both), unchanged);
    }
    assert_eq!(apply(&mut both, &[hex("00 04 07000000"), remove].concat()), Ok(()));
    assert!(both.values.is_empty());
    assert_eq!(both.state.number, 7);
}

#[test]
fn a_value_that_lies_about_its_type_is_an_error_and_nothing_else() {
    let mut liar = WithValues::<()>::initial();
    let fingerprint = Fingerprint::of::<String>().to_u64();
    let lies = BTreeMap::from([("a".to_owned(), (fingerprint, Bytes::from_static(b"\xfe")))]);
    #[codable]
    struct Lies(BTreeMap<String, (u64, Bytes)>);
    let payload = hardlight_proto::payload::encode_to_bytes(&Lies(lies)).unwrap();
    let mut operations = hex("fc7f");
    operations.push(payload.len() as u8);
    operations.extend(payload);
    assert_eq!(apply(&mut liar, &operations), Ok(()));
    assert_eq!(liar.values.get::<String>("a"), Err(DecodeError::Malformed.into()));
}

#[test]
fn a_field_goes_back_to_no_values() {
    let mut client = both();
    assert_eq!(apply(&mut client, &hex("fe7f 00")), Ok(()));
    assert!(client.values.is_empty());
    let reset = StateOperations::new(b"\xfe\x7f\x00").next();
    assert_eq!(reset, Some(Ok(StateOperation::Reset { field: 4_095 })));
}
