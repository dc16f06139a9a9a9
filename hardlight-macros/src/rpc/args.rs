//! The arguments of `#[rpc(...)]`.

use proc_macro2::TokenStream;
use syn::{
    Expr, Ident, LitStr, Path, Token, Type,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use crate::errors::Errors;

const KNOWN: &str = "known are `state = Type`, `events = Enum`, `feature = Feature::Name`, `module = \"name\"` \
     and `crate = path`";

/// What the user chose; `None` where nothing was said.
#[derive(Default)]
pub(super) struct Args {
    pub(super) state: Option<Type>,
    pub(super) events: Option<Type>,
    pub(super) feature: Option<Expr>,
    pub(super) module: Option<Ident>,
    pub(super) root: Option<Path>,
}

impl Args {
    pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let parser = |input: ParseStream<'_>| args.parse_all(input, errors);
        if let Err(error) = parser.parse2(tokens) {
            errors.add(error);
        }
        args
    }

    fn parse_all(&mut self, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        while !input.is_empty() {
            // `crate` is a keyword, so a plain identifier would not do.
            let key = input.call(Ident::parse_any)?;
            self.parse_one(&key, input, errors)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn parse_one(
        &mut self,
        key: &Ident,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        match key.to_string().as_str() {
            "state" => set(&mut self.state, key, value(key, "a type", input)?, errors),
            "events" => set(&mut self.events, key, value(key, "an enum", input)?, errors),
            "feature" => set(&mut self.feature, key, value(key, "a feature", input)?, errors),
            "module" => {
                let name: LitStr = value(key, "a name in quotes", input)?;
                match name.parse::<Ident>() {
                    Ok(name) => set(&mut self.module, key, name, errors),
                    Err(_) => errors.push(&name, "not a name that a module can have"),
                }
            }
            "crate" => {
                let path = value_by(key, "a path", input, Path::parse_mod_style)?;
                set(&mut self.root, key, path, errors);
            }
            unknown => {
                errors.push(key, format!("unknown argument `{unknown}`: {KNOWN}"));
                skip_value(input)?;
            }
        }
        Ok(())
    }
}

fn value<T: syn::parse::Parse>(
    key: &Ident,
    expected: &str,
    input: ParseStream<'_>,
) -> syn::Result<T> {
    value_by(key, expected, input, T::parse)
}

fn value_by<T>(
    key: &Ident,
    expected: &str,
    input: ParseStream<'_>,
    parse: fn(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<T> {
    let what = || format!("`{key}` takes {expected}: {KNOWN}");
    if !input.peek(Token![=]) {
        return Err(syn::Error::new(key.span(), what()));
    }
    input.parse::<Token![=]>()?;
    let start = input.span();
    parse(input).map_err(|_| syn::Error::new(start, what()))
}

fn set<T>(slot: &mut Option<T>, key: &Ident, value: T, errors: &mut Errors) {
    if slot.replace(value).is_some() {
        errors.push(key, format!("`{key}` is given twice"));
    }
}

/// Skips what follows a key that is not known, so that the arguments behind it are read.
fn skip_value(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}
