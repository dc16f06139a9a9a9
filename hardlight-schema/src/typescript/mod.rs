//! What TypeScript is to know of a service: the declarations of the module that is made of it.

mod description;
mod names;
mod types;

use std::fmt::Write as _;

use hardlight_proto::ServiceSchema;

use self::{
    description::{Description, Fields, Type},
    names::{camel_case, parameter},
    types::Types,
};
use crate::{
    change::Part,
    error::SchemaError,
    schema::{Entry, Schema},
};

/// What every module has, whatever its service.
const PRELUDE: &str = include_str!("prelude.d.ts");

/// What every client has, by its name.
const MEMBERS: [&str; 13] = [
    "can",
    "close",
    "closed",
    "events",
    "features",
    "onChange",
    "onEvent",
    "onStatus",
    "reconnectNow",
    "state",
    "states",
    "status",
    "statuses",
];

/// The declarations for TypeScript of the module that is made of a service for JavaScript (feature `javascript` of
/// `hardlight`).
///
/// Names are in camelCase there, but those of variants. `u64`, `i64` and longer ones are `bigint`, bytes a `Uint8Array`, maps and
/// sets `Map` and `Set`, times in milliseconds; an `Option` is the value or `null`, an enum one of its names, or an object with a `type`
/// and a `value` if a variant has fields.
pub fn to_typescript(schema: &ServiceSchema) -> String {
    let declarations = Schema::from(schema).to_typescript();
    declarations.expect("a service describes its types as SPEC.md says")
}

impl Schema {
    /// The declarations for TypeScript, as [`to_typescript`] gives them.
    ///
    /// # Errors
    ///
    /// [`SchemaError::MalformedType`], if a type is not known or no type.
    pub fn to_typescript(&self) -> Result<String, SchemaError> {
        let service = &self.service;
        let (state, event) = (format!("{service}State"), format!("{service}Event"));
        let client = format!("{service}Client");
        let mut types = Types::new([&state, &event, &client]);
        let fields = self.typescript_state(&mut types)?;
        let events = self.typescript_events(&mut types)?;
        let methods = self.typescript_methods(&mut types)?;
        let mut out = format!("// Made of the service {service} by hardlight-schema.\n\n{PRELUDE}");
        out.push_str(&types.declarations());
        // Writing to a `String` cannot fail.
        let _ = write!(
            out,
            "\n/** The state of a connection. */\n\
             export interface {state} {{\n{fields}}}\n\
             \n/** The events. */\n\
             export type {event} ={events};\n\
             \nexport interface {client} extends {} {{\n{methods}}}\n\
             \n/** Connects to a server. */\n\
             export function connect(url: string, options?: ConnectOptions<{client}>): Promise<{client}>;\n",
            self.base(&state, &event),
        );
        Ok(out)
    }

    /// What a client is besides: without what its methods are called.
    fn base(&self, state: &str, event: &str) -> String {
        let base = format!("HardLightClient<{state}, {event}>");
        let methods: Vec<_> = self.methods.iter().map(|entry| camel_case(&entry.name)).collect();
        let taken = MEMBERS.iter().filter(|member| methods.iter().any(|name| name == **member));
        let taken: Vec<_> = taken.map(|member| format!("\"{member}\"")).collect();
        if taken.is_empty() { base } else { format!("Omit<{base}, {}>", taken.join(" | ")) }
    }

    fn typescript_state(&self, types: &mut Types) -> Result<String, SchemaError> {
        let field = |entry: &Entry| {
            let described = described(Part::StateField, entry, Description::of_value)?;
            let ty = types.of(&described, &described.ty);
            Ok(format!("    readonly {}: {ty};\n", camel_case(&entry.name)))
        };
        self.state.iter().map(field).collect()
    }

    fn typescript_events(&self, types: &mut Types) -> Result<String, SchemaError> {
        if self.events.is_empty() {
            return Ok(" never".to_owned());
        }
        let event = |entry: &Entry| {
            let described = described(Part::Event, entry, Description::of_event)?;
            let value = types.value(&described, &described.fields);
            let value = value.map(|value| format!("; value: {value}")).unwrap_or_default();
            Ok(format!("\n    | {{ type: \"{}\"; topic: string{value} }}", entry.name))
        };
        in_order(&self.events).map(event).collect()
    }

    fn typescript_methods(&self, types: &mut Types) -> Result<String, SchemaError> {
        let method = |entry: &Entry| {
            let described = described(Part::Method, entry, Description::of_method)?;
            let Fields::Named(arguments) = &described.fields else {
                return Err(malformed(Part::Method, entry));
            };
            let mut parameters: Vec<_> = arguments
                .iter()
                .map(|(name, ty)| format!("{}: {}", parameter(name), types.of(&described, ty)))
                .collect();
            parameters.push("options?: CallOptions".to_owned());
            let (output, error) = match &described.ty {
                Type::Generic(word, of) if word == "result" => (&of[0], of.get(1)),
                output => (output, None),
            };
            let comment = error.map(|error| {
                let error = types.of(&described, error);
                format!(
                    "    /** Fails with a `HardLightError<{error}>` of the kind `application`. */\n"
                )
            });
            let output = match output {
                Type::Word(word) if word == "unit" => "void".to_owned(),
                output => types.of(&described, output),
            };
            let (name, parameters) = (camel_case(&entry.name), parameters.join(", "));
            let comment = comment.unwrap_or_default();
            Ok(format!("{comment}    {name}({parameters}): Promise<{output}>;\n"))
        };
        in_order(&self.methods).map(method).collect()
    }
}

/// In the order of declaration.
fn in_order(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|entry| entry.index);
    entries.into_iter()
}

fn described(
    part: Part,
    entry: &Entry,
    read: fn(&str) -> Option<Description>,
) -> Result<Description, SchemaError> {
    read(&entry.ty).ok_or_else(|| malformed(part, entry))
}

fn malformed(part: Part, entry: &Entry) -> SchemaError {
    SchemaError::MalformedType { part, name: entry.name.clone() }
}
