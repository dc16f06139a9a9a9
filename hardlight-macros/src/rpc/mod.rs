//! `#[rpc]`: from a trait to a service.
//!
//! `args` and `parse` read, `check` objects, and the rest writes: `definition` the trait, `payloads` what travels,
//! `client`, `server` and `method` the module. Generated code names everything by absolute paths, so that nothing of
//! the user's is captured.

mod args;
mod check;
mod client;
mod definition;
mod method;
mod names;
mod needs;
mod parse;
mod payloads;
mod server;
mod service;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemTrait;

use self::{args::Args, parse::plain, service::Service};
use crate::{errors::Errors, root};

/// Expands `#[rpc(args)] item`.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let item = match syn::parse2::<ItemTrait>(item.clone()) {
        Ok(item) => item,
        Err(error) => return not_a_trait(item, &error),
    };
    let mut errors = Errors::default();
    let args = Args::parse(args, &mut errors);
    if args.root.is_none() && root::is_core() {
        let what = "#[rpc] makes handles for connections that are driven: depend on `hardlight`, or on \
                    `hardlight-driver`. To one who embeds `hardlight-proto` a service is a `ServiceSchema`";
        errors.push(&item.ident, what);
        let errors = errors.into_compile_errors();
        return quote!(#errors #item);
    }
    let service = parse::service(args, item, &mut errors);
    let errors = errors.into_compile_errors();
    let code = generate(&service);
    quote!(#errors #code)
}

/// Keeps the item, so that what refers to it compiles.
fn not_a_trait(item: TokenStream, error: &syn::Error) -> TokenStream {
    let error = match syn::parse2::<syn::Item>(item.clone()) {
        Ok(syn::Item::Trait(_)) | Err(_) => error.to_compile_error(),
        Ok(_) => {
            let what =
                "#[rpc] goes on a trait: `pub trait Name { async fn method(&self) -> Type; }`";
            syn::Error::new_spanned(item.clone().into_iter().next(), what).to_compile_error()
        }
    };
    quote!(#error #item)
}

fn generate(service: &Service) -> TokenStream {
    let definition = definition::expand(&service.item);
    let payloads = payloads::definitions(service);
    let needs = needs::expand(service);
    let client_methods = client::methods(service);
    let module = module(service);
    quote! {
        #definition
        #payloads
        #needs
        #client_methods
        #module
    }
}

fn module(service: &Service) -> TokenStream {
    let outside = names::visibility(&service.item.vis);
    let vis = &names::visibility_inside(&service.item.vis);
    let name = &service.names.module;
    let root = &service.root.inside;
    let trait_name = plain(&service.names.service);
    let doc = format!(
        "What `#[rpc]` makes of [`{trait_name}`](super::{trait_name}): its client, handler, methods."
    );
    let exports = payloads::exports(service, vis);
    let types = payloads::types(service);
    let method = method::expand(service, vis);
    let schema = method::schema(service, vis);
    let method_types = method::types(service);
    let client = client::definition(service, vis);
    let connection = server::connection(service, vis);
    let handler = server::handler(service, vis);
    let dispatch = server::dispatch(service, vis);
    quote! {
        #[doc = #doc]
        #[allow(
            dead_code,
            private_bounds,
            private_interfaces,
            unused_imports,
            clippy::module_inception,
        )]
        #outside mod #name {
            #exports
            #types

            /// The connection state, locked. Dropping it sends what was changed.
            #vis type StateGuard<'a> = #root::__private::StateGuard<'a, State>;

            #method
            #schema
            #method_types
            #client
            #connection
            #handler
            #dispatch
        }
    }
}
