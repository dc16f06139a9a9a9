//! What a method needs, and what else is said of it: `#[rpc(...)]` on the method.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, TraitItemFn};

use super::service::{Method, Service};
use crate::{
    errors::Errors,
    marks::{Marks, flag, name_of},
};

/// What `#[rpc(...)]` on a method says.
#[derive(Default)]
pub(super) struct MethodMarks {
    /// What may be said of a field or an event as well.
    pub(super) common: Marks,
    /// `idempotent`
    pub(super) idempotent: bool,
    /// `no_cancel`
    pub(super) no_cancel: bool,
}

/// Whether the attribute is for the macro to read, and to take off the method.
pub(super) fn is_own(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "rpc")
}

/// `of_all` is the feature that the trait says its methods need.
pub(super) fn parse(
    function: &TraitItemFn,
    of_all: Option<&Expr>,
    errors: &mut Errors,
) -> MethodMarks {
    let mut found = MethodMarks::default();
    for attribute in function.attrs.iter().filter(|attribute| is_own(attribute)) {
        let parsed = attribute.parse_nested_meta(|meta| {
            if found.common.read(&meta)?
                || flag(&meta, "idempotent", &mut found.idempotent)?
                || flag(&meta, "no_cancel", &mut found.no_cancel)?
            {
                return Ok(());
            }
            let what = "unknown key in #[rpc(...)] on a method: there are \
                        `feature = Feature::Name`, `idempotent`, `no_cancel` and `secret`";
            Err(meta.error(what))
        });
        if let Err(error) = parsed {
            errors.add(error);
        }
    }
    if let (Some(feature), Some(_)) = (&found.common.feature, of_all) {
        let what = "the trait says already what all of its methods need, and a method needs one feature: \
                    say it on the methods, or put this one into a trait of its own";
        errors.push(feature, what);
    }
    found
}

/// The `impl ServiceMethod`, beside the trait, where the user's paths mean what the user meant.
pub(super) fn expand(service: &Service) -> TokenStream {
    let (root, module) = (&service.root.beside, &service.names.module);
    let features = service.methods.iter().filter_map(|Method { cfgs, variant, marks, .. }| {
        let feature = marks.common.feature.as_ref().or(service.feature.as_ref())?;
        let name = name_of(feature, root);
        Some(quote! {
            #(#cfgs)*
            #module::Method::#variant => ::core::option::Option::Some(#name),
        })
    });
    let idempotents = marked(service, |marks| marks.idempotent);
    let secrets = marked(service, |marks| marks.common.secret);
    let uncancellable = marked(service, |marks| marks.no_cancel);
    quote! {
        #[allow(unreachable_patterns)]
        impl #root::__private::ServiceMethod for #module::Method {
            fn name(self) -> &'static str {
                #module::Method::name(self)
            }

            fn feature(self) -> ::core::option::Option<&'static str> {
                match self {
                    #(#features)*
                    _ => ::core::option::Option::None,
                }
            }

            fn is_secret(self) -> bool {
                match self {
                    #(#secrets,)*
                    _ => false,
                }
            }

            fn is_idempotent(self) -> bool {
                match self {
                    #(#idempotents,)*
                    _ => false,
                }
            }

            fn is_uncancellable(self) -> bool {
                match self {
                    #(#uncancellable,)*
                    _ => false,
                }
            }
        }
    }
}

/// An arm for each method of which that is said.
fn marked(
    service: &Service,
    is_marked: fn(&MethodMarks) -> bool,
) -> impl Iterator<Item = TokenStream> {
    let module = &service.names.module;
    let marked = service.methods.iter().filter(move |method| is_marked(&method.marks));
    marked.map(
        move |Method { cfgs, variant, .. }| quote!(#(#cfgs)* #module::Method::#variant => true),
    )
}
