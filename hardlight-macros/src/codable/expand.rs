//! The generated code.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{
    Data, DeriveInput, Expr, Fields, GenericParam, Generics, Ident, Member, Path, Type, TypePath,
    Visibility, ext::IdentExt, parse_quote, spanned::Spanned, visit_mut::VisitMut,
};

use crate::span::placed;

/// The mirror, and the `impl Codable` that uses it.
pub(crate) fn codable(input: &DeriveInput, root: &Path) -> TokenStream {
    let parts = Parts::new(input, root);
    let mirror = parts.mirror();
    let implementation = parts.implementation();
    let members = parts.members();
    let state_diff = parts.state_diff();
    quote! {
        #[allow(private_bounds, private_interfaces)]
        const _: () = {
            #members
            #mirror
            #implementation
            #state_diff
        };
    }
}

/// What stands in for the implementation when there are errors, so that they are not followed by one for every use of
/// the type.
pub(super) fn stub(input: &DeriveInput, root: &Path) -> Option<TokenStream> {
    if input.generics.lifetimes().next().is_some() {
        return None;
    }
    let name = &input.ident;
    let generics = codable_generics(&input.generics, root);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let private = quote!(#root::__private);
    Some(quote! {
        #[automatically_derived]
        impl #impl_generics #private::Codable for #name #ty_generics #where_clause {
            type Archived = ();
            type Resolver = ();
            const FLAT: bool = true;
            fn encode_parts(
                _: &Self,
                _: &mut #private::PayloadEncoder<'_>,
            ) -> ::core::result::Result<(), #private::EncodeError> {
                ::core::unreachable!()
            }
            fn resolve(_: &Self, (): (), _: #private::rkyv::Place<()>) {}
            fn decode_from(_: &()) -> ::core::result::Result<Self, #private::DecodeError> {
                ::core::unreachable!()
            }
            fn describe(_: &mut #private::TypeDescription) {}
        }

        #[automatically_derived]
        impl #impl_generics #private::StateDiff for #name #ty_generics #where_clause {
            fn same(_: &Self, _: &Self) -> bool {
                ::core::unreachable!()
            }
            fn copy(_: &Self) -> Self {
                ::core::unreachable!()
            }
        }
    })
}

/// A user's type, taken apart.
pub(super) struct Parts<'a> {
    pub(super) input: &'a DeriveInput,
    /// `<root>::__private`.
    pub(super) private: TokenStream,
    pub(super) generics: Generics,
    mirror: Ident,
    archived: Ident,
    resolver: Ident,
    /// A struct's fields, or those of each variant; the name is that of the variant.
    pub(super) shapes: Vec<Shape<'a>>,
}

/// The fields of a struct or of a variant.
pub(super) struct Shape<'a> {
    /// A variant's name.
    pub(super) variant: Option<&'a Ident>,
    pub(super) discriminant: Option<&'a Expr>,
    fields: &'a Fields,
    pub(super) members: Vec<FieldParts<'a>>,
}

pub(super) struct FieldParts<'a> {
    /// The field's place among all fields of all variants.
    pub(super) index: usize,
    visibility: &'a Visibility,
    name: Option<&'a Ident>,
    pub(super) member: Member,
    /// The field's type, in which `Self` is spelt out, since the mirror is another type.
    pub(super) ty: Type,
    /// Where the type stands in the source, for generated code that may fail on its account. It is generated code
    /// nonetheless: what the user's crate lints is the user's.
    span: Span,
    /// What the field is bound to in a pattern.
    pub(super) binding: Ident,
}

impl<'a> Parts<'a> {
    fn new(input: &'a DeriveInput, root: &Path) -> Self {
        let name = input.ident.unraw();
        let generics = codable_generics(&input.generics, root);
        let own = {
            let (_, ty_generics, _) = input.generics.split_for_impl();
            let name = &input.ident;
            parse_quote!(#name #ty_generics)
        };
        let mut shapes = match &input.data {
            Data::Struct(data) => vec![Shape::new(None, None, &data.fields, &own)],
            Data::Enum(data) => {
                let shape = |variant: &'a syn::Variant| {
                    let discriminant = variant.discriminant.as_ref().map(|(_, value)| value);
                    Shape::new(Some(&variant.ident), discriminant, &variant.fields, &own)
                };
                data.variants.iter().map(shape).collect()
            }
            Data::Union(_) => Vec::new(),
        };
        let fields = shapes.iter_mut().flat_map(|shape| &mut shape.members);
        for (index, field) in fields.enumerate() {
            field.index = index;
        }
        Self {
            input,
            private: quote!(#root::__private),
            generics,
            // The names only have to differ from those that the field types are written with.
            mirror: format_ident!("__HardlightMirror{name}", span = Span::call_site()),
            archived: format_ident!("__HardlightArchived{name}", span = Span::call_site()),
            resolver: format_ident!("__HardlightResolver{name}", span = Span::call_site()),
            shapes,
        }
    }

    pub(super) fn is_enum(&self) -> bool {
        matches!(self.input.data, Data::Enum(_))
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &FieldParts<'a>> {
        self.shapes.iter().flat_map(|shape| &shape.members)
    }

    /// One `impl Member` for each field, which is where a type that cannot travel is reported.
    fn members(&self) -> TokenStream {
        let Self { input, private, generics, .. } = self;
        let name = &input.ident;
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        self.fields()
            .map(|FieldParts { index, ty, span, .. }| {
                quote_spanned! {*span=>
                    #[automatically_derived]
                    impl #impl_generics #private::Member<#index, #ty> for #name #ty_generics #where_clause {
                        type Value = #ty;

                        fn lend(value: &#ty) -> &#ty {
                            value
                        }

                        fn lend_mut(value: &mut #ty) -> &mut #ty {
                            value
                        }

                        fn give(value: #ty) -> #ty {
                            value
                        }
                    }
                }
            })
            .collect()
    }

    /// The mirror's generics: those of the type, behind the parameter `__M` that stands for the type itself. With it,
    /// rkyv's code is checked for any type that has these members, whether or not this one travels.
    fn mirror_generics(&self) -> Generics {
        let private = &self.private;
        let mut generics = self.generics.clone();
        for parameter in &mut generics.params {
            match parameter {
                GenericParam::Type(parameter) => parameter.default = None,
                GenericParam::Const(parameter) => parameter.default = None,
                GenericParam::Lifetime(_) => {}
            }
        }
        if self.fields().next().is_some() {
            let bounds = self
                .fields()
                .map(|FieldParts { index, ty, .. }| quote!(#private::Member<#index, #ty>));
            generics.params.insert(0, parse_quote!(__M: #(#bounds)+*));
        }
        generics
    }

    /// The mirror's arguments, for the type itself.
    fn mirror_arguments(&self) -> TokenStream {
        let (_, ty_generics, _) = self.generics.split_for_impl();
        if self.fields().next().is_none() {
            return quote!(#ty_generics);
        }
        let own = self.input.ident.clone();
        let arguments = self.generics.params.iter().map(|parameter| match parameter {
            GenericParam::Type(parameter) => parameter.ident.to_token_stream(),
            GenericParam::Const(parameter) => parameter.ident.to_token_stream(),
            GenericParam::Lifetime(parameter) => parameter.lifetime.to_token_stream(),
        });
        quote!(<#own #ty_generics, #(#arguments),*>)
    }

    /// The hidden copy of the type, with rkyv's derive and attributes.
    fn mirror(&self) -> TokenStream {
        let Self { input, private, mirror, archived, resolver, .. } = self;
        let name = &input.ident;
        let (_, ty_generics, _) = self.generics.split_for_impl();
        let generics = &self.mirror_generics();
        let checked = self.fields().map(
            |FieldParts { index, ty, .. }| quote!(__M: #private::CheckedBy<__C, #index, #ty>,),
        );
        let attributes = quote! {
            #[derive(#private::rkyv::Archive)]
            #[rkyv(
                crate = #private::rkyv,
                remote = #name #ty_generics,
                archived = #archived,
                resolver = #resolver,
                bytecheck(bounds(
                    #(#checked)*
                    __C: #private::rkyv::validation::ArchiveContext,
                    <__C as #private::rkyv::rancor::Fallible>::Error: #private::rkyv::rancor::Source,
                )),
            )]
        };
        let where_clause = &generics.where_clause;
        let bodies = self.shapes.iter().map(|shape| shape.mirror(private));
        if self.is_enum() {
            quote! {
                #attributes
                #[allow(dead_code)]
                #[repr(u8)]
                pub enum #mirror #generics #where_clause { #(#bodies,)* }
            }
        } else {
            let semicolon = match self.shapes[0].fields {
                Fields::Named(_) => None,
                _ => Some(quote!(;)),
            };
            // A where clause stands before named fields, but behind others.
            let (before, after) =
                if semicolon.is_none() { (where_clause, &None) } else { (&None, where_clause) };
            quote! {
                #attributes
                #[allow(dead_code)]
                pub struct #mirror #generics #before #(#bodies)* #after #semicolon
            }
        }
    }

    fn implementation(&self) -> TokenStream {
        let Self { input, private, generics, mirror, archived, resolver, .. } = self;
        let name = &input.ident;
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        let arguments = self.mirror_arguments();
        // rkyv wants a proof of its own that the fields travel, for the type as a whole.
        let archived_type = placed(quote!(#archived #arguments), name.span());
        let flat = self.fields().map(
            |FieldParts { index, ty, .. }| quote!(<Self as #private::Member<#index, #ty>>::FLAT),
        );
        let encode = self.matching(name, resolver, &quote!(encode_parts), &quote!(, encoder));
        let decode = self.matching(archived, name, &quote!(decode_from), &TokenStream::new());
        let describe = self.describe();
        quote! {
            #[automatically_derived]
            impl #impl_generics #private::Codable for #name #ty_generics #where_clause {
                type Archived = #archived_type;
                type Resolver = #resolver #arguments;

                const FLAT: bool = true #(&& #flat)*;

                fn encode_parts(
                    value: &Self,
                    encoder: &mut #private::PayloadEncoder<'_>,
                ) -> ::core::result::Result<Self::Resolver, #private::EncodeError> {
                    let _ = &encoder;
                    ::core::result::Result::Ok(match value { #encode })
                }

                fn resolve(value: &Self, resolver: Self::Resolver, out: #private::rkyv::Place<Self::Archived>) {
                    <#mirror #arguments as #private::rkyv::with::ArchiveWith<Self>>::resolve_with(value, resolver, out)
                }

                fn decode_from(value: &Self::Archived) -> ::core::result::Result<Self, #private::DecodeError> {
                    ::core::result::Result::Ok(match value { #decode })
                }

                #describe
            }
        }
    }

    /// The arms that take a value of one form apart, give each field to a function of `Codable`, and put what it answers
    /// together to the other form.
    fn matching(
        &self,
        from: &Ident,
        to: &Ident,
        function: &TokenStream,
        more: &TokenStream,
    ) -> TokenStream {
        let private = &self.private;
        let arms = self.shapes.iter().map(|shape| {
            let variant = shape.variant.map(|variant| quote!(::#variant));
            let members = shape.members.iter().map(|field| &field.member);
            let bindings = shape.members.iter().map(|field| &field.binding);
            let fields = shape.members.iter().map(
                |FieldParts { index, member, ty, binding, .. }| {
                    quote!(#member: <Self as #private::Member<#index, #ty>>::#function(#binding #more)?)
                },
            );
            quote!(#from #variant { #(#members: #bindings,)* } => #to #variant { #(#fields,)* },)
        });
        quote!(#(#arms)*)
    }

    fn describe(&self) -> TokenStream {
        let private = &self.private;
        let mut text = Text::default();
        for (index, shape) in self.shapes.iter().enumerate() {
            if self.is_enum() {
                text.push(if index == 0 { "{" } else { "," });
            }
            shape.describe(private, &mut text);
        }
        if self.is_enum() {
            text.push("}");
        }
        let body = text.finish();
        let keyword = if self.is_enum() { "enum" } else { "struct" };
        let name = self.input.ident.unraw().to_string();
        quote! {
            fn describe(description: &mut #private::TypeDescription) {
                description.named::<Self>(#keyword, #name, |description| { #body });
            }
        }
    }
}

impl<'a> Shape<'a> {
    fn new(
        variant: Option<&'a Ident>,
        discriminant: Option<&'a Expr>,
        fields: &'a Fields,
        own: &Type,
    ) -> Self {
        let members = fields.iter().zip(fields.members()).enumerate();
        let members = members.map(|(index, (field, member))| {
            let mut ty = field.ty.clone();
            SpellOutSelf(own).visit_type_mut(&mut ty);
            let span = Span::call_site().located_at(field.ty.span());
            FieldParts {
                index,
                span,
                visibility: &field.vis,
                name: field.ident.as_ref(),
                member,
                ty,
                binding: format_ident!("field{index}", span = Span::mixed_site()),
            }
        });
        Self { variant, discriminant, fields, members: members.collect() }
    }

    /// The variant's name, and the fields with rkyv's attributes.
    fn mirror(&self, private: &TokenStream) -> TokenStream {
        let variant = self.variant;
        let fields =
            self.members.iter().map(|FieldParts { index, visibility, name, ty, .. }| {
                let colon = name.map(|_| quote!(:));
                quote! {
                    #[rkyv(with = #private::MemberWire<__M, #index>, omit_bounds)]
                    #visibility #name #colon <__M as #private::Beside<#ty>>::Type
                }
            });
        let body = match self.fields {
            Fields::Named(_) => quote!({ #(#fields,)* }),
            Fields::Unnamed(_) => quote!((#(#fields,)*)),
            Fields::Unit => TokenStream::new(),
        };
        let discriminant = self.discriminant.map(|value| quote!(= #value));
        quote!(#variant #body #discriminant)
    }

    fn describe(&self, private: &TokenStream, text: &mut Text) {
        if let Some(variant) = self.variant {
            text.push(&variant.unraw().to_string());
        }
        let (open, close) = match self.fields {
            // However an empty struct or variant is written, it is the same.
            _ if self.members.is_empty() => {
                if self.variant.is_some() {
                    ("", "")
                } else {
                    ("{", "}")
                }
            }
            Fields::Unnamed(_) => ("(", ")"),
            Fields::Named(_) | Fields::Unit => ("{", "}"),
        };
        text.push(open);
        for (place, FieldParts { index, name, ty, .. }) in self.members.iter().enumerate() {
            if place > 0 {
                text.push(",");
            }
            if let Some(name) = name {
                text.push(&name.unraw().to_string());
                text.push(":");
            }
            text.call(quote!(<Self as #private::Member<#index, #ty>>::describe(description);));
        }
        text.push(close);
        if let Some(value) = self.discriminant {
            text.push("=");
            text.call(quote!(description.number({ const VALUE: u8 = #value; VALUE as u64 });));
        }
    }
}

/// Statements that write a description, with as few pieces of text as possible.
#[derive(Default)]
struct Text {
    statements: TokenStream,
    pending: String,
}

impl Text {
    fn push(&mut self, text: &str) {
        self.pending.push_str(text);
    }

    fn call(&mut self, statement: TokenStream) {
        self.flush();
        self.statements.extend(statement);
    }

    fn finish(mut self) -> TokenStream {
        self.flush();
        self.statements
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.pending);
        if !text.is_empty() {
            self.statements.extend(quote!(description.text(#text);));
        }
    }
}

/// Writes a type's name where it says `Self`.
pub(crate) struct SpellOutSelf<'a>(pub(crate) &'a Type);

impl VisitMut for SpellOutSelf<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        match ty {
            Type::Path(TypePath { qself: None, path, .. }) if path.is_ident("Self") => {
                *ty = self.0.clone();
            }
            _ => syn::visit_mut::visit_type_mut(self, ty),
        }
    }
}

/// The type's generics, every type parameter of which is `Codable`.
fn codable_generics(generics: &Generics, root: &Path) -> Generics {
    let mut generics = generics.clone();
    for parameter in &mut generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.bounds.push(parse_quote!(#root::__private::Codable));
            if parameter.colon_token.is_none() {
                parameter.colon_token = Some(Default::default());
            }
        }
    }
    generics
}
