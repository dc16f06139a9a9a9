//! Connection state: arbitrary operations applied to a derived struct.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use bytes::Bytes;
use hardlight_macros::{ConnectionState, codable};
use hardlight_proto::{ConnectionState as _, StateOperations, StateWriter};

/// Operations apply as a whole or not at all, and a state that they led to travels by snapshot and by diff.
pub fn state(input: &[u8]) {
    let mut operations = StateOperations::new(input);
    let read = operations.by_ref().take(input.len() + 1).count();
    assert!(read <= input.len(), "more operations than bytes");
    assert!(operations.next().is_none());

    for start in [State::initial, started] {
        let (before, mut after) = (start(), start());
        match after.apply(StateOperations::new(input)) {
            Err(_) => assert_eq!(encoded(&after), encoded(&before), "a part was applied"),
            Ok(()) => {
                check_snapshot(&after);
                check_diff(before, &after);
            }
        }
    }
}

/// Operations to start from: all of a state, and the changes that lead to it and away from it.
pub fn operations() -> [(&'static str, Vec<u8>); 4] {
    let mut changed = started();
    changed.change();
    [
        ("snapshot", encoded(&started())),
        ("filled", difference(&State::initial(), &started())),
        ("changed", difference(&started(), &changed)),
        ("emptied", difference(&started(), &State::initial())),
    ]
}

#[derive(ConnectionState)]
struct State {
    counter: u32,
    #[state(default = "nobody".into())]
    name: String,
    scores: BTreeMap<String, Vec<i64>>,
    mode: Option<Mode>,
    players: HashMap<u32, Player>,
    queue: VecDeque<Player>,
    numbers: Vec<u64>,
    floats: [f32; 3],
    bytes: Bytes,
    names: HashSet<Box<str>>,
    #[state(default = Ok(0))]
    result: Result<u8, (String, bool)>,
    tree: Tree,
    json: Json,
}

#[codable]
enum Mode {
    Quiet,
    Loud { level: u8, name: String },
}

#[codable]
struct Player {
    position: (f64, f64),
    name: String,
    next: Option<Box<Self>>,
}

#[codable]
#[derive(Default)]
struct Tree {
    value: u16,
    kids: Vec<Self>,
}

#[codable]
#[derive(Default)]
enum Json {
    #[default]
    Null,
    Number(f64),
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

fn player(name: &str) -> Player {
    Player {
        position: (1.0, f64::NAN),
        name: name.into(),
        next: None,
    }
}

fn started() -> State {
    let kid = Tree {
        value: 2,
        kids: vec![Tree::default(), Tree::default()],
    };
    let array = Json::Array(vec![
        Json::Number(0.5),
        Json::Text("a text that is long".into()),
    ]);
    State {
        counter: 7,
        name: "somebody with a long name".into(),
        scores: [("a".into(), vec![1, -1]), ("b".into(), vec![])].into(),
        mode: Some(Mode::Loud {
            level: 3,
            name: "the name of a mode".into(),
        }),
        players: (0..4).map(|key| (key, player("a player's name"))).collect(),
        queue: [player("first"), player("second"), player("third")].into(),
        numbers: (0..10).collect(),
        floats: [0.0, -0.0, f32::NAN],
        bytes: Bytes::from_static(b"some bytes"),
        names: ["ann".into(), "bob".into()].into(),
        result: Err(("an error that is long".into(), true)),
        tree: Tree {
            value: 1,
            kids: vec![kid],
        },
        json: Json::Object([("a".into(), array), ("b".into(), Json::Null)].into()),
    }
}

impl State {
    /// Changes a bit of everything.
    fn change(&mut self) {
        self.counter += 1;
        self.name.push('!');
        self.scores.entry("a".into()).or_default().push(5);
        if let Some(Mode::Loud { level, .. }) = &mut self.mode {
            *level += 1;
        }
        self.players.remove(&1);
        self.players.entry(2).or_insert_with(|| player("")).next = Some(player("next").into());
        self.queue.pop_front();
        self.queue.push_back(player("fourth"));
        self.numbers[5] = 99;
        self.numbers.insert(2, 7);
        self.floats[1] = 0.0;
        self.bytes = Bytes::from_static(b"some other bytes");
        self.names.insert("zoe".into());
        if let Err((text, _)) = &mut self.result {
            text.truncate(15);
        }
        self.tree.kids[0].kids[1].value = 3;
        if let Json::Object(entries) = &mut self.json {
            entries.insert("c".into(), Json::Number(f64::NAN));
        }
    }
}

/// The whole state. Two states are the same if these bytes are.
fn encoded(state: &State) -> Vec<u8> {
    let mut out = StateWriter::new();
    state
        .snapshot(&mut out)
        .expect("what was received can be sent");
    out.finish().to_vec()
}

/// The operations that lead from one state to another.
fn difference(before: &State, after: &State) -> Vec<u8> {
    let mut out = StateWriter::new();
    let mut shadow = before.shadow();
    after
        .diff(&mut shadow, &mut out)
        .expect("what was received can be sent");
    let mut again = StateWriter::new();
    after
        .diff(&mut shadow, &mut again)
        .expect("what was sent can be sent");
    assert!(again.is_empty(), "the shadow was not brought up to date");
    out.finish().to_vec()
}

fn check_snapshot(state: &State) {
    let snapshot = encoded(state);
    let mut copy = State::initial();
    assert_eq!(copy.apply(StateOperations::new(&snapshot)), Ok(()));
    assert_eq!(encoded(&copy), snapshot);
}

fn check_diff(before: State, after: &State) {
    let operations = difference(&before, after);
    let whole = encoded(after);
    assert_eq!(operations.is_empty(), encoded(&before) == whole);
    assert!(operations.len() <= whole.len(), "longer than the whole");
    let mut copy = before;
    assert_eq!(copy.apply(StateOperations::new(&operations)), Ok(()));
    assert_eq!(encoded(&copy), whole);
}
