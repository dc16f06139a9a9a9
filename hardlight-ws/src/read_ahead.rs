//! Reading what comes in bulk, in memory that an idle connection does not hold.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::io::{AsyncRead, AsyncWrite};

/// How much is read at once of what comes in bulk, in bytes.
const AHEAD_BYTES: usize = 16 * 1024;

/// A stream of which more is read at once than is asked for, as soon as that turns out to be little: a WebSocket reads into a
/// buffer that it has for as long as it lives, which is thus best a small one.
///
/// A read that is filled to its end is the sign that more is there. Memory: nothing of its own until then, and again from when
/// there is nothing to read; 16 KiB in between.
pub struct ReadAhead<S> {
    stream: S,
    /// Empty, or as long as it ever is.
    memory: Vec<u8>,
    /// What of it is still to be given out.
    from: usize,
    to: usize,
    /// The last read was filled.
    in_bulk: bool,
}

impl<S> ReadAhead<S> {
    /// Nothing is read yet.
    pub const fn new(stream: S) -> Self {
        Self { stream, memory: Vec::new(), from: 0, to: 0, in_bulk: false }
    }

    fn give_out(&mut self, buffer: &mut [u8]) -> usize {
        let length = buffer.len().min(self.to - self.from);
        buffer[..length].copy_from_slice(&self.memory[self.from..][..length]);
        self.from += length;
        length
    }
}

impl<S: AsyncRead + Unpin> ReadAhead<S> {
    /// Reads into the memory, or past it: how much can be given out, or was.
    fn poll_stream(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let is_past = !self.in_bulk || buffer.len() >= AHEAD_BYTES;
        let asked = if is_past {
            buffer
        } else {
            self.memory.resize(AHEAD_BYTES, 0);
            &mut self.memory[..]
        };
        let length = asked.len();
        let read = Pin::new(&mut self.stream).poll_read(cx, asked);
        match read {
            Poll::Ready(Ok(read)) => {
                self.in_bulk = read == length;
                (self.from, self.to) = (0, if is_past { 0 } else { read });
            }
            Poll::Ready(Err(_)) | Poll::Pending => {
                self.in_bulk = false;
                self.memory = Vec::new();
                (self.from, self.to) = (0, 0);
            }
        }
        read
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.from == this.to && !buffer.is_empty() {
            let read = std::task::ready!(this.poll_stream(cx, buffer))?;
            if this.to == 0 {
                return Poll::Ready(Ok(read));
            }
        }
        Poll::Ready(Ok(this.give_out(buffer)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, parts)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(cx)
    }
}

impl<S: fmt::Debug> fmt::Debug for ReadAhead<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAhead")
            .field("stream", &self.stream)
            .field("ahead", &(self.to - self.from))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, io::AsyncReadExt};

    use super::*;

    /// What has arrived at a socket, and how much each read has asked for.
    #[derive(Default)]
    struct Socket {
        arrived: Vec<u8>,
        has_ended: bool,
        asked: Vec<usize>,
    }

    impl AsyncRead for Socket {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            self.asked.push(buffer.len());
            if self.arrived.is_empty() && !self.has_ended {
                return Poll::Pending;
            }
            let length = buffer.len().min(self.arrived.len());
            buffer[..length].copy_from_slice(&self.arrived[..length]);
            self.arrived.drain(..length);
            Poll::Ready(Ok(length))
        }
    }

    /// All that can be read now, by pieces of 100 bytes; whether it has ended.
    fn read_all(stream: &mut ReadAhead<Socket>) -> (Vec<u8>, bool) {
        let (mut all, mut piece) = (Vec::new(), [0; 100]);
        loop {
            match stream.read(&mut piece).now_or_never() {
                None => return (all, false),
                Some(Ok(0)) => return (all, true),
                Some(read) => all.extend_from_slice(&piece[..read.unwrap()]),
            }
        }
    }

    fn numbers(length: usize) -> Vec<u8> {
        (0..length).map(|number| (number % 251) as u8).collect()
    }

    #[test]
    fn what_is_little_is_read_without_memory_of_its_own() {
        let mut stream = ReadAhead::new(Socket { arrived: numbers(99), ..Socket::default() });
        assert_eq!(read_all(&mut stream), (numbers(99), false));
        assert_eq!(stream.stream.asked, [100, 100]);
        assert_eq!(stream.memory.capacity(), 0);
    }

    #[test]
    fn what_is_much_is_read_at_once_and_the_memory_is_given_back() {
        let much = numbers(2 * AHEAD_BYTES + 150);
        let mut stream = ReadAhead::new(Socket { arrived: much.clone(), ..Socket::default() });
        assert_eq!(read_all(&mut stream), (much, false));
        // The last of them has not filled its read: the next is not in bulk any longer.
        assert_eq!(stream.stream.asked, [100, AHEAD_BYTES, AHEAD_BYTES, AHEAD_BYTES, 100]);
        assert_eq!(stream.memory.capacity(), 0);
    }

    #[test]
    fn an_end_is_seen_behind_what_was_read_ahead() {
        for length in [0, 100, 150, AHEAD_BYTES + 100] {
            let (arrived, has_ended) = (numbers(length), true);
            let mut stream = ReadAhead::new(Socket { arrived, has_ended, ..Socket::default() });
            assert_eq!(read_all(&mut stream), (numbers(length), true));
            assert_eq!(read_all(&mut stream), (Vec::new(), true));
        }
    }

    #[test]
    fn who_asks_for_much_reads_into_their_own_memory() {
        let much = numbers(2 * AHEAD_BYTES);
        let mut stream = ReadAhead::new(Socket { arrived: much.clone(), ..Socket::default() });
        let mut whole = vec![0; much.len()];
        stream.read_exact(&mut whole).now_or_never().unwrap().unwrap();
        assert_eq!((whole, stream.memory.capacity()), (much, 0));
    }
}
