//! What the macro knows about a service once the trait has been read.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, Ident, ItemTrait, Path, TraitItemFn, Type};

use super::{names::Names, needs::MethodMarks};
use crate::root;

/// A trait under `#[rpc]`.
pub(super) struct Service {
    /// The trait as the user wrote it.
    pub(super) item: ItemTrait,
    pub(super) names: Names,
    /// The connection state; `()` if the user named none.
    pub(super) state: Type,
    /// The enum of events; `None` if the user named none.
    pub(super) events: Option<Type>,
    /// What all methods need.
    pub(super) feature: Option<Expr>,
    pub(super) root: Root,
    /// The methods without errors, in trait order.
    pub(super) methods: Vec<Method>,
    /// The methods with errors. The client gets a stub for each, so that one error does not cause others.
    pub(super) rejected: Vec<TraitItemFn>,
    /// Whether `H: Trait` means something, as it does not for a trait with parameters.
    pub(super) dispatchable: bool,
}

/// A method without errors.
pub(super) struct Method {
    pub(super) ident: Ident,
    /// The method's name in UpperCamelCase.
    pub(super) variant: Ident,
    /// `IncrementInput`
    pub(super) input: Ident,
    /// `IncrementOutput`
    pub(super) output: Ident,
    /// `#[cfg]`, which goes on everything that is generated for the method.
    pub(super) cfgs: Vec<Attribute>,
    /// `#[rpc(...)]` on the method.
    pub(super) marks: MethodMarks,
    /// `#[doc]` and `#[deprecated]`, which go on the client's methods.
    pub(super) docs: Vec<Attribute>,
    pub(super) arguments: Vec<Argument>,
    /// The declared return type; `()` if there is none.
    pub(super) returns: Type,
}

/// An argument of a method.
pub(super) struct Argument {
    pub(super) ident: Ident,
    pub(super) ty: Type,
}

/// Where generated code finds the runtime: from beside the trait, and from inside the generated module.
pub(super) struct Root {
    pub(super) beside: TokenStream,
    pub(super) inside: TokenStream,
    /// Makes a path that is relative to the trait reachable from the module.
    pub(super) import: TokenStream,
}

impl Root {
    pub(super) fn new(chosen: Option<Path>, names: &Names) -> Self {
        let relative = chosen.as_ref().is_some_and(is_relative);
        let beside = chosen.unwrap_or_else(root::find).into_token_stream();
        if !relative {
            return Self { inside: beside.clone(), beside, import: TokenStream::new() };
        }
        let name = names.root();
        Self { inside: quote!(super::#name), import: quote!(use #beside as #name;), beside }
    }
}

fn is_relative(path: &Path) -> bool {
    path.leading_colon.is_none() && path.segments.first().is_none_or(|first| first.ident != "crate")
}
