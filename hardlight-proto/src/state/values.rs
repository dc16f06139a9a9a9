use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::fmt;

use bytes::Bytes;
use thiserror::Error;

use super::{
    ConnectionState, StateError, StateOperations, StateWriter,
    field::{Field, FieldOf},
};
use crate::{
    payload::{self, Codable, DecodeError, EncodeError},
    schema::{FieldSchema, Fingerprint},
    sync::Map,
};

/// The index of the field that holds the values, beyond those that a state's own fields may have.
const FIELD: u32 = 4_095;

/// The name of that field, which no field of a struct can have.
const NAME: &str = "$values";

/// A value: the fingerprint of its type, and its payload.
type Value = (u64, Bytes);

/// State without a type of its own: values of any type that travels, by name (SPEC.md, section 11.3).
///
/// Every value has the fingerprint of its type with it, so that it cannot be read as something else. A change costs what
/// changed: a value that is set sends what is new in its bytes, and nothing if it is what it was.
///
/// *Private* values stay on the server: they are never encoded into a message. A name that is private stays so until it is
/// removed.
///
/// The field is a map of names, so its memory is that of the values' payloads, and a copy of those that changed since they
/// were last sent.
#[derive(Default)]
pub struct Values {
    shared: Map<String, Value>,
    private: BTreeMap<String, Value>,
}

/// Why a value cannot be set or read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The value is of another type than the one that was asked for.
    #[error("the value's type has the fingerprint {stored}, and was asked for as one with {asked}")]
    OtherType {
        /// The fingerprint of its type.
        stored: Fingerprint,
        /// That of the type that was asked for.
        asked: Fingerprint,
    },
    /// The value is private, and was about to be sent. Remove it first.
    #[error("the value is private: it has to be removed before it is set for the client to see")]
    Private,
    /// The value cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The peer sent something else than a value of this type.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Values {
    /// None.
    pub const fn new() -> Self {
        Self { shared: Map::new(), private: BTreeMap::new() }
    }

    /// Sets a value, which the client gets.
    ///
    /// # Errors
    ///
    /// [`ValueError::Private`] if there is a private one of that name, [`ValueError::Encode`] if it cannot be encoded. What
    /// was there stays.
    pub fn set<T: Codable>(&mut self, name: &str, value: &T) -> Result<(), ValueError> {
        if self.private.contains_key(name) {
            return Err(ValueError::Private);
        }
        let value = encode(value)?;
        if self.shared.get(name) != Some(&value) {
            self.shared.insert(name.into(), value);
        }
        Ok(())
    }

    /// Sets a value that stays here. If the client has one of that name, it goes.
    ///
    /// # Errors
    ///
    /// [`ValueError::Encode`] if it cannot be encoded. What was there stays.
    pub fn set_private<T: Codable>(&mut self, name: &str, value: &T) -> Result<(), ValueError> {
        let value = encode(value)?;
        self.shared.remove(name);
        self.private.insert(name.into(), value);
        Ok(())
    }

    /// The value of this name, if there is one, private or not.
    ///
    /// # Errors
    ///
    /// [`ValueError::OtherType`] if it is of another type, [`ValueError::Decode`] if a peer sent what only claims to be of
    /// this one.
    pub fn get<T: Codable>(&self, name: &str) -> Result<Option<T>, ValueError> {
        let Some((stored, payload)) = self.payload(name) else {
            return Ok(None);
        };
        let asked = Fingerprint::of::<T>();
        if stored != asked {
            return Err(ValueError::OtherType { stored, asked });
        }
        Ok(Some(payload::decode(payload)?))
    }

    /// The fingerprint of a value's type, and its payload, which nobody has checked. As long as both are the same, so is the
    /// value.
    pub fn payload(&self, name: &str) -> Option<(Fingerprint, &Bytes)> {
        let (fingerprint, payload) = self.shared.get(name).or_else(|| self.private.get(name))?;
        Some((Fingerprint::from_u64(*fingerprint), payload))
    }

    /// Removes a value: whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.shared.remove(name).is_some() || self.private.remove(name).is_some()
    }

    /// Removes all values.
    pub fn clear(&mut self) {
        self.shared.clear();
        self.private.clear();
    }

    /// Whether there is a value of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.shared.contains_key(name) || self.is_private(name)
    }

    /// Whether there is a value of this name that stays here.
    pub fn is_private(&self, name: &str) -> bool {
        self.private.contains_key(name)
    }

    /// The names, in order; those of private values last.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shared.keys().chain(self.private.keys()).map(String::as_str)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shared.len() + self.private.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn encode<T: Codable>(value: &T) -> Result<Value, EncodeError> {
    Ok((Fingerprint::of::<T>().to_u64(), payload::encode_to_bytes(value)?))
}

/// Names only: values may be secret.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// A state and the values beside it, as one state: what a connection has.
#[derive(Debug)]
pub struct WithValues<S> {
    /// The state of the service's own type.
    pub state: S,
    /// The values.
    pub values: Values,
}

/// What is done to the values' field.
type ValuesField = Field<Map<String, Value>>;

impl<S: ConnectionState> FieldOf<WithValues<S>, FIELD> for ValuesField {
    type Value = Map<String, Value>;
}

#[diagnostic::do_not_recommend]
impl<S: ConnectionState> ConnectionState for WithValues<S> {
    type Shadow = (S::Shadow, Map<String, Value>);

    fn initial() -> Self {
        Self { state: S::initial(), values: Values::new() }
    }

    fn schema() -> Vec<FieldSchema> {
        let mut fields = S::schema();
        // Some value may well be a secret, and values that change together travel together.
        fields.push(<ValuesField as FieldOf<Self, FIELD>>::schema(NAME).secret());
        fields
    }

    fn shadow(&mut self) -> Self::Shadow {
        (
            self.state.shadow(),
            <ValuesField as FieldOf<Self, FIELD>>::shadow(&mut self.values.shared),
        )
    }

    fn snapshot(&self, out: &mut StateWriter) -> Result<(), EncodeError> {
        self.state.snapshot(out)?;
        <ValuesField as FieldOf<Self, FIELD>>::set(&self.values.shared, out)
    }

    fn diff(
        &mut self,
        shadow: &mut Self::Shadow,
        out: &mut StateWriter,
    ) -> Result<(), EncodeError> {
        self.state.diff(&mut shadow.0, out)?;
        <ValuesField as FieldOf<Self, FIELD>>::diff(&mut self.values.shared, &mut shadow.1, out)
    }

    fn apply(&mut self, operations: StateOperations<'_>) -> Result<(), StateError> {
        let mut change = None;
        // What is malformed is for the state to find.
        for operation in operations.clone().flatten().filter(|operation| operation.field() == FIELD)
        {
            let shared = &self.values.shared;
            change = Some(ValuesField::check(shared, operation, |initial: &Self| {
                &initial.values.shared
            })?);
        }
        self.state.apply(operations)?;
        <ValuesField as FieldOf<Self, FIELD>>::apply(&mut self.values.shared, change)
    }
}
