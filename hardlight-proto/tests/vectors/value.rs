//! The value language of the vectors: values of the wire profile as JSON. `spec-vectors/PORTING.md` has its rules.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

/// A value that the vectors can show.
pub(crate) trait ToJson {
    fn to_json(&self) -> Value;
}

macro_rules! shown {
    ($($ty:ty: |$value:ident| $json:expr;)*) => {$(
        impl ToJson for $ty {
            fn to_json(&self) -> Value {
                let $value = self;
                json!($json)
            }
        }
    )*};
}

shown! {
    u8: |number| *number;
    u16: |number| *number;
    u32: |number| *number;
    i8: |number| *number;
    i16: |number| *number;
    i32: |number| *number;
    u64: |number| number.to_string();
    i64: |number| number.to_string();
    u128: |number| number.to_string();
    i128: |number| number.to_string();
    f32: |number| format!("0x{:08x}", number.to_bits());
    f64: |number| format!("0x{:016x}", number.to_bits());
    bool: |value| *value;
    char: |value| value.to_string();
    (): |_value| Value::Null;
    String: |text| *text;
    Box<str>: |text| *text;
    Bytes: |bytes| bytes.to_vec();
    Uuid: |uuid| uuid.to_string();
    Ipv4Addr: |address| address.to_string();
    Ipv6Addr: |address| address.segments().map(|group| format!("{group:04x}")).join(":");
}

impl ToJson for Duration {
    fn to_json(&self) -> Value {
        json!({ "seconds": self.as_secs().to_json(), "nanoseconds": self.subsec_nanos() })
    }
}

impl ToJson for IpAddr {
    fn to_json(&self) -> Value {
        match self {
            Self::V4(address) => json!({ "V4": [address.to_json()] }),
            Self::V6(address) => json!({ "V6": [address.to_json()] }),
        }
    }
}

impl ToJson for SocketAddr {
    fn to_json(&self) -> Value {
        match self {
            Self::V4(socket) => {
                json!({ "V4": [{ "address": socket.ip().to_json(), "port": socket.port() }] })
            }
            Self::V6(socket) => json!({ "V6": [{
                "address": socket.ip().to_json(),
                "port": socket.port(),
                "flow_info": socket.flowinfo(),
                "scope_id": socket.scope_id(),
            }] }),
        }
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, |value| json!({ "some": value.to_json() }))
    }
}

impl<T: ToJson, E: ToJson> ToJson for Result<T, E> {
    fn to_json(&self) -> Value {
        match self {
            Ok(value) => json!({ "ok": value.to_json() }),
            Err(error) => json!({ "err": error.to_json() }),
        }
    }
}

impl<T: ToJson> ToJson for Box<T> {
    fn to_json(&self) -> Value {
        (**self).to_json()
    }
}

fn list<'a, T: ToJson + 'a>(elements: impl IntoIterator<Item = &'a T>) -> Value {
    elements.into_iter().map(ToJson::to_json).collect()
}

impl<T: ToJson, const N: usize> ToJson for [T; N] {
    fn to_json(&self) -> Value {
        list(self)
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn to_json(&self) -> Value {
        list(self)
    }
}

impl<T: ToJson> ToJson for VecDeque<T> {
    fn to_json(&self) -> Value {
        list(self)
    }
}

impl<T: ToJson> ToJson for BTreeSet<T> {
    fn to_json(&self) -> Value {
        list(self)
    }
}

impl<T: ToJson + Ord> ToJson for HashSet<T> {
    fn to_json(&self) -> Value {
        list(self.iter().collect::<BTreeSet<_>>())
    }
}

impl<K: ToJson, V: ToJson> ToJson for BTreeMap<K, V> {
    fn to_json(&self) -> Value {
        self.iter().map(|(key, value)| json!([key.to_json(), value.to_json()])).collect()
    }
}

impl<K: ToJson + Ord, V: ToJson> ToJson for HashMap<K, V> {
    fn to_json(&self) -> Value {
        let sorted: BTreeMap<_, _> = self.iter().collect();
        sorted.iter().map(|(key, value)| json!([key.to_json(), value.to_json()])).collect()
    }
}

macro_rules! tuple {
    ($($ty:ident $index:tt)+) => {
        impl<$($ty: ToJson),+> ToJson for ($($ty,)+) {
            fn to_json(&self) -> Value {
                json!([$(self.$index.to_json()),+])
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0 B 1);
tuple!(A 0 B 1 C 2);
tuple!(A 0 B 1 C 2 D 3);
tuple!(A 0 B 1 C 2 D 3 E 4);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11);

/// Shows a struct with these fields.
macro_rules! show_struct {
    ($name:ident $(<$parameter:ident>)? { $($field:ident),* }) => {
        impl $(<$parameter: ToJson>)? ToJson for $name $(<$parameter>)? {
            fn to_json(&self) -> Value {
                // A raw identifier travels without its `r#`.
                json!({ $(stringify!($field).trim_start_matches("r#"): self.$field.to_json()),* })
            }
        }
    };
    ($name:ident ( $($field:tt),* )) => {
        impl ToJson for $name {
            fn to_json(&self) -> Value {
                json!([$(self.$field.to_json()),*])
            }
        }
    };
}

/// Shows an enum with these variants; a tuple's fields are given any names.
macro_rules! show_enum {
    ($name:ident { $($variant:ident $(( $($place:ident),* ))? $({ $($field:ident),* })?),* }) => {
        impl ToJson for $name {
            fn to_json(&self) -> Value {
                match self {
                    $(Self::$variant $(( $($place),* ))? $({ $($field),* })? => {
                        let fields: Option<Value> = None
                            $(.or(Some(json!([$($place.to_json()),*]))))?
                            $(.or(Some(json!({ $(stringify!($field): $field.to_json()),* }))))?;
                        let name = stringify!($variant);
                        // However a variant without fields is declared, it is its name.
                        match fields.filter(|fields| *fields != json!([]) && *fields != json!({})) {
                            Some(fields) => json!({ name: fields }),
                            None => json!(name),
                        }
                    })*
                }
            }
        }
    };
}

pub(crate) use {show_enum, show_struct};
