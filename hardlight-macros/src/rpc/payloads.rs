//! What travels: an input struct and an output type for each method, the state, the events. They mention the user's types, so
//! they stand beside the trait.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

use super::{
    names::{generated, visibility},
    parse::{application_result, plain},
    service::{Method, Service},
};
use crate::span::placed;

/// The definitions beside the trait.
pub(super) fn definitions(service: &Service) -> TokenStream {
    let Service { state, names, root, .. } = service;
    let state = alias(service, &names.state(), "connection state", &quote!(#state));
    let events = match &service.events {
        Some(events) => quote!(#events),
        None => {
            let root = &root.beside;
            quote!(#root::__private::NoEvents)
        }
    };
    let events = alias(service, &names.events(), "events", &events);
    let methods = service.methods.iter().map(|method| definition(service, method));
    let import = &service.root.import;
    quote! {
        #import

        #state
        #events

        #(#methods)*
    }
}

fn alias(service: &Service, name: &Ident, what: &str, ty: &TokenStream) -> TokenStream {
    let vis = visibility(&service.item.vis);
    let doc = format!("The {what} of [`{}`].", plain(&service.names.service));
    quote! {
        #[doc = #doc]
        #[doc(hidden)]
        #[allow(private_interfaces, dead_code)]
        #vis type #name = #ty;
    }
}

fn definition(service: &Service, method: &Method) -> TokenStream {
    let Service { names, root, .. } = service;
    let Method { cfgs, returns, .. } = method;
    let vis = visibility(&service.item.vis);
    let root = &root.beside;
    let input = names.hidden(&method.input);
    let output = names.hidden(&method.output);
    let fields = fields(method);
    let path = format!("{}::{}", plain(&names.service), plain(&method.ident));
    let input_doc = format!("The arguments of [`{path}`], as they travel.");
    let output_doc = format!("What [`{path}`] returns.");
    let name = method.input.to_string();
    let span = generated(returns.span());
    let is_error = application_result(returns).map(|_| {
        quote! {
            fn is_error(output: &Self::Output) -> bool {
                ::core::result::Result::is_err(output)
            }
        }
    });
    let shows = (!method.marks.common.secret).then(|| shows(method, root, &input));
    let call = quote_spanned! {span=>
        impl #root::__private::Call<#input> for #root::__private::Returns<#returns> {
            type Output = #returns;
            #is_error
            #shows
        }
    };
    let structure = codable(
        method,
        root,
        quote! {
            #[doc = #input_doc]
            #[doc(hidden)]
            #[allow(private_interfaces, dead_code)]
            #vis struct #input #fields
        },
    );
    quote! {
        #structure

        // The arguments may be secret and need not implement `Debug`.
        #(#cfgs)*
        impl ::core::fmt::Debug for #input {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::DebugStruct::finish_non_exhaustive(
                    &mut ::core::fmt::Formatter::debug_struct(f, #name),
                )
            }
        }

        #(#cfgs)*
        #[doc = #output_doc]
        #[doc(hidden)]
        #[allow(private_interfaces, dead_code)]
        #vis type #output = #returns;

        #(#cfgs)*
        #call
    }
}

/// How logs show the arguments and the result, as far as these have `Debug`.
fn shows(method: &Method, root: &TokenStream, input: &Ident) -> TokenStream {
    let name = plain(&method.ident);
    let fields = method.arguments.iter().map(|argument| {
        let (ident, name) = (&argument.ident, plain(&argument.ident));
        quote!(shown.field(#name, (&#root::__private::Shown(&input.#ident)).shown());)
    });
    quote! {
        const SHOWS: bool = true;

        #[allow(unused_imports, unused_variables)]
        fn show_input(input: &#input, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            use #root::__private::{ByDebug as _, Hidden as _};
            let mut shown = f.debug_struct(#name);
            #(#fields)*
            shown.finish()
        }

        #[allow(unused_imports)]
        fn show_output(output: &Self::Output, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            use #root::__private::{ByDebug as _, Hidden as _};
            ::core::fmt::Debug::fmt((&#root::__private::Shown(output)).shown(), f)
        }
    }
}

/// What `#[codable]` makes of the struct. The method's `#[cfg]` goes on each of the items.
fn codable(method: &Method, root: &TokenStream, structure: TokenStream) -> TokenStream {
    let code = crate::codable::expand(quote!(crate = #root), structure);
    let cfgs = &method.cfgs;
    match syn::parse2::<syn::File>(code.clone()) {
        Ok(file) if !cfgs.is_empty() => {
            file.items.iter().map(|item| quote!(#(#cfgs)* #item)).collect()
        }
        _ => code,
    }
}

fn fields(method: &Method) -> TokenStream {
    let fields = method.arguments.iter().map(|argument| {
        let (ident, ty) = (&argument.ident, &argument.ty);
        let doc = format!("The argument `{}`.", plain(ident));
        let span = generated(ident.span());
        quote_spanned!(span=> #[doc = #doc] pub #ident: #ty)
    });
    quote!({ #(#fields,)* })
}

/// The short names, inside the module.
pub(super) fn exports(service: &Service, vis: &TokenStream) -> TokenStream {
    let names = &service.names;
    let (state, events) = (names.state(), names.events());
    let methods = service.methods.iter().map(|method| {
        let Method { cfgs, input, output, .. } = method;
        let (hidden_input, hidden_output) = (names.hidden(input), names.hidden(output));
        quote! {
            #(#cfgs)*
            #[doc(inline)]
            #vis use super::{#hidden_input as #input, #hidden_output as #output};
        }
    });
    quote! {
        #[doc(inline)]
        #vis use super::{#events as Events, #state as State};
        #(#methods)*
    }
}

/// The parameter of a type of the module: what knows the state and the events. It is a parameter so that they may be
/// more private than the service.
pub(super) fn parameters(service: &Service) -> TokenStream {
    let root = &service.root.inside;
    quote!(T: #root::__private::ServiceTypes<Method> = #root::__private::Types<State, Events>)
}

/// The parameter of an implementation for all states and events.
pub(super) fn bounds(service: &Service) -> TokenStream {
    let root = &service.root.inside;
    quote!(T: #root::__private::ServiceTypes<Method>)
}

/// The `impl ServiceTypes`, inside the module: where a type that is no state, or no events, is reported. It is placed
/// where the user wrote the type.
pub(super) fn types(service: &Service) -> TokenStream {
    let root = &service.root.inside;
    let state = placed(quote!(State), service.state.span());
    let events = service.events.as_ref().map_or_else(Span::call_site, Spanned::span);
    let events = placed(quote!(Events), events);
    quote! {
        impl #root::__private::ServiceTypes<Method> for #root::__private::Types<State, Events> {
            type State = #state;
            type Events = #events;
        }
    }
}
