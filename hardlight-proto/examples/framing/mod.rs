//! Messages on a stream of bytes, which knows no boundaries and cannot say why it ends.
//!
//! A packet is its kind in one byte, the length of its body in four, lowest first, and the body: a message, or the code
//! of a close in two bytes, lowest first, and its reason.

use std::io::{self, ErrorKind, Read, Write};

use bytes::{Buf, Bytes, BytesMut};
use hardlight_proto::{
    CloseCode, CloseReason, Connection, MAX_CLOSE_REASON_BYTES, MAX_MESSAGE_BYTES, Role, Transmit,
};

const MESSAGE: u8 = 0;
const CLOSE: u8 = 1;
const HEADER_BYTES: usize = 5;

/// What a read brings.
#[derive(Debug)]
pub(crate) enum Incoming {
    Message(Bytes),
    /// A message that is too long. It is dropped as it comes.
    Oversized,
    Close(CloseReason),
}

impl Incoming {
    /// Tells the connection what arrived.
    pub(crate) fn hand_to<R: Role>(self, connection: &mut Connection<R>) {
        match self {
            Self::Message(message) => connection.handle_message(message),
            Self::Oversized => connection.handle_oversized(),
            Self::Close(reason) => connection.handle_close(Some(reason)),
        }
    }
}

/// Reads packets, in whatever pieces they come.
pub(crate) struct PacketReader<T> {
    from: T,
    /// What has arrived and is no whole packet yet: at most one packet and one read.
    buffer: BytesMut,
    /// What is still to come of a message that is not read, in bytes.
    dropping: usize,
}

impl<T: Read> PacketReader<T> {
    pub(crate) fn new(from: T) -> Self {
        Self { from, buffer: BytesMut::new(), dropping: 0 }
    }

    /// The next packet.
    ///
    /// # Errors
    ///
    /// Those of the stream, its end among them, and `InvalidData` for a packet that may not be. After a timeout, what has
    /// arrived of a packet is kept.
    pub(crate) fn read(&mut self) -> io::Result<Incoming> {
        let mut chunk = [0; 8 * 1024];
        loop {
            self.drop_oversized();
            if let Some(incoming) = self.take_packet()? {
                return Ok(incoming);
            }
            match self.from.read(&mut chunk) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => self.buffer.extend_from_slice(&chunk[..bytes]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn drop_oversized(&mut self) {
        let dropped = self.dropping.min(self.buffer.len());
        self.buffer.advance(dropped);
        self.dropping -= dropped;
    }

    fn take_packet(&mut self) -> io::Result<Option<Incoming>> {
        let Some((header, body)) = self.buffer.split_at_checked(HEADER_BYTES) else {
            return Ok(None);
        };
        let (kind, mut length) = (header[0], &header[1..]);
        let length = length.get_u32_le() as usize;
        match kind {
            MESSAGE if length > MAX_MESSAGE_BYTES => {
                self.buffer.advance(HEADER_BYTES);
                self.dropping = length;
                return Ok(Some(Incoming::Oversized));
            }
            MESSAGE => {}
            CLOSE if (2..=2 + MAX_CLOSE_REASON_BYTES).contains(&length) => {}
            _ => return Err(ErrorKind::InvalidData.into()),
        }
        if body.len() < length {
            return Ok(None);
        }
        self.buffer.advance(HEADER_BYTES);
        let mut body = self.buffer.split_to(length).freeze();
        Ok(Some(match kind {
            MESSAGE => Incoming::Message(body),
            _ => {
                let code = CloseCode(body.get_u16_le());
                let reason = String::from_utf8_lossy(&body).into_owned();
                Incoming::Close(CloseReason::new(code, reason))
            }
        }))
    }
}

/// Writes one packet, at once.
///
/// # Errors
///
/// Those of the stream.
pub(crate) fn write_packet(to: &mut impl Write, transmit: &Transmit) -> io::Result<()> {
    let packet = match transmit {
        Transmit::Message(message) => packet(MESSAGE, &[message]),
        Transmit::Close(reason) => {
            packet(CLOSE, &[&reason.code().0.to_le_bytes(), reason.reason().as_bytes()])
        }
    };
    to.write_all(&packet)?;
    to.flush()
}

fn packet(kind: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let length = u32::try_from(body.len()).expect("the core makes no message of 4 GiB");
    [&[kind], &length.to_le_bytes()[..], &body].concat()
}
