//! The repository as its documentation speaks of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests are in a folder of it").canonicalize().unwrap()
}

/// A text file, by its path from the top.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A package, as its manifest describes it.
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its folder, from the top.
    pub(crate) folder: PathBuf,
    pub(crate) is_published: bool,
    pub(crate) features: BTreeMap<String, BTreeSet<String>>,
    /// Names of its programs.
    pub(crate) bins: BTreeSet<String>,
    /// Names and files of its examples.
    pub(crate) examples: BTreeMap<String, PathBuf>,
    /// All of what cargo says of it.
    pub(crate) manifest: Value,
}

/// The packages of the workspace whose manifest is at this path from the top.
pub(crate) fn packages(manifest: &str) -> Vec<Package> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"])
        .arg(root().join(manifest))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    array(&metadata["packages"]).iter().map(package).collect()
}

fn package(manifest: &Value) -> Package {
    let features = manifest["features"].as_object().expect("an object");
    Package {
        name: text(&manifest["name"]),
        folder: from_top(Path::new(&text(&manifest["manifest_path"]))).parent().unwrap().to_owned(),
        is_published: manifest["publish"].is_null(),
        features: features.iter().map(|(name, on)| (name.clone(), texts(on))).collect(),
        bins: targets(manifest, "bin").into_keys().collect(),
        examples: targets(manifest, "example"),
        manifest: manifest.clone(),
    }
}

fn targets(manifest: &Value, kind: &str) -> BTreeMap<String, PathBuf> {
    let targets = array(&manifest["targets"]).iter();
    let targets = targets.filter(|target| texts(&target["kind"]).contains(kind));
    targets
        .map(|target| (text(&target["name"]), from_top(Path::new(&text(&target["src_path"])))))
        .collect()
}

fn from_top(path: &Path) -> PathBuf {
    let path = path.canonicalize().unwrap();
    path.strip_prefix(root()).expect("it is in the repository").to_owned()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

pub(crate) fn texts(value: &Value) -> BTreeSet<String> {
    array(value).iter().map(text).collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

/// The cells of the first Markdown table behind `heading`, without its head. Lines may be comments of Rust.
pub(crate) fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, behind) = document.split_once(heading).unwrap_or_else(|| panic!("no {heading:?}"));
    let lines = behind.lines().map(|line| line.trim_start_matches("//!").trim());
    let rows =
        lines.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells =
        |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.skip(2).map(cells).collect()
}

/// What stands between backticks.
pub(crate) fn code(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
