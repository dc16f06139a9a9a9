//! What two peers compare before they decode anything of each other's: descriptions of types, and their fingerprints
//! (SPEC.md, section 20).
//!
//! # The text
//!
//! A type is described by a text without white space, but for one space behind `struct` and `enum`:
//!
//! | type | text |
//! |---|---|
//! | `u8` ... `u128`, `i8` ... `i128`, `f32`, `f64`, `bool`, `char` | the same word |
//! | `()` | `unit` |
//! | `String`; `Box<str>` | `string`; `box<str>` |
//! | `Duration`, `Ipv4Addr`, `Ipv6Addr`, `IpAddr`, `SocketAddr`, `Uuid` | `duration`, `ipv4`, `ipv6`, `ip`, `socket`, `uuid` |
//! | `Vec<T>`, `VecDeque<T>`; `Bytes`, `Topic` | `vec<T>`; `vec<u8>` |
//! | `Box<T>`, `Option<T>`, `Result<T, E>` | `box<T>`, `option<T>`, `result<T,E>` |
//! | `[T; 4]`; `(A, B)` | `array<T,4>`; `tuple<A,B>` |
//! | maps; sets, ordered or hashed | `map<K,V>`; `set<T>` |
//! | `struct Point { x: f32, y: f32 }` | `struct Point{x:f32,y:f32}` |
//! | `struct Meters(f32)` | `struct Meters(f32)` |
//! | a struct without fields, however written | `struct Marker{}` |
//! | `enum Shape { Unit, Circle(f32), Rect { w: f32 } = 9 }` | `enum Shape{Unit,Circle(f32),Rect{w:f32}=9}` |
//!
//! Names are as declared, without the `r#` of a raw identifier. The words `struct` and `enum` are followed by one space.
//! A number after `=` is a discriminant that was given explicitly.
//!
//! A struct or enum is written out where it occurs first, and takes the next number, from 0, when its name is written:
//! before those inside it. Wherever the same type occurs again, also inside itself, it is `#` and its number.
//! `struct Tree { kids: Vec<Tree> }` is `struct Tree{kids:vec<#0>}`. Two instances of a generic type are two types; their
//! arguments show in their fields only.
//!
//! A method is `fn`, its input, `->`, its output, in one text with one numbering. If the input is a struct then `struct`
//! and its name are left out, and it takes no number: `fn{amount:u32}->result<u32,struct Underflow{}>`. So a method's
//! fingerprint depends on the names and types of its arguments, in their order, but neither on the method's name, which
//! is compared by itself, nor on what the struct of its arguments is called.
//!
//! A type of event is `event` and its fields, written like the input of a method: `event{user:string}`.
//!
//! # The fingerprint
//!
//! A [`Fingerprint`] is the 64-bit FNV-1a hash of the text's bytes:
//!
//! ```
//! fn fingerprint(text: &str) -> u64 {
//!     let mut hash = 0xcbf29ce484222325_u64;
//!     for byte in text.bytes() {
//!         hash = (hash ^ u64::from(byte)).wrapping_mul(0x100000001b3);
//!     }
//!     hash
//! }
//! assert_eq!(fingerprint("u32"), 0x4d2bdf193e8526d1);
//! ```
//!
//! It guards against mistakes, such as a peer of another version. It is not meant to withstand an adversary, who may lie
//! about it anyway: payloads are validated in any case.

use alloc::{string::String, vec::Vec};
use core::{
    any::TypeId,
    fmt::{self, Write as _},
};

#[cfg(feature = "payload")]
use crate::{event::Events, payload::Codable, state::ConnectionState};

/// The 64-bit FNV-1a hash of a description. Shown as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// A fingerprint that was received.
    pub const fn from_u64(value: u64) -> Self {
        Self(value)
    }

    /// The fingerprint of a text.
    pub const fn of_text(text: &str) -> Self {
        Self(fnv1a(text.as_bytes()))
    }

    /// The fingerprint of a type's description.
    #[cfg(feature = "payload")]
    pub fn of<T: Codable>() -> Self {
        TypeDescription::of::<T>().fingerprint()
    }

    /// The number to send.
    pub const fn to_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Collects the canonical text of one or more types.
#[derive(Clone, Debug, Default)]
pub struct TypeDescription {
    text: String,
    /// The named types so far; a type's place is its number.
    named: Vec<TypeId>,
    /// Whether the next named type is a method's input, whose name does not count.
    nameless: bool,
}

impl TypeDescription {
    /// A description of nothing yet.
    pub const fn new() -> Self {
        Self { text: String::new(), named: Vec::new(), nameless: false }
    }

    /// The description of a type.
    #[cfg(feature = "payload")]
    pub fn of<T: Codable>() -> Self {
        let mut description = Self::new();
        T::describe(&mut description);
        description
    }

    /// The description of a method.
    #[cfg(feature = "payload")]
    pub fn of_method<I: Codable, O: Codable>() -> Self {
        let mut description = Self::new();
        description.text("fn");
        description.nameless = true;
        I::describe(&mut description);
        description.text("->");
        O::describe(&mut description);
        description
    }

    /// The description of a type of event, whose fields are those of the struct `P`.
    #[cfg(feature = "payload")]
    pub fn of_event<P: Codable>() -> Self {
        let mut description = Self::new();
        description.text("event");
        description.nameless = true;
        P::describe(&mut description);
        description
    }

    /// The text so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The fingerprint of the text so far.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_text(&self.text)
    }

    /// Appends text as it is.
    #[doc(hidden)]
    pub fn text(&mut self, text: &str) {
        self.nameless = false;
        self.text.push_str(text);
    }

    /// Appends a number in decimal.
    #[doc(hidden)]
    pub fn number(&mut self, number: u64) {
        self.nameless = false;
        // Writing to a `String` cannot fail.
        let _ = write!(self.text, "{number}");
    }

    /// Appends the struct or enum `T`: its name and what `body` writes, or its number if it was written before.
    #[doc(hidden)]
    pub fn named<T: 'static>(&mut self, keyword: &str, name: &str, body: fn(&mut Self)) {
        if core::mem::take(&mut self.nameless) && keyword == "struct" {
            return body(self);
        }
        let id = TypeId::of::<T>();
        if let Some(number) = self.named.iter().position(|named| *named == id) {
            self.text.push('#');
            return self.number(number as u64);
        }
        self.named.push(id);
        for part in [keyword, " ", name] {
            self.text.push_str(part);
        }
        body(self);
    }
}

impl fmt::Display for TypeDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A method of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodSchema {
    /// The method's name.
    pub name: &'static str,
    /// The name of the service that it is of; empty if it is not known.
    pub service: &'static str,
    /// The 64-bit FNV-1a hash of the name.
    pub name_hash: u64,
    /// The fingerprint of the method's input and output.
    pub fingerprint: Fingerprint,
    /// The text that it is the fingerprint of; empty if it is not known.
    pub ty: String,
    /// The feature that a connection needs to call it.
    pub feature: Option<&'static str>,
    /// Whether its input and output are never compressed.
    pub secret: bool,
    /// Whether to call it twice does what to call it once does. A connection makes nothing of it.
    pub idempotent: bool,
    /// Whether whoever runs it does so to its end, though it is cancelled or the connection ends. The core only keeps it.
    pub no_cancel: bool,
}

impl MethodSchema {
    /// A method that takes `I` and answers `O`.
    #[cfg(feature = "payload")]
    pub fn new<I: Codable, O: Codable>(name: &'static str) -> Self {
        let ty = TypeDescription::of_method::<I, O>();
        Self { ty: ty.text.clone(), ..Self::with_fingerprint(name, ty.fingerprint()) }
    }

    /// A method whose input and output have this fingerprint.
    pub const fn with_fingerprint(name: &'static str, fingerprint: Fingerprint) -> Self {
        let name_hash = fnv1a(name.as_bytes());
        let ty = String::new();
        Self {
            name,
            service: "",
            name_hash,
            fingerprint,
            ty,
            feature: None,
            secret: false,
            idempotent: false,
            no_cancel: false,
        }
    }

    /// Which feature a connection needs to call it. Default: none.
    #[must_use]
    pub const fn with_feature(mut self, feature: &'static str) -> Self {
        self.feature = Some(feature);
        self
    }

    /// Its input and output are never compressed (SPEC.md, section 22).
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// To call it twice does what to call it once does: a client that comes back may call it again where it does not know
    /// whether it ran.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }
}

/// A field of connection state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldSchema {
    /// The field's number: its place in the order of declaration.
    pub index: u32,
    /// The field's name.
    pub name: &'static str,
    /// The fingerprint of the field's type.
    pub fingerprint: Fingerprint,
    /// The text that it is the fingerprint of; empty if it is not known.
    pub ty: String,
    /// The feature that a connection needs to get it.
    pub feature: Option<&'static str>,
    /// Whether changes of it are never compressed.
    pub secret: bool,
}

impl FieldSchema {
    /// A field of type `T`.
    #[cfg(feature = "payload")]
    pub fn new<T: Codable>(index: u32, name: &'static str) -> Self {
        let ty = TypeDescription::of::<T>();
        Self { ty: ty.text.clone(), ..Self::with_fingerprint(index, name, ty.fingerprint()) }
    }

    /// A field whose type has this fingerprint.
    pub const fn with_fingerprint(
        index: u32,
        name: &'static str,
        fingerprint: Fingerprint,
    ) -> Self {
        Self { index, name, fingerprint, ty: String::new(), feature: None, secret: false }
    }

    /// Which feature a connection needs to get it. Default: none.
    #[must_use]
    pub const fn with_feature(mut self, feature: &'static str) -> Self {
        self.feature = Some(feature);
        self
    }

    /// Changes of it are never compressed (SPEC.md, section 22).
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// A type of event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventSchema {
    /// The name of the type.
    pub name: &'static str,
    /// The 64-bit FNV-1a hash of the name.
    pub name_hash: u64,
    /// The fingerprint of its fields.
    pub fingerprint: Fingerprint,
    /// The text that it is the fingerprint of; empty if it is not known.
    pub ty: String,
    /// The feature that a connection needs to get it.
    pub feature: Option<&'static str>,
    /// Whether its fields are never compressed.
    pub secret: bool,
}

impl EventSchema {
    /// An event whose fields are those of the struct `P`.
    #[cfg(feature = "payload")]
    pub fn new<P: Codable>(name: &'static str) -> Self {
        let ty = TypeDescription::of_event::<P>();
        Self { ty: ty.text.clone(), ..Self::with_fingerprint(name, ty.fingerprint()) }
    }

    /// An event whose fields have this fingerprint.
    pub const fn with_fingerprint(name: &'static str, fingerprint: Fingerprint) -> Self {
        let name_hash = fnv1a(name.as_bytes());
        Self { name, name_hash, fingerprint, ty: String::new(), feature: None, secret: false }
    }

    /// Which feature a connection needs to get it. Default: none.
    #[must_use]
    pub const fn with_feature(mut self, feature: &'static str) -> Self {
        self.feature = Some(feature);
        self
    }

    /// Its fields are never compressed (SPEC.md, section 22). It is `Events::is_secret` that a server asks; this is for
    /// whoever reads the schema.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// A service: its methods, its connection state and its events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceSchema {
    /// The service's name.
    pub name: &'static str,
    /// The methods, in the order of the trait.
    pub methods: Vec<MethodSchema>,
    /// The fields of the connection state, in ascending order of their index.
    pub state: Vec<FieldSchema>,
    /// The types of events, in order of declaration.
    pub events: Vec<EventSchema>,
}

impl ServiceSchema {
    /// A service without methods, state or events.
    pub const fn new(name: &'static str) -> Self {
        Self { name, methods: Vec::new(), state: Vec::new(), events: Vec::new() }
    }

    /// Adds a method, behind those added before.
    #[must_use]
    #[cfg(feature = "payload")]
    pub fn method<I: Codable, O: Codable>(mut self, name: &'static str) -> Self {
        let service = self.name;
        self.methods.push(MethodSchema { service, ..MethodSchema::new::<I, O>(name) });
        self
    }

    /// Sets the fields of the connection state.
    #[must_use]
    #[cfg(feature = "payload")]
    pub fn state<S: ConnectionState>(mut self) -> Self {
        self.state = S::schema();
        self
    }

    /// Adds a type of event, behind those added before: its fields are those of the struct `P`.
    #[must_use]
    #[cfg(feature = "payload")]
    pub fn event<P: Codable>(mut self, name: &'static str) -> Self {
        self.events.push(EventSchema::new::<P>(name));
        self
    }

    /// Sets the types of events.
    #[must_use]
    #[cfg(feature = "payload")]
    pub fn events<E: Events>(mut self) -> Self {
        self.events = E::schema();
        self
    }
}

const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn hash_is_fnv1a() {
        // From the reference's own table of test vectors.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn fingerprint_shows_all_its_digits() {
        assert_eq!(format!("{:?}", Fingerprint::from_u64(0xabc)), "0000000000000abc");
    }

    #[test]
    fn type_inside_itself_is_a_number() {
        struct Outer;
        struct Inner;
        fn inner(description: &mut TypeDescription) {
            description.named::<Inner>("struct", "Inner", |description| {
                description.text("{up:");
                outer(description);
                description.text("}");
            });
        }
        fn outer(description: &mut TypeDescription) {
            description.named::<Outer>("struct", "Outer", |description| {
                description.text("{a:");
                inner(description);
                description.text(",b:");
                inner(description);
                description.text("}");
            });
        }
        let mut description = TypeDescription::new();
        outer(&mut description);
        assert_eq!(description.as_str(), "struct Outer{a:struct Inner{up:#0},b:#1}");
    }
}
