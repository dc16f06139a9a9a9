//! The schema of a service as it stands in a file.

use std::fmt;

use hardlight_proto::{
    EventSchema, FieldSchema, Fingerprint, MethodSchema, REVISION, ServiceSchema,
};
use serde::{Deserialize, Serialize};

use crate::{change::Part, error::SchemaError};

/// The version of the format that [`to_json`] writes and [`Schema::from_json`] reads.
pub const FORMAT: u32 = 1;

/// The fields of the state from this index on are the protocol's own (SPEC.md, section 11.3).
const PROTOCOLS_FIELDS: u32 = 4_080;

/// The schema of a service, from a file or from the service itself.
///
/// `Deserialize` takes what has the members; [`from_json`](Self::from_json) also checks that they go together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "the schema of a service")]
#[non_exhaustive]
pub struct Schema {
    /// The version of the format: [`FORMAT`].
    pub format: u32,
    /// The revision of the protocol (SPEC.md, section 6.2).
    pub revision: u32,
    /// The service's name.
    pub service: String,
    /// The methods, by name.
    pub methods: Vec<Entry>,
    /// The fields of the connection state, by index; without those that belong to the protocol, such as `$values`.
    pub state: Vec<Entry>,
    /// The types of events, by name.
    pub events: Vec<Entry>,
}

/// A method, a field of the state, or a type of event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "a method, a state field or an event")]
#[non_exhaustive]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its place in the order of declaration, from 0. It means something for fields of the state only.
    pub index: u32,
    /// The description of its type (SPEC.md, section 20); empty if it is not known.
    #[serde(rename = "type")]
    pub ty: String,
    /// The fingerprint of the description.
    #[serde(with = "crate::fingerprint")]
    pub fingerprint: Fingerprint,
    /// The feature that a connection needs for it.
    #[serde(default)]
    pub feature: Option<String>,
    /// Whether it is never compressed.
    #[serde(default)]
    pub secret: bool,
}

/// What is read before the rest, which may have changed since.
#[derive(Deserialize)]
#[serde(expecting = "the schema of a service")]
struct Head {
    format: u64,
}

/// The schema of a service as JSON, in lines, with a line end behind the last.
///
/// Equal schemas are equal texts, whatever the order in which methods and events are declared, but for their indexes.
pub fn to_json(schema: &ServiceSchema) -> String {
    Schema::from(schema).to_json()
}

impl Schema {
    /// Reads what [`to_json`] has written. Members that are not known are ignored.
    ///
    /// # Errors
    ///
    /// [`SchemaError`], if it is no schema or one of another format.
    pub fn from_json(json: &str) -> Result<Self, SchemaError> {
        let malformed = |error: serde_json::Error| SchemaError::Malformed(error.to_string());
        let Head { format } = serde_json::from_str(json).map_err(malformed)?;
        if format != u64::from(FORMAT) {
            return Err(SchemaError::UnknownFormat { found: format });
        }
        let mut schema: Self = serde_json::from_str(json).map_err(malformed)?;
        for part in [Part::Method, Part::StateField, Part::Event] {
            check(part, schema.entries(part))?;
        }
        schema.sort();
        Ok(schema)
    }

    /// This schema as JSON, as [`to_json`] does it.
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("texts, numbers and lists of them are JSON") + "\n"
    }

    /// The entries of a part; none of the service itself.
    pub(crate) fn entries(&self, part: Part) -> &[Entry] {
        match part {
            Part::Service => &[],
            Part::Method => &self.methods,
            Part::StateField => &self.state,
            Part::Event => &self.events,
        }
    }

    fn sort(&mut self) {
        self.methods.sort_by(|a, b| a.name.cmp(&b.name));
        self.state.sort_by_key(|field| field.index);
        self.events.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

impl From<&ServiceSchema> for Schema {
    fn from(schema: &ServiceSchema) -> Self {
        let own = schema.state.iter().filter(|field| field.index < PROTOCOLS_FIELDS);
        let mut schema = Self {
            format: FORMAT,
            revision: REVISION,
            service: schema.name.to_owned(),
            methods: schema.methods.iter().zip(0..).map(method).collect(),
            state: own.map(field).collect(),
            events: schema.events.iter().zip(0..).map(event).collect(),
        };
        schema.sort();
        schema
    }
}

/// For people: one line for each entry, in the order of declaration.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, revision {} of the protocol", self.service, self.revision)?;
        for part in [Part::Method, Part::StateField, Part::Event] {
            let mut entries: Vec<_> = self.entries(part).iter().collect();
            entries.sort_by_key(|entry| entry.index);
            let none = if entries.is_empty() { ": none" } else { "" };
            write!(f, "\n\n{part}s{none}")?;
            let width = entries.iter().map(|entry| entry.name.chars().count()).max();
            for entry in entries {
                write!(f, "\n{:4}  {:2$}  ", entry.index, entry.name, width.unwrap_or(0))?;
                entry.show(f)?;
            }
        }
        Ok(())
    }
}

impl Entry {
    /// Its type, or what else there is to tell it by.
    pub(crate) fn shown_type(&self) -> String {
        if self.ty.is_empty() {
            format!("fingerprint {}", self.fingerprint)
        } else {
            self.ty.clone()
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown_type())?;
        if let Some(feature) = &self.feature {
            write!(f, "; needs the feature `{feature}`")?;
        }
        if self.secret {
            f.write_str("; secret")?;
        }
        Ok(())
    }
}

fn method((method, index): (&MethodSchema, u32)) -> Entry {
    Entry {
        name: method.name.to_owned(),
        index,
        ty: method.ty.clone(),
        fingerprint: method.fingerprint,
        feature: method.feature.map(str::to_owned),
        secret: method.secret,
    }
}

fn field(field: &FieldSchema) -> Entry {
    Entry {
        name: field.name.to_owned(),
        index: field.index,
        ty: field.ty.clone(),
        fingerprint: field.fingerprint,
        feature: field.feature.map(str::to_owned),
        secret: field.secret,
    }
}

fn event((event, index): (&EventSchema, u32)) -> Entry {
    Entry {
        name: event.name.to_owned(),
        index,
        ty: event.ty.clone(),
        fingerprint: event.fingerprint,
        feature: event.feature.map(str::to_owned),
        secret: event.secret,
    }
}

/// Whether each entry can be told from the others, and its type was not changed by hand.
fn check(part: Part, entries: &[Entry]) -> Result<(), SchemaError> {
    for (place, entry) in entries.iter().enumerate() {
        let Entry { name, index, ty, fingerprint, .. } = entry;
        let before = &entries[..place];
        if before.iter().any(|other| other.name == *name) {
            return Err(SchemaError::NameTwice { part, name: name.clone() });
        }
        if before.iter().any(|other| other.index == *index) {
            return Err(SchemaError::IndexTwice { part, index: *index });
        }
        let expected = Fingerprint::of_text(ty);
        if !ty.is_empty() && *fingerprint != expected {
            return Err(SchemaError::WrongFingerprint { part, name: name.clone(), expected });
        }
    }
    Ok(())
}
