//! Values of the vectors as payloads (SPEC.md, section 21.12).

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::types::{Fields, Type, Types};

/// The payload of a value in the language of `spec-vectors/PORTING.md`.
pub(super) fn archive(ty: &str, value: &Value) -> Vec<u8> {
    let types = Types::read(ty);
    let mut writer = Writer {
        types: &types,
        out: Vec::new(),
    };
    writer.write(&types.root, value);
    writer.out
}

struct Writer<'a> {
    types: &'a Types,
    out: Vec<u8>,
}

/// Where the parts of a value are.
enum Parts {
    None,
    At(usize),
    Many(Vec<Self>),
}

impl Writer<'_> {
    fn write(&mut self, ty: &Type, value: &Value) -> Parts {
        let parts = self.parts(ty, value);
        self.align(ty);
        let at = self.out.len();
        self.own(ty, value, &parts);
        Parts::At(at)
    }

    fn align(&mut self, ty: &Type) {
        self.align_to(self.types.layout(ty).1);
    }

    fn align_to(&mut self, align: usize) {
        self.out.resize(self.out.len().next_multiple_of(align), 0);
    }

    fn parts(&mut self, ty: &Type, value: &Value) -> Parts {
        let types = self.types;
        match types.resolve(ty) {
            Type::Text if text(value).len() <= 8 => Parts::None,
            Type::Text | Type::BoxedText => {
                let at = self.out.len();
                self.out.extend_from_slice(text(value).as_bytes());
                Parts::At(at)
            }
            Type::Boxed(inner) => self.write(inner, value),
            Type::List(element) => self.elements(element, value),
            Type::Map(key, value_type) => self.elements(&entry(key, value_type), value),
            Type::Array(element, _) => {
                let elements = list(value).iter();
                Parts::Many(elements.map(|value| self.parts(element, value)).collect())
            }
            Type::Fields(fields) => self.parts_of_fields(fields, value),
            Type::Enum(_) => {
                let (_, fields, value) = self.variant(ty, value);
                self.parts_of_fields(&fields, &value)
            }
            _ => Parts::None,
        }
    }

    fn elements(&mut self, element: &Type, value: &Value) -> Parts {
        let values = list(value);
        let parts: Vec<_> = values
            .iter()
            .map(|value| self.parts(element, value))
            .collect();
        self.align(element);
        let at = self.out.len();
        for (value, parts) in values.iter().zip(&parts) {
            self.own(element, value, parts);
        }
        Parts::At(at)
    }

    fn parts_of_fields(&mut self, fields: &Fields, value: &Value) -> Parts {
        let values = fields.values(value);
        let both = fields.types.iter().zip(&values);
        Parts::Many(both.map(|(ty, value)| self.parts(ty, value)).collect())
    }

    /// The value's own bytes.
    fn own(&mut self, ty: &Type, value: &Value, parts: &Parts) {
        let (size, _) = self.types.layout(ty);
        let start = self.out.len();
        let types = self.types;
        match types.resolve(ty) {
            Type::Integer(size) => self.out.extend(&integer(value).to_le_bytes()[..*size]),
            Type::Float(size) => self.out.extend(&bits(value).to_le_bytes()[..*size]),
            Type::Bool => self.out.push(value.as_bool().expect("a bool").into()),
            Type::Char => {
                let letter = text(value).chars().next().expect("a character");
                self.out.extend(u32::from(letter).to_le_bytes());
            }
            Type::Unit => {}
            Type::Text => self.own_text(text(value), parts),
            Type::BoxedText => self.offset(parts, Some(text(value).len())),
            Type::List(_) | Type::Map(..) => self.offset(parts, Some(list(value).len())),
            Type::Boxed(_) => self.offset(parts, None),
            Type::Duration => {
                self.out
                    .extend(&integer(&value["seconds"]).to_le_bytes()[..8]);
                self.out
                    .extend(&integer(&value["nanoseconds"]).to_le_bytes()[..8]);
            }
            Type::Uuid => {
                let digits = text(value).replace('-', "");
                let number = u128::from_str_radix(&digits, 16).expect("a UUID");
                self.out.extend(number.to_be_bytes());
            }
            Type::Ipv4 => {
                let address: Ipv4Addr = text(value).parse().expect("an address");
                self.out.extend(address.octets());
            }
            Type::Ipv6 => {
                let address: Ipv6Addr = text(value).parse().expect("an address");
                self.out.extend(address.octets());
            }
            Type::Array(element, _) => {
                for (value, parts) in list(value).iter().zip(parts.each()) {
                    self.own(element, value, parts);
                }
            }
            Type::Fields(fields) => self.own_fields(start, fields, value, parts),
            Type::Enum(_) => {
                let (number, fields, value) = self.variant(ty, value);
                self.out.push(number);
                self.own_fields(start, &fields, &value, parts);
            }
            Type::Reference(_) => unreachable!("it was resolved"),
        }
        self.out.resize(start + size, 0);
    }

    fn own_fields(&mut self, start: usize, fields: &Fields, value: &Value, parts: &Parts) {
        let values = fields.values(value);
        for ((ty, value), parts) in fields.types.iter().zip(&values).zip(parts.each()) {
            // What holds the fields is aligned as the strictest of them.
            let (_, align) = self.types.layout(ty);
            let end = (self.out.len() - start).next_multiple_of(align);
            self.out.resize(start + end, 0);
            self.own(ty, value, parts);
        }
    }

    fn own_text(&mut self, text: &str, parts: &Parts) {
        let Parts::At(at) = parts else {
            let mut inline = [0xff; 8];
            inline[..text.len()].copy_from_slice(text.as_bytes());
            return self.out.extend(inline);
        };
        let (here, length) = (self.out.len(), text.len() as u32);
        let word = length & 0x3f | 0x80 | length >> 6 << 8;
        self.out.extend(word.to_le_bytes());
        self.out.extend((*at as i32 - here as i32).to_le_bytes());
    }

    fn offset(&mut self, parts: &Parts, length: Option<usize>) {
        let Parts::At(at) = parts else {
            panic!("it points to something");
        };
        let offset = *at as i32 - self.out.len() as i32;
        self.out.extend(offset.to_le_bytes());
        let length = length.map(|length| (length as u32).to_le_bytes());
        self.out.extend(length.into_iter().flatten());
    }

    /// The number of the variant that a value is, its fields and what they hold.
    fn variant(&self, ty: &Type, value: &Value) -> (u8, Fields, Value) {
        let Type::Enum(variants) = self.types.resolve(ty) else {
            panic!("it is an enum");
        };
        let (name, held) = match value {
            Value::Null => ("None", Value::Null),
            Value::String(name) => (name.as_str(), Value::Null),
            value => {
                let held = value.as_object().and_then(|held| held.iter().next());
                let (name, held) = held.expect("a variant");
                match name.as_str() {
                    "some" => ("Some", Value::Array(vec![held.clone()])),
                    "ok" => ("Ok", Value::Array(vec![held.clone()])),
                    "err" => ("Err", Value::Array(vec![held.clone()])),
                    name => (name, held.clone()),
                }
            }
        };
        let variant = variants.iter().find(|variant| variant.name == name);
        let variant = variant.unwrap_or_else(|| panic!("there is no variant {name}"));
        (variant.number, variant.fields.clone(), held)
    }
}

impl Parts {
    fn each(&self) -> &[Self] {
        match self {
            Self::Many(parts) => parts,
            _ => &[],
        }
    }
}

impl Fields {
    /// What a value has in its fields, in their order.
    fn values(&self, value: &Value) -> Vec<Value> {
        if self.names.is_empty() {
            return value.as_array().cloned().unwrap_or_default();
        }
        self.names.iter().map(|name| value[name].clone()).collect()
    }
}

fn entry(key: &Type, value: &Type) -> Type {
    let types = vec![key.clone(), value.clone()];
    Type::Fields(Fields {
        names: Vec::new(),
        types,
    })
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[track_caller]
fn list(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

fn integer(value: &Value) -> i128 {
    let text = value.as_str().map_or_else(|| value.to_string(), Into::into);
    let unsigned = || text.parse::<u128>().map(|number| number as i128);
    text.parse().or_else(|_| unsigned()).expect("a number")
}

fn bits(value: &Value) -> u64 {
    let digits = text(value).strip_prefix("0x").expect("bits");
    u64::from_str_radix(digits, 16).expect("bits")
}
