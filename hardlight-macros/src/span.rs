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
    map_spans(tokens, &generated)
}

/// The tokens as they are, in another place of the user's code.
pub(crate) fn placed(tokens: TokenStream, place: Span) -> TokenStream {
    map_spans(tokens, &|span| span.located_at(place))
}

fn map_spans(tokens: TokenStream, map: &impl Fn(Span) -> Span) -> TokenStream {
    let map_tree = |mut tree: TokenTree| {
        if let TokenTree::Group(group) = &tree {
            tree = TokenTree::Group(Group::new(group.delimiter(), map_spans(group.stream(), map)));
        }
        tree.set_span(map(tree.span()));
        tree
    };
    tokens.into_iter().map(map_tree).collect()
}
