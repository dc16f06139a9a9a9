//! The index of examples.

use std::{
    fs,
    path::{Path, PathBuf},
};

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
fn every_folder_of_examples_has_a_page_and_every_page_is_in_the_index() {
    let index = read(INDEX);
    for folder in folders(&root().join("examples")) {
        assert!(folder.join("README.md").is_file(), "{} has no README.md", folder.display());
        // What is beside an example, its page for a browser for one, may have one of its own.
        let pages =
            folders(&folder).into_iter().chain([folder]).map(|folder| folder.join("README.md"));
        for page in pages.filter(|page| page.is_file()) {
            let page = page.strip_prefix(root()).unwrap();
            assert!(is_listed(&index, page), "{} is not in the index", page.display());
        }
    }
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
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
