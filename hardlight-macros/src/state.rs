//! `#[derive(ConnectionState)]`: how a struct is sent field by field.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, Data, DeriveInput, Expr, Field, Fields, GenericParam, Generics, Ident, Path, Token,
    Type, TypePath,
    ext::IdentExt,
    parse_quote,
    spanned::Spanned,
    visit::{self, Visit},
};

use crate::{advice::advice, errors::Errors, root};

/// Expands `#[derive(ConnectionState)] item`.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let item = match syn::parse2::<DeriveInput>(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let root = struct_attributes(&item.attrs, &mut errors).unwrap_or_else(root::find);
    check_generics(&item.generics, &mut errors);
    let fields = fields(&item, &mut errors);
    if !errors.is_empty() {
        let errors = errors.into_compile_errors();
        // With lifetimes there can be no implementation at all.
        let stub = item.generics.lifetimes().next().is_none().then(|| stub(&item, &root));
        return quote!(#errors #stub);
    }
    State { generics: bounded(&item.generics, &root), item: &item, fields, root }.expand()
}

/// A struct without errors.
struct State<'a> {
    item: &'a DeriveInput,
    /// Those of the struct, with every type parameter bounded.
    generics: Generics,
    fields: Vec<StateField<'a>>,
    root: Path,
}

struct StateField<'a> {
    index: u32,
    ident: &'a Ident,
    ty: &'a Type,
    /// `#[state(default = expr)]`
    default: Option<Expr>,
}

fn struct_attributes(attributes: &[Attribute], errors: &mut Errors) -> Option<Path> {
    let mut root = None;
    keys(attributes, errors, |meta| {
        if meta.path.is_ident("crate") {
            root = Some(meta.value()?.call(Path::parse_mod_style)?);
            return Ok(());
        }
        Err(unknown(&meta, "on the struct it is `crate = path`"))
    });
    root
}

fn field_default(field: &Field, errors: &mut Errors) -> Option<Expr> {
    let mut default = None;
    keys(&field.attrs, errors, |meta| {
        if !meta.path.is_ident("default") {
            return Err(unknown(&meta, "on a field it is `default = expression`"));
        }
        if !meta.input.peek(Token![=]) {
            let what =
                "`default` takes an expression; without the attribute it is `Default::default()`";
            return Err(meta.error(what));
        }
        if default.replace(meta.value()?.parse()?).is_some() {
            return Err(meta.error("`default` is given twice"));
        }
        Ok(())
    });
    default
}

fn keys(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut key: impl FnMut(syn::meta::ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("state")) {
        if let Err(error) = attribute.parse_nested_meta(&mut key) {
            errors.add(error);
        }
    }
}

fn unknown(meta: &syn::meta::ParseNestedMeta<'_>, known: &str) -> syn::Error {
    meta.error(format!("unknown key in #[state(...)]: {known}"))
}

fn check_generics(generics: &Generics, errors: &mut Errors) {
    for lifetime in generics.lifetimes() {
        errors
            .push(lifetime, "connection state borrows nothing: remove the lifetime, own the data");
    }
}

fn fields<'a>(item: &'a DeriveInput, errors: &mut Errors) -> Vec<StateField<'a>> {
    let what = "connection state is a struct with named fields, which are sent one by one";
    let data = match &item.data {
        Data::Struct(data) => data,
        Data::Enum(data) => {
            errors.push(data.enum_token, format!("{what}: put the enum in a field"));
            return Vec::new();
        }
        Data::Union(data) => {
            errors.push(data.union_token, format!("{what}: write `struct`"));
            return Vec::new();
        }
    };
    let Fields::Named(named) = &data.fields else {
        match &data.fields {
            Fields::Unnamed(fields) => {
                errors.push(fields, format!("{what}: give the fields names"));
            }
            _ => errors.push(&item.ident, format!("{what}; for no state write `()`")),
        }
        return Vec::new();
    };
    (0..).zip(&named.named).filter_map(|(index, field)| state_field(index, field, errors)).collect()
}

fn state_field<'a>(index: u32, field: &'a Field, errors: &mut Errors) -> Option<StateField<'a>> {
    let default = field_default(field, errors);
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")) {
        let what =
            "both sides must have the same fields: remove #[cfg], or make the field an `Option`";
        errors.push(attribute, what);
    }
    Travels(errors).visit_type(&field.ty);
    Some(StateField { index, ident: field.ident.as_ref()?, ty: &field.ty, default })
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
            Type::FnPtr(ty) => self.0.push(ty, "a function cannot be sent: keep it in the handler"),
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
                "the client has its own copy of the state: use the plain type, or `Box`"
            }
            _ => match advice(ty) {
                Some(advice) => advice,
                None => return visit::visit_type_path(self, ty),
            },
        };
        self.0.push(&last.ident, what);
    }
}

/// The generics with `T: Codable` for every type parameter.
fn bounded(generics: &Generics, root: &Path) -> Generics {
    let mut generics = generics.clone();
    for parameter in &mut generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.bounds.push(parse_quote!(#root::__private::Codable));
            parameter.default = None;
        }
    }
    generics
}

impl State<'_> {
    fn expand(&self) -> TokenStream {
        let root = &self.root;
        let ident = &self.item.ident;
        let shadow = self.shadow_ident();
        let (parameters, arguments, clause) = self.generics.split_for_impl();
        let shadow_definition = self.shadow_definition();
        let methods = [
            self.initial(),
            self.schema(),
            self.shadow(),
            self.snapshot(),
            self.diff(),
            self.apply(),
        ];
        let field_impls = self.field_impls();
        quote! {
            #shadow_definition
            #field_impls

            #[automatically_derived]
            #[allow(deprecated)]
            impl #parameters #root::__private::ConnectionState for #ident #arguments #clause {
                type Shadow = #shadow #arguments;
                #(#methods)*
            }
        }
    }

    fn shadow_ident(&self) -> Ident {
        let ident = &self.item.ident;
        format_ident!("__{}Shadow", ident.unraw(), span = generated(ident))
    }

    /// What the peer was last sent: the same fields.
    fn shadow_definition(&self) -> TokenStream {
        let vis = &self.item.vis;
        let shadow = self.shadow_ident();
        let (parameters, arguments, clause) = self.generics.split_for_impl();
        let root = &self.root;
        let ident = &self.item.ident;
        let arguments = &arguments;
        let fields = self.each(|StateField { index, ident: field, ty, .. }| {
            quote! {
                #field: #root::__private::FieldShadow<
                    #root::__private::Field<#ty>,
                    #ident #arguments,
                    #index,
                >,
            }
        });
        quote! {
            #[doc(hidden)]
            #[allow(missing_debug_implementations)]
            #vis struct #shadow #parameters #clause { #fields }
        }
    }

    fn initial(&self) -> TokenStream {
        let fields = self.each(|StateField { ident, ty, default, .. }| match default {
            Some(default) => quote!(#ident: #default,),
            None => quote_spanned!(generated(ty)=> #ident: <#ty as ::core::default::Default>::default(),),
        });
        quote! {
            fn initial() -> Self {
                Self { #fields }
            }
        }
    }

    fn schema(&self) -> TokenStream {
        let root = &self.root;
        let fields = self.each(|field| {
            let name = field.ident.unraw().to_string();
            let field = self.field(field);
            quote!(#field::schema(#name),)
        });
        quote! {
            fn schema() -> #root::__private::Vec<#root::__private::FieldSchema> {
                ::core::convert::From::from([#fields])
            }
        }
    }

    fn shadow(&self) -> TokenStream {
        let shadow = self.shadow_ident();
        let fields = self.each(|field| {
            let ident = field.ident;
            let field = self.field(field);
            quote!(#ident: #field::shadow(&mut self.#ident),)
        });
        quote! {
            fn shadow(&mut self) -> Self::Shadow {
                #shadow { #fields }
            }
        }
    }

    fn snapshot(&self) -> TokenStream {
        let root = &self.root;
        let fields = self.each(|field| {
            let ident = field.ident;
            let field = self.field(field);
            quote!(#field::set(&self.#ident, out)?;)
        });
        quote! {
            fn snapshot(
                &self,
                out: &mut #root::__private::StateWriter,
            ) -> ::core::result::Result<(), #root::__private::EncodeError> {
                #fields
                ::core::result::Result::Ok(())
            }
        }
    }

    fn diff(&self) -> TokenStream {
        let root = &self.root;
        let fields = self.each(|field| {
            let ident = field.ident;
            let field = self.field(field);
            quote!(#field::diff(&mut self.#ident, &mut shadow.#ident, out)?;)
        });
        quote! {
            fn diff(
                &mut self,
                shadow: &mut Self::Shadow,
                out: &mut #root::__private::StateWriter,
            ) -> ::core::result::Result<(), #root::__private::EncodeError> {
                #fields
                ::core::result::Result::Ok(())
            }
        }
    }

    /// Checks everything before it changes anything.
    fn apply(&self) -> TokenStream {
        let root = &self.root;
        let empty = self.each(|StateField { index, .. }| {
            let change = local("change", *index);
            quote!(let mut #change = ::core::option::Option::None;)
        });
        let check = self.each(|field| {
            let (index, ident) = (field.index, field.ident);
            let change = local("change", index);
            let field = self.field(field);
            quote! {
                #index => {
                    #change = ::core::option::Option::Some(
                        #field::check(&self.#ident, operation, |initial: &Self| &initial.#ident)?,
                    );
                }
            }
        });
        let apply = self.each(|field| {
            let (ident, change) = (field.ident, local("change", field.index));
            let field = self.field(field);
            quote!(#field::apply(&mut self.#ident, #change)?;)
        });
        quote! {
            fn apply(
                &mut self,
                operations: #root::__private::StateOperations<'_>,
            ) -> ::core::result::Result<(), #root::__private::StateError> {
                #empty
                for operation in operations {
                    let operation = operation?;
                    match operation.field() {
                        #check
                        _ => {}
                    }
                }
                #apply
                ::core::result::Result::Ok(())
            }
        }
    }

    /// One `impl FieldOf` for each field, which is where a type that cannot be a field is reported.
    fn field_impls(&self) -> TokenStream {
        let root = &self.root;
        let ident = &self.item.ident;
        let (parameters, arguments, clause) = self.generics.split_for_impl();
        self.each(|StateField { index, ty, .. }| {
            quote_spanned! {generated(ty)=>
                impl #parameters #root::__private::FieldOf<#ident #arguments, #index>
                    for #root::__private::Field<#ty> #clause
                {
                    type Value = #ty;
                }
            }
        })
    }

    /// The path to what `FieldOf` does for a field.
    fn field(&self, field: &StateField<'_>) -> TokenStream {
        let root = &self.root;
        let StateField { index, ty, .. } = field;
        quote!(<#root::__private::Field<#ty> as #root::__private::FieldOf<Self, #index>>)
    }

    fn each(&self, code: impl FnMut(&StateField<'_>) -> TokenStream) -> TokenStream {
        self.fields.iter().map(code).collect()
    }
}

/// A variable of the generated code, which no name of the user's can be.
fn local(name: &str, index: u32) -> Ident {
    format_ident!("{name}_{index}", span = proc_macro2::Span::mixed_site())
}

fn generated(tokens: &impl Spanned) -> proc_macro2::Span {
    crate::span::generated(tokens.span())
}

/// An implementation that only compiles, so that an error in the struct does not cause others.
fn stub(item: &DeriveInput, root: &Path) -> TokenStream {
    let ident = &item.ident;
    let mut generics = item.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#root::__private::Codable));
    }
    let (parameters, arguments, clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #parameters #root::__private::ConnectionState for #ident #arguments #clause {
            type Shadow = ();
            fn initial() -> Self {
                ::core::panic!("this state did not compile")
            }
            fn schema() -> #root::__private::Vec<#root::__private::FieldSchema> {
                ::core::convert::From::from([])
            }
            fn shadow(&mut self) {}
            fn snapshot(
                &self,
                _: &mut #root::__private::StateWriter,
            ) -> ::core::result::Result<(), #root::__private::EncodeError> {
                ::core::result::Result::Ok(())
            }
            fn diff(
                &mut self,
                _: &mut (),
                _: &mut #root::__private::StateWriter,
            ) -> ::core::result::Result<(), #root::__private::EncodeError> {
                ::core::result::Result::Ok(())
            }
            fn apply(
                &mut self,
                _: #root::__private::StateOperations<'_>,
            ) -> ::core::result::Result<(), #root::__private::StateError> {
                ::core::result::Result::Ok(())
            }
        }
    }
}
