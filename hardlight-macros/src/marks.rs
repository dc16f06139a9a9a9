//! What may be said of a method, a field of the state and an event alike: the feature that it needs, and that it is secret.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::{Expr, Token, meta::ParseNestedMeta, spanned::Spanned};

use crate::span::generated;

/// What is said of one of them.
#[derive(Default)]
pub(crate) struct Marks {
    /// `feature = Feature::Name`
    pub(crate) feature: Option<Expr>,
    /// `secret`
    pub(crate) secret: bool,
}

impl Marks {
    /// Reads a key, if it is one of these: whether it was.
    pub(crate) fn read(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<bool> {
        if meta.path.is_ident("feature") {
            if !meta.input.peek(Token![=]) {
                let what = "`feature` takes a feature: `feature = Feature::Name`";
                return Err(meta.error(what));
            }
            if self.feature.replace(meta.value()?.parse()?).is_some() {
                return Err(meta.error("`feature` is given twice"));
            }
            return Ok(true);
        }
        flag(meta, "secret", &mut self.secret)
    }
}

/// Reads a key that takes no value, if it is this one: whether it was.
pub(crate) fn flag(meta: &ParseNestedMeta<'_>, name: &str, found: &mut bool) -> syn::Result<bool> {
    if !meta.path.is_ident(name) {
        return Ok(false);
    }
    if meta.input.peek(Token![=]) || meta.input.peek(syn::token::Paren) {
        return Err(meta.error(format!("`{name}` takes no value")));
    }
    if std::mem::replace(found, true) {
        return Err(meta.error(format!("`{name}` is given twice")));
    }
    Ok(true)
}

/// The name of the feature that an expression of the user's is: an error in it is reported there.
pub(crate) fn name_of(feature: &Expr, root: &impl ToTokens) -> TokenStream {
    quote_spanned!(generated(feature.span())=> #root::__private::Feature::name(&#feature))
}
