//! What to write instead of types that mean something else on another machine.

use syn::TypePath;

/// The advice about a type, in the one wording that all macros have for it.
pub(crate) fn advice(ty: &TypePath) -> Option<&'static str> {
    if ty.qself.is_some() {
        return None;
    }
    let last = ty.path.segments.last()?;
    match last.ident.to_string().as_str() {
        "usize" => Some("`usize` differs between machines: write `u32` or `u64`"),
        "isize" => Some("`isize` differs between machines: write `i32` or `i64`"),
        _ => None,
    }
}
