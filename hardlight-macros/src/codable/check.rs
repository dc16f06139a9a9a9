//! What can be said of a type by looking at it, with spans at the user's tokens and an advice.

use syn::{
    Data, DeriveInput, Error, Field, Fields, GenericParam, Type, TypePath, Variant, visit::Visit,
};

use crate::advice::advice;

/// All that is wrong with a type.
pub(super) fn check(input: &DeriveInput) -> Vec<Error> {
    let mut checker = Checker { errors: Vec::new() };
    for parameter in &input.generics.params {
        if let GenericParam::Lifetime(lifetime) = parameter {
            checker.refuse(
                lifetime,
                "a type that travels owns its data and has no lifetimes; use `String` or `Vec<T>`",
            );
        }
    }
    match &input.data {
        Data::Struct(data) => checker.fields(&data.fields),
        Data::Enum(data) if data.variants.is_empty() => {
            checker
                .refuse(&input.ident, "an enum without variants has no values that could travel");
        }
        Data::Enum(data) if data.variants.len() > 256 => {
            checker.refuse(&input.ident, "an enum that travels has at most 256 variants");
        }
        Data::Enum(data) => {
            for variant in &data.variants {
                checker.variant(variant);
            }
        }
        Data::Union(data) => {
            checker.refuse(
                data.union_token,
                "a union cannot travel, since nobody can check it; use an enum",
            );
        }
    }
    checker.errors
}

/// All that is wrong with one variant.
pub(crate) fn check_variant(variant: &Variant) -> Vec<Error> {
    let mut checker = Checker { errors: Vec::new() };
    checker.variant(variant);
    checker.errors
}

struct Checker {
    errors: Vec<Error>,
}

impl Checker {
    fn refuse(&mut self, tokens: impl quote::ToTokens, message: impl std::fmt::Display) {
        self.errors.push(Error::new_spanned(tokens, message));
    }

    fn variant(&mut self, variant: &Variant) {
        self.no_cfg(&variant.attrs, "variant");
        self.fields(&variant.fields);
    }

    fn fields(&mut self, fields: &Fields) {
        for Field { attrs, ty, .. } in fields {
            self.no_cfg(attrs, "field");
            self.visit_type(ty);
        }
    }

    /// Both peers must mean the same type, whatever features each was built with.
    fn no_cfg(&mut self, attributes: &[syn::Attribute], what: &str) {
        for attribute in attributes {
            if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
                let message = format!(
                    "a {what} that travels cannot depend on `cfg`: peers built otherwise would disagree"
                );
                self.refuse(attribute, message);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Checker {
    fn visit_type(&mut self, ty: &'ast Type) {
        let message = match ty {
            Type::Reference(reference) => match &*reference.elem {
                Type::Path(path) if path.path.is_ident("str") => {
                    "a reference cannot travel; use `String`"
                }
                Type::Slice(_) => "a reference cannot travel; use `Vec<T>`",
                _ => "a reference cannot travel; own the value",
            },
            Type::Ptr(_) => "a pointer cannot travel; own the value",
            Type::FnPtr(_) => "a function cannot travel",
            Type::TraitObject(_) => "a trait object cannot travel; use an enum of what it may be",
            Type::Infer(_) => "name the type",
            _ => return syn::visit::visit_type(self, ty),
        };
        self.refuse(ty, message);
    }

    fn visit_type_path(&mut self, ty: &'ast TypePath) {
        let own = ty.path.segments.last().and_then(|segment| match segment.ident.to_string().as_str() {
            "Rc" | "Arc" if !segment.arguments.is_none() => Some("shared pointers cannot travel; use `Box<T>` or `T`"),
            "Cow" if !segment.arguments.is_none() => Some("`Cow` cannot travel; use `String` or `Vec<T>`"),
            "PathBuf" | "OsString" => Some("paths differ between machines; use `String`"),
            "Instant" => Some("an `Instant` means nothing on another machine; use a `Duration`"),
            "SystemTime" => Some("a `SystemTime` differs between machines; use a `Duration` since the Unix epoch"),
            _ => None,
        });
        match advice(ty).or(own) {
            Some(advice) if ty.qself.is_none() => self.refuse(ty, advice),
            _ => syn::visit::visit_type_path(self, ty),
        }
    }
}
