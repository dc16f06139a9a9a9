//! The JSON: what is written, and what is read.

mod support;

use hardlight_proto::Fingerprint;
use hardlight_schema::{Part, Schema, SchemaError, to_json};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{counter, services};

const COUNTER: &str = include_str!("expected/counter.json");

/// The counter's schema, changed.
fn changed(change: impl FnOnce(&mut Value)) -> Result<Schema, SchemaError> {
    let mut json = serde_json::from_str(COUNTER).unwrap();
    change(&mut json);
    Schema::from_json(&json.to_string())
}

#[test]
fn the_counter_is_written_as_it_always_was() {
    assert_eq!(to_json(&counter()), COUNTER);
}

#[test]
fn the_order_of_declaration_shows_in_indexes_only() {
    let mut other = counter();
    other.methods.reverse();
    other.events.reverse();
    let (one, other) = (to_json(&counter()), to_json(&other));
    let differs = |(one, other): (&str, &str)| one != other && !one.contains("\"index\": ");
    assert!(!one.lines().zip(other.lines()).any(differs));
    assert_eq!(one.lines().count(), other.lines().count());
}

#[test]
fn unknown_members_are_ignored() {
    let read = changed(|json| {
        json["more"] = json!([1]);
        json["methods"][0]["more"] = json!("text");
    });
    assert_eq!(read, Ok(Schema::from(&counter())));
}

#[test]
fn a_feature_and_secret_may_be_left_out() {
    let read = changed(|json| {
        let method = json["methods"][0].as_object_mut().unwrap();
        assert!(method.remove("feature").is_some() && method.remove("secret").is_some());
    });
    assert_eq!(read, Ok(Schema::from(&counter())));
}

#[test]
fn entries_may_stand_in_any_order() {
    let read = changed(|json| {
        for part in ["methods", "state", "events"] {
            json[part].as_array_mut().unwrap().reverse();
        }
    });
    assert_eq!(read, Ok(Schema::from(&counter())));
}

#[test]
fn a_later_format_is_refused_whatever_else_it_has() {
    let refused = Err(SchemaError::UnknownFormat { found: 2 });
    assert_eq!(Schema::from_json("{\"format\": 2}"), refused);
    assert_eq!(changed(|json| json["format"] = json!(2)), refused);
    assert_eq!(
        changed(|json| json["format"] = json!(0)),
        Err(SchemaError::UnknownFormat { found: 0 })
    );
}

#[test]
fn what_is_missing_or_of_another_type_is_named() {
    let malformed = |read: Result<Schema, SchemaError>, why: &str| match read {
        Err(SchemaError::Malformed(error)) => assert!(error.contains(why), "{error}"),
        other => panic!("{other:?}"),
    };
    malformed(Schema::from_json(""), "EOF");
    malformed(Schema::from_json("[]"), "expected the schema of a service");
    malformed(Schema::from_json("{}"), "missing field `format`");
    malformed(Schema::from_json("{\"format\": \"1\"}"), "expected u64");
    malformed(Schema::from_json(&format!("{COUNTER}{{}}")), "trailing characters");
    malformed(
        changed(|json| drop(json.as_object_mut().unwrap().remove("events"))),
        "missing field `events`",
    );
    malformed(changed(|json| json["methods"][0]["index"] = json!(-1)), "expected u32");
    malformed(
        changed(|json| json["methods"][0]["feature"] = json!(["Admin"])),
        "expected a string",
    );
    for fingerprint in ["", "2a", "+00000000000002a", "4D2BDF193E8526D1", "04d2bdf193e8526d1"] {
        let read = changed(|json| json["state"][0]["fingerprint"] = json!(fingerprint));
        malformed(read, "a fingerprint is 16 hexadecimal digits, in lower case");
    }
}

#[test]
fn two_of_one_name_are_refused() {
    let read = changed(|json| json["events"][0]["name"] = json!("Told"));
    assert_eq!(read, Err(SchemaError::NameTwice { part: Part::Event, name: "Told".to_owned() }));
}

#[test]
fn two_of_one_index_are_refused() {
    let read = changed(|json| json["state"][1]["index"] = json!(0));
    assert_eq!(read, Err(SchemaError::IndexTwice { part: Part::StateField, index: 0 }));
}

#[test]
fn a_type_that_was_changed_by_hand_is_refused() {
    let read = changed(|json| json["methods"][0]["type"] = json!("fn{}->u32"));
    let error = SchemaError::WrongFingerprint {
        part: Part::Method,
        name: "increment".to_owned(),
        expected: Fingerprint::of_text("fn{}->u32"),
    };
    assert_eq!(read, Err(error));
}

#[test]
fn a_type_that_is_not_known_may_have_any_fingerprint() {
    let read = changed(|json| json["state"][0]["type"] = json!(""));
    assert_eq!(read.unwrap().state[0].fingerprint, Fingerprint::of_text("u32"));
}

#[test]
fn the_example_in_the_readme_is_a_schema() {
    let readme = include_str!("../README.md");
    let (_, json) = readme.split_once("```json\n").unwrap();
    let (json, _) = json.split_once("```").unwrap();
    assert_eq!(Schema::from_json(json).unwrap().to_json(), json);
    assert!(is_valid(&serde_json::from_str(json).unwrap()));
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(service in services()) {
        let json = to_json(&service);
        let schema = Schema::from_json(&json).unwrap();
        prop_assert_eq!(&schema, &Schema::from(&service));
        prop_assert_eq!(schema.to_json(), json);
    }

    #[test]
    fn what_is_written_is_what_the_json_schema_says(service in services()) {
        let json = serde_json::from_str(&to_json(&service)).unwrap();
        prop_assert!(is_valid(&json));
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(place in 0..COUNTER.trim_end().len(), to in 0x20_u8..0x7f) {
        let mut json = COUNTER.as_bytes().to_vec();
        json[place] = to;
        if let Ok(schema) = Schema::from_json(str::from_utf8(&json).unwrap()) {
            prop_assert!(is_valid(&serde_json::from_str(&schema.to_json()).unwrap()));
        }
        prop_assert!(Schema::from_json(&COUNTER[..place]).is_err());
    }
}

#[test]
fn what_is_refused_is_not_what_the_json_schema_says() {
    let mut json: Value = serde_json::from_str(COUNTER).unwrap();
    assert!(is_valid(&json));
    for (part, to) in [
        ("/format", json!(2)),
        ("/revision", json!(-1)),
        ("/service", json!(null)),
        ("/methods", json!({})),
        ("/methods/0", json!("increment")),
        ("/methods/0/index", json!(4_294_967_296_u64)),
        ("/methods/0/index", json!(0.5)),
        ("/methods/0/feature", json!(1)),
        ("/state/0/fingerprint", json!("2a")),
        ("/events/0/secret", json!("false")),
    ] {
        let place = json.pointer_mut(part).unwrap();
        let before = std::mem::replace(place, to);
        assert!(!is_valid(&json) && Schema::from_json(&json.to_string()).is_err(), "{part}");
        *json.pointer_mut(part).unwrap() = before;
    }
    for member in ["format", "revision", "service", "methods", "state", "events"] {
        let mut json = json.clone();
        json.as_object_mut().unwrap().remove(member);
        assert!(!is_valid(&json) && Schema::from_json(&json.to_string()).is_err(), "{member}");
    }
    for member in ["name", "index", "type", "fingerprint"] {
        let mut json = json.clone();
        json["methods"][0].as_object_mut().unwrap().remove(member);
        assert!(!is_valid(&json) && Schema::from_json(&json.to_string()).is_err(), "{member}");
    }
}

/// Whether it is what `schema.json` says.
fn is_valid(json: &Value) -> bool {
    let root: Value = serde_json::from_str(include_str!("../schema.json")).unwrap();
    has_form(&root, &root, json)
}

/// As much of JSON Schema as `schema.json` needs; another keyword in it fails.
fn has_form(root: &Value, form: &Value, json: &Value) -> bool {
    form.as_object().unwrap().iter().all(|(keyword, says)| match &**keyword {
        "$schema" | "$defs" | "title" => true,
        "$ref" => {
            let pointer = says.as_str().unwrap().strip_prefix('#').unwrap();
            has_form(root, root.pointer(pointer).unwrap(), json)
        }
        "const" => json == says,
        "type" => match says {
            Value::Array(types) => types.iter().any(|says| is_of_type(says, json)),
            _ => is_of_type(says, json),
        },
        "minimum" => json.as_f64().is_none_or(|number| number >= says.as_f64().unwrap()),
        "maximum" => json.as_f64().is_none_or(|number| number <= says.as_f64().unwrap()),
        "pattern" => {
            assert_eq!(says, "^[0-9a-f]{16}$");
            let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            json.as_str().is_none_or(|text| text.len() == 16 && text.bytes().all(is_digit))
        }
        "required" => json.as_object().is_none_or(|members| {
            says.as_array().unwrap().iter().all(|name| members.contains_key(name.as_str().unwrap()))
        }),
        "properties" => json.as_object().is_none_or(|members| {
            let known = |name| says.get(name);
            members
                .iter()
                .all(|(name, json)| known(name).is_none_or(|form| has_form(root, form, json)))
        }),
        "items" => {
            json.as_array().is_none_or(|items| items.iter().all(|json| has_form(root, says, json)))
        }
        other => panic!("this test knows no keyword {other}"),
    })
}

fn is_of_type(says: &Value, json: &Value) -> bool {
    match says.as_str().unwrap() {
        "object" => json.is_object(),
        "array" => json.is_array(),
        "string" => json.is_string(),
        "integer" => json.is_i64() || json.is_u64(),
        "boolean" => json.is_boolean(),
        "null" => json.is_null(),
        other => panic!("this test knows no type {other}"),
    }
}
