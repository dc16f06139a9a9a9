//! The traits that an application implements and attaches: one for each end.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, ext::IdentExt};

use super::{Event, Events};
use crate::span::{generated, visibility};

/// The client's trait, with a method for each variant, all of which do nothing.
pub(super) fn client(events: &Events<'_>, private: &TokenStream) -> TokenStream {
    let ident = &events.item.ident;
    let (vis, handler) = (visibility(&events.item.vis), events.handler());
    let doc = format!(
        "What a client does with the events of [`{0}`]: implement what you need, and give it to [`{1}::attach`].\n\n\
         Methods are called one after the other, in the order in which events arrive; while one waits, the next event \
         does, and calls go on. They may change what they like of the handler. They are polled where the connection \
         itself is, so they must not block the thread. A panic ends the handler, not the connection.",
        ident.unraw(),
        events.extension(),
    );
    let methods = events.variants.iter().map(|event| {
        let signature = event.handler_signature(private);
        let docs = event.handler_docs(ident);
        quote!(#docs #signature { async {} })
    });
    quote! {
        #[doc = #doc]
        #[allow(dead_code, private_bounds, private_interfaces, unused_variables, clippy::too_many_arguments)]
        #vis trait #handler: #private::MaybeSend + 'static {
            #(#methods)*

            /// Called where events are missing: on which topic, how many, and why.
            fn on_lagged(
                &mut self,
                topic: &#private::Topic,
                missed: u64,
                reason: #private::GapReason,
            ) -> impl ::core::future::Future<Output = ()> + #private::MaybeSend {
                async {}
            }

            /// Called where a topic goes on from an earlier connection, and the server does not know how much was missed.
            fn on_restarted(
                &mut self,
                topic: &#private::Topic,
            ) -> impl ::core::future::Future<Output = ()> + #private::MaybeSend {
                async {}
            }
        }
    }
}

/// How a client's handler is attached, in the extension trait.
pub(super) fn attach_signature(
    events: &Events<'_>,
    private: &TokenStream,
    name: &TokenStream,
) -> TokenStream {
    let handler = events.handler();
    quote!(fn attach(&self, #name: impl #handler) -> #private::Attachment)
}

/// Gives every event to the method of its variant.
pub(super) fn attach_body(events: &Events<'_>, private: &TokenStream) -> TokenStream {
    let ident = &events.item.ident;
    let arms = events.variants.iter().map(|event| {
        let (variant, method) = (event.ident, &event.method);
        let pattern = event.pattern(&quote!(#ident::#variant));
        let arguments = event.bindings();
        quote!(#pattern => handler.#method(&topic, #(#arguments),*).await)
    });
    quote! {
        #private::attach(self, move |mut events| async move {
            while let ::core::option::Option::Some(received) = events.next().await {
                match received {
                    #private::Received::Event { topic, event } => match event { #(#arms,)* },
                    #private::Received::Lagged { topic, missed, reason } => {
                        handler.on_lagged(&topic, missed, reason).await;
                    }
                    #private::Received::Restarted { topic } => handler.on_restarted(&topic).await,
                    _ => {}
                }
            }
        })
    }
}

/// The server's trait: the topics that follow from the state, and which may be subscribed to at all.
pub(super) fn server(events: &Events<'_>, private: &TokenStream) -> TokenStream {
    let ident = &events.item.ident;
    let vis = visibility(&events.item.vis);
    let topics = format_ident!("{}Topics", ident.unraw(), span = generated(ident.span()));
    let doc = format!(
        "Which events of [`{}`] a connection gets, on the server: implement it, and [`attach`]({topics}::attach) it to \
         the connection, in the factory for one.",
        ident.unraw(),
    );
    quote! {
        #[doc = #doc]
        #[allow(dead_code, private_bounds, private_interfaces)]
        #vis trait #topics<__State: #private::ConnectionState>:
            ::core::marker::Send + ::core::marker::Sync + 'static
        {
            /// What the connection is subscribed to while its state is this. It is asked when the trait is attached and
            /// whenever the state was written to, under the state's lock: what is new is subscribed to, what is no longer in
            /// it is unsubscribed, and what handlers have subscribed the connection to by themselves stays.
            fn topics(&self, state: &__State) -> #private::Vec<#private::Interest>;

            /// Whether the connection may be subscribed to this. It is asked before each subscription, whoever makes it: one
            /// that is refused fails with `SubscribeError::Refused`. By default all are allowed.
            ///
            /// The state may be locked while it runs: what it needs to know, keep beside it.
            #[allow(unused_variables)]
            fn check(&self, interest: &#private::Interest) -> bool {
                true
            }

            /// Lets this decide for a connection from here on, until it ends. The first one that is attached stays.
            ///
            /// # Panics
            ///
            /// If this thread holds the connection's state, by a guard that is still alive.
            #[track_caller]
            fn attach(self, connection: &#private::ServerConnection<__State, #ident>)
            where
                Self: ::core::marker::Sized,
            {
                let topics = #private::Arc::new(self);
                let check = #private::Arc::clone(&topics);
                #private::attach_topics(
                    connection,
                    move |state| topics.topics(state),
                    move |interest| check.check(interest),
                );
            }
        }
    }
}

impl Events<'_> {
    /// The client's trait: `CounterEventHandler`.
    pub(super) fn handler(&self) -> Ident {
        let ident = &self.item.ident;
        format_ident!("{}Handler", ident.unraw(), span = generated(ident.span()))
    }
}

impl Event<'_> {
    fn handler_signature(&self, private: &TokenStream) -> TokenStream {
        let (method, types) = (&self.method, &self.types);
        let names: Vec<_> = self
            .fields
            .iter()
            .zip(self.bindings())
            .map(|(field, binding)| field.ident.clone().unwrap_or(binding))
            .collect();
        // A field may be called so.
        let taken = names.iter().any(|name| name.unraw() == "topic");
        let topic = if taken { format_ident!("emitted_on") } else { format_ident!("topic") };
        quote! {
            fn #method(
                &mut self,
                #topic: &#private::Topic,
                #(#names: #types),*
            ) -> impl ::core::future::Future<Output = ()> + #private::MaybeSend
        }
    }

    fn handler_docs(&self, events: &Ident) -> TokenStream {
        let (variant, events) = (self.ident.unraw(), events.unraw());
        let doc = format!(
            "Called with the topic and the fields whenever [`{variant}`]({events}::{variant}) arrives."
        );
        quote!(#[doc = #doc])
    }
}
