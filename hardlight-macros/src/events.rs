//! `#[derive(Events)]`: each variant of an enum is a type of event.
//!
//! What travels of a variant is a hidden struct of its fields, with the code that `#[codable]` makes for a struct. Beside
//! the enum stands an extension trait of the client's connection, with a method for each variant; to one who embeds the core
//! there is no such connection.

mod expand;
mod handler;
mod parse;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{DeriveInput, Fields, Ident, Path, Type, Variant, ext::IdentExt};

use crate::{errors::Errors, marks::Marks, span::generated};

/// Expands `#[derive(Events)] item`.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let item = match syn::parse2::<DeriveInput>(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let events = parse::events(&item, &mut errors);
    if errors.is_empty() {
        return expand::events(&events);
    }
    let errors = errors.into_compile_errors();
    let stub = expand::stub(&events);
    quote!(#errors #stub)
}

/// An enum of events.
struct Events<'a> {
    item: &'a DeriveInput,
    root: Path,
    /// Whether there are connections with handlers for events: not in the core.
    has_handlers: bool,
    /// The variants whose methods have different names, in order.
    variants: Vec<Event<'a>>,
}

/// A variant.
struct Event<'a> {
    index: u32,
    ident: &'a Ident,
    fields: &'a Fields,
    /// The fields' types, in which `Self` is spelt out, since they are written outside of the enum too.
    types: Vec<Type>,
    variant: &'a Variant,
    /// `on_changed`
    method: Ident,
    marks: Marks,
}

impl Events<'_> {
    /// The extension trait: `OnCounterEvent`.
    fn extension(&self) -> Ident {
        let ident = &self.item.ident;
        format_ident!("On{}", ident.unraw(), span = generated(ident.span()))
    }
}
