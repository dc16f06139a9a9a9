//! `#[derive(Feature)]`: each variant of an enum is a feature.

use heck::ToSnakeCase;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Attribute, Data, DeriveInput, Fields, Ident, LitStr, Path, Variant, ext::IdentExt,
    spanned::Spanned,
};

use crate::{errors::Errors, root};

/// The longest name of a feature, in bytes: SPEC.md, section 14.1.
const MAX_NAME_BYTES: usize = 64;

/// Expands `#[derive(Feature)] item`.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let item = match syn::parse2::<DeriveInput>(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let root = chosen_root(&item.attrs, &mut errors).unwrap_or_else(root::find);
    if !item.generics.params.is_empty() {
        errors.push(&item.generics.params, "features have no parameters");
    }
    let features = features(&item, &mut errors);
    let errors = errors.into_compile_errors();
    let ident = &item.ident;
    let (parameters, arguments, clause) = item.generics.split_for_impl();
    let arms = features.iter().map(|(variant, name)| quote!(Self::#variant { .. } => #name));
    // Without variants there is nothing to match; there are some unless the enum is in error.
    let body = if features.is_empty() { quote!("") } else { quote!(match self { #(#arms,)* }) };
    quote! {
        #errors

        #[automatically_derived]
        impl #parameters #root::__private::Feature for #ident #arguments #clause {
            fn name(&self) -> &'static str {
                #body
            }
        }
    }
}

fn chosen_root(attributes: &[Attribute], errors: &mut Errors) -> Option<Path> {
    let mut root = None;
    for attribute in own(attributes) {
        let parsed = attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                let what = "unknown key in #[features(...)] on the enum: there is `crate = path`";
                return Err(meta.error(what));
            }
            root = Some(meta.value()?.call(Path::parse_mod_style)?);
            Ok(())
        });
        if let Err(error) = parsed {
            errors.add(error);
        }
    }
    root
}

fn own(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("features"))
}

/// The variants, with the features' names.
fn features<'a>(item: &'a DeriveInput, errors: &mut Errors) -> Vec<(&'a Ident, String)> {
    let what = "the features of a service are an enum, each variant of which is a feature";
    let variants = match &item.data {
        Data::Enum(data) => &data.variants,
        Data::Struct(data) => {
            errors.push(data.struct_token, what);
            return Vec::new();
        }
        Data::Union(data) => {
            errors.push(data.union_token, what);
            return Vec::new();
        }
    };
    if variants.is_empty() {
        errors.push(&item.ident, "an enum of features has at least one variant");
    }
    let mut features = Vec::<(&Ident, String)>::new();
    for variant in variants {
        let name = name(variant, errors);
        if let Some((other, _)) = features.iter().find(|(_, other)| *other == name) {
            let what = format!("`{}` and `{other}` would be one feature, `{name}`", variant.ident);
            errors.push(&variant.ident, what);
        }
        features.push((&variant.ident, name));
    }
    features
}

/// The feature's name: the variant's in snake_case, or the chosen one.
fn name(variant: &Variant, errors: &mut Errors) -> String {
    if !matches!(variant.fields, Fields::Unit) {
        errors.push(&variant.fields, "a feature is there or not: it has no fields");
    }
    let mut chosen = None;
    for attribute in own(&variant.attrs) {
        let parsed = attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                let what =
                    "unknown key in #[features(...)] on a variant: there is `name = \"...\"`";
                return Err(meta.error(what));
            }
            chosen = Some(meta.value()?.parse::<LitStr>()?);
            Ok(())
        });
        if let Err(error) = parsed {
            errors.add(error);
        }
    }
    let span = chosen.as_ref().map_or_else(|| variant.ident.span(), Spanned::span);
    let name = chosen
        .map_or_else(|| variant.ident.unraw().to_string().to_snake_case(), |chosen| chosen.value());
    if !(1..=MAX_NAME_BYTES).contains(&name.len()) {
        let what = format!("the name of a feature has 1 to {MAX_NAME_BYTES} bytes");
        errors.add(syn::Error::new(span, what));
    }
    name
}
