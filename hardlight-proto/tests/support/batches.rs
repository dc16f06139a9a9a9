//! Messages of several frames, put together by hand; and what may become of them on their way.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::{collection::vec, prelude::*, sample::Index};

/// Not the core's own: a second opinion of how a length is written.
fn put_varint(out: &mut BytesMut, mut number: usize) {
    while number >= 0x80 {
        out.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

/// These frames as a message, encoded.
pub(crate) fn batch(frames: &[Bytes]) -> Bytes {
    if let [frame] = frames {
        return frame.clone();
    }
    let mut out = BytesMut::from(&[0][..]);
    for frame in frames {
        put_varint(&mut out, frame.len());
        out.put_slice(frame);
    }
    out.freeze()
}

/// A frame of a kind that may be ignored.
pub(crate) fn ignored() -> impl Strategy<Value = Bytes> {
    (0x20..0x40_u8, 0..4_u8, vec(any::<u8>(), 0..9)).prop_map(|(kind, flags, body)| {
        let header = [kind | flags << 6];
        [&header[..], &body].concat().into()
    })
}

/// What becomes of a message on its way.
#[derive(Clone, Debug)]
pub(crate) enum Damage {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
}

pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(place, byte)| Damage::Replace(place, byte)),
        (place(), vec(any::<u8>(), 1..9)).prop_map(|(place, bytes)| Damage::Insert(place, bytes)),
        (place(), 1..9_usize).prop_map(|(place, len)| Damage::Remove(place, len)),
        (place(), 1..40_usize).prop_map(|(place, len)| Damage::Repeat(place, len)),
        place().prop_map(Damage::Cut),
    ]
}

impl Damage {
    /// Does it: the first place that it touched.
    pub(crate) fn apply(self, bytes: &mut Vec<u8>) -> usize {
        if bytes.is_empty() {
            return 0;
        }
        match self {
            Self::Replace(place, byte) => {
                let place = place.index(bytes.len());
                bytes[place] = byte;
                place
            }
            Self::Insert(place, more) => {
                let place = place.index(bytes.len() + 1);
                bytes.splice(place..place, more);
                place
            }
            Self::Remove(place, len) => {
                let place = place.index(bytes.len());
                bytes.drain(place..bytes.len().min(place + len));
                place
            }
            Self::Repeat(place, len) => {
                let place = place.index(bytes.len());
                let end = bytes.len().min(place + len);
                let again = bytes[place..end].to_vec();
                bytes.splice(end..end, again);
                end
            }
            Self::Cut(place) => {
                let place = place.index(bytes.len() + 1);
                bytes.truncate(place);
                place
            }
        }
    }
}
