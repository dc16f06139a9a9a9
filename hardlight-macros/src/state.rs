//! `#[derive(ConnectionState)]`: how a struct is sent field by field.

mod parse;

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{
    DeriveInput, Expr, GenericParam, Generics, Ident, Path, Type, TypeParamBound, ext::IdentExt,
    parse_quote, spanned::Spanned, visit::Visit,
};

use self::parse::{Parsed, SkippedField, StateField, parse};
use crate::{errors::Errors, marks::name_of, root};

/// Expands `#[derive(ConnectionState)] item`.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let item = match syn::parse2::<DeriveInput>(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let Parsed { root, fields, skipped } = parse(&item, &mut errors);
    let root = root.unwrap_or_else(root::find);
    if !errors.is_empty() {
        let errors = errors.into_compile_errors();
        // With lifetimes there can be no implementation at all.
        let stub = item.generics.lifetimes().next().is_none().then(|| stub(&item, &root));
        return quote!(#errors #stub);
    }
    let generics = bounded(&item, &fields, &root);
    State { generics, item: &item, fields, skipped, root }.expand()
}

/// A struct without errors.
struct State<'a> {
    item: &'a DeriveInput,
    /// Those of the struct, with every type parameter bounded.
    generics: Generics,
    fields: Vec<StateField<'a>>,
    skipped: Vec<SkippedField<'a>>,
    root: Path,
}

/// The generics, in which every type parameter is `Codable` that is a part of what travels.
fn bounded(item: &DeriveInput, fields: &[StateField<'_>], root: &Path) -> Generics {
    let mut generics = item.generics.clone();
    for parameter in &mut generics.params {
        if let GenericParam::Type(parameter) = parameter {
            let mut finder = Finder { parameter: &parameter.ident, found: false };
            fields.iter().for_each(|field| finder.visit_type(field.ty));
            if finder.found {
                parameter.bounds.push(parse_quote!(#root::__private::Codable));
            } else {
                let bounds = [
                    parse_quote!(::core::marker::Send),
                    parse_quote!(::core::marker::Sync),
                    parse_quote!('static),
                ];
                parameter.bounds.extend::<[TypeParamBound; 3]>(bounds);
            }
            parameter.default = None;
        }
    }
    generics
}

/// Looks for a type parameter in types.
struct Finder<'a> {
    parameter: &'a Ident,
    found: bool,
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_ident(&mut self, ident: &'ast Ident) {
        self.found |= ident == self.parameter;
    }
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
        let ident = &self.item.ident;
        let fields = self.each(|StateField { ident, ty, .. }| quote!(#ident: #ty,));
        // Parameters may be of use to fields that stay only.
        let state = self.has_marker().then(
            || quote!(__hardlight_state: ::core::marker::PhantomData<fn() -> #ident #arguments>,),
        );
        quote! {
            #[doc(hidden)]
            #[allow(missing_debug_implementations)]
            #vis struct #shadow #parameters #clause { #fields #state }
        }
    }

    fn has_marker(&self) -> bool {
        !self.skipped.is_empty() && !self.generics.params.is_empty()
    }

    fn initial(&self) -> TokenStream {
        let fields =
            self.each(|StateField { ident, ty, default, .. }| initial(ident, ty, default.as_ref()));
        let skipped = self.skipped.iter();
        let skipped =
            skipped.map(|SkippedField { ident, ty, default }| initial(ident, ty, default.as_ref()));
        quote! {
            fn initial() -> Self {
                Self { #fields #(#skipped)* }
            }
        }
    }

    fn schema(&self) -> TokenStream {
        let root = &self.root;
        let fields = self.each(|field| {
            let name = field.ident.unraw().to_string();
            let feature = field.marks.feature.as_ref().map(|feature| name_of(feature, root));
            let feature = feature.map(|name| quote!(.with_feature(#name)));
            let secret = field.marks.secret.then(|| quote!(.secret()));
            let field = self.field(field);
            quote!(#field::schema(#name) #feature #secret,)
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
        let state =
            self.has_marker().then(|| quote!(__hardlight_state: ::core::marker::PhantomData,));
        quote! {
            fn shadow(&mut self) -> Self::Shadow {
                #shadow { #fields #state }
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

/// What a field is at first.
fn initial(ident: &Ident, ty: &Type, default: Option<&Expr>) -> TokenStream {
    match default {
        Some(default) => quote!(#ident: #default,),
        None => {
            quote_spanned!(generated(ty)=> #ident: <#ty as ::core::default::Default>::default(),)
        }
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
