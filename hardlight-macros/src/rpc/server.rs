//! The server's side, all of it inside the module: `Connection`, `Handler` and the dispatcher.

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    parse::plain,
    payloads,
    service::{Method, Service},
};

/// A connection as a handler sees it.
pub(super) fn connection(service: &Service, vis: &TokenStream) -> TokenStream {
    let root = &service.root.inside;
    let (parameters, bounds) = (payloads::parameters(service), payloads::bounds(service));
    let fields = fields(root);
    let trait_name = plain(&service.names.service);
    let doc = format!(
        "One client's connection, for a handler of [`{trait_name}`](super::{trait_name}) of your own.\n\n\
         Clones are handles of the same connection."
    );
    quote! {
        #[doc = #doc]
        #vis struct Connection<#parameters> {
            // What stands last shows that the type is `Sized`: it must not depend on the state.
            connection: #root::__private::ServerConnection<T::State, T::Events>,
            #fields
        }

        impl Connection {
            /// A connection that belongs to no socket, for tests and for transports of your own.
            pub fn detached() -> Self {
                Self::bare()
            }

            /// Like [`detached`](Self::detached), with a request for handlers to find: for tests of those that look at one.
            pub fn detached_with<R>(request: R) -> Self
            where
                R: ::core::marker::Send + ::core::marker::Sync + 'static,
            {
                Self::bare_with(request)
            }
        }

        impl<#bounds> Connection<T> {
            fn bare() -> Self {
                #root::__private::Service::new(#root::__private::ServerConnection::detached())
            }

            fn bare_with<R>(request: R) -> Self
            where
                R: ::core::marker::Send + ::core::marker::Sync + 'static,
            {
                let connection = #root::__private::ServerConnection::detached();
                #root::__private::Service::new(connection.with_request(request))
            }
        }

        impl<#bounds> ::core::clone::Clone for Connection<T> {
            fn clone(&self) -> Self {
                Self {
                    state: ::core::clone::Clone::clone(&self.state),
                    events: ::core::clone::Clone::clone(&self.events),
                    subscriptions: ::core::clone::Clone::clone(&self.subscriptions),
                    connection: ::core::clone::Clone::clone(&self.connection),
                }
            }
        }

        impl<#bounds> ::core::fmt::Debug for Connection<T> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct("Connection").finish_non_exhaustive()
            }
        }

        impl<#bounds> ::core::ops::Deref for Connection<T> {
            type Target = #root::__private::ServerConnection<T::State, T::Events>;

            fn deref(&self) -> &Self::Target {
                &self.connection
            }
        }

        impl<#bounds> #root::__private::Service for Connection<T> {
            type State = T::State;
            type Events = T::Events;

            fn schema() -> &'static #root::__private::ServiceSchema {
                schema()
            }

            fn types() -> &'static [#root::__private::MethodTypes] {
                types()
            }

            fn new(connection: #root::__private::ServerConnection<T::State, T::Events>) -> Self {
                Self {
                    state: ::core::clone::Clone::clone(connection.state()),
                    events: ::core::clone::Clone::clone(connection.events()),
                    subscriptions: ::core::clone::Clone::clone(connection.subscriptions()),
                    connection,
                }
            }
        }
    }
}

/// What is public of a connection, in the connection and in the handler.
fn fields(root: &TokenStream) -> TokenStream {
    quote! {
        /// The connection state. What is changed under its lock reaches the client by itself.
        pub state: #root::__private::StateCell<T::State>,
        /// Sends events to every client that is subscribed to a topic.
        pub events: #root::__private::EventEmitter<T::Events>,
        /// The topics that this client is subscribed to.
        pub subscriptions: #root::__private::Subscriptions,
    }
}

/// The ready-made handler, on which the user implements the trait.
pub(super) fn handler(service: &Service, vis: &TokenStream) -> TokenStream {
    let root = &service.root.inside;
    let (parameters, bounds) = (payloads::parameters(service), payloads::bounds(service));
    let fields = fields(root);
    let trait_name = plain(&service.names.service);
    let module = plain(&service.names.module);
    let doc = format!(
        "A handler made for you: write `impl {trait_name} for {module}::Handler`.\n\n\
         Each connection has one. A crate other than the one of [`{trait_name}`](super::{trait_name}) implements the \
         trait for a type of its own instead, which keeps a [`Connection`]."
    );
    let methods = handler_methods();
    let by_bytes = service.dispatchable.then(|| inherent_dispatch(service));
    quote! {
        #[doc = #doc]
        #vis struct Handler<#parameters> {
            #fields
            connection: Connection<T>,
            app: #root::__private::App,
        }

        impl Handler {
            #methods
        }

        impl<#bounds> Handler<T> {
            /// Values beside the state, of any type that travels, by name.
            pub const fn values(&self) -> #root::__private::ValuesCell<'_, T::State> {
                self.connection.connection.values()
            }

            /// What the connection may do.
            pub const fn features(&self) -> #root::__private::FeaturesCell<'_, T::State> {
                self.connection.connection.features()
            }

            /// What the application keeps for the connection, by type.
            pub fn extensions(&self) -> &#root::__private::TypeMap {
                self.connection.connection.extensions()
            }

            async fn accepted<E>(connection: Connection<T>) -> ::core::result::Result<Self, E> {
                ::core::result::Result::Ok(Self::without_app(connection))
            }

            fn without_app(connection: Connection<T>) -> Self {
                Self::build(connection, #root::__private::App::none())
            }

            fn with_data<D: ::core::marker::Send + ::core::marker::Sync + 'static>(
                connection: Connection<T>,
                app: ::std::sync::Arc<D>,
            ) -> Self {
                Self::build(connection, #root::__private::App::new(app))
            }

            fn build(connection: Connection<T>, app: #root::__private::App) -> Self {
                Self {
                    state: ::core::clone::Clone::clone(&connection.state),
                    events: ::core::clone::Clone::clone(&connection.events),
                    subscriptions: ::core::clone::Clone::clone(&connection.subscriptions),
                    connection,
                    app,
                }
            }
        }

        #by_bytes

        impl<#bounds> ::core::fmt::Debug for Handler<T> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct("Handler").finish_non_exhaustive()
            }
        }
    }
}

fn handler_methods() -> TokenStream {
    quote! {
        /// The handler of a connection, without application data.
        pub fn new(connection: Connection) -> Self {
            Self::without_app(connection)
        }

        /// The handler of a connection, with data that [`app`](Self::app) finds again: a database, settings.
        pub fn with_app<D: ::core::marker::Send + ::core::marker::Sync + 'static>(
            connection: Connection,
            app: ::std::sync::Arc<D>,
        ) -> Self {
            Self::with_data(connection, app)
        }

        /// Accepts every connection: hand it to a server as it is.
        ///
        /// # Errors
        ///
        /// None.
        #[allow(clippy::manual_async_fn)]
        pub fn accept<R, E>(
            connection: Connection,
            _request: R,
        ) -> impl ::core::future::Future<Output = ::core::result::Result<Self, E>> {
            Self::accepted(connection)
        }

        /// The connection.
        pub const fn connection(&self) -> &Connection {
            &self.connection
        }

        /// The application data given to [`with_app`](Self::with_app).
        ///
        /// # Panics
        ///
        /// If none was given, or of another type.
        #[track_caller]
        pub fn app<T: ::core::marker::Send + ::core::marker::Sync + 'static>(&self) -> &T {
            self.app.get()
        }
    }
}

/// `handle_rpc_call` as the handler's own method, so that it needs no import.
fn inherent_dispatch(service: &Service) -> TokenStream {
    let root = &service.root.inside;
    let bounds = payloads::bounds(service);
    let service = &service.names.service;
    let docs = handle_rpc_call_docs(&quote! {
        /// `Error::Call`: there is no such method, the connection lacks the feature that it needs, the arguments did not
        /// decode, or the answer did not encode.
    });
    quote! {
        impl<#bounds> Handler<T>
        where
            Self: super::#service,
        {
            #docs
            pub async fn handle_rpc_call(
                &self,
                input: &[u8],
            ) -> ::core::result::Result<::std::vec::Vec<u8>, #root::__private::Error> {
                let (method, payload) = #root::__private::split_method(input)?;
                let method = <Method as ::core::convert::TryFrom<u32>>::try_from(method)?;
                #root::__private::check_feature(&self.connection, method)?;
                ::core::result::Result::Ok(
                    #root::__private::apart(dispatch(self, method.index(), payload)).await?.into()
                )
            }
        }
    }
}

/// The dispatcher, and what calls it: the driver, and the extension trait.
pub(super) fn dispatch(service: &Service, vis: &TokenStream) -> TokenStream {
    if !service.dispatchable {
        return TokenStream::new();
    }
    let dispatcher = dispatcher(service);
    let extension = extension(service, vis);
    let root = &service.root.inside;
    let bounds = payloads::bounds(service);
    let service = &service.names.service;
    quote! {
        impl<#bounds, H> #root::__private::Dispatch<H> for Connection<T>
        where
            H: super::#service + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            async fn dispatch(
                handler: ::std::sync::Arc<H>,
                method: u32,
                input: #root::__private::Bytes,
            ) -> ::core::result::Result<#root::__private::Bytes, #root::__private::CallError> {
                dispatch(&*handler, method, input).await
            }
        }

        #extension
        #dispatcher
    }
}

fn extension(service: &Service, vis: &TokenStream) -> TokenStream {
    let root = &service.root.inside;
    let service = &service.names.service;
    let docs = handle_rpc_call_docs(&quote! {
        /// `Error::Call`: there is no such method, the arguments did not decode, or the answer did not encode. Features are
        /// not checked: a handler of your own knows its connection, this does not.
    });
    let doc =
        format!("Runs calls given as bytes on any handler of [`{0}`](super::{0}).", plain(service));
    quote! {
        #[doc = #doc]
        #vis trait Dispatch: super::#service {
            #docs
            fn handle_rpc_call(
                &self,
                input: &[u8],
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<::std::vec::Vec<u8>, #root::__private::Error>,
            > + ::core::marker::Send;
        }

        impl<H> Dispatch for H
        where
            H: super::#service + ::core::marker::Send + ::core::marker::Sync + 'static,
        {
            async fn handle_rpc_call(
                &self,
                input: &[u8],
            ) -> ::core::result::Result<::std::vec::Vec<u8>, #root::__private::Error> {
                handle(self, input).await
            }
        }
    }
}

fn handle_rpc_call_docs(errors: &TokenStream) -> TokenStream {
    quote! {
        /// Runs one call. `input` is the method's index in trait order, as a varint (LEB128), and then the arguments;
        /// the result is the encoded answer. For transports of your own: an adapter needs none of this. No layers run around it:
        /// those are a server's.
        ///
        /// # Errors
        ///
        #errors
    }
}

fn dispatcher(service: &Service) -> TokenStream {
    let root = &service.root.inside;
    let arms = service.methods.iter().map(|method| arm(service, method));
    let service = &service.names.service;
    quote! {
        async fn handle<H: super::#service + ::core::marker::Sync>(
            handler: &H,
            input: &[u8],
        ) -> ::core::result::Result<::std::vec::Vec<u8>, #root::__private::Error> {
            let (method, input) = #root::__private::split_method(input)?;
            ::core::result::Result::Ok(
                #root::__private::apart(dispatch(handler, method, input)).await?.into()
            )
        }

        #[allow(deprecated, unused_variables)]
        async fn dispatch<H: super::#service + ::core::marker::Sync>(
            handler: &H,
            method: u32,
            input: #root::__private::Bytes,
        ) -> ::core::result::Result<#root::__private::Bytes, #root::__private::CallError> {
            match <Method as ::core::convert::TryFrom<u32>>::try_from(method)? {
                #(#arms)*
            }
        }
    }
}

/// The input is taken apart before the future is polled, so that the future does not hold it twice.
fn arm(service: &Service, method: &Method) -> TokenStream {
    let root = &service.root.inside;
    let service = &service.names.service;
    let Method { cfgs, variant, ident, input, output, .. } = method;
    let fields = method.arguments.iter().map(|argument| &argument.ident);
    quote! {
        #(#cfgs)*
        Method::#variant => {
            let call = {
                let input = #root::__private::decode_input::<#input>(input).await?;
                #root::__private::log_input::<#input, #root::__private::Returns<#output>>(&input);
                <H as super::#service>::#ident(handler, #(input.#fields),*)
            };
            #root::__private::encode_output::<#input, #root::__private::Returns<#output>>(call.await).await
        }
    }
}
