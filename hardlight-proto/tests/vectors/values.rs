//! Values by name, before and after operations.

use std::collections::BTreeMap;

use bytes::Bytes;
use hardlight_proto::{
    ConnectionState as _, Fingerprint, StateOperations, StateWriter, TypeDescription, Values,
    WithValues, payload,
};
use serde_json::json;

use crate::{hex_text::hex, store::Case, value::ToJson};

/// What the field is, without the collection that records.
type Field = BTreeMap<String, (u64, Bytes)>;

fn field(values: &Values) -> Field {
    let entry = |name: &str| {
        let (fingerprint, payload) = values.payload(name).expect("it is there");
        (name.to_owned(), (fingerprint.to_u64(), payload.clone()))
    };
    values.names().map(entry).collect()
}

fn before() -> WithValues<()> {
    let mut before = WithValues::initial();
    before.values.set("theme", &"dark".to_owned()).expect("a small value encodes");
    before.values.set("seen", &vec![7_u64; 20]).expect("a small value encodes");
    before
}

/// The operations for a change of the values.
fn change(name: &str, change: impl FnOnce(&mut Values)) -> Case {
    let (mut server, mut client) = (before(), before());
    let mut shadow = server.shadow();
    change(&mut server.values);
    let mut out = StateWriter::new();
    server.diff(&mut shadow, &mut out).expect("small values encode");
    let operations = out.finish();
    client.apply(StateOperations::new(&operations)).expect("they apply");
    assert_eq!(field(&client.values), field(&server.values), "{name}");
    let field = json!({
        "index": 4_095,
        "type": TypeDescription::of::<Field>().as_str(),
        "before": field(&before().values).to_json(),
        "after": field(&server.values).to_json(),
    });
    Case::new(name, &["11.3", "12.5"])
        .with("fields", json!([field]))
        .with("operations", hex(&operations))
}

/// Cases that apply.
pub(crate) fn changes() -> Vec<Case> {
    let expect = "a small value encodes";
    vec![
        change("values: a new one", |values| values.set("visits", &3_u32).expect(expect)),
        change("values: one is removed", |values| assert!(values.remove("theme"))),
        change("values: what is new in a payload", |values| {
            let mut seen = vec![7_u64; 20];
            seen[10] = 8;
            values.set("seen", &seen).expect(expect);
        }),
        change("values: one of another type", |values| {
            values.set("theme", &None::<u8>).expect(expect);
        }),
        change("values: several", |values| {
            values.remove("seen");
            values.set("theme", &"light".to_owned()).expect(expect);
            values.set("a", &()).expect(expect);
        }),
    ]
}

/// The operations that set the values of [`before`].
pub(crate) fn snapshot() -> Bytes {
    let mut out = StateWriter::new();
    before().snapshot(&mut out).expect("small values encode");
    out.finish()
}

/// The operations that remove one of them.
pub(crate) fn removal() -> Bytes {
    let mut server = before();
    let mut shadow = server.shadow();
    server.values.remove("theme");
    let mut out = StateWriter::new();
    server.diff(&mut shadow, &mut out).expect("small values encode");
    out.finish()
}

/// Each value has its type's fingerprint with it, and is its payload.
#[test]
fn a_value_is_a_fingerprint_and_a_payload() {
    let text = "dark".to_owned();
    let payload = payload::encode_to_bytes(&text).expect("a small value encodes");
    let theme = field(&before().values)["theme"].clone();
    assert_eq!(theme, (Fingerprint::of_text("string").to_u64(), payload));
}
