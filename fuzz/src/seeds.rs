//! The seeds: inputs to start from, so that a fuzzer need not find a handshake by chance. Most are made of the vectors.

mod archive;
mod bytes;
mod frames;
mod scripts;
mod sessions;
mod types;
mod vectors;

use crate::{script, wire};

/// An input to start from.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The target's name.
    pub target: &'static str,
    /// Names it among those of the target.
    pub name: String,
    /// The input.
    pub input: Vec<u8>,
}

/// Every seed.
pub fn all() -> Vec<Seed> {
    let mut seeds = vectors::all();
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
        add("message", name, wire::message(&frame).to_vec());
    }
    for (name, input) in bytes::noise() {
        add("diff", &name, input);
    }
    for (name, input) in bytes::streams() {
        add("inflate", &name, input);
    }
    for (name, input) in bytes::deep() {
        add("state", &name, input);
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
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;
    use crate::TARGETS;

    #[test]
    fn every_seed_passes_its_target() {
        for seed in all() {
            let (_, run) = TARGETS
                .into_iter()
                .find(|(name, _)| *name == seed.target)
                .expect("a seed is of a target");
            run(&seed.input);
        }
    }

    #[test]
    fn every_input_of_the_corpus_passes_its_target() {
        for (target, run) in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("corpus")
                .join(target);
            let files = fs::read_dir(&folder).expect("every target has a corpus");
            let inputs = files.map(|file| fs::read(file.unwrap().path()).unwrap());
            let inputs: Vec<_> = inputs.collect();
            assert!(!inputs.is_empty(), "{} is empty", folder.display());
            inputs.iter().for_each(|input| run(input));
        }
    }

    #[test]
    fn every_target_has_seeds_and_each_a_name() {
        let seeds = all();
        let names: BTreeSet<_> = seeds.iter().map(|seed| (seed.target, &seed.name)).collect();
        assert_eq!(names.len(), seeds.len());
        let with_seeds: BTreeSet<_> = seeds.iter().map(|seed| seed.target).collect();
        assert_eq!(with_seeds, TARGETS.map(|(target, _)| target).into());
    }

    #[test]
    fn scripts_read_as_they_were_written() {
        for (name, script) in scripts::all().into_iter().flat_map(|(_, scripts)| scripts) {
            assert_eq!(script::read(&script::write(&script)), script, "{name}");
        }
    }
}
