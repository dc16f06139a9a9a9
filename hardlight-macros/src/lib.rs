//! The macros of HardLight. Use them through the crate `hardlight` or an adapter, which re-export them.

mod advice;
mod codable;
mod errors;
mod events;
mod feature;
mod marks;
mod root;
mod rpc;
mod span;
mod state;

use proc_macro::TokenStream;

/// Makes a service of a trait: its client, its handler, and what travels between them.
///
/// ```
/// use hardlight::{ConnectionState, codable, rpc};
///
/// #[rpc(state = State)]
/// pub trait Counter {
///     /// Adds to the counter, and returns it.
///     async fn increment(&self, amount: u32) -> u32;
///     async fn decrement(&self, amount: u32) -> Result<u32, Underflow>;
/// }
///
/// #[derive(ConnectionState)]
/// pub struct State {
///     counter: u32,
/// }
///
/// #[codable]
/// pub struct Underflow;
/// # fn main() {}
/// ```
///
/// # Arguments
///
/// | | | default |
/// |---|---|---|
/// | `state = Type` | The connection state, `#[derive(ConnectionState)]`. It must be visible wherever the generated types are used. | `()` |
/// | `feature = Feature::Name` | What a connection needs to call any of the methods: see [`Feature`](derive@Feature). | nothing |
/// | `events = Enum` | The types of events, `#[derive(Events)]`. It must be visible wherever the generated types are used. | none |
/// | `module = "name"` | The name of the generated module. | the trait's, in snake_case |
/// | `crate = path` | Where `hardlight`, or the adapter in its place, is found. | what the manifest calls it |
///
/// # The trait
///
/// It has methods and nothing else, and neither parameters nor lifetimes; it may have supertraits. A method is an
/// `async fn` with `&self` and at most 12 arguments, with owned types that are `Codable`, and returns such a type or
/// nothing. Its future must be `Send`. It may have a body, which is the default. The macro turns `async fn` into
/// `fn -> impl Future + Send`; implementations write `async fn`.
///
/// Return `Result<T, E>`, in these words, for errors of the application's own: the client gets `Result<T, Error<E>>`
/// and matches `E` by variant. Of any other type `T`, an alias of a `Result` among them, the client gets
/// `Result<T, Error>`.
///
/// `#[rpc(feature = Feature::Name)]` on a method says which [feature](derive@Feature) a connection needs to call it; without
/// it such a call fails with `CallError::MissingFeature` before its arguments are decoded. `#[rpc(secret)]` says that its
/// arguments and its result are never compressed (SPEC.md, section 22). `#[rpc(idempotent)]` says that to call it twice does
/// what to call it once does: a client that comes back when its connection was lost then calls it again by itself.
/// `#[rpc(no_cancel)]` says that its handler runs to its
/// end once it has begun, though its caller gives up, its deadline passes or its connection ends: a server that stops waits
/// for it, as long as its `stop_grace`. A client that closes waits for its answer as well, as for that of any call.
///
/// `#[cfg]` on a method covers all that is generated for it. The order of the methods, their names and types may change
/// between versions: peers compare them when they connect.
///
/// # What is generated
///
/// Beside the trait, a module with the trait's visibility, here `counter`. It finds the trait by `super`, so a
/// trait inside a function body cannot be a service; nor can one in a doc test, unless that has a `fn main`.
///
/// - `Client` has the methods of the trait, with their docs. Each has a twin, `try_increment`, that fails instead of
///   waiting while too many calls are in flight, unless the trait itself has a method of that name. `Client`
///   dereferences to `ClientConnection`, which has the state and the events and closes the connection; a method of the trait
///   comes before one of it with the same name (`close`, `state`, `features`). `client.with_timeout(duration)` is a client
///   whose calls take no longer, `with_deadline` and `with_context` one whose calls end with something else.
/// - `Handler` is what the trait is implemented on, in the trait's own crate: `impl Counter for counter::Handler`. It has
///   the state as `self.state`, values by name as `self.values()`, what the client may do as `self.features()`, what the
///   application keeps for the connection as `self.extensions()`, sends events by `self.events` and subscribes its client
///   to them by `self.subscriptions`; `self.connection()` is the handle of the connection. `Handler::accept` is the simplest
///   factory of a server, `Handler::new(connection)` makes one in yours, and `Handler::with_app(connection, data)` one whose
///   `self.app::<Data>()` is that data; it panics if it is asked for as another type.
/// - `Connection` is for a handler of your own, as another crate needs: keep one, and find `state`, `values()`, `features()`,
///   `events`, `subscriptions` and `request()` in it.
/// - `Dispatch` is a trait, of every handler, that runs calls given as bytes: `handle_rpc_call`.
/// - `Method` is an enum of the methods: `Method::Increment`, with names and indexes.
/// - `IncrementInput` is a struct of a method's arguments, `IncrementOutput` an alias of what it returns.
/// - `State`, `StateGuard<'_>` and `Events` are aliases: the state, the state locked, and the events, which are
///   `NoEvents` if none were named.
///
/// # Errors
///
/// Whatever a service cannot have is reported where it stands, with what to write instead, and all of it at once.
#[proc_macro_attribute]
pub fn rpc(arguments: TokenStream, item: TokenStream) -> TokenStream {
    rpc::expand(arguments.into(), item.into()).into()
}

/// Lets a struct be connection state: what the server changes under a lock, and the client gets by itself.
///
/// ```
/// use hardlight::{ConnectionState, codable};
///
/// #[derive(ConnectionState)]
/// pub struct State {
///     user: Option<String>,
///     #[state(default = 100)]
///     credit: u32,
///     theme: Theme,
/// }
///
/// #[codable]
/// #[derive(Default)]
/// pub enum Theme {
///     #[default]
///     Light,
///     Dark,
/// }
///
/// assert_eq!(State::initial().credit, 100);
/// ```
///
/// The struct has named fields and owns its data. Every field is `Codable`; type parameters become so. No field is behind
/// a lock or shared: the state as a whole is.
///
/// What changed is sent, and no more than that: one field of one entry of a map, an element pushed to a list, the end of
/// a text. For that the connection keeps a copy of what was last sent, and compares every time that the state was written
/// to; so a state takes its memory twice, and time in proportion to its size. Values are compared field by field, whatever
/// their own `PartialEq` says, and floats by their bits. A field that is large is better a collection of the module `sync`:
/// it records its changes, and so needs neither the copy nor the time.
///
/// # Attributes of fields
///
/// - `#[state(default = expression)]`: what both sides start with; otherwise it is `Default::default()`.
/// - `#[state(skip)]`: the field stays on the server, and is in no message and in no description. It need not be `Codable`
///   but is `Send`, `Sync` and `'static`, and has a default. On a client it is always at that.
/// - `#[state(feature = Feature::Name)]`: only connections with that [feature](derive@Feature) get the field. For others it
///   is at its default, on the client; on the server it may have any value.
/// - `#[state(secret)]`: the field is never compressed, nor what is sent together with it (SPEC.md, section 22): for one that
///   holds what is secret, in a state that also holds what a third party may choose.
///
/// # Versions
///
/// A field is known to the other side by its index: its place among the fields that are not skipped. One that the other
/// side does not have is left alone, so append fields, and do not reorder them. A field whose type or name differs is
/// no state to work with: the client refuses to connect, and names it, unless it says that it can do without.
///
/// `#[state(reserved(2, 5))]` on the struct says that the fields with these indexes are gone; those that follow keep
/// theirs, and no new field takes one of them.
///
/// ```
/// # use hardlight::ConnectionState;
/// # #[derive(Default)] pub struct Session;
/// #[derive(ConnectionState)]
/// #[state(reserved(1))]
/// pub struct State {
///     user: Option<String>, // index 0
///     credit: u32,          // index 2
///     #[state(skip)]
///     session: Session,
/// }
/// ```
///
/// # Arguments
///
/// `#[state(crate = path)]` on the struct says where `hardlight`, or the adapter in its place, is found, if not under the
/// name in the manifest.
#[proc_macro_derive(ConnectionState, attributes(state))]
pub fn connection_state(item: TokenStream) -> TokenStream {
    state::expand(item.into()).into()
}

/// Lets an enum be the events of a service: what the server pushes to the clients that are subscribed to a topic.
///
/// ```
/// use hardlight::{Events, codable, rpc};
///
/// #[derive(Events)]
/// pub enum ChatEvent {
///     /// Somebody said something.
///     Said { who: String, text: String },
///     /// Somebody came.
///     Joined(Member),
///     Closed,
/// }
///
/// #[codable]
/// pub struct Member {
///     pub name: String,
/// }
///
/// #[rpc(events = ChatEvent)]
/// pub trait Chat {
///     async fn say(&self, text: String);
/// }
///
/// impl Chat for chat::Handler {
///     async fn say(&self, text: String) {
///         self.events.emit("room", ChatEvent::Said { who: "me".to_owned(), text });
///     }
/// }
///
/// fn listen(client: &chat::Client) {
///     client.on_said(|topic, who, text| println!("{topic}: {who} says {text}"));
///     client.on_joined(|topic, member| println!("{topic}: {} is here", member.name));
///     client.on_closed(|topic| println!("{topic}: closed"));
/// }
/// # fn main() {}
/// ```
///
/// The enum has no parameters, and from 1 to 256 variants with at most 12 fields each, every one `Codable`. The enum
/// itself need not be, and keeps its derives and attributes. No variant is called `Lagged` or `Restarted`: a client
/// has methods for these already.
///
/// Peers find a type of event by the name of its variant and compare its fields when they connect, so variants may be
/// added, removed and reordered between versions. A client never sees an event that it does not know.
///
/// # What is generated
///
/// Beside the enum, an extension trait, here `OnChatEvent`, for the connection of a client and so for every client of a
/// service with these events. It has a method for each variant, with the variant's docs: `on_said` takes a handler whose
/// arguments are the topic and the fields in order. Import the trait where the enum is in another module.
///
/// Two traits for the application to implement: `ChatEventHandler`, with an async method for each variant that does nothing
/// unless it is written, for the client (`client.attach(handler)`, by `OnChatEvent`); and `ChatEventTopics`, for the server,
/// which says what topics follow from a connection's state, and checks every subscription (`topics.attach(&connection)`).
///
/// Closures run where the connection itself does, in the order in which events arrive, each before any answer that
/// arrives later is handed out. They must not block. `ClientConnection::events` is another way: a stream of the enum.
///
/// # Arguments
///
/// `#[events(crate = path)]` on the enum says where `hardlight`, or the adapter in its place, is found, if not under the
/// name in the manifest.
///
/// `#[events(feature = Feature::Name)]` on a variant says that only connections with that [feature](derive@Feature) get it.
///
/// `#[events(secret)]` on a variant says that it is never compressed (SPEC.md, section 22): it is for an event that holds
/// what is secret together with what a third party may choose.
#[proc_macro_derive(Events, attributes(events))]
pub fn events(item: TokenStream) -> TokenStream {
    events::expand(item.into()).into()
}

/// Makes each variant of an enum a feature: something that a connection may be allowed.
///
/// Methods, fields of the state and events may need one. A connection that lacks it may not call such a method, and gets no
/// such field or event. It has none until the application gives it some.
///
/// ```
/// use hardlight::{ConnectionState, Events, Feature, codable, rpc};
///
/// #[derive(Feature)]
/// pub enum Allowed {
///     Account,
///     Admin,
/// }
///
/// #[derive(ConnectionState)]
/// pub struct State {
///     motto: String,
///     #[state(feature = Allowed::Account)]
///     inbox: Vec<String>,
/// }
///
/// #[derive(Events)]
/// pub enum News {
///     Published(String),
///     #[events(feature = Allowed::Admin)]
///     Reported(String),
/// }
///
/// #[rpc(state = State, events = News)]
/// pub trait Forum {
///     #[rpc(secret)]
///     async fn log_in(&self, password: String) -> bool;
///     #[rpc(feature = Allowed::Account)]
///     async fn post(&self, text: String);
/// }
///
/// impl Forum for forum::Handler {
///     async fn log_in(&self, password: String) -> bool {
///         let known = password == "open sesame";
///         if known {
///             self.features().insert(Allowed::Account);
///         }
///         known
///     }
///
///     async fn post(&self, text: String) {
///         self.events.emit("news", News::Published(text));
///     }
/// }
///
/// fn show(client: &forum::Client) {
///     if client.can(forum::Method::Post) { /* ... */ }
/// }
/// # fn main() {}
/// ```
///
/// # Names
///
/// Both sides know a feature by its name: that of the variant in snake_case, `account`, or what `#[features(name = "...")]`
/// on the variant says, of 1 to 64 bytes. Enums may share a name: it is one feature.
///
/// # Arguments
///
/// `#[features(crate = path)]` on the enum says where `hardlight`, or the adapter in its place, is found, if not under the
/// name in the manifest.
#[proc_macro_derive(Feature, attributes(features))]
pub fn feature(item: TokenStream) -> TokenStream {
    feature::expand(item.into()).into()
}

/// Lets a struct or enum travel: in calls, answers, events and connection state.
///
/// It implements `Codable` and leaves the type itself, its derives and its attributes as they are. Every field must be
/// `Codable`; a type parameter becomes so wherever the type is to travel. Types may contain themselves or one another,
/// in a `Box`, a `Vec` or a map.
///
/// ```
/// # use std::collections::HashMap;
/// #[hardlight::codable]
/// #[derive(Clone, Debug, PartialEq)]
/// pub struct Player {
///     pub name: String,
///     pub position: (f32, f32),
///     pub inventory: HashMap<String, u32>,
/// }
/// ```
///
/// The names of the type, its fields and its variants, and their order, are part of the type's fingerprint, by which
/// peers notice that they do not mean the same.
///
/// The generated code refers to the crate `hardlight`, or to the adapter that the manifest names in its place;
/// `#[codable(crate = path)]` overrides what was found.
#[proc_macro_attribute]
pub fn codable(arguments: TokenStream, item: TokenStream) -> TokenStream {
    codable::expand(arguments.into(), item.into()).into()
}
