//! Where generated code finds the run-time library.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::Span;
use syn::{Ident, Path, parse_quote};

/// The crates that have a `__private` module, the most convenient first: a user who depends on several means the facade.
/// All but the last have connections that are driven.
const ROOTS: [&str; 8] = [
    "hardlight",
    "hardlight-tokio",
    "hardlight-async-std",
    "hardlight-smol",
    "hardlight-testing",
    "hardlight-wasm",
    "hardlight-driver",
    "hardlight-proto",
];

/// The path of the crate whose `__private` module generated code refers to.
///
/// It is what the user's manifest calls the first of [`ROOTS`] that it depends on, so that a renamed dependency works.
/// If the manifest is that crate's own then the code may be in its library, where `crate` would do, or in one of its
/// examples, tests or doc tests, where it would not. A macro cannot tell these apart. So the answer is the crate's extern
/// name for all of them, and a library that uses the macros in itself says `extern crate self as ...`.
pub(crate) fn find() -> Path {
    let found = ROOTS
        .into_iter()
        .find_map(|package| crate_name(package).ok().map(|found| (package, found)));
    let name = match found {
        Some((_, FoundCrate::Name(name))) => name,
        Some((package, FoundCrate::Itself)) => package.replace('-', "_"),
        // There is nothing to find. The compiler's message about the facade's name says what to add.
        None => ROOTS[0].to_owned(),
    };
    let name = Ident::new(&name, Span::call_site());
    parse_quote!(::#name)
}

/// Whether [`find`] finds nothing but the core, which somebody embeds.
pub(crate) fn is_core() -> bool {
    let [driven @ .., core] = ROOTS;
    driven.iter().all(|package| crate_name(package).is_err()) && crate_name(core).is_ok()
}
