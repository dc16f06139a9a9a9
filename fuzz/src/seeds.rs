//! The seeds: inputs to start from, so that a fuzzer need not find a handshake by chance.

mod frames;
mod scripts;

use crate::{payload::SHAPES, script, state::operations, wire};

/// An input to start from.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The target's name.
    pub target: &'static str,
    /// The file's name in the target's folder.
    pub name: String,
    /// The input.
    pub input: Vec<u8>,
}

/// Every seed that is made by code.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, name: &str, input| {
        let name = name.to_owned();
        seeds.push(Seed {
            target,
            name,
            input,
        });
    };
    for (name, frame) in frames::all() {
        add("frame", name, wire::message(&frame).to_vec());
    }
    for (index, shape) in SHAPES.iter().enumerate() {
        let mut input = vec![index as u8];
        input.extend((shape.start)());
        add("payload", &format!("shape_{index}"), input);
    }
    for (name, operations) in operations() {
        add("state", name, operations);
    }
    for (target, scripts) in scripts::all() {
        for (name, script) in scripts {
            add(target, name, script::write(&script));
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_committed_seed_passes_its_target() {
        for (target, run) in crate::TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("seeds")
                .join(target);
            let files = fs::read_dir(&folder).expect("every target has a folder of seeds");
            let inputs = files.map(|file| fs::read(file.unwrap().path()).unwrap());
            let inputs: Vec<_> = inputs.collect();
            assert!(!inputs.is_empty(), "{} is empty", folder.display());
            inputs.iter().for_each(|input| run(input));
        }
    }

    #[test]
    fn the_seeds_made_by_code_are_committed_as_they_are() {
        for seed in all() {
            let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("seeds")
                .join(seed.target)
                .join(&seed.name);
            let committed = fs::read(&file).unwrap_or_default();
            assert_eq!(committed, seed.input, "run `cargo run --example seeds`");
        }
    }

    #[test]
    fn scripts_read_as_they_were_written() {
        for (name, script) in scripts::all().into_iter().flat_map(|(_, scripts)| scripts) {
            assert_eq!(script::read(&script::write(&script)), script, "{name}");
        }
    }
}
