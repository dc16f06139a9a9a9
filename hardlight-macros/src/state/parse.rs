//! What the user wrote: the struct, its fields and their attributes.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Span;
use syn::{
    Attribute, Data, DeriveInput, Expr, Field, Fields, Generics, Ident, LitInt, Path, Token, Type,
    TypePath,
    meta::ParseNestedMeta,
    parenthesized,
    punctuated::Punctuated,
    visit::{self, Visit},
};

use crate::{
    advice::advice,
    errors::Errors,
    marks::{Marks, flag},
};

/// The lowest index that no field may have: SPEC.md, section 11.3.
const FIRST_OF_THE_PROTOCOL: u32 = 4_080;

/// A struct without errors.
pub(super) struct Parsed<'a> {
    /// `#[state(crate = path)]`
    pub(super) root: Option<Path>,
    /// Those that travel, in order.
    pub(super) fields: Vec<StateField<'a>>,
    /// Those that stay.
    pub(super) skipped: Vec<SkippedField<'a>>,
}

/// A field that travels.
pub(super) struct StateField<'a> {
    pub(super) index: u32,
    pub(super) ident: &'a Ident,
    pub(super) ty: &'a Type,
    /// `#[state(default = expr)]`
    pub(super) default: Option<Expr>,
    pub(super) marks: Marks,
}

/// A field that is on the server only: `#[state(skip)]`.
pub(super) struct SkippedField<'a> {
    pub(super) ident: &'a Ident,
    pub(super) ty: &'a Type,
    /// `#[state(default = expr)]`
    pub(super) default: Option<Expr>,
}

/// `#[state(...)]` of the struct.
#[derive(Default)]
struct StructKeys {
    root: Option<Path>,
    reserved: BTreeMap<u32, Span>,
}

/// `#[state(...)]` of a field.
#[derive(Default)]
struct FieldKeys {
    default: Option<Expr>,
    marks: Marks,
    skip: bool,
}

pub(super) fn parse<'a>(item: &'a DeriveInput, errors: &mut Errors) -> Parsed<'a> {
    let StructKeys { root, reserved } = struct_keys(&item.attrs, errors);
    check_generics(&item.generics, errors);
    let mut parsed = Parsed { root, fields: Vec::new(), skipped: Vec::new() };
    let reserved = reserved.into_keys().collect::<BTreeSet<_>>();
    let mut indexes = (0..).filter(|index| !reserved.contains(index));
    for field in fields(item, errors) {
        let FieldKeys { default, marks, skip } = field_keys(field, errors);
        let Some(ident) = &field.ident else {
            continue;
        };
        if skip {
            if marks.feature.is_some() || marks.secret {
                let what =
                    "a field with `skip` never leaves the server: remove `feature` and `secret`";
                errors.push(ident, what);
            }
            parsed.skipped.push(SkippedField { ident, ty: &field.ty, default });
            continue;
        }
        check_field(field, errors);
        let index = indexes.next().unwrap_or(FIRST_OF_THE_PROTOCOL);
        if index == FIRST_OF_THE_PROTOCOL {
            errors.push(
                ident,
                "too many fields: a state has 4,080, those that are reserved among them",
            );
        }
        parsed.fields.push(StateField { index, ident, ty: &field.ty, default, marks });
    }
    parsed
}

fn struct_keys(attributes: &[Attribute], errors: &mut Errors) -> StructKeys {
    let mut found = StructKeys::default();
    keys(attributes, errors, |meta| {
        if meta.path.is_ident("crate") {
            found.root = Some(meta.value()?.call(Path::parse_mod_style)?);
            return Ok(());
        }
        if meta.path.is_ident("reserved") {
            return reserve(&meta, &mut found.reserved);
        }
        Err(unknown(&meta, "on the struct it is `crate = path` or `reserved(index, ...)`"))
    });
    found
}

/// Reads `reserved(1, 4)`.
fn reserve(meta: &ParseNestedMeta<'_>, reserved: &mut BTreeMap<u32, Span>) -> syn::Result<()> {
    if !meta.input.peek(syn::token::Paren) {
        let what = "`reserved` takes the indexes of the fields that were removed: `reserved(1, 4)`";
        return Err(meta.error(what));
    }
    let indexes;
    parenthesized!(indexes in meta.input);
    for index in Punctuated::<LitInt, Token![,]>::parse_terminated(&indexes)? {
        let number = index.base10_parse::<u32>()?;
        if number >= FIRST_OF_THE_PROTOCOL {
            let what = "no field can have had this index: they are below 4,080";
            return Err(syn::Error::new(index.span(), what));
        }
        if reserved.insert(number, index.span()).is_some() {
            return Err(syn::Error::new(index.span(), "this index is reserved twice"));
        }
    }
    Ok(())
}

fn field_keys(field: &Field, errors: &mut Errors) -> FieldKeys {
    let mut found = FieldKeys::default();
    keys(&field.attrs, errors, |meta| {
        if flag(&meta, "skip", &mut found.skip)? || found.marks.read(&meta)? {
            return Ok(());
        }
        if meta.path.is_ident("reserved") {
            let what = "remove the field, and say so on the struct: `#[state(reserved(index))]`";
            return Err(meta.error(what));
        }
        if !meta.path.is_ident("default") {
            return Err(unknown(
                &meta,
                "on a field it is `default = expression`, `feature = Feature::Name`, `secret` or `skip`",
            ));
        }
        if !meta.input.peek(Token![=]) {
            let what =
                "`default` takes an expression; without the attribute it is `Default::default()`";
            return Err(meta.error(what));
        }
        if found.default.replace(meta.value()?.parse()?).is_some() {
            return Err(meta.error("`default` is given twice"));
        }
        Ok(())
    });
    found
}

fn keys(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut key: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("state")) {
        if let Err(error) = attribute.parse_nested_meta(&mut key) {
            errors.add(error);
        }
    }
}

fn unknown(meta: &ParseNestedMeta<'_>, known: &str) -> syn::Error {
    meta.error(format!("unknown key in #[state(...)]: {known}"))
}

fn check_generics(generics: &Generics, errors: &mut Errors) {
    for lifetime in generics.lifetimes() {
        errors
            .push(lifetime, "connection state borrows nothing: remove the lifetime, own the data");
    }
}

/// The fields of a struct that has names for them.
fn fields<'a>(
    item: &'a DeriveInput,
    errors: &mut Errors,
) -> impl Iterator<Item = &'a Field> + use<'a> {
    let what = "connection state is a struct with named fields, which are sent one by one";
    let named = match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => Some(&named.named),
            Fields::Unnamed(fields) => {
                errors.push(fields, format!("{what}: give the fields names"));
                None
            }
            Fields::Unit => {
                errors.push(&item.ident, format!("{what}; for no state write `()`"));
                None
            }
        },
        Data::Enum(data) => {
            errors.push(data.enum_token, format!("{what}: put the enum in a field"));
            None
        }
        Data::Union(data) => {
            errors.push(data.union_token, format!("{what}: write `struct`"));
            None
        }
    };
    named.into_iter().flatten()
}

fn check_field(field: &Field, errors: &mut Errors) {
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")) {
        let what =
            "both sides must have the same fields: remove #[cfg], or make the field an `Option`";
        errors.push(attribute, what);
    }
    Travels(errors).visit_type(&field.ty);
}

/// Reports what is written in a field's type and cannot be sent. The rest is for the bound `Codable` to find.
struct Travels<'a>(&'a mut Errors);

impl<'ast> Visit<'ast> for Travels<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        match ty {
            Type::Reference(ty) => {
                self.0.push(
                    ty,
                    "no references: connection state owns its data (`String` for `&str`)",
                );
            }
            Type::Ptr(ty) => self.0.push(ty, "a pointer cannot be sent: use the plain type"),
            Type::FnPtr(ty) => self.0.push(
                ty,
                "a function cannot be sent: keep it in the handler, or in a field with #[state(skip)]",
            ),
            Type::TraitObject(ty) => {
                self.0.push(ty, "no `dyn Trait`: write a #[codable] enum of the types it can be");
            }
            ty => visit::visit_type(self, ty),
        }
    }

    fn visit_type_path(&mut self, ty: &'ast TypePath) {
        let Some(last) = ty.path.segments.last() else {
            return;
        };
        let what = match last.ident.to_string().as_str() {
            "Mutex" | "RwLock" | "Cell" | "RefCell" | "OnceCell" | "OnceLock" => {
                "state is already behind a lock: use the plain type"
            }
            "Arc" | "Rc" => {
                "the client has its own copy of the state: use the plain type, or `Box`; what stays on the server has \
                 #[state(skip)]"
            }
            _ => match advice(ty) {
                Some(advice) => advice,
                None => return visit::visit_type_path(self, ty),
            },
        };
        self.0.push(&last.ident, what);
    }
}
