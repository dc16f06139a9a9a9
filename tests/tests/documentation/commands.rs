//! Commands that documentation asks a reader to run name what there is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::repository::{Package, packages, read, root};

/// Folders that hold no documentation of ours.
const SKIPPED: [&str; 5] = ["target", "corpus", "seeds", "node_modules", "spec-vectors"];

fn documents() -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![root()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_symlink() || name.starts_with('.') || SKIPPED.contains(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found
}

/// What begins with `program` in the blocks and spans of code, each up to its end.
fn commands(document: &str, program: &str) -> Vec<String> {
    let starts = document.match_indices(program).map(|(position, _)| position);
    // In a block it begins a line, or stands behind a prompt or a variable of the environment.
    let begins = |&position: &usize| {
        matches!(document[..position].chars().next_back(), None | Some('`' | '\n' | ' '))
    };
    let up_to_its_end = |position: usize| {
        let rest = &document[position..];
        rest[..rest.find(['`', '\n', '|']).unwrap_or(rest.len())].to_owned()
    };
    starts.filter(begins).map(up_to_its_end).collect()
}

/// The word behind one of these flags.
fn argument<'a>(command: &'a str, flags: &[&str]) -> Option<&'a str> {
    let mut words = command.split(" -- ").next()?.split_whitespace();
    words.find(|word| flags.contains(word))?;
    words.next()
}

fn check(command: &str, document: &Path, packages: &[Package]) {
    let here = format!("{}: {command}", document.display());
    // The workspaces beside have packages of their own, and so has a folder that the reader was told to go to.
    if let Some(manifest) = argument(command, &["--manifest-path"]) {
        assert!(root().join(manifest).is_file(), "{here}");
        return;
    }
    let Some(name) = argument(command, &["-p", "--package"]) else { return };
    let Some(package) = packages.iter().find(|package| package.name == name) else {
        // Of an application that the reader is asked to think of.
        assert!(name.starts_with("my-"), "there is no package of that name: {here}");
        return;
    };
    if let Some(name) = argument(command, &["--example"]) {
        assert!(package.examples.contains_key(name), "there is no example of that name: {here}");
    }
    if let Some(name) = argument(command, &["--bin"]) {
        assert!(package.bins.contains(name), "there is no program of that name: {here}");
    } else if command.starts_with("cargo run") && argument(command, &["--example"]).is_none() {
        assert_eq!(package.bins.len(), 1, "it has several programs, or none: {here}");
    }
    let features = argument(command, &["--features"]).unwrap_or_default();
    for name in features.split(',').filter(|name| !name.is_empty()) {
        assert!(package.features.contains_key(name), "there is no such feature: {here}");
    }
}

#[test]
fn commands_of_cargo_name_packages_programs_and_examples_that_there_are() {
    let packages = packages("Cargo.toml");
    let mut seen = 0;
    for document in documents() {
        for command in commands(&fs::read_to_string(&document).unwrap(), "cargo ") {
            check(&command, &document, &packages);
            seen += 1;
        }
    }
    assert!(seen > 40, "commands are not found any longer: {seen}");
}

#[test]
fn commands_of_scripts_test_name_suites_that_there_are() {
    let table = read("scripts/lib/suites.sh");
    let suites: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("suite "))
        .filter_map(|row| row.split_whitespace().next())
        .collect();
    for document in documents() {
        for command in commands(&fs::read_to_string(&document).unwrap(), "scripts/test ") {
            let words = command.split_whitespace().skip(1);
            let is_name =
                |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            for name in words.take_while(|word| word.starts_with("--") || is_name(word)) {
                let is_suite = name.starts_with("--") || suites.contains(&name);
                assert!(is_suite, "{}: {command}: there is no suite {name}", document.display());
            }
        }
    }
}
