//! Reads a trait into a [`Service`].

use quote::format_ident;
use syn::{
    Attribute, Expr, FnArg, Ident, ItemTrait, Pat, ReturnType, TraitItem, TraitItemFn, Type,
    ext::IdentExt, parse_quote, parse_quote_spanned,
};

use super::{
    args::Args,
    check,
    names::{self, Names},
    needs,
    service::{Argument, Method, Root, Service},
};
use crate::errors::Errors;

/// Everything that can be made of the trait; what cannot is in `errors`.
pub(super) fn service(args: Args, item: ItemTrait, errors: &mut Errors) -> Service {
    check::service(&item, errors);
    let names = Names::new(&item.ident, args.module, errors);
    let mut methods = Vec::new();
    let mut rejected = Vec::new();
    for function in functions(&item) {
        let mut own = Errors::default();
        let method = method(function, args.feature.as_ref(), &methods, &mut own);
        match method {
            Some(method) if own.is_empty() => methods.push(method),
            _ => rejected.push(function.clone()),
        }
        errors.append(own);
    }
    Service {
        root: Root::new(args.root, &names),
        state: args.state.unwrap_or_else(|| parse_quote!(())),
        events: args.events,
        feature: args.feature,
        dispatchable: item.generics.params.is_empty(),
        item,
        names,
        methods,
        rejected,
    }
}

fn functions(item: &ItemTrait) -> impl Iterator<Item = &TraitItemFn> {
    item.items.iter().filter_map(|item| match item {
        TraitItem::Fn(function) => Some(function),
        _ => None,
    })
}

fn method(
    function: &TraitItemFn,
    of_all: Option<&Expr>,
    earlier: &[Method],
    errors: &mut Errors,
) -> Option<Method> {
    check::method(function, errors);
    let ident = &function.sig.ident;
    let Some(variant) = names::camel(ident) else {
        let what = "in UpperCamelCase this is no name for a variant of `Method`: rename the method";
        errors.push(ident, what);
        return None;
    };
    let cfgs = attributes(&function.attrs, &["cfg"]);
    check::collision(ident, &variant, &cfgs, earlier, errors);
    let marks = needs::parse(function, of_all, errors);
    Some(Method {
        ident: ident.clone(),
        input: format_ident!("{variant}Input", span = variant.span()),
        output: format_ident!("{variant}Output"),
        variant,
        cfgs,
        marks,
        docs: attributes(&function.attrs, &["doc", "deprecated"]),
        arguments: function.sig.inputs.iter().filter_map(argument).collect(),
        returns: match &function.sig.output {
            ReturnType::Type(_, ty) => (**ty).clone(),
            ReturnType::Default => {
                let span = names::generated(ident.span());
                parse_quote_spanned!(span=> ())
            }
        },
    })
}

fn argument(argument: &FnArg) -> Option<Argument> {
    let FnArg::Typed(argument) = argument else {
        return None;
    };
    let Pat::Ident(pattern) = &*argument.pat else {
        return None;
    };
    Some(Argument { ident: pattern.ident.clone(), ty: (*argument.ty).clone() })
}

fn attributes(all: &[Attribute], names: &[&str]) -> Vec<Attribute> {
    let wanted = |attribute: &&Attribute| names.iter().any(|name| attribute.path().is_ident(name));
    all.iter().filter(wanted).cloned().collect()
}

/// `T` and `E`, if the type is written as `Result<T, E>`.
pub(super) fn application_result(ty: &Type) -> Option<(&Type, &Type)> {
    let path = match ty {
        Type::Group(group) => return application_result(&group.elem),
        Type::Paren(paren) => return application_result(&paren.elem),
        Type::Path(path) if path.qself.is_none() => &path.path,
        _ => return None,
    };
    let last = path.segments.last().filter(|last| last.ident == "Result")?;
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    let mut types = arguments.args.iter().map(|argument| match argument {
        syn::GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    match (types.next(), types.next(), types.next()) {
        (Some(Some(ok)), Some(Some(error)), None) => Some((ok, error)),
        _ => None,
    }
}

/// The name of a method as users know it: without `r#`.
pub(super) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_error_is_seen_where_result_has_two_arguments() {
        let seen = |ty: Type| application_result(&ty).is_some();
        assert!(seen(parse_quote!(Result<u32, E>)));
        assert!(seen(parse_quote!(::core::result::Result<u32, E>)));
        assert!(!seen(parse_quote!(Result<u32>)));
        assert!(!seen(parse_quote!(Result)));
        assert!(!seen(parse_quote!(Option<Result<u32, E>>)));
    }
}
