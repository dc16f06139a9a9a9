//! Tables of features beside the manifests.

use std::collections::BTreeSet;

use crate::repository::{Package, code, packages, read, table};

fn package(name: &str) -> Package {
    packages("Cargo.toml").into_iter().find(|package| package.name == name).unwrap()
}

fn only(cell: &str) -> String {
    let code = code(cell);
    assert_eq!(code.len(), 1, "{cell}");
    code.into_iter().next().unwrap()
}

/// Whether the rows name all features and no others, and say of each whether it is on by default.
#[track_caller]
fn assert_names_and_defaults(rows: &[Vec<String>], package: &Package) {
    let listed: BTreeSet<String> = rows.iter().map(|row| only(&row[0])).collect();
    let mut declared: BTreeSet<String> = package.features.keys().cloned().collect();
    declared.remove("default");
    assert_eq!(listed, declared);
    assert_eq!(rows.len(), declared.len(), "one is listed twice");
    for row in rows {
        let is_default = package.features["default"].contains(&only(&row[0]));
        assert_eq!(row[1] == "yes", is_default, "{row:?}");
    }
}

#[test]
fn the_facades_table_says_what_each_feature_is_and_turns_on() {
    let facade = package("hardlight");
    let rows = table(&read("hardlight/src/lib.rs"), "# Cargo features");
    assert_names_and_defaults(&rows, &facade);
    for row in rows {
        let declared = facade.features[&only(&row[0])].iter();
        let declared: BTreeSet<_> =
            declared.map(|on| on.trim_start_matches("dep:").to_owned()).collect();
        assert_eq!(code(&row[3]), declared, "{row:?}");
    }
}

#[test]
fn the_cores_table_says_what_each_feature_is() {
    let rows = table(&read("hardlight-proto/README.md"), "## Features, and `no_std`");
    assert_names_and_defaults(&rows, &package("hardlight-proto"));
}

/// An application that turns features on finds all of them in what it reads first.
#[test]
fn every_feature_that_documentation_names_in_a_manifest_is_one() {
    let facade = package("hardlight");
    for document in ["README.md", "hardlight/src/lib.rs", "hardlight/src/guide/testing.md"] {
        let document = read(document);
        let lines = document.lines().filter(|line| line.contains("hardlight = {"));
        for line in lines.filter(|line| line.contains("features = [")) {
            let (_, list) = line.split_once("features = [").unwrap();
            for name in list.split('"').skip(1).step_by(2) {
                assert!(facade.features.contains_key(name), "{line}");
            }
        }
    }
}
