//! The crates that are published.

use std::{collections::BTreeSet, fs, path::PathBuf};

use crate::repository::{Package, code, packages, read, root, table, text, texts};

fn published() -> Vec<Package> {
    packages("Cargo.toml").into_iter().filter(|package| package.is_published).collect()
}

/// Their folders stand at the top, and have their names; nothing else is published. `scripts/test package` goes by that.
#[test]
fn what_is_published_is_what_stands_at_the_top() {
    for package in packages("Cargo.toml") {
        let stands_at_the_top = package.folder.as_os_str() == package.name.as_str();
        assert_eq!(package.is_published, stands_at_the_top, "{}", package.name);
    }
}

#[test]
fn each_says_what_a_registry_shows_of_it() {
    let workspace = published();
    for package in &workspace {
        let (name, manifest) = (&package.name, &package.manifest);
        let of = |key: &str| text(&manifest[key]);
        assert!(of("description").len() > 20, "{name}");
        assert_eq!(of("documentation"), format!("https://docs.rs/{name}"));
        assert_eq!(of("license"), "MIT OR Apache-2.0", "{name}");
        assert_eq!(of("readme"), "README.md", "{name}");
        assert!((1..=5).contains(&texts(&manifest["keywords"]).len()), "{name}");
        assert!((1..=5).contains(&texts(&manifest["categories"]).len()), "{name}");
        assert_eq!(of("rust_version"), text(&workspace[0].manifest["rust_version"]), "{name}");
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
            assert!(root().join(&package.folder).join(file).is_file(), "{name} has no {file}");
        }
    }
}

#[test]
fn each_is_documented_with_all_of_its_features() {
    for package in published() {
        let docs = &package.manifest["metadata"]["docs"]["rs"];
        assert_eq!(docs["all-features"], true, "{}", package.name);
        let library = read(package.folder.join("src/lib.rs"));
        let has_features = package.features.keys().any(|name| name != "default");
        let shows_them = library.contains("#![cfg_attr(docsrs, feature(doc_cfg))]");
        assert_eq!(shows_them, has_features, "{}", package.name);
    }
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate_of_the_repository() {
    let workspace = packages("Cargo.toml").into_iter().map(|package| package.folder);
    let beside = ["bench", "bench/fanout", "bench/peers", "examples/chat/nats", "fuzz"];
    let outside = fs::read_dir(root().join("tests/outside")).unwrap();
    let outside = outside.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    for folder in workspace.chain(beside.map(PathBuf::from)).chain(outside) {
        let manifest = read(folder.join("Cargo.toml"));
        let is_forbidden = manifest.contains("[lints]\nworkspace = true")
            || manifest.contains("unsafe_code = \"forbid\"");
        assert!(is_forbidden, "{}", folder.display());
    }
    assert!(read("Cargo.toml").contains("unsafe_code = \"forbid\""));
}

#[test]
fn documents_ask_for_the_rust_that_the_manifests_promise() {
    let rust = text(&published()[0].manifest["rust_version"]);
    for (document, said) in [
        ("README.md", format!("version {rust} or later")),
        ("CONTRIBUTING.md", format!("Rust {rust} or later")),
        ("VERSIONS.md", format!("**{rust}**")),
        ("hardlight/src/guide/quickstart.md", format!("Rust {rust} or later")),
    ] {
        assert!(read(document).contains(&said), "{document} does not say {said:?}");
    }
}

#[test]
fn the_policy_names_the_revision_that_is_spoken() {
    let versions = read("VERSIONS.md");
    let revision = read("spec-vectors/VERSION");
    let said = format!("revision {} is `{}`", revision.trim(), hardlight::proto::SUBPROTOCOL);
    assert!(versions.contains(&said), "VERSIONS.md does not say {said:?}");
}

/// A registry takes a crate when all that it depends on is there, also for its tests.
#[test]
fn they_are_released_in_an_order_that_a_registry_takes() {
    let rows = table(&read("RELEASING.md"), "# Crates");
    let order: Vec<String> = rows.iter().flat_map(|row| code(&row[1])).collect();
    let workspace = published();
    let names: BTreeSet<&str> = workspace.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(order.iter().map(String::as_str).collect::<BTreeSet<_>>(), names);
    let mut earlier = BTreeSet::new();
    for row in rows {
        let together = code(&row[1]);
        for package in workspace.iter().filter(|package| together.contains(&package.name)) {
            let needed = package.manifest["dependencies"].as_array().unwrap().iter();
            // Without a version it is for its own tests alone, and not in the package.
            let needed =
                needed.filter(|needed| needed["req"] != "*").map(|needed| text(&needed["name"]));
            for needed in needed.filter(|needed| names.contains(needed.as_str())) {
                assert!(earlier.contains(&needed), "{} needs {needed}", package.name);
            }
        }
        earlier.extend(together);
    }
}
