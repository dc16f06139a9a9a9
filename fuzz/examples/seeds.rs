//! Writes the seeds that are made by code.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    for seed in hardlight_fuzz::seeds::all() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("seeds")
            .join(seed.target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(seed.name), seed.input)?;
    }
    Ok(())
}
