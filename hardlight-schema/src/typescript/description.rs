//! Types, from their descriptions (SPEC.md, section 20.1).

/// Types within one another. A description of ours has no more than a payload has levels.
const MAX_DEPTH: u32 = 256;

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// One that is a word, and `box<str>`.
    Word(String),
    /// One with parameters, among them the elements of an array.
    Generic(String, Vec<Self>),
    /// A struct or an enum, by its number.
    Named(usize),
}

/// A struct or an enum.
#[derive(Clone, Debug)]
pub(super) struct Declaration {
    pub(super) name: String,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Struct(Fields),
    Enum(Vec<(String, Fields)>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fields {
    Named(Vec<(String, Type)>),
    Unnamed(Vec<Type>),
}

impl Fields {
    pub(super) const fn none() -> Self {
        Self::Unnamed(Vec::new())
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Named(fields) => fields.is_empty(),
            Self::Unnamed(types) => types.is_empty(),
        }
    }
}

/// What a description describes, and the types that it declares.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) fields: Fields,
    pub(super) ty: Type,
    pub(super) declared: Vec<Declaration>,
}

impl Description {
    /// Arguments and output.
    pub(super) fn of_method(text: &str) -> Option<Self> {
        Self::read(text, |parser| {
            parser.expect("fn")?;
            let fields = parser.fields()?;
            parser.expect("->")?;
            Some((fields, parser.ty()?))
        })
    }

    /// Fields.
    pub(super) fn of_event(text: &str) -> Option<Self> {
        Self::read(text, |parser| {
            parser.expect("event")?;
            Some((parser.fields()?, unit()))
        })
    }

    /// One type.
    pub(super) fn of_value(text: &str) -> Option<Self> {
        Self::read(text, |parser| Some((Fields::none(), parser.ty()?)))
    }

    fn read(
        text: &str,
        read: impl FnOnce(&mut Parser<'_>) -> Option<(Fields, Type)>,
    ) -> Option<Self> {
        let mut parser = Parser { rest: text, declared: Vec::new(), depth: 0 };
        let (fields, ty) = read(&mut parser)?;
        parser.rest.is_empty().then_some(Self { fields, ty, declared: parser.declared })
    }
}

fn unit() -> Type {
    Type::Word("unit".to_owned())
}

struct Parser<'a> {
    rest: &'a str,
    declared: Vec<Declaration>,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn accept(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Option<()> {
        self.accept(token).then_some(())
    }

    fn word(&mut self) -> Option<&'a str> {
        let end = self.rest.find(|c| "{}()<>,:=-# ".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn number(&mut self) -> Option<usize> {
        self.word()?.parse().ok()
    }

    fn ty(&mut self) -> Option<Type> {
        self.depth += 1;
        let ty = if self.depth > MAX_DEPTH { None } else { self.ty_within() };
        self.depth -= 1;
        ty
    }

    fn ty_within(&mut self) -> Option<Type> {
        if self.accept("#") {
            let number = self.number()?;
            return (number < self.declared.len()).then_some(Type::Named(number));
        }
        match self.word()? {
            "struct" => self.declaration(|parser| Some(Body::Struct(parser.fields()?))),
            "enum" => self.declaration(|parser| Some(Body::Enum(parser.variants()?))),
            "box" if self.accept("<str>") => Some(Type::Word("string".to_owned())),
            word if self.accept("<") => self.generic(word),
            word => Some(Type::Word(word.to_owned())),
        }
    }

    fn generic(&mut self, word: &str) -> Option<Type> {
        let mut parameters = vec![self.ty()?];
        while self.accept(",") {
            if word == "array" {
                self.number()?;
            } else {
                parameters.push(self.ty()?);
            }
        }
        self.expect(">")?;
        Some(Type::Generic(word.to_owned(), parameters))
    }

    /// A type takes its number before those within it, which may be of it.
    fn declaration(&mut self, body: impl FnOnce(&mut Self) -> Option<Body>) -> Option<Type> {
        self.expect(" ")?;
        let name = self.word()?.to_owned();
        let number = self.declared.len();
        self.declared.push(Declaration { name, body: Body::Struct(Fields::none()) });
        self.declared[number].body = body(self)?;
        Some(Type::Named(number))
    }

    fn variants(&mut self) -> Option<Vec<(String, Fields)>> {
        self.expect("{")?;
        let mut variants = Vec::new();
        loop {
            let name = self.word()?.to_owned();
            let has_fields = self.rest.starts_with(['{', '(']);
            let fields = if has_fields { self.fields()? } else { Fields::none() };
            if self.accept("=") {
                self.number()?;
            }
            variants.push((name, fields));
            if !self.accept(",") {
                break;
            }
        }
        self.expect("}")?;
        Some(variants)
    }

    fn fields(&mut self) -> Option<Fields> {
        if self.accept("(") {
            return Some(Fields::Unnamed(self.list(")", Self::ty)?));
        }
        self.expect("{")?;
        let field = |parser: &mut Self| {
            let name = parser.word()?.to_owned();
            parser.expect(":")?;
            Some((name, parser.ty()?))
        };
        Some(Fields::Named(self.list("}", field)?))
    }

    fn list<T>(
        &mut self,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut items = Vec::new();
        while !self.accept(close) {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(item(self)?);
        }
        Some(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_description_is_refused() {
        let deep = "box<".repeat(100_000);
        for text in ["", "vec<", "vec<u8>x", "#0", "struct ", "enum A{}", "struct A{b}", &deep] {
            assert!(Description::of_value(text).is_none(), "{text:.20}");
        }
        for text in ["fn{}", "fn{}->", "u32"] {
            assert!(Description::of_method(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_type_may_be_within_itself() {
        let tree = Description::of_value("struct Tree{kids:vec<#0>}").expect("it is one");
        assert_eq!(tree.ty, Type::Named(0));
        let Body::Struct(Fields::Named(fields)) = &tree.declared[0].body else { panic!() };
        assert_eq!(fields[0].1, Type::Generic("vec".to_owned(), vec![Type::Named(0)]));
    }
}
