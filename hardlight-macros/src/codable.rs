//! `#[codable]`: a user's type as it is, and beside it, out of sight, what makes it travel.
//!
//! rkyv's derive is run on a *mirror*, a hidden copy of the type that is never constructed, so that the user's type gets
//! no attributes and the user's module no names. It makes the archived form, the code that fills it in and the check of
//! received bytes. Each field says `with = MemberWire`, which takes the field's form from `Codable`, and `omit_bounds`,
//! without which a type that contains itself would need a proof of itself.
//!
//! Generated code never asks whether a field's type is `Codable`, but for `Member`, which says so of every field.

mod check;
mod diff;
mod expand;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{DeriveInput, Path, Token, parse::Parser};

pub(crate) use self::{
    check::check_variant,
    expand::{SpellOutSelf, codable as implementation},
};
use crate::root;

/// Expands `#[codable(arguments)] item`.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item.clone()) {
        Ok(input) => input,
        Err(_) => {
            let error =
                syn::Error::new_spanned(&item, "`#[codable]` stands on a struct or an enum")
                    .into_compile_error();
            return quote!(#item #error);
        }
    };
    let (root, arguments) = match parse_arguments(arguments) {
        Ok(root) => (root, None),
        Err(error) => (root::find(), Some(error)),
    };
    let errors = check::check(&input).into_iter().chain(arguments).reduce(|mut all, error| {
        all.combine(error);
        all
    });
    let generated = match errors {
        None => expand::codable(&input, &root),
        Some(errors) => {
            let stub = expand::stub(&input, &root);
            let errors = errors.into_compile_error();
            quote!(#errors #stub)
        }
    };
    let mut output = input.into_token_stream();
    output.extend(generated);
    output
}

/// The root that the arguments name, or the one that the manifest does.
fn parse_arguments(arguments: TokenStream) -> syn::Result<Path> {
    let mut root = None;
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("crate") {
            meta.input.parse::<Token![=]>()?;
            root = Some(Path::parse_mod_style(meta.input)?);
            return Ok(());
        }
        Err(meta.error("unknown option; there is only `crate = path`"))
    });
    parser.parse2(arguments)?;
    Ok(root.unwrap_or_else(root::find))
}
