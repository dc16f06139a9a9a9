//! Types as the vectors describe them (SPEC.md, section 20.1), and how large their values are (section 21).

/// A type, and those in it that have names.
pub(super) struct Types {
    pub(super) root: Type,
    named: Vec<Type>,
}

#[derive(Clone, Debug)]
pub(super) enum Type {
    /// Of so many bytes, which is also the alignment.
    Integer(usize),
    Float(usize),
    Bool,
    Char,
    Unit,
    Text,
    BoxedText,
    Duration,
    Uuid,
    Ipv4,
    Ipv6,
    Boxed(Box<Self>),
    List(Box<Self>),
    Map(Box<Self>, Box<Self>),
    Array(Box<Self>, usize),
    Fields(Fields),
    Enum(Vec<Variant>),
    /// A named type that was met before.
    Reference(usize),
}

/// Fields by name, or by place.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) names: Vec<String>,
    pub(super) types: Vec<Type>,
}

#[derive(Clone, Debug)]
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) number: u8,
    pub(super) fields: Fields,
}

impl Types {
    /// The type of a description.
    pub(super) fn read(text: &str) -> Self {
        let mut reader = Reader {
            rest: text,
            named: Vec::new(),
        };
        let root = reader.ty();
        assert_eq!(reader.rest, "", "{text}");
        let named = reader.named.into_iter().flatten().collect();
        Self { root, named }
    }

    /// The type itself, if it is a reference.
    pub(super) fn resolve<'a>(&'a self, ty: &'a Type) -> &'a Type {
        match ty {
            Type::Reference(number) => &self.named[*number],
            ty => ty,
        }
    }

    /// How many bytes a value takes by itself, and its alignment.
    pub(super) fn layout(&self, ty: &Type) -> (usize, usize) {
        match self.resolve(ty) {
            Type::Integer(size) | Type::Float(size) => (*size, *size),
            Type::Bool => (1, 1),
            Type::Char | Type::Boxed(_) => (4, 4),
            Type::Unit => (0, 1),
            Type::Text | Type::BoxedText | Type::List(_) | Type::Map(..) => (8, 4),
            Type::Duration => (16, 8),
            Type::Uuid | Type::Ipv6 => (16, 1),
            Type::Ipv4 => (4, 1),
            Type::Array(element, count) => {
                let (size, align) = self.layout(element);
                (size * count, align)
            }
            Type::Fields(fields) => self.sequence(0, &fields.types),
            Type::Enum(variants) => {
                let all = variants
                    .iter()
                    .map(|variant| self.sequence(1, &variant.fields.types));
                let (size, align) = all.fold((0, 1), |(size, align), (more, other)| {
                    (size.max(more), align.max(other))
                });
                (size.next_multiple_of(align), align)
            }
            Type::Reference(_) => unreachable!("it was resolved"),
        }
    }

    /// Of fields side by side, behind so many bytes.
    fn sequence(&self, start: usize, fields: &[Type]) -> (usize, usize) {
        let (end, align) = fields.iter().fold((start, 1), |(end, align), field| {
            let (size, own) = self.layout(field);
            (end.next_multiple_of(own) + size, align.max(own))
        });
        (end.next_multiple_of(align), align)
    }
}

struct Reader<'a> {
    rest: &'a str,
    /// `None` while a type is being read.
    named: Vec<Option<Type>>,
}

impl Reader<'_> {
    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    #[track_caller]
    fn expect(&mut self, text: &str) {
        assert!(self.take(text), "`{text}` before `{}`", self.rest);
    }

    /// Up to a character that is in no name.
    fn word(&mut self) -> String {
        let ends = |letter: char| "<>{}(),:=# ".contains(letter);
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.into()
    }

    fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(&mut self) -> T {
        self.word().parse().expect("a number")
    }

    fn ty(&mut self) -> Type {
        if self.take("#") {
            return Type::Reference(self.number());
        }
        match self.word().as_str() {
            "u8" | "i8" => Type::Integer(1),
            "u16" | "i16" => Type::Integer(2),
            "u32" | "i32" => Type::Integer(4),
            "u64" | "i64" => Type::Integer(8),
            "u128" | "i128" => Type::Integer(16),
            "f32" => Type::Float(4),
            "f64" => Type::Float(8),
            "bool" => Type::Bool,
            "char" => Type::Char,
            "unit" => Type::Unit,
            "string" => Type::Text,
            "duration" => Type::Duration,
            "uuid" => Type::Uuid,
            "ipv4" => Type::Ipv4,
            "ipv6" => Type::Ipv6,
            "ip" => ip(),
            "socket" => socket(),
            "box" if self.take("<str>") => Type::BoxedText,
            "box" => Type::Boxed(self.arguments(1).remove(0).into()),
            "vec" | "set" => Type::List(self.arguments(1).remove(0).into()),
            "map" => {
                let mut both = self.arguments(2);
                Type::Map(both.remove(0).into(), both.remove(0).into())
            }
            "option" => {
                let some = self.arguments(1);
                choice([("None", Vec::new()), ("Some", some)])
            }
            "result" => {
                let mut both = self.arguments(2);
                let error = both.split_off(1);
                choice([("Ok", both), ("Err", error)])
            }
            "tuple" => Type::Fields(by_place(self.arguments(12))),
            "array" => self.array(),
            "struct" => self.named(|reader| Type::Fields(reader.fields())),
            "enum" => self.named(Self::variants),
            other => panic!("`{other}` is no type, before `{}`", self.rest),
        }
    }

    /// Up to so many, in angle brackets.
    fn arguments(&mut self, most: usize) -> Vec<Type> {
        self.expect("<");
        let mut arguments = vec![self.ty()];
        while self.take(",") {
            arguments.push(self.ty());
        }
        self.expect(">");
        assert!(arguments.len() <= most);
        arguments
    }

    fn array(&mut self) -> Type {
        self.expect("<");
        let element = self.ty();
        self.expect(",");
        let count = self.number();
        self.expect(">");
        Type::Array(element.into(), count)
    }

    /// A type that takes a number before those within it.
    fn named(&mut self, read: fn(&mut Self) -> Type) -> Type {
        self.expect(" ");
        self.word();
        let number = self.named.len();
        self.named.push(None);
        let ty = read(self);
        self.named[number] = Some(ty.clone());
        ty
    }

    fn fields(&mut self) -> Fields {
        let (mut fields, by_name) = (Fields::default(), self.take("{"));
        let end = if by_name { "}" } else { ")" };
        if !by_name && !self.take("(") || self.take(end) {
            return fields;
        }
        loop {
            if by_name {
                fields.names.push(self.word());
                self.expect(":");
            }
            fields.types.push(self.ty());
            if self.take(end) {
                return fields;
            }
            self.expect(",");
        }
    }

    fn variants(&mut self) -> Type {
        self.expect("{");
        let (mut variants, mut next) = (Vec::new(), 0_u8);
        loop {
            let (name, fields) = (self.word(), self.fields());
            let number = if self.take("=") { self.number() } else { next };
            next = number.wrapping_add(1);
            variants.push(Variant {
                name,
                number,
                fields,
            });
            if self.take("}") {
                return Type::Enum(variants);
            }
            self.expect(",");
        }
    }
}

fn by_place(types: Vec<Type>) -> Fields {
    let names = Vec::new();
    Fields { names, types }
}

fn choice(variants: [(&str, Vec<Type>); 2]) -> Type {
    let variants = variants.into_iter().zip(0..);
    let variants = variants.map(|((name, types), number)| Variant {
        name: name.into(),
        number,
        fields: by_place(types),
    });
    Type::Enum(variants.collect())
}

fn ip() -> Type {
    choice([("V4", vec![Type::Ipv4]), ("V6", vec![Type::Ipv6])])
}

fn socket() -> Type {
    let named = |fields: &[(&str, Type)]| {
        let names = fields.iter().map(|(name, _)| (*name).into()).collect();
        let types = fields.iter().map(|(_, ty)| ty.clone()).collect();
        vec![Type::Fields(Fields { names, types })]
    };
    let port = ("port", Type::Integer(2));
    let v4 = named(&[("address", Type::Ipv4), port.clone()]);
    let v6 = named(&[
        ("address", Type::Ipv6),
        port,
        ("flow_info", Type::Integer(4)),
        ("scope_id", Type::Integer(4)),
    ]);
    choice([("V4", v4), ("V6", v6)])
}
