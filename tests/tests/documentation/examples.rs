//! The index of examples.

use std::{fs, path::Path};

use crate::repository::{packages, read, root};

const INDEX: &str = "examples/README.md";

/// Whether the index links to a path from the top.
fn is_listed(index: &str, path: &Path) -> bool {
    let path = path.to_str().unwrap().replace('\\', "/");
    let link = match path.strip_prefix("examples/") {
        Some(within) => format!("({within})"),
        None => format!("(../{path})"),
    };
    index.contains(&link)
}

#[test]
fn every_folder_of_examples_is_in_the_index() {
    let index = read(INDEX);
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            let name = entry.file_name().into_string().unwrap();
            let readme = format!("examples/{name}/README.md");
            assert!(root().join(&readme).is_file(), "there is no {readme}");
            assert!(is_listed(&index, Path::new(&readme)), "{readme} is not in the index");
        }
    }
}

#[test]
fn every_example_of_a_package_is_in_the_index() {
    let index = read(INDEX);
    for package in packages("Cargo.toml") {
        for (name, file) in package.examples {
            assert!(is_listed(&index, &file), "{name}, {}, is not in the index", file.display());
        }
    }
}

#[test]
fn every_link_of_the_index_leads_somewhere() {
    let index = read(INDEX);
    let links = index.split("](").skip(1).map(|behind| behind.split(')').next().unwrap());
    for link in links.filter(|link| !link.starts_with("http")) {
        assert!(root().join("examples").join(link).exists(), "{link}");
    }
}
