//! The trait itself: `async fn` becomes a function that returns a `Send` future.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Block, FnArg, ItemTrait, Pat, ReturnType, Stmt, TraitItem, TraitItemFn, Type, parse_quote,
    parse_quote_spanned, spanned::Spanned,
};

use super::{names::generated, needs};

/// From this many arguments on, `self` counted, clippy objects.
const CLIPPY_TOO_MANY: usize = 8;

/// The trait as it is compiled. Whatever `check` objected to stays in a form that compiles where there is one, so that
/// the user's implementations still fit.
pub(super) fn expand(item: &ItemTrait) -> TokenStream {
    let mut item = item.clone();
    for item in &mut item.items {
        if let TraitItem::Fn(function) = item {
            rewrite(function);
        }
    }
    item.into_token_stream()
}

fn rewrite(function: &mut TraitItemFn) {
    function.attrs.retain(|attribute| !needs::is_own(attribute));
    if function.default.is_none() {
        drop_patterns(function);
    }
    if function.sig.inputs.len() >= CLIPPY_TOO_MANY {
        function.attrs.push(parse_quote!(#[allow(clippy::too_many_arguments)]));
    }
    // Without `async` there was an error, and implementations that have it are right.
    let asyncness = match function.sig.asyncness.take() {
        Some(asyncness) => asyncness,
        None if function.sig.constness.is_none() && !returns_future(function) => {
            parse_quote_spanned!(generated(function.sig.fn_token.span)=> async)
        }
        None => return,
    };
    let span = match &function.sig.output {
        ReturnType::Type(_, ty) => generated(ty.span()),
        ReturnType::Default => generated(function.sig.ident.span()),
    };
    let output = match &function.sig.output {
        ReturnType::Type(_, ty) => quote!(#ty),
        ReturnType::Default => quote_spanned!(span=> ()),
    };
    function.sig.output = parse_quote_spanned! {span=>
        -> impl ::core::future::Future<Output = #output> + ::core::marker::Send
    };
    if let Some(body) = function.default.take() {
        function.attrs.push(parse_quote!(#[allow(clippy::manual_async_fn)]));
        let brace_token = body.brace_token;
        let future = parse_quote!(#asyncness move #body);
        function.default = Some(Block { brace_token, stmts: vec![Stmt::Expr(future, None)] });
        // The body borrows the handler across threads.
        let clause = function.sig.generics.make_where_clause();
        clause.predicates.push(parse_quote_spanned!(span=> Self: ::core::marker::Sync));
    }
}

/// Whether a function says itself that it is asynchronous.
fn returns_future(function: &TraitItemFn) -> bool {
    matches!(&function.sig.output, ReturnType::Type(_, ty) if matches!(**ty, Type::ImplTrait(_)))
}

/// A function without a body may have no patterns; one error about them is enough.
fn drop_patterns(function: &mut TraitItemFn) {
    for argument in &mut function.sig.inputs {
        let FnArg::Typed(argument) = argument else {
            continue;
        };
        let plain = matches!(
            &*argument.pat,
            Pat::Ident(name) if name.mutability.is_none() && name.by_ref.is_none() && name.subpat.is_none()
        );
        if !plain {
            *argument.pat = parse_quote!(_);
        }
        argument.attrs.clear();
    }
}
