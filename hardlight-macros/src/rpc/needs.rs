//! What a method needs, and what else is said of it: `#[rpc(...)]` on the method.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, TraitItemFn};

use super::service::{Method, Service};
use crate::{
    errors::Errors,
    marks::{Marks, flag, name_of},
};

/// What is said of a method.
#[derive(Default)]
pub(super) struct Needs {
    pub(super) marks: Marks,
    /// `idempotent`
    pub(super) idempotent: bool,
}

/// Whether the attribute is for the macro to read, and to take off the method.
pub(super) fn is_own(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "rpc")
}

/// `of_all` is the feature that the trait says its methods need.
pub(super) fn parse(function: &TraitItemFn, of_all: Option<&Expr>, errors: &mut Errors) -> Needs {
    let mut found = Needs::default();
    for attribute in function.attrs.iter().filter(|attribute| is_own(attribute)) {
        let parsed = attribute.parse_nested_meta(|meta| {
            if found.marks.read(&meta)? || flag(&meta, "idempotent", &mut found.idempotent)? {
                return Ok(());
            }
            let what = "unknown key in #[rpc(...)] on a method: there are \
                        `feature = Feature::Name`, `idempotent` and `secret`";
            Err(meta.error(what))
        });
        if let Err(error) = parsed {
            errors.add(error);
        }
    }
    if let (Some(feature), Some(_)) = (&found.marks.feature, of_all) {
        let what = "the trait says already what all of its methods need, and a method needs one feature: \
                    say it on the methods, or put this one into a trait of its own";
        errors.push(feature, what);
    }
    found
}

/// The `impl ServiceMethod`, beside the trait, where the user's paths mean what the user meant.
pub(super) fn expand(service: &Service) -> TokenStream {
    let (root, module) = (&service.root.beside, &service.names.module);
    let features = service.methods.iter().filter_map(|Method { cfgs, variant, needs, .. }| {
        let feature = needs.marks.feature.as_ref().or(service.feature.as_ref())?;
        let name = name_of(feature, root);
        Some(quote! {
            #(#cfgs)*
            #module::Method::#variant => ::core::option::Option::Some(#name),
        })
    });
    let those = |is: fn(&Needs) -> bool| {
        let methods = service.methods.iter().filter(move |method| is(&method.needs));
        methods
            .map(|Method { cfgs, variant, .. }| quote!(#(#cfgs)* #module::Method::#variant => true))
    };
    let secrets = those(|needs| needs.marks.secret);
    let idempotents = those(|needs| needs.idempotent);
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
        }
    }
}
