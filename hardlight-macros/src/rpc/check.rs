//! What a service may not be: each rule, and what to write instead.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, FnArg, Generics, Ident, ItemTrait, Pat, PatType, Receiver, ReceiverKind, ReturnType,
    Signature, TraitItem, TraitItemFn, Type, TypePath,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::service::Method;
use crate::{advice::advice, errors::Errors};

/// The most arguments a method may have, `&self` not counted.
const MAX_ARGUMENTS: usize = 12;

/// Checks the trait itself and the items in it that are not methods.
pub(super) fn service(item: &ItemTrait, errors: &mut Errors) {
    if let Some(unsafety) = &item.unsafety {
        errors.push(unsafety, "an RPC trait is safe: remove `unsafe`");
    }
    if let Some(auto) = &item.modifiers.auto_token {
        errors.push(auto, "an RPC trait cannot be an auto trait: remove `auto`");
    }
    let what = "an RPC trait has no parameters: a service is one set of types. \
                Write concrete types, or one trait for each";
    generics(&item.generics, what, errors);
    for item in &item.items {
        other_item(item, errors);
    }
    let is_method = |item: &TraitItem| matches!(item, TraitItem::Fn(_));
    if !item.items.iter().any(is_method) {
        errors.push(
            &item.ident,
            "a service has at least one method: `async fn name(&self, argument: Type) -> Type;`",
        );
    }
}

fn other_item(item: &TraitItem, errors: &mut Errors) {
    match item {
        TraitItem::Fn(_) => {}
        TraitItem::Const(item) => errors.push(
            span_between(&item.const_token, &item.ident),
            "an RPC trait has methods only: put the constant beside the trait",
        ),
        TraitItem::Type(item) => errors.push(
            span_between(&item.type_token, &item.ident),
            "an RPC trait has methods only: the types of a service are concrete, \
             so name the type in the methods",
        ),
        TraitItem::Macro(item) => {
            errors.push(item, "#[rpc] cannot see what a macro expands to: write the methods out");
        }
        item => errors.push(item, "an RPC trait has methods only"),
    }
}

/// Checks one method by itself.
pub(super) fn method(function: &TraitItemFn, errors: &mut Errors) {
    let signature = &function.sig;
    qualifiers(function, errors);
    let what = "a method has no parameters for types, lifetimes or constants: \
                both sides must know every type. Write concrete, owned types";
    generics(&signature.generics, what, errors);
    receiver(signature, errors);
    let mut arguments = signature.inputs.iter().filter_map(|argument| match argument {
        FnArg::Typed(argument) => Some(argument),
        FnArg::Receiver(_) => None,
    });
    for argument in arguments.by_ref().take(MAX_ARGUMENTS) {
        self::argument(argument, errors);
    }
    if let Some(argument) = arguments.next() {
        let what = format!(
            "a method has at most {MAX_ARGUMENTS} arguments: group them in a #[codable] struct"
        );
        errors.push(argument, what);
    }
    if let Some(variadic) = &signature.variadic {
        errors.push(variadic, "no variable number of arguments: take a `Vec`");
    }
    if let ReturnType::Type(_, ty) = &signature.output {
        travels(ty, errors);
    }
}

fn qualifiers(function: &TraitItemFn, errors: &mut Errors) {
    let signature = &function.sig;
    if let Some(default) = &function.modifiers.defaultness {
        errors.push(default, "remove `default`: a method with a body is a default already");
    }
    if let Some(constness) = &signature.constness {
        errors.push(constness, "RPC methods are async: remove `const`, write `async fn`");
    }
    if let syn::Safety::Unsafe(unsafety) = &signature.safety {
        errors.push(unsafety, "an RPC method is safe, for anyone can call it: remove `unsafe`");
    }
    if let Some(abi) = &signature.abi {
        errors.push(abi, "an RPC method has no ABI of its own: remove `extern`");
    }
    if signature.asyncness.is_none() && signature.constness.is_none() {
        errors.push(signature.fn_token, "RPC methods are async: write `async fn`");
    }
}

fn generics(generics: &Generics, what: &str, errors: &mut Errors) {
    if !generics.params.is_empty() {
        errors.push(&generics.params, what);
    }
    if let Some(clause) = &generics.where_clause {
        errors.push(clause, "remove the `where` clause: all types of a service are concrete");
    }
}

fn receiver(signature: &Signature, errors: &mut Errors) {
    const SHARED: &str = "use `&self`: the calls of one connection run at the same time. \
                          Put what changes into connection state, or behind a lock of your own";
    match signature.inputs.first() {
        Some(FnArg::Receiver(receiver)) if is_shared(receiver) => {}
        Some(FnArg::Receiver(receiver)) => errors.push(receiver, SHARED),
        _ => errors.push(
            &signature.ident,
            "an RPC method is called on a handler: its first argument is `&self`",
        ),
    }
}

fn is_shared(receiver: &Receiver) -> bool {
    matches!(receiver.kind, ReceiverKind::Reference(_, None, None)) && receiver.attrs.is_empty()
}

fn argument(argument: &PatType, errors: &mut Errors) {
    for attribute in &argument.attrs {
        errors.push(attribute, "an argument of an RPC method takes no attributes");
    }
    match &*argument.pat {
        Pat::Ident(name) if name.subpat.is_none() && name.by_ref.is_none() => {
            if let Some(mutability) = name.mutability {
                let what = "remove `mut`: write `let mut name = name;` in the body";
                errors.push(mutability, what);
            }
        }
        Pat::Wild(wild) => errors.push(
            wild,
            "give the argument a name: it becomes a field of the method's input struct",
        ),
        pattern => errors.push(
            pattern,
            "no patterns in arguments: write `name: Type` and take it apart in the body",
        ),
    }
    travels(&argument.ty, errors);
}

/// Two methods must not share an input struct and a variant of `Method`.
pub(super) fn collision(
    ident: &Ident,
    variant: &Ident,
    cfgs: &[Attribute],
    earlier: &[Method],
    errors: &mut Errors,
) {
    let Some(other) = earlier.iter().find(|method| method.variant == *variant) else {
        return;
    };
    // Two methods of one name are reported by rustc, and of those under #[cfg] only one may remain.
    if other.ident == *ident || !(cfgs.is_empty() && other.cfgs.is_empty()) {
        return;
    }
    errors.push(
        ident,
        format!(
            "`{ident}` and `{}` would share the names `Method::{variant}` and `{variant}Input`: \
             rename one of them",
            other.ident
        ),
    );
}

/// Reports what is written in a type and cannot travel. The rest is for the bound `Codable` to find.
fn travels(ty: &Type, errors: &mut Errors) {
    Travels(errors).visit_type(ty);
}

struct Travels<'a>(&'a mut Errors);

impl<'ast> Visit<'ast> for Travels<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        match ty {
            Type::Reference(reference) => {
                let what = format!(
                    "no references: what travels is owned. Write `{}`",
                    owned(&reference.elem)
                );
                self.0.push(reference, what);
            }
            Type::Slice(slice) => self.0.push(slice, "a slice has no size: write `Vec<T>`"),
            Type::ImplTrait(ty) => {
                self.0.push(ty, "no `impl Trait`: both sides must know the type. Name it");
            }
            Type::TraitObject(ty) => {
                self.0.push(ty, "no `dyn Trait`: write a #[codable] enum of the types it can be");
            }
            Type::Ptr(ty) => self.0.push(ty, "a pointer cannot travel: write the type itself"),
            Type::FnPtr(ty) => {
                self.0.push(ty, "a function cannot travel: write a #[codable] enum of choices");
            }
            Type::Never(ty) => {
                self.0.push(ty, "a method has a result: leave the return type out for `()`");
            }
            Type::Infer(ty) => self.0.push(ty, "name the type: both sides must know it"),
            ty => visit::visit_type(self, ty),
        }
    }

    fn visit_type_path(&mut self, ty: &'ast TypePath) {
        if let Some(advice) = advice(ty) {
            self.0.push(ty, advice);
        }
        if let Some(name) = ty.path.get_ident().filter(|name| *name == "str") {
            self.0.push(name, "`str` has no size: write `String`");
        }
        if ty.path.segments.first().is_some_and(|first| first.ident == "Self") {
            let what = "the client does not know the handler's type: name a type instead of `Self`";
            self.0.push(&ty.path, what);
            return;
        }
        visit::visit_type_path(self, ty);
    }
}

/// What to write instead of a reference to `ty`.
fn owned(ty: &Type) -> String {
    match ty {
        Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
        Type::Slice(slice) => format!("Vec<{}>", source(&slice.elem)),
        Type::TraitObject(_) => "a #[codable] enum of the types it can be".to_owned(),
        ty => source(ty),
    }
}

/// The type as in the source, if it can be had, so that a hint has the user's own spacing.
fn source(ty: &Type) -> String {
    ty.span().source_text().unwrap_or_else(|| ty.to_token_stream().to_string())
}

fn span_between(first: &impl ToTokens, last: &impl ToTokens) -> TokenStream {
    quote!(#first #last)
}
