//! Reads an enum into [`Events`], and objects.

use heck::ToSnakeCase;
use quote::format_ident;
use syn::{
    Attribute, Data, DeriveInput, Generics, Path, Type, Variant, ext::IdentExt, parse_quote,
    visit_mut::VisitMut,
};

use super::{Event, Events};
use crate::{
    codable::{SpellOutSelf, check_variant},
    errors::Errors,
    marks::Marks,
    root,
    span::generated,
};

/// The most types of events that one enum can have.
const MAX_EVENTS: usize = 256;

/// What the handlers of losses, which are no events, are called.
const TAKEN: [&str; 2] = ["on_lagged", "on_restarted"];

/// The most fields that a variant may have: the arguments of a handler.
const MAX_FIELDS: usize = 12;

/// Everything that can be made of the enum; what cannot is in `errors`.
pub(super) fn events<'a>(item: &'a DeriveInput, errors: &mut Errors) -> Events<'a> {
    let chosen = chosen_root(&item.attrs, errors);
    let has_handlers = chosen.is_some() || !root::is_core();
    let root = chosen.unwrap_or_else(root::find);
    generics(&item.generics, errors);
    Events { variants: variants(item, errors), item, root, has_handlers }
}

fn chosen_root(attributes: &[Attribute], errors: &mut Errors) -> Option<Path> {
    let mut root = None;
    for attribute in own(attributes) {
        let parsed = attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unknown key in #[events(...)]: there is `crate = path`"));
            }
            if root.replace(meta.value()?.call(Path::parse_mod_style)?).is_some() {
                return Err(meta.error("`crate` is given twice"));
            }
            Ok(())
        });
        if let Err(error) = parsed {
            errors.add(error);
        }
    }
    root
}

fn own(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("events"))
}

fn generics(generics: &Generics, errors: &mut Errors) {
    if !generics.params.is_empty() {
        let what = "events have no parameters for types, lifetimes or constants: \
                    both sides must know every type. Write concrete, owned types";
        errors.push(&generics.params, what);
    }
    if let Some(clause) = &generics.where_clause {
        errors.push(clause, "remove the `where` clause: all types of an event are concrete");
    }
}

fn variants<'a>(item: &'a DeriveInput, errors: &mut Errors) -> Vec<Event<'a>> {
    let what = "the events of a service are an enum, each variant of which is a type of event";
    let data = match &item.data {
        Data::Enum(data) => data,
        Data::Struct(data) => {
            errors.push(data.struct_token, format!("{what}: make this the fields of a variant"));
            return Vec::new();
        }
        Data::Union(data) => {
            errors.push(data.union_token, format!("{what}: write `enum`"));
            return Vec::new();
        }
    };
    if data.variants.is_empty() {
        let what = "an enum of events has at least one variant; \
                    a service without events leaves out `events = ...`";
        errors.push(&item.ident, what);
    }
    if let Some(variant) = data.variants.iter().nth(MAX_EVENTS) {
        let what = format!("a service has at most {MAX_EVENTS} types of events: this is one more");
        errors.push(&variant.ident, what);
    }
    let ident = &item.ident;
    let own = parse_quote!(#ident);
    let mut events = Vec::new();
    for (index, variant) in (0..).zip(&data.variants) {
        if let Some(event) = event(index, variant, &own, &events, errors) {
            events.push(event);
        }
    }
    events
}

fn event<'a>(
    index: u32,
    variant: &'a Variant,
    own: &Type,
    earlier: &[Event<'_>],
    errors: &mut Errors,
) -> Option<Event<'a>> {
    let Variant { ident, fields, .. } = variant;
    let marks = marks(variant, errors);
    check(variant, errors);
    let name = ident.unraw().to_string().to_snake_case();
    let method = format_ident!("on_{name}", span = generated(ident.span()));
    if TAKEN.iter().any(|taken| method == taken) {
        let what = format!(
            "the client has a method `{method}` already, for events that were missed: rename the variant"
        );
        errors.push(ident, what);
        return None;
    }
    if let Some(other) = earlier.iter().find(|other| other.method == method) {
        // Two variants of one name are reported by rustc.
        if other.ident != ident {
            let what = format!(
                "`{ident}` and `{}` would share the method `{method}`: rename one of them",
                other.ident
            );
            errors.push(ident, what);
        }
        return None;
    }
    let types = fields.iter().map(|field| {
        let mut ty = field.ty.clone();
        SpellOutSelf(own).visit_type_mut(&mut ty);
        ty
    });
    Some(Event { index, ident, fields, types: types.collect(), variant, method, marks })
}

/// What the variant says of itself.
fn marks(variant: &Variant, errors: &mut Errors) -> Marks {
    let mut marks = Marks::default();
    for attribute in own(&variant.attrs) {
        let parsed = attribute.parse_nested_meta(|meta| {
            if marks.read(&meta)? {
                return Ok(());
            }
            let what = "unknown key in #[events(...)] on a variant: there are \
                        `feature = Feature::Name` and `secret`";
            Err(meta.error(what))
        });
        if let Err(error) = parsed {
            errors.add(error);
        }
    }
    marks
}

fn check(variant: &Variant, errors: &mut Errors) {
    for error in check_variant(variant) {
        errors.add(error);
    }
    for attribute in variant.fields.iter().flat_map(|field| own(&field.attrs)) {
        errors.push(attribute, "#[events(...)] stands on the enum or on a variant, not on a field");
    }
    if let Some(field) = variant.fields.iter().nth(MAX_FIELDS) {
        let what =
            format!("an event has at most {MAX_FIELDS} fields: group them in a #[codable] struct");
        errors.push(field, what);
    }
}
