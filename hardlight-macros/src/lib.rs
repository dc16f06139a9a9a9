//! The macros of HardLight. Use them from the facade, `hardlight`, or from the adapter that you depend on.

use proc_macro::TokenStream;

mod codable;
mod errors;
mod root;
mod rpc;
mod state;

/// x
#[proc_macro_attribute]
pub fn rpc(args: TokenStream, item: TokenStream) -> TokenStream {
    rpc::expand(args.into(), item.into()).into()
}

/// y
#[proc_macro_derive(ConnectionState, attributes(state))]
pub fn connection_state(item: TokenStream) -> TokenStream {
    state::expand(item.into()).into()
}
