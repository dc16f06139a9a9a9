//! The macros of HardLight. Use them through the crate `hardlight` or an adapter, which re-export them.

mod codable;
mod errors;
mod root;
mod rpc;
mod state;

use proc_macro::TokenStream;

/// Makes a service of a trait: its client, its handler and what travels between them.
#[proc_macro_attribute]
pub fn rpc(arguments: TokenStream, item: TokenStream) -> TokenStream {
    rpc::expand(arguments.into(), item.into()).into()
}

/// Lets a struct be connection state.
#[proc_macro_derive(ConnectionState, attributes(state))]
pub fn connection_state(item: TokenStream) -> TokenStream {
    state::expand(item.into()).into()
}

/// Lets a struct or enum travel: in calls, answers, events and connection state.
///
/// It implements `Codable` and leaves the type itself, its derives and its attributes as they are. Every field must be
/// `Codable`; a type parameter becomes so wherever the type is to travel. Types may contain themselves or one another,
/// in a `Box`, a `Vec` or a map.
///
/// ```ignore
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
