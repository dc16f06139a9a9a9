//! Types without parts: a value is replaced as a whole.

use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use super::StateDiff;

/// Implements [`StateDiff`] for types whose `==` compares all that travels.
macro_rules! leaves {
    ($($ty:ty),* $(,)?) => {$(
        impl StateDiff for $ty {
            fn same(value: &Self, other: &Self) -> bool {
                value == other
            }

            fn copy(value: &Self) -> Self {
                *value
            }

            fn same_slice(values: &[Self], others: &[Self]) -> bool {
                values == others
            }
        }
    )*};
}

leaves! {
    u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, bool, char, (),
    Duration, Ipv4Addr, Ipv6Addr, IpAddr, SocketAddr,
}

#[cfg(feature = "uuid")]
leaves!(uuid::Uuid);

/// By their bits: a NaN is not sent again and again, and -0.0 is not 0.0.
macro_rules! floats {
    ($($ty:ty),*) => {$(
        impl StateDiff for $ty {
            fn same(value: &Self, other: &Self) -> bool {
                value.to_bits() == other.to_bits()
            }

            fn copy(value: &Self) -> Self {
                *value
            }
        }
    )*};
}

floats!(f32, f64);
