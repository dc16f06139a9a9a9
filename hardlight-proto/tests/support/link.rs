//! One direction of a transport, in virtual time: what is under way in it, and how fast it is read.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use hardlight_proto::*;

/// What arrives at the end of a link.
#[derive(Debug)]
pub(crate) enum Parcel {
    Message(Bytes),
    Close(CloseReason),
    /// The transport has ended, as far as this end can tell.
    Lost,
}

/// How fast what has arrived is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Free,
    /// One message in this time.
    Messages(Duration),
    /// This many bytes in a second.
    Bytes(usize),
    /// Nothing at all.
    Paused,
}

#[derive(Debug)]
pub(crate) struct Link {
    latency: Duration,
    /// As many bytes may be under way until the sender waits; one message always may.
    window: usize,
    pace: Pace,
    flight: VecDeque<(Time, Parcel)>,
    flight_bytes: usize,
    /// When the reader is done with what it has read.
    reads_at: Time,
    /// Nothing that is sent from here on arrives.
    is_shut: bool,
    /// Nothing arrives at all.
    is_dead: bool,
}

impl Link {
    pub(crate) fn new(latency: Duration, window: usize) -> Self {
        Self {
            latency,
            window,
            pace: Pace::Free,
            flight: VecDeque::new(),
            flight_bytes: 0,
            reads_at: Time::ZERO,
            is_shut: false,
            is_dead: false,
        }
    }

    /// How fast it is read from here on.
    pub(crate) fn set_pace(&mut self, pace: Pace, now: Time) {
        self.pace = pace;
        // A slow reader's next read was planned at its old pace.
        self.reads_at = self.reads_at.min(now);
    }

    /// Whether the sender may send on.
    pub(crate) fn takes(&self) -> bool {
        !self.is_shut && (self.flight.is_empty() || self.flight_bytes < self.window)
    }

    /// Something is sent. Nothing may be sent behind a close.
    pub(crate) fn send(&mut self, transmit: Transmit, now: Time) {
        assert!(self.takes(), "the transport was not ready");
        let parcel = match transmit {
            Transmit::Message(message) => Parcel::Message(message),
            Transmit::Close(reason) => {
                self.is_shut = true;
                Parcel::Close(reason)
            }
        };
        self.put(parcel, now);
    }

    /// The transport ends behind what is under way.
    pub(crate) fn end(&mut self, now: Time) {
        if !self.is_shut {
            self.is_shut = true;
            self.put(Parcel::Lost, now);
        }
    }

    /// What is under way is lost, and nothing arrives any longer.
    pub(crate) fn kill(&mut self) {
        self.is_dead = true;
        self.is_shut = true;
        self.flight.clear();
        self.flight_bytes = 0;
    }

    /// What is under way is lost; what is sent from here on never arrives, and fills the link.
    pub(crate) fn swallow(&mut self) {
        self.kill();
        self.is_shut = false;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// Whether nothing is under way that could arrive.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_dead || self.flight.is_empty()
    }

    /// When the next thing is read, if ever.
    pub(crate) fn next_arrival(&self) -> Option<Time> {
        let (due, _) = self.flight.front()?;
        let reads = !self.is_dead && self.pace != Pace::Paused;
        reads.then(|| self.reads_at.max(*due))
    }

    /// Reads what is due.
    pub(crate) fn receive(&mut self, now: Time) -> Option<Parcel> {
        self.next_arrival().filter(|due| *due <= now)?;
        let (_, parcel) = self.flight.pop_front()?;
        let len = parcel.len();
        self.flight_bytes -= len;
        let takes = match self.pace {
            Pace::Free | Pace::Paused => Duration::ZERO,
            Pace::Messages(time) => time,
            Pace::Bytes(rate) => Duration::from_micros((len * 1_000_000 / rate) as u64),
        };
        self.reads_at = now + takes;
        Some(parcel)
    }

    fn put(&mut self, parcel: Parcel, now: Time) {
        self.flight_bytes += parcel.len();
        self.flight.push_back((now + self.latency, parcel));
    }
}

impl Parcel {
    fn len(&self) -> usize {
        match self {
            Self::Message(message) => message.len(),
            Self::Close(_) | Self::Lost => 1,
        }
    }
}
