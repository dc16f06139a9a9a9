use alloc::vec::Vec;
use core::cell::Cell;

use bytes::BytesMut;
use rkyv::{
    Archive, Place, Portable, Serialize,
    rancor::Strategy,
    ser::{Positional, Serializer, Writer, allocator::SubAllocator},
    vec::{ArchivedVec, VecResolver},
};

use super::{Codable, EncodeError};

/// What [`Codable`] values are written with: rkyv's low-level serializer, which knows no shared pointers.
///
/// Its scratch space is empty: all that would need some goes through [`encode_sequence`], which keeps its own.
#[doc(hidden)]
pub type PayloadEncoder<'a> =
    Strategy<Serializer<PayloadWriter<'a>, SubAllocator<'a>, ()>, EncodeError>;

/// The most levels of a value: the value itself is the first, what it points to the second, and so on.
pub(crate) const MAX_LEVELS: usize = 63;

/// The most bytes in a payload. Far enough below the 2 GiB of a relative pointer that no sum of them overflows.
pub(super) const MAX_PAYLOAD: usize = 1 << 30;

/// Appends to a caller's buffer; positions count from the buffer's length at the start, so that the bytes of a payload
/// do not depend on what stands before it.
#[doc(hidden)]
#[derive(Debug)]
pub struct PayloadWriter<'a> {
    out: &'a mut BytesMut,
    start: usize,
    levels_left: usize,
}

/// From here on it costs more to copy bytes than to ask whether there is room.
const LONG_BYTES: usize = 1024;

/// What usually stands behind long bytes: the root, and the places of a few others.
const ROOM_BEHIND: usize = 256;

impl<'a> PayloadWriter<'a> {
    pub(super) fn new(out: &'a mut BytesMut, levels_left: usize) -> Self {
        Self { start: out.len(), out, levels_left }
    }
}

impl Positional for PayloadWriter<'_> {
    fn pos(&self) -> usize {
        self.out.len() - self.start
    }
}

impl Writer<EncodeError> for PayloadWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if bytes.len() > MAX_PAYLOAD - self.pos() {
            return Err(EncodeError::too_large());
        }
        if bytes.len() > LONG_BYTES && bytes.len() > self.out.capacity() - self.out.len() {
            // With room for what stands behind them: to grow once more would copy them.
            self.out.reserve(bytes.len() + ROOM_BEHIND);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// Runs `write` one level deeper, as the peer's validator will count it.
pub(super) fn nested<'a, R>(
    encoder: &mut PayloadEncoder<'a>,
    write: impl FnOnce(&mut PayloadEncoder<'a>) -> Result<R, EncodeError>,
) -> Result<R, EncodeError> {
    let left = encoder.writer.levels_left;
    encoder.writer.levels_left = left.checked_sub(1).ok_or(EncodeError::too_deep())?;
    let written = write(encoder);
    encoder.writer.levels_left = left;
    written
}

/// Something that is one element of a sequence on the wire: a reference to a value, or a key beside its value.
pub(super) trait Piece: Copy {
    type Archived: Portable;
    type Resolver;

    fn encode_parts(self, encoder: &mut PayloadEncoder<'_>) -> Result<Self::Resolver, EncodeError>;
    fn resolve(self, resolver: Self::Resolver, out: Place<Self::Archived>);
}

impl<T: Codable> Piece for &T {
    type Archived = T::Archived;
    type Resolver = T::Resolver;

    fn encode_parts(self, encoder: &mut PayloadEncoder<'_>) -> Result<Self::Resolver, EncodeError> {
        T::encode_parts(self, encoder)
    }

    fn resolve(self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        T::resolve(self, resolver, out);
    }
}

/// Lends a [`Piece`] to rkyv's own containers.
pub(super) struct Lent<P>(pub(super) P);

impl<P: Piece> Archive for Lent<P> {
    type Archived = P::Archived;
    type Resolver = P::Resolver;

    fn resolve(&self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        self.0.resolve(resolver, out);
    }
}

impl<'a, P: Piece> Serialize<PayloadEncoder<'a>> for Lent<P> {
    fn serialize(&self, encoder: &mut PayloadEncoder<'a>) -> Result<Self::Resolver, EncodeError> {
        self.0.encode_parts(encoder)
    }
}

/// A [`Piece`] whose out-of-line parts are written already.
struct Settled<'c, P: Piece> {
    piece: P,
    resolver: &'c Cell<Option<P::Resolver>>,
}

impl<P: Piece> Archive for Settled<'_, P> {
    type Archived = P::Archived;
    type Resolver = ();

    fn resolve(&self, (): (), out: Place<Self::Archived>) {
        // `encode_sequence` fills every cell, and rkyv resolves an element once.
        if let Some(resolver) = self.resolver.take() {
            self.piece.resolve(resolver, out);
        }
    }
}

impl<'a, P: Piece> Serialize<PayloadEncoder<'a>> for Settled<'_, P> {
    fn serialize(&self, _: &mut PayloadEncoder<'a>) -> Result<(), EncodeError> {
        Ok(())
    }
}

/// Writes the elements of a list: first what stands out of line, in order, then the elements side by side.
///
/// rkyv would keep the resolvers in scratch space of a fixed size or in an arena that costs an allocation per payload.
/// Elements without resolvers, which are the plain ones, need neither; for the others there is one vector per list.
pub(super) fn encode_sequence<P, I>(
    pieces: I,
    encoder: &mut PayloadEncoder<'_>,
) -> Result<VecResolver, EncodeError>
where
    P: Piece,
    I: ExactSizeIterator<Item = P> + Clone,
{
    nested(encoder, |encoder| {
        if size_of::<P::Resolver>() == 0 {
            return ArchivedVec::<P::Archived>::serialize_from_iter::<Lent<P>, _, _>(
                pieces.map(Lent),
                encoder,
            );
        }
        let mut resolvers = Vec::with_capacity(pieces.len());
        for piece in pieces.clone() {
            resolvers.push(Cell::new(Some(piece.encode_parts(encoder)?)));
        }
        let settled = pieces.zip(&resolvers).map(|(piece, resolver)| Settled { piece, resolver });
        ArchivedVec::<P::Archived>::serialize_from_iter::<Settled<'_, P>, _, _>(settled, encoder)
    })
}
