//! A connection in memory: two directions, each as slow as it is told to be.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use futures_util::io::{AsyncRead, AsyncWrite};

use crate::{
    clock::{Clock, Sleep},
    network::Link,
};

/// One end of a connection in memory.
#[derive(Debug)]
pub struct Socket {
    incoming: Direction,
    outgoing: Direction,
    /// Until what is on its way is there.
    arriving: Option<Sleep>,
}

/// Two ends, and the two directions between them.
pub(crate) fn pair(clock: &Clock, link: Link) -> (Socket, Socket, [Direction; 2]) {
    let directions = [Direction::new(clock, link), Direction::new(clock, link)];
    let [there, back] = directions.clone();
    let first = Socket { incoming: back.clone(), outgoing: there.clone(), arriving: None };
    let second = Socket { incoming: there, outgoing: back, arriving: None };
    (first, second, directions)
}

/// One direction of a connection. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Direction {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    link: Link,
    /// What is under way, and when it is there.
    chunks: VecDeque<(Instant, VecDeque<u8>)>,
    /// Of all chunks, in bytes.
    bytes: usize,
    /// When the line is free for the next chunk.
    free_at: Instant,
    is_closed: bool,
    is_cut: bool,
    is_stalled: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Direction {
    fn new(clock: &Clock, link: Link) -> Self {
        let state = State {
            link,
            chunks: VecDeque::new(),
            bytes: 0,
            free_at: clock.now(),
            is_closed: false,
            is_cut: false,
            is_stalled: false,
            reader: None,
            writer: None,
        };
        Self { clock: clock.clone(), state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn set_link(&self, link: Link) {
        self.change(|state| state.link = link);
    }

    pub(crate) fn set_stalled(&self, is_stalled: bool) {
        self.change(|state| state.is_stalled = is_stalled);
    }

    pub(crate) fn cut(&self) {
        self.change(|state| {
            state.is_cut = true;
            state.chunks.clear();
            state.bytes = 0;
        });
    }

    pub(crate) fn is_ended(&self) -> bool {
        let state = self.lock();
        state.is_cut || state.is_closed
    }

    /// Wakes both ends: either may go on.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
        result
    }

    /// Nothing runs under the lock that could panic halfway, so what it protects is whole in any case.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let now = self.clock.now();
        let mut state = self.lock();
        if state.is_cut || state.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = state.link.buffer_bytes().saturating_sub(state.bytes);
        if room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        let bytes = &bytes[..bytes.len().min(room)];
        self.change(|state| {
            state.free_at = state.free_at.max(now) + state.link.time_of(bytes.len());
            let arrival = state.free_at + state.link.latency();
            state.chunks.push_back((arrival, bytes.iter().copied().collect()));
            state.bytes += bytes.len();
        });
        Poll::Ready(Ok(bytes.len()))
    }

    /// What has arrived, or the time at which something does.
    fn read(
        &self,
        cx: &Context<'_>,
        buffer: &mut [u8],
    ) -> Result<io::Result<usize>, Option<Instant>> {
        let now = self.clock.now();
        let mut state = self.lock();
        if state.is_cut {
            return Ok(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let arrival = state.chunks.front().map(|(arrival, _)| *arrival);
        match arrival {
            _ if state.is_stalled => {}
            Some(arrival) if arrival <= now => {
                drop(state);
                return Ok(Ok(self.change(|state| state.take(buffer))));
            }
            None if state.is_closed => return Ok(Ok(0)),
            _ => {}
        }
        let arrival = arrival.filter(|_| !state.is_stalled);
        state.reader = Some(cx.waker().clone());
        Err(arrival)
    }
}

impl State {
    /// Of the first chunk, as much as there is room for.
    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let Some((_, chunk)) = self.chunks.front_mut() else { return 0 };
        let length = buffer.len().min(chunk.len());
        buffer.iter_mut().zip(chunk.drain(..length)).for_each(|(to, byte)| *to = byte);
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
        self.bytes -= length;
        length
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.incoming.read(cx, buffer) {
                Ok(read) => {
                    self.arriving = None;
                    return Poll::Ready(read);
                }
                Err(None) => {
                    self.arriving = None;
                    return Poll::Pending;
                }
                Err(Some(arrival)) => {
                    let mut sleep = self.incoming.clock.sleep_until(arrival);
                    let is_pending = Pin::new(&mut sleep).poll(cx).is_pending();
                    self.arriving = Some(sleep);
                    if is_pending {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.outgoing.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.change(|state| state.is_closed = true);
        Poll::Ready(Ok(()))
    }
}

/// As a system does it: the other end reads to the end, and writes in vain.
impl Drop for Socket {
    fn drop(&mut self) {
        self.outgoing.change(|state| state.is_closed = true);
        self.incoming.change(|state| state.is_closed = true);
    }
}

/// Microseconds that so many bytes take on a line of this speed.
pub(crate) fn time_of(bytes: usize, bytes_per_second: u64) -> Duration {
    let micros = (bytes as u128 * 1_000_000).div_ceil(bytes_per_second.max(1).into());
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}
