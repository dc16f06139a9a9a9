//! State before and after operations.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hardlight_macros::ConnectionState;
use hardlight_proto::{ConnectionState, StateOperations, StateWriter, TypeDescription};
use serde_json::{Value, json};

use crate::{
    hex_text::hex,
    state_edges,
    store::{Case, File, check},
    types::*,
    value::ToJson,
    values,
};

/// A state of one field that the vectors can show.
pub(crate) trait OneField: ConnectionState {
    type Field: hardlight_proto::Codable + ToJson;

    fn of(value: Self::Field) -> Self;

    fn field(&self) -> &Self::Field;
}

/// Declares a state of one field for each of these types.
macro_rules! states {
    ($($name:ident: $ty:ty $(= $default:expr)?;)*) => {$(
        #[derive(ConnectionState)]
        struct $name {
            $(#[state(default = $default)])?
            field: $ty,
        }

        impl $crate::state::OneField for $name {
            type Field = $ty;

            fn of(field: $ty) -> Self {
                Self { field }
            }

            fn field(&self) -> &$ty {
                &self.field
            }
        }
    )*};
}

pub(crate) use states;

states! {
    Number: u32;
    Float: f64;
    Text: String;
    Numbers: Vec<u32>;
    Texts: Vec<String>;
    Lists: Vec<Vec<u8>>;
    Queue: VecDeque<u8>;
    Points: Vec<Point>;
    Pair: (u8, String);
    Grid: [u16; 4];
    Someone: Person = person("", None, &[]);
    Maybe: Option<String>;
    MaybeNumber: Option<u8>;
    Either: Result<String, u8> = Err(0);
    Form: Shape = Shape::Unit;
    Ages: BTreeMap<String, u32>;
    People: BTreeMap<u32, Person>;
    Letters: BTreeSet<char>;
    Words: BTreeSet<String>;
    Boxed: Box<Vec<u8>>;
    Forest: Tree = tree(vec![]);
    Sunken: Deep;
    Drowned: Box<Deep>;
}

/// Some fields, one of them with a default of its own, and a place that is no longer used.
#[derive(ConnectionState)]
struct Several {
    counter: u32,
    #[state(default = "nobody".into())]
    name: String,
    list: Vec<u8>,
}

fn field_json<T: hardlight_proto::Codable>(index: u32) -> Value {
    json!({ "index": index, "type": TypeDescription::of::<T>().as_str() })
}

/// The operations from one value to another.
fn change<S: OneField>(name: &str, sections: &[&str], before: S::Field, after: S::Field) -> Case {
    let (mut before, mut after) = (S::of(before), S::of(after));
    let mut out = StateWriter::new();
    after.diff(&mut before.shadow(), &mut out).expect("a small value encodes");
    let operations = out.finish();
    case::<S>(name, sections, before, &operations, &after)
}

/// Operations that the implementation does not write, and what they make of a value.
pub(crate) fn lenient<S: OneField>(
    name: &str,
    sections: &[&str],
    before: S::Field,
    operations: &[u8],
    after: S::Field,
) -> Case {
    case::<S>(name, sections, S::of(before), operations, &S::of(after)).with("lenient", true)
}

fn case<S: OneField>(
    name: &str,
    sections: &[&str],
    mut state: S,
    operations: &[u8],
    after: &S,
) -> Case {
    let mut field = field_json::<S::Field>(0);
    field["before"] = state.field().to_json();
    field["after"] = after.field().to_json();
    let applied = state.apply(StateOperations::new(operations));
    assert!(applied.is_ok(), "{name}: {applied:?}");
    assert_eq!(state.field().to_json(), after.field().to_json(), "{name}");
    Case::new(name, sections).with("fields", json!([field])).with("operations", hex(operations))
}

/// Operations that do not apply.
pub(crate) fn refused<S: OneField>(
    name: &str,
    sections: &[&str],
    before: S::Field,
    operations: &[u8],
) -> Case {
    let mut field = field_json::<S::Field>(0);
    field["before"] = before.to_json();
    let mut state = S::of(before);
    let applied = state.apply(StateOperations::new(operations));
    assert!(applied.is_err(), "{name}: it applies");
    assert_eq!(state.field().to_json(), field["before"], "{name}: a part was applied");
    Case::new(name, sections)
        .with("fields", json!([field]))
        .with("operations", hex(operations))
        .with("error", "invalid-state")
        .with("fatal", true)
}

fn file(path: &str, schema: &'static str, about: &'static str, cases: Vec<Case>) -> File {
    let mut file = File::new(path, schema, about);
    cases.into_iter().for_each(|case| file.add(case));
    file
}

fn point(x: f32, y: f32) -> Point {
    Point { x, y }
}

fn person(name: &str, nick: Option<&str>, tags: &[&str]) -> Person {
    Person {
        name: name.into(),
        nick: nick.map(Into::into),
        tags: tags.iter().map(|&tag| tag.into()).collect(),
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.into()).collect()
}

fn ages(ages: &[(&str, u32)]) -> BTreeMap<String, u32> {
    ages.iter().map(|&(name, age)| (name.into(), age)).collect()
}

fn tree(kids: Vec<Tree>) -> Tree {
    Tree { kids }
}

/// A text that is longer than what would be gained by sending it again.
const LONG: &str = "a text of some length, which nobody wants to send again for a small change";

fn leaves() -> Vec<Case> {
    let set = &["12.1", "12.8"];
    let nan = f64::from_bits(0x7ff8_0000_0000_0001);
    vec![
        change::<Number>("number: nothing changes", set, 7, 7),
        change::<Number>("number: another one", set, 7, 8),
        change::<Float>("float: NaN stays", set, nan, nan),
        change::<Float>("float: zero and minus zero differ", set, 0.0, -0.0),
        change::<MaybeNumber>("option of a number: None to Some", set, None, Some(1)),
        lenient::<Number>(
            "a field that is not there",
            set,
            7,
            &[0, 4, 9, 0, 0, 0, 0xa0, 6, 1, 5],
            9,
        ),
        lenient::<Number>("only fields that are not there", set, 7, &[0x85, 4, 0, 0xfe, 4, 0], 7),
    ]
}

fn structs() -> Vec<Case> {
    let here = &["12.3"];
    let ada =
        || person("Ada Lovelace, Countess of Lovelace", Some("Enchantress of Number"), &["maths"]);
    let mut renamed = ada();
    renamed.name = "Ada King, Countess of Lovelace".into();
    let mut tagged = ada();
    tagged.tags.push("engines".into());
    let mut both = ada();
    both.nick = None;
    both.tags.clear();
    let long = || LONG.to_owned();
    vec![
        change::<Someone>("struct: a text within a field", here, ada(), renamed),
        change::<Someone>("struct: an element in a list in a field", here, ada(), tagged),
        change::<Someone>("struct: two fields", here, ada(), both),
        change::<Someone>("struct: everything", here, ada(), person("x", None, &[])),
        change::<Pair>("tuple: the first", here, (1, long()), (2, long())),
        change::<Pair>("tuple: the second", here, (1, long()), (1, long() + ".")),
        change::<Grid>("array: one of its elements", here, [1, 2, 3, 4], [1, 2, 9, 4]),
        change::<Grid>("array: all of its elements", here, [1, 2, 3, 4], [5, 6, 7, 8]),
        change::<Boxed>("box: what is in it", here, Box::new(vec![0; 100]), Box::new(vec![0; 101])),
    ]
}

fn enums() -> Vec<Case> {
    let here = &["12.3"];
    let text = |x, s: &str| Shape::Text { x, s: s.into() };
    let both = |values: &[u16]| Shape::Both(point(1.0, 2.0), values.to_vec());
    let long = || Some(LONG.to_owned());
    vec![
        change::<Form>("enum: within a variant", here, text(1, LONG), text(2, LONG)),
        change::<Form>(
            "enum: a list within a variant",
            here,
            both(&[1; 50]),
            both(&[[1; 50].as_slice(), &[2]].concat()),
        ),
        change::<Form>("enum: another variant", here, text(1, LONG), Shape::Long(5)),
        change::<Form>("enum: a variant without fields", here, Shape::Byte(1), Shape::Unit),
        change::<Either>("result: another error", here, Err(1), Err(2)),
        change::<Either>(
            "result: within the value",
            here,
            Ok(LONG.into()),
            Ok(LONG.to_uppercase()),
        ),
        change::<Either>(
            "result: within the value, at its end",
            here,
            Ok(LONG.into()),
            Ok(format!("{LONG}!")),
        ),
        change::<Maybe>("option: to None", here, long(), None),
        change::<Maybe>("option: from None", here, None, long()),
        change::<Maybe>("option: within Some", here, long(), Some(format!("{LONG}!"))),
    ]
}

fn lists() -> Vec<Case> {
    let here = &["12.4"];
    let numbers = || (0..100).collect::<Vec<u32>>();
    let edit = |edit: fn(&mut Vec<u32>)| {
        let mut numbers = (0..100).collect::<Vec<u32>>();
        edit(&mut numbers);
        numbers
    };
    let words = || texts(&["one", "two", LONG, "four"]);
    let mut changed = words();
    changed[2].push('!');
    let points =
        |x: f32| (0..20).map(|place| point(if place == 9 { x } else { 0.0 }, 1.0)).collect();
    vec![
        change::<Numbers>("list: push", here, numbers(), edit(|list| list.push(7))),
        change::<Numbers>(
            "list: pop",
            here,
            numbers(),
            edit(|list| {
                list.pop();
            }),
        ),
        change::<Numbers>(
            "list: insert in the middle",
            here,
            numbers(),
            edit(|list| list.insert(50, 7)),
        ),
        change::<Numbers>(
            "list: remove the first",
            here,
            numbers(),
            edit(|list| {
                list.remove(0);
            }),
        ),
        change::<Numbers>("list: change one", here, numbers(), edit(|list| list[70] = 7)),
        change::<Numbers>(
            "list: change several",
            here,
            numbers(),
            edit(|list| {
                (list[10], list[50], list[90]) = (1, 2, 3);
            }),
        ),
        change::<Numbers>(
            "list: replace a part",
            here,
            numbers(),
            edit(|list| {
                list.splice(20..40, [1, 2, 3]);
            }),
        ),
        change::<Numbers>("list: clear", here, numbers(), vec![]),
        change::<Numbers>("list: fill", here, vec![], vec![1, 2]),
        change::<Numbers>(
            "list: all elements",
            here,
            numbers(),
            edit(|list| list.iter_mut().for_each(|number| *number += 1)),
        ),
        change::<Texts>("list: within an element", here, words(), changed),
        change::<Lists>(
            "list of lists: within an element",
            here,
            vec![vec![1; 40], vec![2; 40]],
            vec![vec![1; 40], vec![2; 41]],
        ),
        change::<Points>("list of structs: a field of an element", here, points(0.0), points(5.0)),
        change::<Queue>(
            "queue: out at the front, in at the back",
            here,
            (0..60).collect(),
            (1..61).collect(),
        ),
        change::<Forest>(
            "recursive: deep within",
            here,
            tree(vec![tree(vec![tree(vec![])]), tree(vec![])]),
            tree(vec![tree(vec![tree(vec![tree(vec![])])]), tree(vec![])]),
        ),
    ]
}

fn maps() -> Vec<Case> {
    let here = &["12.5"];
    let before = || ages(&[("ada", 36), ("alan", 41), ("grace", 85), ("kurt", 71)]);
    let edit = |edit: fn(&mut BTreeMap<String, u32>)| {
        let mut map = ages(&[("ada", 36), ("alan", 41), ("grace", 85), ("kurt", 71)]);
        edit(&mut map);
        map
    };
    let people = |tags: &[&str]| {
        BTreeMap::from([(1, person(LONG, None, tags)), (500, person(LONG, None, &["other"]))])
    };
    let words = |more: &[&str]| {
        let first = (0..20).map(|number| format!("word {number:02}"));
        first.chain(more.iter().map(|&word| word.to_owned())).collect::<BTreeSet<_>>()
    };
    vec![
        change::<Ages>(
            "map: insert",
            here,
            before(),
            edit(|map| {
                map.insert("edsger".into(), 72);
            }),
        ),
        change::<Ages>(
            "map: remove",
            here,
            before(),
            edit(|map| {
                map.remove("alan");
            }),
        ),
        change::<Ages>(
            "map: another value",
            here,
            before(),
            edit(|map| {
                map.insert("kurt".into(), 72);
            }),
        ),
        change::<Ages>(
            "map: one out, one in, one changed",
            here,
            before(),
            edit(|map| {
                map.remove("grace");
                map.insert("bob".into(), 1);
                map.insert("ada".into(), 37);
            }),
        ),
        change::<Ages>("map: clear", here, before(), ages(&[])),
        change::<People>(
            "map: within a value",
            here,
            people(&["a", "b"]),
            people(&["a", "b", "c"]),
        ),
        change::<Letters>(
            "set: insert and remove",
            here,
            "abcdefghij".chars().collect(),
            "abdefghijk".chars().collect(),
        ),
        change::<Words>("set of texts: insert", here, words(&[]), words(&["another word"])),
    ]
}

fn strings() -> Vec<Case> {
    let here = &["12.4"];
    let long = || LONG.to_owned();
    vec![
        change::<Text>("text: at its end", here, long(), format!("{LONG}.")),
        change::<Text>("text: at its front", here, long(), format!("> {LONG}")),
        change::<Text>("text: in its middle", here, long(), LONG.replace("nobody", "somebody")),
        change::<Text>("text: a part removed", here, long(), LONG.replace(" again", "")),
        change::<Text>(
            "text: a character of several bytes",
            here,
            LONG.replace("again", "größer"),
            LONG.replace("again", "grüßer"),
        ),
        change::<Text>(
            "text: characters that share a first byte",
            here,
            format!("{LONG}é"),
            format!("{LONG}è"),
        ),
        change::<Text>("text: another one", here, "short".into(), "brief".into()),
    ]
}

type Ten<T> = Box<Box<Box<Box<Box<Box<Box<Box<Box<Box<T>>>>>>>>>>;

/// A list on level 61: its elements are on level 62, and what they point to on level 63.
type Deep = Sixty<Vec<Vec<u8>>>;

/// A value in 60 boxes, on level 61.
pub(crate) type Sixty<T> = Ten<Ten<Ten<Ten<Ten<Ten<T>>>>>>;

pub(crate) fn sixty<T>(value: T) -> Sixty<T> {
    ten(ten(ten(ten(ten(ten(value))))))
}

fn ten<T>(value: T) -> Ten<T> {
    let five = |value| Box::new(Box::new(Box::new(Box::new(Box::new(value)))));
    Box::new(Box::new(Box::new(Box::new(Box::new(five(value))))))
}

fn deep(lists: &[&[u8]]) -> Deep {
    let lists = lists.iter().map(|list| list.to_vec()).collect();
    sixty(lists)
}

fn levels() -> Vec<Case> {
    let here = &["12.6"];
    vec![
        change::<Sunken>(
            "an element on the last level that there may be",
            here,
            deep(&[]),
            deep(&[&[]]),
        ),
        change::<Sunken>(
            "within an element on that level",
            here,
            deep(&[&[7; 40]]),
            deep(&[&[7; 41]]),
        ),
    ]
}

/// Operations on several fields.
fn several() -> Vec<Case> {
    let state = || Several { counter: 1, name: LONG.into(), list: vec![1; 30] };
    let case = |name: &str, sections: &[&str], operations: &[u8], after: Several| {
        let before = state();
        let mut applied = state();
        applied.apply(StateOperations::new(operations)).expect("they apply");
        assert_eq!(
            (applied.counter, &applied.name, &applied.list),
            (after.counter, &after.name, &after.list)
        );
        let initial = Several::initial();
        let describe = |mut field: Value, values: [Value; 3]| {
            let [default, before, after] = values;
            field["default"] = default;
            field["before"] = before;
            field["after"] = after;
            field
        };
        let fields = [
            describe(
                field_json::<u32>(0),
                [initial.counter.to_json(), before.counter.to_json(), after.counter.to_json()],
            ),
            describe(
                field_json::<String>(1),
                [initial.name.to_json(), before.name.to_json(), after.name.to_json()],
            ),
            describe(
                field_json::<Vec<u8>>(2),
                [initial.list.to_json(), before.list.to_json(), after.list.to_json()],
            ),
        ];
        Case::new(name, sections).with("fields", json!(fields)).with("operations", hex(operations))
    };
    let diff = |after: &mut Several| {
        let mut out = StateWriter::new();
        after.diff(&mut state().shadow(), &mut out).expect("a small state encodes");
        out.finish()
    };
    let mut changed = state();
    changed.counter = 2;
    changed.list.push(9);
    let mut snapshot = StateWriter::new();
    state().snapshot(&mut snapshot).expect("a small state encodes");
    let reset = Several { counter: 0, name: "nobody".into(), list: vec![] };
    let lost = Several { name: "nobody".into(), ..state() };
    vec![
        case("several fields", &["12.1"], &diff(&mut changed), changed),
        case("a snapshot", &["11.1", "12.1"], &snapshot.finish(), state()),
        case("DEFAULT for a field", &["12.1", "14.3"], &[6, 0], lost).with("lenient", true),
        case("DEFAULT for all fields", &["12.1"], &[2, 0, 6, 0, 10, 0], reset)
            .with("lenient", true),
    ]
}

fn refusals() -> Vec<Case> {
    let here = &["12.1", "12.7"];
    let mut cases = vec![
        refused::<Number>("an operation that is cut off", here, 7, &[0, 4, 9, 0]),
        refused::<Number>("a tag that is cut off", here, 7, &[0x80]),
        refused::<Number>("a tag in a longer form", here, 7, &[0x80, 0, 4, 9, 0, 0, 0]),
        refused::<Number>("the same field twice", here, 7, &[0, 4, 9, 0, 0, 0, 0, 4, 9, 0, 0, 0]),
        refused::<Number>("fields out of order", here, 7, &[4, 0, 0, 4, 9, 0, 0, 0]),
        refused::<Number>("a value of another length", here, 7, &[0, 3, 9, 0, 0]),
        refused::<Number>("a kind that is not known", here, 7, &[3, 0]),
        refused::<Number>("DEFAULT with a body", here, 7, &[2, 1, 0]),
        refused::<Number>("a patch of a number", &["12.2", "12.7"], 7, &[1, 2, 0, 0]),
        refused::<Number>("an empty patch", &["12.2", "12.7"], 7, &[1, 0]),
    ];
    // Insert an empty list.
    let insert = [1, 11, 2, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let sections = &["12.6", "12.7"];
    cases.push(refused::<Drowned>("a level too many", sections, Box::new(deep(&[])), &insert));
    let mut add =
        |name: &str, section: &str, case: fn(&str, &[&str], &[u8]) -> Case, patch: &[u8]| {
            let operations = [&[1, patch.len() as u8][..], patch].concat();
            cases.push(case(name, &[section, "12.7"], &operations));
        };
    let structs: fn(&str, &[&str], &[u8]) -> Case = |name, sections, operations| {
        refused::<Someone>(name, sections, person("x", None, &["y"]), operations)
    };
    add("struct: an empty patch", "12.3", structs, &[]);
    add("struct: a field that is not there", "12.3", structs, &[12, 0]);
    add("struct: DEFAULT within", "12.3", structs, &[2, 0]);
    let form: fn(&str, &[&str], &[u8]) -> Case =
        |name, sections, operations| refused::<Form>(name, sections, Shape::Byte(1), operations);
    add("enum: another variant than the value's", "12.3", form, &[2, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
    add("enum: a variant that is not there", "12.3", form, &[9, 0, 1, 0]);
    add("enum: no operations", "12.3", form, &[1]);
    let maybe: fn(&str, &[&str], &[u8]) -> Case =
        |name, sections, operations| refused::<Maybe>(name, sections, None, operations);
    add("option: a change within None", "12.3", maybe, &[2, 0, 0, 1, b'x']);
    add("option: an unknown operation", "12.3", maybe, &[3]);
    add("option: None with bytes behind", "12.3", maybe, &[0, 0]);
    let lists: fn(&str, &[&str], &[u8]) -> Case =
        |name, sections, operations| refused::<Numbers>(name, sections, vec![1, 2, 3], operations);
    add("list: a splice beyond the end", "12.4", lists, &[0, 2, 2, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
    add("list: a splice behind the end", "12.4", lists, &[0, 4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
    add("list: an element behind the end", "12.4", lists, &[1, 3, 4, 9, 0, 0, 0]);
    add("list: an insertion behind the end", "12.4", lists, &[2, 4, 4, 9, 0, 0, 0]);
    add("list: an unknown operation", "12.4", lists, &[3, 0]);
    add(
        "list: operations that go back",
        "12.4",
        lists,
        &[1, 2, 4, 9, 0, 0, 0, 1, 1, 4, 9, 0, 0, 0],
    );
    add("list: an operation that is cut off", "12.4", lists, &[1, 2]);
    let maps: fn(&str, &[&str], &[u8]) -> Case = |name, sections, operations| {
        refused::<Ages>(name, sections, ages(&[("ada", 36), ("kurt", 71)]), operations)
    };
    let key = |key: &str| {
        let mut archive = [0xff; 8];
        archive[..key.len()].copy_from_slice(key.as_bytes());
        [&[8][..], &archive].concat()
    };
    add("map: a key to remove that is not there", "12.5", maps, &[&[1][..], &key("bob")].concat());
    add(
        "map: a patch of a value that is a number",
        "12.5",
        maps,
        &[&[2][..], &key("ada"), &[2, 0, 0]].concat(),
    );
    add(
        "map: keys out of order",
        "12.5",
        maps,
        &[&[1][..], &key("kurt"), &[1], &key("ada")].concat(),
    );
    add("map: a key twice", "12.5", maps, &[&[1][..], &key("ada"), &[1], &key("ada")].concat());
    add("map: an unknown operation", "12.5", maps, &[&[3][..], &key("ada")].concat());
    let sets: fn(&str, &[&str], &[u8]) -> Case = |name, sections, operations| {
        refused::<Letters>(name, sections, BTreeSet::from(['a', 'b']), operations)
    };
    add("set: an element that is there already", "12.5", sets, &[0, 4, b'a', 0, 0, 0]);
    add("set: an element to remove that is not there", "12.5", sets, &[1, 4, b'c', 0, 0, 0]);
    let strings: fn(&str, &[&str], &[u8]) -> Case =
        |name, sections, operations| refused::<Text>(name, sections, "größe".into(), operations);
    add("text: within a character", "12.4", strings, &[3, 0, 1, b'x']);
    add("text: a part that ends within a character", "12.4", strings, &[2, 1, 0]);
    add("text: behind the end", "12.4", strings, &[8, 0, 1, b'x']);
    add("text: beyond the end", "12.4", strings, &[5, 3, 0]);
    add("text: no UTF-8", "12.4", strings, &[0, 0, 1, 0xff]);
    add("text: operations that go back", "12.4", strings, &[5, 0, 1, b'x', 0, 0, 1, b'y']);
    cases
}

#[test]
fn state_is_that_of_the_vectors() {
    let cases = [leaves(), structs(), enums(), lists(), maps(), strings(), levels(), several()];
    let about = "State before and after operations.";
    let cases = cases.into_iter().flatten().chain(state_edges::taken());
    let cases = cases.chain(values::changes()).collect();
    let changes = file("state/changes.json", "state", about, cases);
    let about = "Operations that do not apply.";
    let refused = file(
        "state/invalid.json",
        "state",
        about,
        [refusals(), state_edges::not_taken()].into_iter().flatten().collect(),
    );
    check(&[changes, refused], Some("state"));
}
