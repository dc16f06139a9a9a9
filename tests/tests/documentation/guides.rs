//! The guides of the facade.

use std::fs;

use crate::repository::{read, root};

const FOLDER: &str = "hardlight/src/guide";

#[test]
fn every_guide_is_in_the_index_and_a_module() {
    let index = read(format!("{FOLDER}/mod.rs"));
    for entry in fs::read_dir(root().join(FOLDER)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(guide) = name.strip_suffix(".md") else { continue };
        assert!(index.contains(&format!("include_str!(\"{name}\")")), "{name} is nowhere");
        // A part of `transports`, by a feature.
        if guide != "transports_http" {
            assert!(index.contains(&format!("[`{guide}`]")), "{name} is not in the index");
            assert!(index.contains(&format!("pub mod {guide} {{}}")), "{name} is no module");
        }
    }
}

/// The programs of the quickstart are compiled with its library, which the reader does not see again.
#[test]
fn the_quickstarts_programs_use_the_library_that_it_shows() {
    let guide = read(format!("{FOLDER}/quickstart.md"));
    let blocks: Vec<Vec<&str>> = guide
        .split("```rust")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().lines().skip(1).map(str::trim).collect())
        .collect();
    let [library, programs @ ..] = &blocks[..] else { panic!("there is no code") };
    let shown = library.iter().filter(|line| !line.starts_with("# "));
    let shown: Vec<&str> = shown.copied().collect();
    assert_eq!(programs.len(), 2);
    for program in programs {
        let hidden = program.iter().take_while(|line| line.starts_with('#'));
        let hidden: Vec<&str> = hidden.map(|line| line[1..].trim()).collect();
        let within = hidden.len() - 1;
        assert_eq!(hidden[..1], ["mod quickstart {"]);
        assert_eq!(hidden[1..within], shown);
    }
}
