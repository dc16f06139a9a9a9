//! The client: a struct in the module, and its methods beside the trait, where the user's types mean what the user
//! meant.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, FnArg, Ident, LitStr, Meta, ReturnType, TraitItemFn, Type};

use super::{
    names::generated,
    parse::{application_result, plain},
    payloads,
    service::{Method, Service},
};

/// The struct, inside the module.
pub(super) fn definition(service: &Service, vis: &TokenStream) -> TokenStream {
    let root = &service.root.inside;
    let (parameters, bounds) = (payloads::parameters(service), payloads::bounds(service));
    let trait_name = plain(&service.names.service);
    let doc = format!(
        "Calls the methods of [`{trait_name}`](super::{trait_name}) on a server.\n\n\
         Clones share one connection, which closes when the last of them is dropped. What belongs to the connection \
         rather than to the service (its state, its events, closing it) is on `ClientConnection`, to which this dereferences: \
         a method of the service comes before one of the connection with the same name."
    );
    quote! {
        #[doc = #doc]
        #vis struct Client<#parameters> {
            pub(super) connection: #root::__private::ClientConnection<T::State, T::Events>,
        }

        impl<#bounds> ::core::clone::Clone for Client<T> {
            fn clone(&self) -> Self {
                Self { connection: ::core::clone::Clone::clone(&self.connection) }
            }
        }

        impl<#bounds> ::core::fmt::Debug for Client<T> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct("Client").finish_non_exhaustive()
            }
        }

        impl<#bounds> ::core::ops::Deref for Client<T> {
            type Target = #root::__private::ClientConnection<T::State, T::Events>;

            fn deref(&self) -> &Self::Target {
                &self.connection
            }
        }

        impl<#bounds> #root::__private::ServiceClient for Client<T> {
            type State = T::State;
            type Events = T::Events;

            fn schema() -> &'static #root::__private::ServiceSchema {
                schema()
            }

            fn new(connection: #root::__private::ClientConnection<T::State, T::Events>) -> Self {
                Self { connection }
            }
        }
    }
}

/// The methods, beside the trait.
pub(super) fn methods(service: &Service) -> TokenStream {
    let module = &service.names.module;
    let root = &service.root.beside;
    let calls = service.methods.iter().map(|method| {
        let attempt =
            format_ident!("try_{}", plain(&method.ident), span = generated(method.ident.span()));
        let call = call(service, method);
        let taken = functions(service).any(|ident| attempt == plain(ident));
        let attempt = (!taken).then(|| try_call(service, method, &attempt));
        quote!(#call #attempt)
    });
    let stubs = service.rejected.iter().map(|function| stub(service, function));
    let can = functions(service).all(|ident| plain(ident) != "can").then(|| can(service));
    let handles = handles(service);
    quote! {
        #[allow(dead_code, deprecated, private_interfaces, clippy::too_many_arguments)]
        impl<__Types: #root::__private::ServiceTypes<#module::Method>> #module::Client<__Types> {
            #can
            #handles
            #(#calls)*
            #(#stubs)*
        }
    }
}

/// `can`, unless the service itself has a method of that name.
fn can(service: &Service) -> TokenStream {
    let (module, root) = (&service.names.module, &service.root.beside);
    quote! {
        /// Whether this connection may call a method: it has the feature that the method needs, if it needs one, and the
        /// server has the method as it is here, as far as it has said, which is from the first answer on. A user interface
        /// shows by it what is possible; the server decides by itself.
        ///
        /// Which feature a method needs is what this client was built with.
        pub fn can(&self, method: #module::Method) -> bool {
            #root::__private::can(&self.connection, method)
        }
    }
}

/// What makes another handle of the same connection, unless the service itself has methods of these names.
fn handles(service: &Service) -> TokenStream {
    let root = &service.root.beside;
    let handles = [
        (
            "with_timeout",
            "This client with a timeout: each call that is made with it ends after that long with \
             `CallError::DeadlineExceeded`, whether it waits in line or is with the server, which is told how long there is. \
             It takes the place of another timeout; a deadline counts beside it. See `ClientConnection::with_timeout`.",
            quote!(timeout: ::core::time::Duration),
            quote!(timeout),
        ),
        (
            "with_deadline",
            "This client with a deadline for all calls that are made with it together. Of several the earliest counts, and a \
             timeout as well. See `ClientConnection::with_deadline`.",
            quote!(deadline: &#root::__private::Deadline),
            quote!(deadline),
        ),
        (
            "with_context",
            "This client for calls that are made because of another one, of a handler: they have what is left of that \
             one's time, at most, and say what it said of its trace. See `ClientConnection::with_context`.",
            quote!(context: &#root::__private::CallContext),
            quote!(context),
        ),
        (
            "with_trace_context",
            "This client for calls that belong to a trace which is known from elsewhere, such as the headers of an HTTP \
             request. See `ClientConnection::with_trace_context`.",
            quote!(trace: &#root::__private::TraceContext),
            quote!(trace),
        ),
    ];
    let is_free = |name: &str| functions(service).all(|ident| plain(ident) != name);
    let handles = handles.into_iter().filter(|(name, ..)| is_free(name));
    handles
        .map(|(name, doc, parameter, argument)| {
            let name = format_ident!("{name}");
            quote! {
                #[doc = #doc]
                #[must_use]
                pub fn #name(&self, #parameter) -> Self {
                    Self { connection: self.connection.#name(#argument) }
                }
            }
        })
        .collect()
}

/// Every function of the trait.
fn functions(service: &Service) -> impl Iterator<Item = &Ident> {
    let good = service.methods.iter().map(|method| &method.ident);
    good.chain(service.rejected.iter().map(|function| &function.sig.ident))
}

fn call(service: &Service, method: &Method) -> TokenStream {
    let name = plain(&method.ident);
    let documented = method.docs.iter().any(|attribute| attribute.path().is_ident("doc"));
    let intro = (!documented).then(|| {
        let doc = format!("Calls `{name}` on the server.");
        quote!(#[doc = #doc])
    });
    let errors = (!mentions_errors(&method.docs)).then(|| errors_doc(method));
    let docs = &method.docs;
    function(service, method, &method.ident, "call", &quote!(#intro #(#docs)* #errors))
}

fn try_call(service: &Service, method: &Method, name: &Ident) -> TokenStream {
    let doc = format!(
        "[`{0}`](Self::{0}), except that it fails with `CallError::TooManyCallsInFlight` instead of waiting while \
         the connection's 256 call ids are in use.",
        plain(&method.ident)
    );
    let deprecated = method.docs.iter().filter(|attribute| attribute.path().is_ident("deprecated"));
    let errors = errors_doc(method);
    function(service, method, name, "try_call", &quote!(#(#deprecated)* #[doc = #doc] #errors))
}

fn function(
    service: &Service,
    method: &Method,
    name: &Ident,
    via: &str,
    attributes: &TokenStream,
) -> TokenStream {
    let Service { names, root, .. } = service;
    let Method { cfgs, variant, returns, .. } = method;
    let (module, root) = (&names.module, &root.beside);
    let mut name = name.clone();
    name.set_span(generated(name.span()));
    let via = format_ident!("{via}");
    let input = names.hidden(&method.input);
    let idents: Vec<_> = method.arguments.iter().map(|argument| &argument.ident).collect();
    let types = method.arguments.iter().map(|argument| &argument.ty);
    let result = result(root, returns);
    let call = quote! {
        #root::__private::#via::<#input, #root::__private::Returns<#returns>, __Types::State, __Types::Events>(
            &self.connection,
            #module::Method::#variant.index(),
            #input { #(#idents),* },
        )
        .await
    };
    let body = match application_result(returns) {
        Some(_) => quote!(#root::__private::flatten(#call)),
        None => call,
    };
    quote! {
        #(#cfgs)*
        #attributes
        pub async fn #name(&self, #(#idents: #types),*) -> #result {
            #body
        }
    }
}

/// What a client's method returns.
fn result(root: &TokenStream, returns: &Type) -> TokenStream {
    match application_result(returns) {
        Some((ok, error)) => {
            quote!(::core::result::Result<#ok, #root::__private::Error<#error>>)
        }
        None => quote!(::core::result::Result<#returns, #root::__private::Error>),
    }
}

fn errors_doc(method: &Method) -> TokenStream {
    let own = match application_result(&method.returns) {
        Some(_) => "`Error::Application` with the method's own error, ",
        None => "",
    };
    let doc = format!(
        "{own}`Error::Call` if this call failed, `Error::NotSent` or `Error::Indeterminate` if the connection ended before \
         the answer arrived."
    );
    quote!(#[doc = ""] #[doc = "# Errors"] #[doc = ""] #[doc = #doc])
}

fn mentions_errors(docs: &[Attribute]) -> bool {
    docs.iter().any(|attribute| match &attribute.meta {
        Meta::NameValue(doc) => {
            let text: syn::Result<LitStr> =
                syn::parse2(quote::ToTokens::to_token_stream(&doc.value));
            text.is_ok_and(|text| text.value().trim_start().starts_with("# Errors"))
        }
        _ => false,
    })
}

/// A method that only compiles, for one with errors.
fn stub(service: &Service, function: &TraitItemFn) -> TokenStream {
    let root = &service.root.beside;
    let signature = &function.sig;
    let name = &signature.ident;
    let (parameters, _, clause) = signature.generics.split_for_impl();
    let types = signature.inputs.iter().filter_map(|argument| match argument {
        FnArg::Typed(argument) => Some(&argument.ty),
        FnArg::Receiver(_) => None,
    });
    let output = match &signature.output {
        ReturnType::Type(_, ty) if !matches!(**ty, Type::ImplTrait(_)) => result(root, ty),
        _ => quote!(::core::result::Result<(), #root::__private::Error>),
    };
    quote! {
        #[doc(hidden)]
        #[allow(unused_variables)]
        pub async fn #name #parameters (&self, #(_: #types),*) -> #output #clause {
            ::core::panic!("this method did not compile")
        }
    }
}
