//! What generated items are called, and who may see them.

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, Path, Visibility, ext::IdentExt};

use crate::errors::Errors;
pub(super) use crate::span::{generated, visibility};

/// The names that one service takes in the scope of its trait.
///
/// Items that mention types of the user's stand beside the trait, where paths mean what the user meant, under names
/// that nobody else uses. The module re-exports them by their short names.
pub(super) struct Names {
    /// The trait.
    pub(super) service: Ident,
    /// The generated module.
    pub(super) module: Ident,
    prefix: String,
}

impl Names {
    pub(super) fn new(service: &Ident, module: Option<Ident>, errors: &mut Errors) -> Self {
        let plain = service.unraw().to_string();
        let mut module = module.unwrap_or_else(|| default_module(service, &plain, errors));
        if module == *service {
            errors.push(
                service,
                "the generated module would have the name of the trait: \
                 name the trait in UpperCamelCase, or choose with #[rpc(module = \"...\")]",
            );
            module = stand_in(&module);
        }
        Self { service: service.clone(), module, prefix: format!("__{plain}") }
    }

    /// The hidden name, beside the trait, of what the module calls `name`.
    pub(super) fn hidden(&self, name: &Ident) -> Ident {
        Ident::new(&format!("{}{name}", self.prefix), name.span())
    }

    /// The hidden alias of the state type.
    pub(super) fn state(&self) -> Ident {
        self.hidden(&format_ident!("State", span = generated(self.service.span())))
    }

    /// The hidden alias of the enum of events.
    pub(super) fn events(&self) -> Ident {
        self.hidden(&format_ident!("Events", span = generated(self.service.span())))
    }

    /// The hidden import of the runtime crate, needed where the user gave a relative path to it.
    pub(super) fn root(&self) -> Ident {
        self.hidden(&format_ident!("Root", span = generated(self.service.span())))
    }
}

fn default_module(service: &Ident, plain: &str, errors: &mut Errors) -> Ident {
    let name = plain.to_snake_case();
    if syn::parse_str::<Ident>(&name).is_ok() {
        return Ident::new(&name, generated(service.span()));
    }
    errors.push(
        service,
        format!(
            "the generated module would be called `{name}`, which no module can be: \
             choose with #[rpc(module = \"...\")]"
        ),
    );
    stand_in(&Ident::new(&name, generated(service.span())))
}

/// A module's name where the right one cannot be.
fn stand_in(module: &Ident) -> Ident {
    format_ident!("{module}_service")
}

/// The UpperCamelCase name of a method, if it makes an identifier.
pub(super) fn camel(method: &Ident) -> Option<Ident> {
    let name = method.unraw().to_string().to_upper_camel_case();
    syn::parse_str::<Ident>(&name).ok()?;
    Some(Ident::new(&name, generated(method.span())))
}

/// The visibility that, written in a module inside the scope of `vis`, means the same as `vis` outside.
pub(super) fn visibility_inside(vis: &Visibility) -> TokenStream {
    let Visibility::Restricted(restricted) = vis else {
        return match vis {
            Visibility::Inherited => quote!(pub(super)),
            vis => visibility(vis),
        };
    };
    let path = &restricted.path;
    if starts_with(path, "self") {
        let rest = path.segments.iter().skip(1);
        quote!(pub(in super #(::#rest)*))
    } else if starts_with(path, "super") {
        quote!(pub(in super::#path))
    } else {
        visibility(vis)
    }
}

fn starts_with(path: &Path, word: &str) -> bool {
    path.segments.first().is_some_and(|first| first.ident == word)
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn inside(vis: &Visibility) -> String {
        visibility_inside(vis).to_string().replace(' ', "")
    }

    #[test]
    fn visibility_means_the_same_inside_the_module() {
        assert_eq!(inside(&parse_quote!(pub)), "pub");
        assert_eq!(inside(&Visibility::Inherited), "pub(super)");
        assert_eq!(inside(&parse_quote!(pub(crate))), "pub(crate)");
        assert_eq!(inside(&parse_quote!(pub(self))), "pub(insuper)");
        assert_eq!(inside(&parse_quote!(pub(super))), "pub(insuper::super)");
        assert_eq!(inside(&parse_quote!(pub(in super::super))), "pub(insuper::super::super)");
        assert_eq!(inside(&parse_quote!(pub(in crate::a))), "pub(incrate::a)");
    }

    #[test]
    fn method_names_become_upper_camel_case() {
        let camel = |name: &str| camel(&syn::parse_str(name).unwrap()).map(|name| name.to_string());
        assert_eq!(camel("get_all").as_deref(), Some("GetAll"));
        assert_eq!(camel("r#type").as_deref(), Some("Type"));
        assert_eq!(camel("self_"), None);
        assert_eq!(camel("_1"), None);
    }
}
