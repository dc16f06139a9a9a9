//! Whatever SPEC.md lists has a case: kinds, flags, codes, names, limits, and everything that MUST be.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::store::root;

/// Sections whose MUSTs no file can show.
const NOT_SHOWN: [(&str, &str); 4] = [
    ("1.1", "says what MUST means"),
    ("3.4", "is about what comes before the protocol and between connections"),
    ("21.12", "a value that a writer refuses has no payload"),
    ("22", "is about what surrounds the protocol"),
];

/// Close codes of which no state machine is the source.
const NOT_CLOSED: [(&str, &str); 2] = [("1005", "is never sent"), ("4005", "is reserved")];

/// How often each section says MUST. Who changes that adds the cases that show it, and counts it here.
const MUSTS: [(&str, usize); 37] = [
    ("1.1", 2),
    ("2.1", 3),
    ("2.2", 1),
    ("2.3", 1),
    ("3.1", 2),
    ("3.4", 1),
    ("4.1", 2),
    ("4.2", 2),
    ("5.3", 1),
    ("6.1", 2),
    ("6.2", 1),
    ("8", 4),
    ("9.2", 2),
    ("9.3", 2),
    ("9.4", 1),
    ("10.4", 1),
    ("11.2", 1),
    ("11.3", 1),
    ("12.1", 2),
    ("12.2", 1),
    ("12.3", 1),
    ("12.4", 1),
    ("12.5", 3),
    ("12.7", 1),
    ("13.2", 1),
    ("16.3", 1),
    ("20.1", 1),
    ("21.1", 2),
    ("21.3", 2),
    ("21.5", 1),
    ("21.6", 2),
    ("21.7", 1),
    ("21.8", 2),
    ("21.9", 1),
    ("21.10", 1),
    ("21.12", 1),
    ("22", 1),
];

/// SPEC.md, by its numbered sections.
struct Spec(BTreeMap<String, String>);

impl Spec {
    fn read() -> Self {
        let text = fs::read_to_string(root().join("../SPEC.md")).expect("SPEC.md");
        let mut sections = BTreeMap::<String, String>::new();
        let mut section = String::new();
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix('#') {
                let number = heading.trim_start_matches('#').split_whitespace().next();
                section = number.unwrap_or_default().trim_end_matches('.').into();
            }
            let lines = sections.entry(section.clone()).or_default();
            lines.push_str(line);
            lines.push('\n');
        }
        Self(sections)
    }

    fn text(&self, section: &str) -> &str {
        self.0.get(section).unwrap_or_else(|| panic!("SPEC.md has no section {section}"))
    }

    /// A column of the tables in a section, without the headings.
    fn column(&self, section: &str, column: usize) -> Vec<String> {
        let rows = self.text(section).lines().filter(|line| line.starts_with('|'));
        let cells = rows.map(|row| row.split('|').skip(1).map(str::trim));
        let cells = cells.filter_map(|mut cells| cells.nth(column));
        let found: Vec<_> = cells.map(|cell| cell.trim_matches('`').to_owned()).collect();
        assert!(found.len() > 2, "SPEC.md, {section}: a table was expected");
        found.into_iter().filter(|cell| !cell.starts_with("---")).collect()
    }
}

/// All cases of some files.
fn cases(paths: &[&str]) -> Vec<Value> {
    let mut found = Vec::new();
    for path in paths {
        let text =
            fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
        let file: Value = serde_json::from_str(&text).expect("a file of vectors is JSON");
        found.extend(file["cases"].as_array().expect("cases").iter().cloned());
    }
    found
}

/// The paths of all files of vectors.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() && !path.ends_with("schema") {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let path = path.strip_prefix(root()).expect("it is within");
            found.push(path.to_string_lossy().into_owned());
        }
    }
    found
}

fn all_cases() -> Vec<Value> {
    let paths = files(&root());
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    cases(&paths)
}

fn frames() -> Vec<Value> {
    let paths = ["calls", "hello", "link", "messages", "state_and_events"];
    let paths = paths.map(|name| format!("frames/{name}.json"));
    let cases = cases(&paths.each_ref().map(String::as_str));
    cases.iter().flat_map(|case| case["frames"].as_array().cloned().unwrap_or_default()).collect()
}

/// What sessions, refused ones too, hold anywhere under a key.
fn in_sessions(key: &str) -> Vec<Value> {
    fn collect(value: &Value, key: &str, found: &mut Vec<Value>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| collect(value, key, found)),
            Value::Object(fields) => {
                found.extend(fields.get(key).cloned());
                fields.values().for_each(|value| collect(value, key, found));
            }
            _ => {}
        }
    }
    let paths = files(&root());
    let paths = paths.iter().map(String::as_str);
    let paths: Vec<_> =
        paths.filter(|path| path.starts_with("sessions") || path.starts_with("invalid")).collect();
    let mut found = Vec::new();
    collect(&Value::Array(cases(&paths)), key, &mut found);
    found
}

#[track_caller]
fn assert_shown(what: &str, listed: &[String], shown: impl Fn(&str) -> bool) {
    assert!(!listed.is_empty(), "SPEC.md lists no {what}");
    let missing: Vec<_> = listed.iter().filter(|name| !shown(name)).collect();
    assert!(missing.is_empty(), "no case has the {what} {missing:?}");
}

#[test]
fn there_are_enough_cases() {
    assert!(all_cases().len() >= 200);
}

#[test]
fn every_kind_of_frame_and_every_flag_has_a_case() {
    let spec = Spec::read();
    let frames = frames();
    let named =
        |name: &str| frames.iter().filter(move |frame| frame["frame"] == name).collect::<Vec<_>>();
    let (kinds, flags) = (spec.column("5.2", 1), spec.column("5.2", 4));
    let kinds: Vec<_> =
        kinds.into_iter().zip(flags).skip(1).filter(|(name, _)| !name.is_empty()).collect();
    let names: Vec<_> = kinds.iter().map(|(name, _)| name.clone()).collect();
    let known =
        names.iter().filter(|name| name.chars().all(|char| char.is_uppercase() || char == '_'));
    assert_shown("kind", &known.cloned().collect::<Vec<_>>(), |name| !named(name).is_empty());
    for (name, flags) in &kinds {
        let extended = named(name).iter().any(|frame| frame.get("extensions").is_some());
        let compressed = named(name).iter().any(|frame| {
            ["payload", "operations"].iter().any(|key| frame[key].get("deflated").is_some())
        });
        // SNAPSHOT has the flag, though nobody can have agreed on it by then.
        let compressed = compressed || name == "SNAPSHOT";
        assert!(extended || !flags.contains('E'), "no case has {name} with extensions");
        assert!(compressed || !flags.contains('C'), "no case has {name} compressed");
    }
}

#[test]
fn every_code_of_a_frame_has_a_case() {
    let spec = Spec::read();
    let frames = frames();
    let has = |name: &str, key: &str, value: &str| {
        let mut frames = frames.iter().filter(|frame| frame["frame"] == name);
        frames.any(|frame| {
            frame[key].as_str().map_or_else(|| frame[key].to_string(), str::to_owned) == value
        })
    };
    assert_shown("call error", &spec.column("18.1", 0)[1..], |code| has("ERROR", "code", code));
    assert_shown("reason of a gap", &spec.column("13.4", 0)[1..], |code| {
        has("GAP", "reason", code)
    });
    assert_shown("start of a topic", &spec.column("13.5", 1)[1..], |name| {
        has("TOPIC", "start", name)
    });
    let extended = frames.iter().filter_map(|frame| frame["extensions"].as_array()).flatten();
    let tags: Vec<_> = extended.filter_map(|extension| extension["tag"].as_str()).collect();
    assert_shown("extension", &spec.column("7", 0)[1..], |tag| tags.contains(&tag));
}

#[test]
fn every_part_of_a_hello_has_a_case() {
    let frames = frames();
    let hellos: Vec<_> = frames.iter().filter(|frame| frame["frame"] == "HELLO").collect();
    let parts = Spec::read().column("6.2", 1);
    let parts = parts
        .into_iter()
        .filter(|part| !["section", "limit", "capability", "LIMITS"].contains(&part.as_str()));
    let parts: Vec<_> = parts.collect();
    assert_eq!(parts.len(), 10, "SPEC.md, 6.2: {parts:?}");
    assert_shown("part of a HELLO", &parts, |part| match part.split_once(':') {
        Some((capability, _)) => hellos.iter().any(|hello| {
            hello["capabilities"].as_array().is_some_and(|all| all.contains(&capability.into()))
        }),
        None => hellos.iter().any(|hello| hello.get(part.to_lowercase()).is_some()),
    });
}

#[test]
fn every_protocol_error_has_a_case_that_is_refused_with_it() {
    let errors = in_sessions("error");
    assert_shown("error", &Spec::read().column("18.2", 0)[1..], |name| {
        errors.iter().any(|error| error == name)
    });
}

#[test]
fn every_close_code_has_a_case() {
    let closes = in_sessions("close");
    let is = |close: &Value, code: &str| {
        close.as_u64().map(|close| close.to_string()).as_deref() == Some(code)
    };
    let closed = |code: &str| {
        closes.iter().any(|close| is(close, code) || is(&close["code"], code))
            || NOT_CLOSED.iter().any(|(exempt, _)| *exempt == code)
    };
    assert_shown("close code", &Spec::read().column("18.3", 0)[1..], closed);
}

#[test]
fn every_limit_has_a_case() {
    let spec = Spec::read();
    let limits = spec.column("17", 0);
    let limits: Vec<_> = limits.into_iter().filter(|name| name.starts_with("max_")).collect();
    let set = in_sessions("limits");
    assert_shown("limit", &limits, |name| set.iter().any(|limits| limits.get(name).is_some()));
    let cases = all_cases();
    let cites =
        |case: &&Value| case["sections"].as_array().is_some_and(|all| all.contains(&"17".into()));
    let cited = cases.iter().filter(cites).count();
    // The fixed ones have no names: the reason of a close and the nesting of payloads are shown elsewhere.
    let listed =
        spec.column("17", 0).iter().filter(|name| !["", "limit"].contains(&name.as_str())).count();
    assert!(cited + 2 >= listed, "of {listed} limits {cited} are cited");
}

#[test]
fn everything_that_must_be_has_a_case() {
    let cases = all_cases();
    for (section, text) in Spec::read().0 {
        let musts = text.matches("MUST").count();
        let counted = MUSTS.iter().find(|(counted, _)| *counted == section).map_or(0, |row| row.1);
        assert_eq!(
            musts, counted,
            "SPEC.md, {section}: does every MUST have a case? Count it then"
        );
        let cites = |case: &&Value| {
            case["sections"]
                .as_array()
                .is_some_and(|sections| sections.contains(&section.clone().into()))
        };
        let shown = cases.iter().filter(cites).count();
        let exempt = NOT_SHOWN.iter().any(|(exempt, _)| *exempt == section);
        assert!(
            shown >= musts || exempt,
            "SPEC.md, {section}: {musts} times MUST, and {shown} cases"
        );
    }
}

#[test]
fn sections_that_are_cited_exist() {
    let spec = Spec::read();
    for case in all_cases() {
        for section in case["sections"].as_array().expect("sections") {
            let section = section.as_str().expect("a section is a text");
            assert!(spec.0.contains_key(section), "{}: no section {section}", case["name"]);
        }
    }
}
