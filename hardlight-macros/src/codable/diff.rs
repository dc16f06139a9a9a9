//! `impl StateDiff`: how values are compared and changed field by field.
//!
//! All that is done to a field is a call of a function in `members`, which asks for no more than `Member`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::Ident;

use super::expand::{FieldParts, Parts, Shape};

impl Parts<'_> {
    pub(super) fn state_diff(&self) -> TokenStream {
        let Self { input, private, generics, .. } = self;
        let name = &input.ident;
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        let same = self.same();
        let copy = self.copy();
        // Without fields a value is only ever replaced, which is what the trait does by itself.
        let parts = self.fields().next().map(|_| {
            let methods = [self.out_of_line(), self.diff(), self.check(), self.apply()];
            quote! {
                const LEAF: bool = false;
                #(#methods)*
            }
        });
        // Inlined, so that nothing is made of it for types that are no state.
        quote! {
            #[automatically_derived]
            impl #impl_generics #private::StateDiff for #name #ty_generics #where_clause {
                #[inline]
                fn same(value: &Self, other: &Self) -> bool {
                    match (value, other) { #same }
                }

                #[inline]
                fn copy(value: &Self) -> Self {
                    match value { #copy }
                }

                #parts
            }
        }
    }

    fn same(&self) -> TokenStream {
        let arms = self.shapes.iter().map(|shape| {
            let (pattern, others) = (self.pattern(shape), self.other_pattern(shape));
            let same = shape.members.iter().map(|field| {
                let (other, value) = (other(field), &field.binding);
                let same = self.call("same", field);
                quote!(#same(#value, #other))
            });
            quote!((#pattern, #others) => true #(&& #same)*,)
        });
        let otherwise = self.has_variants().then(|| quote!(_ => false,));
        quote!(#(#arms)* #otherwise)
    }

    fn copy(&self) -> TokenStream {
        let arms = self.shapes.iter().map(|shape| {
            let pattern = self.pattern(shape);
            let path = self.path(shape);
            let fields = shape.members.iter().map(|field| {
                let FieldParts { member, binding, .. } = field;
                let copy = self.call("copy", field);
                quote!(#member: #copy(#binding))
            });
            quote!(#pattern => #path { #(#fields,)* },)
        });
        quote!(#(#arms)*)
    }

    fn out_of_line(&self) -> TokenStream {
        let arms = self.shapes.iter().map(|shape| {
            let pattern = self.pattern(shape);
            let fields = shape.members.iter().map(|field| {
                let FieldParts { binding, .. } = field;
                let add = self.call("add_out_of_line", field);
                quote!(let sum = #add(sum, #binding, enough);)
            });
            quote!(#pattern => { #(#fields)* sum })
        });
        quote! {
            #[inline]
            fn out_of_line(value: &Self, enough: usize) -> usize {
                let sum = 0;
                match value { #(#arms)* }
            }
        }
    }

    fn diff(&self) -> TokenStream {
        let private = &self.private;
        let arms = self.shapes.iter().enumerate().map(|(place, shape)| {
            let (pattern, shadows) = (self.pattern(shape), self.other_pattern(shape));
            let fields = (0_u32..).zip(&shape.members).map(|(index, field)| {
                let (shadow, value) = (other(field), &field.binding);
                let diff = self.call("diff", field);
                quote!(#diff(#index, #value, #shadow, out)?;)
            });
            let number = self.is_enum().then(|| self.number(place));
            let write = if shape.members.is_empty() {
                quote!(::core::result::Result::Ok(#private::Change::Nothing))
            } else {
                let method = if self.is_enum() { quote!(variant) } else { quote!(fields) };
                let number = number.map(|number| quote!(#number,));
                quote!(out.#method(#number |out| {
                    #(#fields)*
                    ::core::result::Result::Ok(())
                }))
            };
            quote!((#pattern, #shadows) => #write,)
        });
        let otherwise = self.has_variants().then(|| {
            quote! {
                (value, shadow) => {
                    *shadow = Self::copy(value);
                    ::core::result::Result::Ok(#private::Change::Set)
                }
            }
        });
        quote! {
            #[inline]
            fn diff(
                value: &Self,
                shadow: &mut Self,
                out: &mut #private::PatchWriter<'_>,
            ) -> ::core::result::Result<#private::Change, #private::EncodeError> {
                match (value, shadow) { #(#arms)* #otherwise }
            }
        }
    }

    fn check(&self) -> TokenStream {
        self.operating(&quote!(check), &quote!(&Self))
    }

    fn apply(&self) -> TokenStream {
        self.operating(&quote!(apply), &quote!(&mut Self))
    }

    /// The method that gives every operation of a patch to `function`, with the field that it is about.
    fn operating(&self, function: &TokenStream, receiver: &TokenStream) -> TokenStream {
        let private = &self.private;
        let refused = quote!(_ => ::core::result::Result::Err(#private::PatchError::OutOfRange),);
        let arms = self.shapes.iter().enumerate().map(|(place, shape)| {
            if shape.members.is_empty() {
                // There is nothing to change in it, so there is no patch of it.
                return TokenStream::new();
            }
            let pattern = self.pattern(shape);
            let guard = self.is_enum().then(|| {
                let number = self.number(place);
                quote!(if variant == ::core::primitive::u64::from(#number))
            });
            let fields = (0_u64..).zip(&shape.members).map(|(index, field)| {
                let FieldParts { binding, .. } = field;
                let function = self.call(&function.to_string(), field);
                quote!(#index => #function(#binding, operation),)
            });
            quote! {
                #pattern #guard => patch.fields(|operation| match operation.index {
                    #(#fields)*
                    #refused
                }),
            }
        });
        let (variant, otherwise) = if self.is_enum() {
            (
                Some(quote!(let (variant, patch) = patch.variant()?;)),
                Some(quote!(_ => ::core::result::Result::Err(#private::PatchError::WrongVariant),)),
            )
        } else {
            (None, None)
        };
        quote! {
            #[inline]
            fn #function(
                value: #receiver,
                patch: #private::PatchReader<'_>,
            ) -> ::core::result::Result<(), #private::PatchError> {
                #variant
                match value { #(#arms)* #otherwise }
            }
        }
    }

    /// The function of `members` for the field.
    fn call(&self, function: &str, FieldParts { index, ty, .. }: &FieldParts<'_>) -> TokenStream {
        let private = &self.private;
        let function = Ident::new(function, Span::call_site());
        quote!(#private::members::#function::<Self, #index, #ty>)
    }

    fn has_variants(&self) -> bool {
        self.shapes.len() > 1
    }

    fn path(&self, shape: &Shape<'_>) -> TokenStream {
        let name = &self.input.ident;
        let variant = shape.variant.map(|variant| quote!(::#variant));
        quote!(#name #variant)
    }

    fn pattern(&self, shape: &Shape<'_>) -> TokenStream {
        let path = self.path(shape);
        let members = shape.members.iter().map(|field| &field.member);
        let bindings = shape.members.iter().map(|field| &field.binding);
        quote!(#path { #(#members: #bindings,)* })
    }

    fn other_pattern(&self, shape: &Shape<'_>) -> TokenStream {
        let path = self.path(shape);
        let members = shape.members.iter().map(|field| &field.member);
        let bindings = shape.members.iter().map(other);
        quote!(#path { #(#members: #bindings,)* })
    }

    /// The number of a variant in payloads: that of the last one before it that says so, counted on from there.
    fn number(&self, place: usize) -> TokenStream {
        for (steps, shape) in (0_u8..=255).zip(self.shapes[..=place].iter().rev()) {
            if let Some(value) = shape.discriminant {
                return quote!({ const NUMBER: u8 = #value; NUMBER + #steps });
            }
        }
        let place = u8::try_from(place).unwrap_or(u8::MAX);
        quote!(#place)
    }
}

/// What the field of the other value is bound to.
fn other(field: &FieldParts<'_>) -> Ident {
    format_ident!("other_{}", field.binding, span = Span::mixed_site())
}
