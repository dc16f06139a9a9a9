//! The program, as a shell runs it: what it prints, and its exit code.

mod support;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use hardlight_proto::ServiceSchema;
use hardlight_schema::to_json;
use support::{counter, method};
use tempfile::TempDir;

/// A folder with the counter's schema in `old.json`.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(TempDir::new().unwrap());
        folder.write("old.json", &to_json(&counter()));
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Compares `old.json` with the counter that `change` makes.
    fn check(&self, change: impl FnOnce(&mut ServiceSchema)) -> (i32, String, String) {
        let mut new = counter();
        change(&mut new);
        self.write("new.json", &to_json(&new));
        run(&["check".as_ref(), &self.path("old.json"), &self.path("new.json")])
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_hardlight-schema"))
}

fn told(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The exit code, what it printed, and the errors.
fn run(arguments: &[&Path]) -> (i32, String, String) {
    told(program().args(arguments).output().unwrap())
}

#[test]
fn the_same_schema_passes() {
    let told = Folder::new().check(|_| {});
    assert_eq!(told, (0, "nothing has changed\n".to_owned(), String::new()));
}

#[test]
fn harmless_changes_are_printed_and_pass() {
    let (code, printed, errors) = Folder::new().check(|new| {
        new.methods.push(method("get", "fn{}->u32"));
    });
    let expected = "harmless: Counter: the method `get` (`fn{}->u32`) is new: older clients do not call it\n\
                    nothing breaks\n";
    assert_eq!((code, &*printed, &*errors), (0, expected, ""));
}

#[test]
fn a_breaking_change_is_named_first_and_fails() {
    let (code, printed, errors) = Folder::new().check(|new| {
        new.methods = vec![method("get", "fn{}->u32"), new.methods[1].clone()];
    });
    let expected = "breaking: Counter: the method `reset` (`fn{}->unit`) is gone: calls of it fail with UNKNOWN_METHOD\n\
                    harmless: Counter: the method `get` (`fn{}->u32`) is new: older clients do not call it\n\
                    1 change breaks older clients\n";
    assert_eq!((code, &*printed, &*errors), (1, expected, ""));
}

#[test]
fn several_breaking_changes_are_counted() {
    let (code, printed, _) = Folder::new().check(|new| new.methods.clear());
    assert_eq!((code, printed.lines().last()), (1, Some("2 changes break older clients")));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = Folder::new();
    let (old, missing) = (folder.path("old.json"), folder.path("missing.json"));
    for arguments in [["check".as_ref(), &*old, &*missing], ["check".as_ref(), &*missing, &*old]] {
        let (code, printed, errors) = run(&arguments);
        assert_eq!((code, &*printed), (2, ""));
        let expected = format!("error: {} cannot be read: ", missing.display());
        assert!(errors.starts_with(&expected), "{errors}");
    }
}

#[test]
fn a_file_that_is_no_schema_is_named_with_the_reason() {
    let folder = Folder::new();
    folder.write("other.json", "{\"format\": 1, \"methods\": []}");
    let (code, printed, errors) = run(&["show".as_ref(), &folder.path("other.json")]);
    assert_eq!((code, &*printed), (2, ""));
    let expected =
        format!("error: {} is no schema: missing field ", folder.path("other.json").display());
    assert!(errors.starts_with(&expected), "{errors}");
}

#[test]
fn a_file_of_a_later_format_is_named_with_its_version() {
    let folder = Folder::new();
    folder.write("later.json", "{\"format\": 2, \"parts\": {}}");
    let (code, _, errors) =
        run(&["check".as_ref(), &folder.path("old.json"), &folder.path("later.json")]);
    let name = folder.path("later.json");
    let expected = format!(
        "error: {} is no schema: its format is version 2, and this program reads version 1\n",
        name.display()
    );
    assert_eq!((code, errors), (2, expected));
}

#[test]
fn one_of_the_schemas_may_come_from_standard_input() {
    let folder = Folder::new();
    let mut child = program()
        .arg("check")
        .arg(folder.path("old.json"))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(to_json(&counter()).as_bytes()).unwrap();
    let told = told(child.wait_with_output().unwrap());
    assert_eq!(told, (0, "nothing has changed\n".to_owned(), String::new()));

    let (code, _, errors) = run(&["check", "-", "-"].map(Path::new));
    assert_eq!((code, &*errors), (2, "error: standard input is one schema only\n"));
}

#[test]
fn a_schema_is_shown_for_people() {
    let (code, printed, errors) = run(&["show".as_ref(), &Folder::new().path("old.json")]);
    let expected = "\
Counter, revision 1 of the protocol

methods
   0  reset      fn{}->unit; needs the feature `Admin`; secret
   1  increment  fn{amount:u32}->u32

state fields
   0  counter  u32
   2  user     option<string>; needs the feature `Account`; secret

events
   0  Told     event{text:string}; secret
   1  Emptied  event{}; needs the feature `Account`
";
    assert_eq!((code, &*printed, &*errors), (0, expected, ""));
}

#[test]
fn help_says_how_to_export_what_breaks_and_the_exit_codes() {
    let (code, help, _) = run(&["--help".as_ref()]);
    assert_eq!(code, 0);
    for word in ["hardlight::schema::to_json(counter::schema())", "check", "show"] {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
    let (code, help, _) = run(&["check", "--help"].map(Path::new));
    assert_eq!(code, 0);
    for word in ["OLD", "NEW", "What breaks", "Exit code: 0 if nothing breaks, 1"] {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
}

#[test]
fn wrong_arguments_are_no_breaking_change() {
    let (code, printed, errors) = run(&["check".as_ref()]);
    assert_eq!((code, &*printed), (2, ""));
    assert!(errors.contains("<OLD>"), "{errors}");
}

#[test]
fn declarations_for_typescript_are_printed() {
    let folder = Folder::new();
    let (code, declarations, errors) = run(&["typescript".as_ref(), &folder.path("old.json")]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert_eq!(declarations, hardlight_schema::to_typescript(&counter()));
}
