//! Types, and the declarations of those that have names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{
    description::{Body, Declaration, Description, Fields, Type},
    names::camel_case,
};

/// Names that stand for something else in the declarations.
const TAKEN: [&str; 18] = [
    "AbortSignal",
    "Array",
    "AsyncIterableIterator",
    "CallOptions",
    "ConnectOptions",
    "Error",
    "HardLightClient",
    "HardLightError",
    "Lagged",
    "Map",
    "Omit",
    "Promise",
    "Restarted",
    "Set",
    "Status",
    "Uint8Array",
    "connect",
    "init",
];

/// The types with names so far.
pub(super) struct Types {
    taken: BTreeSet<String>,
    /// What two declarations that mean the same have in common, and what they are called.
    names: BTreeMap<String, String>,
    declarations: Vec<String>,
}

impl Types {
    pub(super) fn new<'a>(taken: impl IntoIterator<Item = &'a String>) -> Self {
        let taken = taken.into_iter().cloned().chain(TAKEN.map(str::to_owned)).collect();
        Self { taken, names: BTreeMap::new(), declarations: Vec::new() }
    }

    /// What was declared, each behind an empty line.
    pub(super) fn declarations(&self) -> String {
        self.declarations.iter().map(|text| format!("\n{text}\n")).collect()
    }

    /// A type in TypeScript.
    pub(super) fn of(&mut self, description: &Description, ty: &Type) -> String {
        match ty {
            Type::Word(word) => self::word(word).to_owned(),
            Type::Named(number) => self.name(description, *number),
            Type::Generic(word, of) => self.generic(description, word, of),
        }
    }

    fn generic(&mut self, description: &Description, word: &str, of: &[Type]) -> String {
        if let ("vec" | "array", [Type::Word(byte)]) = (word, of)
            && byte == "u8"
        {
            return "Uint8Array".to_owned();
        }
        let types: Vec<_> = of.iter().map(|ty| self.of(description, ty)).collect();
        match (word, &*types) {
            ("box", [inner]) => inner.clone(),
            ("option", [inner]) if is_nullable(description, &of[0]) => {
                format!("{{ value: {inner} }} | null")
            }
            ("option", [inner]) => format!("{inner} | null"),
            ("result", [ok, err]) => format!("{{ ok: {ok} }} | {{ err: {err} }}"),
            ("set", [inner]) => format!("Set<{inner}>"),
            ("map", [key, value]) => format!("Map<{key}, {value}>"),
            ("tuple", types) => format!("[{}]", types.join(", ")),
            (_, types) => format!("Array<{}>", types.join(", ")),
        }
    }

    /// What fields are together: nothing, a value, an array, an object.
    pub(super) fn value(&mut self, description: &Description, fields: &Fields) -> Option<String> {
        match fields {
            _ if fields.is_empty() => None,
            Fields::Unnamed(types) => {
                let types: Vec<_> = types.iter().map(|ty| self.of(description, ty)).collect();
                Some(if types.len() == 1 {
                    types.concat()
                } else {
                    format!("[{}]", types.join(", "))
                })
            }
            Fields::Named(fields) => {
                let field = |(name, ty): &(String, Type)| {
                    format!("{}: {}", camel_case(name), self.of(description, ty))
                };
                Some(format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join("; ")))
            }
        }
    }

    /// What a type is called, which is declared if it was not.
    fn name(&mut self, description: &Description, number: usize) -> String {
        let meaning = meaning(description, &Type::Named(number), &mut Vec::new());
        if let Some(name) = self.names.get(&meaning) {
            return name.clone();
        }
        let declaration = &description.declared[number];
        let name = self.free(&declaration.name);
        // Before it is declared: it may be within itself.
        self.names.insert(meaning, name.clone());
        let text = self.declaration(description, declaration, &name);
        self.declarations.push(text);
        name
    }

    fn free(&mut self, name: &str) -> String {
        let others = (2..).map(|number| format!("{name}{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(others);
        let free = names.find(|name| !self.taken.contains(name)).expect("there are enough numbers");
        self.taken.insert(free.clone());
        free
    }

    fn declaration(
        &mut self,
        description: &Description,
        declaration: &Declaration,
        name: &str,
    ) -> String {
        match &declaration.body {
            Body::Struct(Fields::Named(fields)) if !fields.is_empty() => {
                let mut text = format!("export interface {name} {{\n");
                for (field, ty) in fields {
                    let ty = self.of(description, ty);
                    // Writing to a `String` cannot fail.
                    let _ = writeln!(text, "    {}: {ty};", camel_case(field));
                }
                text + "}"
            }
            Body::Struct(fields) => {
                let value = self.value(description, fields);
                format!(
                    "export type {name} = {};",
                    value.as_deref().unwrap_or("Record<string, never>")
                )
            }
            Body::Enum(variants) => {
                let is_plain = variants.iter().all(|(_, fields)| fields.is_empty());
                let variants = variants.iter().map(|(variant, fields)| {
                    if is_plain {
                        return format!("\"{variant}\"");
                    }
                    let value = self.value(description, fields);
                    let value = value.map(|value| format!("; value: {value}")).unwrap_or_default();
                    format!("{{ type: \"{variant}\"{value} }}")
                });
                let variants: Vec<_> = variants.collect();
                let separator = if is_plain { " | " } else { "\n    | " };
                let first = if is_plain { " " } else { separator };
                format!("export type {name} ={first}{};", variants.join(separator))
            }
        }
    }
}

fn word(word: &str) -> &'static str {
    match word {
        "u8" | "u16" | "u32" | "i8" | "i16" | "i32" | "f32" | "f64" | "duration" => "number",
        "u64" | "u128" | "i64" | "i128" => "bigint",
        "bool" => "boolean",
        "unit" => "null",
        "char" | "string" | "uuid" | "ipv4" | "ipv6" | "ip" | "socket" => "string",
        _ => "unknown",
    }
}

/// Whether a value may be `null`, so that an option of it needs something around it.
fn is_nullable(description: &Description, ty: &Type) -> bool {
    match ty {
        Type::Word(word) => word == "unit",
        Type::Generic(word, of) => {
            word == "option" || (word == "box" && is_nullable(description, &of[0]))
        }
        Type::Named(number) => match &description.declared[*number].body {
            Body::Struct(Fields::Unnamed(of)) if of.len() == 1 => is_nullable(description, &of[0]),
            _ => false,
        },
    }
}

/// A text that two types have in common if they mean the same, wherever they stand: what is within itself is so many levels
/// further out.
fn meaning(description: &Description, ty: &Type, outer: &mut Vec<usize>) -> String {
    let fields = |fields: &Fields, outer: &mut Vec<usize>| match fields {
        Fields::Named(fields) => fields
            .iter()
            .map(|(name, ty)| format!("{name}:{},", meaning(description, ty, outer)))
            .collect::<String>(),
        Fields::Unnamed(types) => {
            types.iter().map(|ty| format!("{},", meaning(description, ty, outer))).collect()
        }
    };
    match ty {
        Type::Word(word) => word.clone(),
        Type::Generic(word, of) => {
            let of: Vec<_> = of.iter().map(|ty| meaning(description, ty, outer)).collect();
            format!("{word}<{}>", of.join(","))
        }
        Type::Named(number) => {
            if let Some(level) = outer.iter().rev().position(|other| other == number) {
                return format!("^{level}");
            }
            outer.push(*number);
            let Declaration { name, body } = &description.declared[*number];
            let body = match body {
                Body::Struct(of) => fields(of, outer),
                Body::Enum(variants) => variants
                    .iter()
                    .map(|(name, of)| format!("{name}({});", fields(of, outer)))
                    .collect(),
            };
            outer.pop();
            format!("{name}{{{body}}}")
        }
    }
}
