//! Files of vectors: made, compared with what is committed, and written anew.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

/// How wide a line may be before its value is broken into several.
const WIDTH: usize = 100;

/// Values this deep are never broken: what indentation would cost is more than what it would show.
const DEEPEST_BREAK: usize = 8;

/// One file: cases of one kind.
pub(crate) struct File {
    path: String,
    schema: &'static str,
    about: &'static str,
    cases: Vec<Case>,
}

/// One thing to try: a name, the sections of SPEC.md that it shows, and what its kind of file holds besides.
pub(crate) struct Case(Vec<(&'static str, Value)>);

impl File {
    /// A file at `path` within `spec-vectors/`, described by `schema/<schema>.schema.json`.
    pub(crate) fn new(path: &str, schema: &'static str, about: &'static str) -> Self {
        Self { path: path.into(), schema, about, cases: Vec::new() }
    }

    /// Adds a case.
    #[track_caller]
    pub(crate) fn add(&mut self, case: Case) {
        let taken = self.cases.iter().any(|other| other.name() == case.name());
        assert!(!taken, "{}: two cases are called '{}'", self.path, case.name());
        self.cases.push(case);
    }

    /// The cases so far.
    pub(crate) fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The file: a case is a block, a field of it a line.
    fn to_text(&self) -> String {
        let up = "../".repeat(self.path.matches('/').count());
        let schema = json!(format!("{up}schema/{}.schema.json", self.schema));
        let cases: Vec<_> = self.cases.iter().map(Case::to_text).collect();
        let (about, cases) = (json!(self.about), cases.join(",\n"));
        format!(
            "{{\n  \"$schema\": {schema},\n  \"about\": {about},\n  \"cases\": [\n{cases}\n  ]\n}}\n"
        )
    }

    /// The cases that do not have the fields that the schema asks for, and no others.
    fn schema_differences(&self) -> Vec<String> {
        let path = root().join(format!("schema/{}.schema.json", self.schema));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
        let case = &schema["properties"]["cases"]["items"];
        let (known, required) = (&case["properties"], &case["required"]);
        let required: Vec<_> =
            required.as_array().into_iter().flatten().flat_map(Value::as_str).collect();
        let fits = |case: &&Case| {
            case.0.iter().all(|(key, _)| known.get(key).is_some())
                && required.iter().all(|key| case.field(key).is_some())
        };
        let misfits = self.cases.iter().filter(|case| !fits(case));
        misfits
            .map(|case| format!("{}: case '{}': not as its schema says", self.path, case.name()))
            .collect()
    }

    /// What differs between the file and what is committed; empty if nothing does.
    fn differences(&self) -> Vec<String> {
        let Ok(text) = fs::read_to_string(root().join(&self.path)) else {
            return vec![format!("{}: the file is missing", self.path)];
        };
        if text == self.to_text() {
            return Vec::new();
        }
        match serde_json::from_str::<Value>(&text) {
            Ok(committed) => self.differences_from(&committed),
            Err(error) => vec![format!("{}: {error}", self.path)],
        }
    }

    fn differences_from(&self, committed: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let none = Vec::new();
        let committed_cases = committed["cases"].as_array().unwrap_or(&none);
        for case in &self.cases {
            match committed_cases.iter().find(|other| other["name"] == case.name()) {
                None => found.push(format!("case '{}': not in the file", case.name())),
                Some(other) => found.extend(case.differences_from(other)),
            }
        }
        for other in committed_cases {
            if !self.cases.iter().any(|case| other["name"] == case.name()) {
                found.push(format!(
                    "case '{}': no longer made",
                    other["name"].as_str().unwrap_or_default()
                ));
            }
        }
        if found.is_empty() {
            found.push("only the order of the cases, the heading or white space differs".into());
        }
        found.into_iter().map(|found| format!("{}: {found}", self.path)).collect()
    }
}

impl Case {
    /// A case that shows these sections of SPEC.md.
    pub(crate) fn new(name: impl Into<String>, sections: &[&str]) -> Self {
        assert!(!sections.is_empty(), "a case shows a section of SPEC.md");
        Self(vec![("name", Value::String(name.into())), ("sections", json!(sections))])
    }

    /// The case with one more field, behind the others.
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((key, value.into()));
        self
    }

    /// What the case is called.
    pub(crate) fn name(&self) -> &str {
        self.text("name")
    }

    /// A field that is a text; empty if there is none.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.field(key).and_then(Value::as_str).unwrap_or_default()
    }

    fn field(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    fn to_text(&self) -> String {
        let mut text = "    {".to_owned();
        for (place, (key, value)) in self.0.iter().enumerate() {
            let line = format!("{}\n      \"{key}\": ", if place == 0 { "" } else { "," });
            text.push_str(&line);
            write_value(value, 3, key.len() + 10, &mut text);
        }
        text.push_str("\n    }");
        text
    }

    /// The fields in which the case differs from what is committed under its name.
    fn differences_from(&self, committed: &Value) -> Vec<String> {
        let none = Map::new();
        let committed = committed.as_object().unwrap_or(&none);
        let keys = self.0.iter().map(|(key, _)| *key);
        let keys: BTreeSet<_> = keys.chain(committed.keys().map(String::as_str)).collect();
        let shown =
            |value: Option<&Value>| value.map_or_else(|| "nothing".into(), Value::to_string);
        let difference = |key: &str| {
            let (file, here) = (shown(committed.get(key)), shown(self.field(key)));
            (file != here).then(|| {
                format!("case '{}': `{key}` is {file} in the file, and {here} here", self.name())
            })
        };
        keys.into_iter().filter_map(difference).collect()
    }
}

/// Compares `files` with what is committed, or writes them if the environment says `UPDATE_VECTORS=1`.
///
/// `folder`, if there is one, holds these files and no others.
#[track_caller]
pub(crate) fn check(files: &[File], folder: Option<&str>) {
    if std::env::var("UPDATE_VECTORS").is_ok_and(|value| value == "1") {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "vectors are compared in CI, never written: unset UPDATE_VECTORS");
        for file in files {
            let path = root().join(&file.path);
            fs::write(&path, file.to_text()).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        }
    }
    let mut found: Vec<_> = files.iter().flat_map(File::differences).collect();
    found.extend(files.iter().flat_map(File::schema_differences));
    found.extend(folder.into_iter().flat_map(|folder| strangers(files, folder)));
    assert!(
        found.is_empty(),
        "the implementation and spec-vectors/ disagree:\n  {}\nIf the wire was meant to change: \
         UPDATE_VECTORS=1 cargo test -p hardlight-proto --all-features --test vectors",
        found.join("\n  ")
    );
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec-vectors")
}

/// The files in `folder` that nobody makes.
fn strangers(files: &[File], folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    entries
        .map(|entry| entry.expect("the folder can be read").file_name())
        .map(|name| format!("{folder}/{}", name.to_string_lossy()))
        .filter(|path| !files.iter().any(|file| file.path == *path))
        .map(|path| format!("{path}: no test makes this file"))
        .collect()
}

/// Appends `value`: on one line if it fits, else each element on a line of its own.
fn write_value(value: &Value, depth: usize, used: usize, out: &mut String) {
    let line = value.to_string();
    if used + line.chars().count() <= WIDTH || depth >= DEEPEST_BREAK {
        return out.push_str(&line);
    }
    let (open, close, elements): (_, _, Vec<(String, &Value)>) = match value {
        Value::Array(elements) => {
            ('[', ']', elements.iter().map(|element| (String::new(), element)).collect())
        }
        Value::Object(fields) => {
            let key = |key: &str| format!("{}: ", json!(key));
            ('{', '}', fields.iter().map(|(name, value)| (key(name), value)).collect())
        }
        _ => return out.push_str(&line),
    };
    let indent = "  ".repeat(depth + 1);
    out.push(open);
    for (place, (key, element)) in elements.into_iter().enumerate() {
        out.push_str(if place == 0 { "\n" } else { ",\n" });
        out.push_str(&indent);
        out.push_str(&key);
        write_value(element, depth + 1, indent.len() + key.len(), out);
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(close);
}

#[test]
fn version_is_that_of_the_protocol() {
    let version = fs::read_to_string(root().join("VERSION")).expect("spec-vectors/VERSION");
    assert_eq!(version, format!("{}\n", hardlight_proto::REVISION));
}

#[test]
fn difference_names_the_case_and_the_field() {
    let mut file = File::new("no/such.json", "payloads", "");
    file.add(Case::new("a", &["1"]).with("hex", "00"));
    file.add(Case::new("b", &["1"]).with("hex", "01"));
    let committed = json!({ "cases": [
        { "name": "a", "sections": ["1"], "hex": "ff" },
        { "name": "c", "sections": ["1"], "hex": "01" },
    ]});
    assert_eq!(
        file.differences_from(&committed),
        [
            r#"no/such.json: case 'a': `hex` is "ff" in the file, and "00" here"#,
            "no/such.json: case 'b': not in the file",
            "no/such.json: case 'c': no longer made",
        ]
    );
    assert_eq!(file.differences(), ["no/such.json: the file is missing"]);
}

#[test]
fn case_has_the_fields_of_its_schema() {
    let mut file = File::new("no/such.json", "payloads", "");
    let whole = || Case::new("whole", &["1"]).with("type", "u8").with("value", 0).with("hex", "00");
    file.add(whole());
    assert!(file.schema_differences().is_empty());
    file.add(Case::new("part", &["1"]).with("hex", "00"));
    let mut more = File::new("no/such.json", "payloads", "");
    more.add(whole().with("colour", "red"));
    assert_eq!(file.schema_differences(), ["no/such.json: case 'part': not as its schema says"]);
    assert_eq!(more.schema_differences(), ["no/such.json: case 'whole': not as its schema says"]);
}

#[test]
fn case_is_a_block_and_what_is_wide_is_broken() {
    let mut file = File::new("no/such.json", "payloads", "text");
    file.add(Case::new("a", &["1", "2"]).with("value", json!({ "x": [1, 2], "y": null })));
    file.add(Case::new("b", &["1"]).with("value", json!(["a".repeat(60), "b".repeat(60)])));
    let (a, b) = ("a".repeat(60), "b".repeat(60));
    assert_eq!(
        file.to_text(),
        format!(
            r#"{{
  "$schema": "../schema/payloads.schema.json",
  "about": "text",
  "cases": [
    {{
      "name": "a",
      "sections": ["1","2"],
      "value": {{"x":[1,2],"y":null}}
    }},
    {{
      "name": "b",
      "sections": ["1"],
      "value": [
        "{a}",
        "{b}"
      ]
    }}
  ]
}}
"#
        )
    );
}
