//! Generated tokens that stand where the user's do.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Visibility;

/// A place in the user's code, marked as written by the macro: errors point there, lints of the user's code do not
/// look there.
pub(crate) fn generated(span: Span) -> Span {
    span.resolved_at(Span::call_site())
}

/// The visibility as generated items have it: lints about `pub` are for what the user wrote.
pub(crate) fn visibility(vis: &Visibility) -> TokenStream {
    respan(vis.to_token_stream())
}

fn respan(tokens: TokenStream) -> TokenStream {
    let respan_tree = |mut tree: TokenTree| {
        if let TokenTree::Group(group) = &tree {
            tree = TokenTree::Group(Group::new(group.delimiter(), respan(group.stream())));
        }
        tree.set_span(generated(tree.span()));
        tree
    };
    tokens.into_iter().map(respan_tree).collect()
}
