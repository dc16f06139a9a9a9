//! The generated code.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Attribute, DeriveInput, Fields, Ident, ext::IdentExt, parse_quote};

use super::{Event, Events, handler};
use crate::{
    codable::implementation,
    marks::name_of,
    span::{generated, visibility},
};

/// The code for an enum without errors.
pub(super) fn events(events: &Events<'_>) -> TokenStream {
    let ident = &events.item.ident;
    let private = private(events);
    let events_impl = events_impl(events);
    if !events.has_handlers {
        return events_impl;
    }
    let bodies = |event: &Event<'_>| {
        let Event { index, ident: variant, .. } = event;
        let pattern = event.pattern(&quote!(#ident::#variant));
        let arguments = event.bindings();
        let others = (events.variants.len() > 1).then(|| quote!(_ => {}));
        quote! {
            #private::on_event(self, #index, move |topic, event| match event {
                #pattern => handler(topic, #(#arguments),*),
                #others
            });
        }
    };
    let attach = handler::attach_body(events, &private);
    let extension = extension(events, &quote!(mut handler), &attach, bodies);
    let (client, server) = (handler::client(events, &private), handler::server(events, &private));
    quote!(#events_impl #extension #client #server)
}

/// Code that only compiles, so that errors in the enum do not cause others.
pub(super) fn stub(events: &Events<'_>) -> TokenStream {
    let private = private(events);
    let DeriveInput { ident, generics, .. } = events.item;
    // What has parameters may not be `'static` or `Send`, so there can be no implementation.
    if !generics.params.is_empty() || generics.where_clause.is_some() {
        return TokenStream::new();
    }
    let drop = quote!(::core::mem::drop(handler););
    let attach = quote!(#drop ::core::panic!("these events did not compile"));
    let extension = extension(events, &quote!(handler), &attach, |_| drop.clone());
    let (client, server) = (handler::client(events, &private), handler::server(events, &private));
    let handlers = events.has_handlers.then(|| quote!(#extension #client #server));
    quote! {
        #[automatically_derived]
        impl #private::Events for #ident {
            fn schema() -> #private::Vec<#private::EventSchema> {
                ::core::convert::From::from([])
            }
            fn encode(
                self,
            ) -> ::core::result::Result<(u32, #private::Bytes), #private::EncodeError> {
                ::core::panic!("these events did not compile")
            }
            fn decode(
                _: u32,
                _: &[u8],
            ) -> ::core::result::Result<Self, #private::DecodeError> {
                ::core::panic!("these events did not compile")
            }
        }
        #handlers
    }
}

fn private(events: &Events<'_>) -> TokenStream {
    let root = &events.root;
    quote!(#root::__private)
}

/// The payloads and `impl Events`, out of sight of the user's module.
fn events_impl(events: &Events<'_>) -> TokenStream {
    let private = private(events);
    let ident = &events.item.ident;
    let payloads = events.variants.iter().map(|event| event.payload_definition(events));
    let schemas = events.variants.iter().map(|event| {
        let (payload, name) = (event.payload(), event.ident.unraw().to_string());
        let feature = event.marks.feature.as_ref();
        let feature = feature.map(|feature| name_of(feature, &events.root));
        let feature = feature.map(|name| quote!(.with_feature(#name)));
        let secret = event.marks.secret.then(|| quote!(.secret()));
        quote!(#private::EventSchema::new::<#payload>(#name) #feature #secret)
    });
    let mut secrets = events.variants.iter().filter(|event| event.marks.secret).peekable();
    let is_secret = secrets.peek().is_some().then(|| {
        let indices = secrets.map(|event| event.index);
        quote! {
            fn is_secret(event: u32) -> bool {
                ::core::matches!(event, #(#indices)|*)
            }
        }
    });
    let encode = events.variants.iter().map(|event| {
        let Event { index, ident: variant, .. } = event;
        let value = event.pattern(&quote!(Self::#variant));
        let payload = event.payload();
        let payload = event.pattern(&quote!(#payload));
        quote!(#value => (#index, #private::encode_to_bytes(&#payload)?))
    });
    let decode = events.variants.iter().map(|event| {
        let Event { index, ident: variant, .. } = event;
        let value = event.pattern(&quote!(Self::#variant));
        let payload = event.payload();
        let pattern = event.pattern(&quote!(#payload));
        quote! {
            #index => {
                let #pattern = #private::decode::<#payload>(payload)?;
                ::core::result::Result::Ok(#value)
            }
        }
    });
    quote! {
        const _: () = {
            #(#payloads)*

            #[automatically_derived]
            #[allow(deprecated)]
            impl #private::Events for #ident {
                fn schema() -> #private::Vec<#private::EventSchema> {
                    ::core::convert::From::from([#(#schemas,)*])
                }

                fn encode(
                    self,
                ) -> ::core::result::Result<(u32, #private::Bytes), #private::EncodeError> {
                    ::core::result::Result::Ok(match self { #(#encode,)* })
                }

                #is_secret

                fn decode(
                    event: u32,
                    payload: &[u8],
                ) -> ::core::result::Result<Self, #private::DecodeError> {
                    match event {
                        #(#decode)*
                        _ => ::core::result::Result::Err(#private::DecodeError::Malformed),
                    }
                }
            }
        };
    }
}

/// The extension trait, with a method for each variant whose body is `body`, and one to attach a handler of all.
fn extension(
    events: &Events<'_>,
    handler: &TokenStream,
    attach: &TokenStream,
    body: impl Fn(&Event<'_>) -> TokenStream,
) -> TokenStream {
    let private = private(events);
    let ident = &events.item.ident;
    let vis = visibility(&events.item.vis);
    let extension = events.extension();
    let doc = format!(
        "A handler for each type of [`{0}`], on a client: import this trait and call its methods.\n\n\
         Handlers run in the order in which events arrive, each before any answer that arrives later is handed out. \
         They run where the connection itself does, so they must not block.",
        ident.unraw()
    );
    let declarations = events.variants.iter().map(|event| {
        let signature = event.signature(&private, &quote!(handler));
        let docs = event.docs(ident);
        quote!(#docs #signature;)
    });
    let methods = events.variants.iter().map(|event| {
        let signature = event.signature(&private, handler);
        let body = body(event);
        quote!(#signature { #body })
    });
    let attach_declaration = handler::attach_signature(events, &private, &quote!(handler));
    let attach_signature = handler::attach_signature(events, &private, handler);
    let attach_doc = format!(
        "Gives all events that arrive to `handler`, until it is detached or the connection ends: see [`{}`].",
        events.handler(),
    );
    quote! {
        #[doc = #doc]
        #[allow(dead_code, private_bounds, private_interfaces, clippy::type_complexity)]
        #vis trait #extension {
            #(#declarations)*

            #[doc = #attach_doc]
            #attach_declaration;
        }

        #[automatically_derived]
        #[allow(deprecated, private_bounds, private_interfaces, clippy::type_complexity)]
        impl<__State: #private::ConnectionState> #extension
            for #private::ClientConnection<__State, #ident>
        {
            #(#methods)*

            #attach_signature { #attach }
        }
    }
}

impl Event<'_> {
    /// The struct that travels. It only has to be called otherwise than the types of the fields.
    fn payload(&self) -> Ident {
        format_ident!("__HardlightEvent{}", self.ident.unraw(), span = generated(self.ident.span()))
    }

    fn payload_definition(&self, events: &Events<'_>) -> TokenStream {
        let mut fields = self.fields.clone();
        for (field, ty) in fields.iter_mut().zip(&self.types) {
            field.attrs.clear();
            field.ty = ty.clone();
        }
        let payload = self.payload();
        let semicolon = (!matches!(fields, Fields::Named(_))).then(|| quote!(;));
        let structure: DeriveInput = parse_quote!(struct #payload #fields #semicolon);
        let codable = implementation(&structure, &events.root);
        quote!(#structure #codable)
    }

    /// What the fields are bound to, which no name of the user's can be.
    pub(super) fn bindings(&self) -> Vec<Ident> {
        let binding = |index| format_ident!("field{index}", span = Span::mixed_site());
        (0..self.fields.len()).map(binding).collect()
    }

    /// The fields in their bindings, as a pattern and as an expression.
    pub(super) fn pattern(&self, path: &TokenStream) -> TokenStream {
        let bindings = self.bindings();
        let members = self.fields.members();
        quote!(#path { #(#members: #bindings),* })
    }

    fn signature(&self, private: &TokenStream, handler: &TokenStream) -> TokenStream {
        let method = &self.method;
        let types = &self.types;
        quote! {
            fn #method(
                &self,
                #handler: impl ::core::ops::FnMut(&#private::Topic, #(#types),*)
                    + #private::MaybeSend
                    + 'static,
            )
        }
    }

    /// The docs of the variant, and what its method does.
    fn docs(&self, events: &Ident) -> TokenStream {
        let forwarded = |attribute: &&Attribute| {
            let path = attribute.path();
            path.is_ident("doc") || path.is_ident("deprecated")
        };
        let docs: Vec<_> = self.variant.attrs.iter().filter(forwarded).collect();
        let gap = docs.iter().any(|attribute| attribute.path().is_ident("doc"));
        let gap = gap.then(|| quote!(#[doc = ""]));
        let fields: Vec<_> = self.fields.iter().filter_map(|field| field.ident.as_ref()).collect();
        let arguments = match (self.fields.len(), &*fields) {
            (0, _) => "the topic".to_owned(),
            (1, []) => "the topic and the event's field".to_owned(),
            (_, []) => "the topic and the event's fields".to_owned(),
            (_, names) => {
                let names: Vec<_> =
                    names.iter().map(|name| format!("`{}`", name.unraw())).collect();
                format!("the topic and {}", names.join(", "))
            }
        };
        let (variant, events) = (self.ident.unraw(), events.unraw());
        let doc = format!(
            "Calls `handler` with {arguments} whenever [`{variant}`]({events}::{variant}) arrives."
        );
        quote!(#(#docs)* #gap #[doc = #doc])
    }
}
