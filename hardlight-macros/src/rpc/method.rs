//! The enum `Method`, and the service's schema.

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    parse::{application_result, plain},
    service::{Method, Service},
};

/// The enum, inside the module.
pub(super) fn expand(service: &Service, vis: &TokenStream) -> TokenStream {
    let root = &service.root.inside;
    let definition = definition(service, vis);
    quote! {
        #definition

        impl ::core::fmt::Display for Method {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl ::core::convert::TryFrom<u32> for Method {
            type Error = #root::__private::CallError;

            fn try_from(index: u32) -> ::core::result::Result<Self, Self::Error> {
                #root::__private::method_at(Self::ALL, index)
            }
        }
    }
}

fn definition(service: &Service, vis: &TokenStream) -> TokenStream {
    let trait_name = plain(&service.names.service);
    let doc = format!("The methods of [`{trait_name}`](super::{trait_name}), in its order.");
    let variants = service.methods.iter().map(variant);
    let all =
        service.methods.iter().map(|Method { cfgs, variant, .. }| quote!(#(#cfgs)* Self::#variant));
    let names = service.methods.iter().map(|Method { cfgs, variant, ident, .. }| {
        let name = plain(ident);
        quote!(#(#cfgs)* Self::#variant => #name)
    });
    // An enum without variants can have no representation. There is none unless the trait is in error.
    let (repr, index) = if service.methods.is_empty() {
        (quote!(), quote!(match self {}))
    } else {
        (quote!(#[repr(u32)]), quote!(self as u32))
    };
    quote! {
        #[doc = #doc]
        #[derive(
            ::core::clone::Clone,
            ::core::marker::Copy,
            ::core::fmt::Debug,
            ::core::cmp::PartialEq,
            ::core::cmp::Eq,
            ::core::hash::Hash,
        )]
        #repr
        #vis enum Method {
            #(#variants,)*
        }

        impl Method {
            /// All methods, in the order of the trait.
            pub const ALL: &'static [Self] = &[#(#all),*];

            /// The method's name in the trait.
            pub const fn name(self) -> &'static str {
                match self { #(#names,)* }
            }

            /// The method's place in the trait, from 0: its index in calls.
            pub const fn index(self) -> u32 {
                #index
            }
        }
    }
}

fn variant(method: &Method) -> TokenStream {
    let Method { cfgs, variant, ident, .. } = method;
    let doc = format!("`{}`", plain(ident));
    quote!(#(#cfgs)* #[doc = #doc] #variant)
}

/// `fn schema()`, inside the module: worked out once for client and server.
pub(super) fn schema(service: &Service, vis: &TokenStream) -> TokenStream {
    let root = &service.root.inside;
    let name = plain(&service.names.service);
    let methods = service.methods.iter().map(|method| {
        let Method { cfgs, input, output, ident, .. } = method;
        let name = plain(ident);
        quote! {
            #(#cfgs)*
            let schema =
                #root::__private::method::<#input, #root::__private::Returns<#output>>(schema, #name);
        }
    });
    quote! {
        /// The service as a whole: its methods, its state and its events, with the types of all of them.
        #vis fn schema() -> &'static #root::__private::ServiceSchema {
            static SCHEMA: ::std::sync::OnceLock<#root::__private::ServiceSchema> =
                ::std::sync::OnceLock::new();
            SCHEMA.get_or_init(|| {
                let schema = #root::__private::ServiceSchema::new(#name);
                #(#methods)*
                let schema = #root::__private::needs(schema, Method::ALL);
                #root::__private::types::<Method, #root::__private::Types<State, Events>>(schema)
            })
        }
    }
}

/// `fn types()`, inside the module: what calls and answers may be decoded as.
pub(super) fn types(service: &Service) -> TokenStream {
    let root = &service.root.inside;
    let types = service.methods.iter().map(|method| {
        let Method { cfgs, input, output, returns, .. } = method;
        let kind = match application_result(returns) {
            Some(_) => quote!(fallible),
            None => quote!(of),
        };
        quote!(#(#cfgs)* #root::__private::MethodTypes::#kind::<#input, #output>())
    });
    quote! {
        fn types() -> &'static [#root::__private::MethodTypes] {
            const { &[#(#types),*] }
        }
    }
}
