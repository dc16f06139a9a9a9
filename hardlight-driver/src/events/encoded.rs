//! An event as all of its subscribers share it.

use std::sync::OnceLock;

use bytes::Bytes;
use hardlight_proto::{encode_event, encode_event_deflated};

/// An event that is encoded and framed once, for any number of connections; compressed once too, if any of them asks for
/// that.
#[derive(Debug)]
pub(crate) struct EncodedEvent {
    /// Stands for the topic on the wire.
    pub(crate) topic: u64,
    pub(crate) sequence: u64,
    event: u32,
    /// Where the payload begins in the frame.
    payload: usize,
    plain: Bytes,
    deflated: OnceLock<Bytes>,
}

impl EncodedEvent {
    pub(crate) fn new(topic: u64, sequence: u64, event: u32, payload: Bytes) -> Self {
        let length = payload.len();
        let plain = encode_event(topic, sequence, event, payload);
        let payload = plain.len() - length;
        Self { topic, sequence, event, payload, plain, deflated: OnceLock::new() }
    }

    /// What it counts for where it waits.
    pub(crate) const fn len(&self) -> usize {
        self.plain.len()
    }

    /// The frame, for connections that agreed on compression or for those that did not.
    pub(crate) fn frame(&self, deflates: bool) -> &Bytes {
        if !deflates {
            return &self.plain;
        }
        self.deflated.get_or_init(|| {
            let payload = self.plain.slice(self.payload..);
            encode_event_deflated(self.topic, self.sequence, self.event, payload)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_made_once_and_shared() {
        let event = EncodedEvent::new(7, 300, 2, vec![b'x'; 5000].into());
        let (plain, deflated) = (event.frame(false), event.frame(true));
        assert_eq!(plain, &encode_event(7, 300, 2, vec![b'x'; 5000].into()));
        assert_eq!(deflated, &encode_event_deflated(7, 300, 2, vec![b'x'; 5000].into()));
        assert_eq!(deflated.as_ptr(), event.frame(true).as_ptr());
        assert_eq!(plain.as_ptr(), event.frame(false).as_ptr());
    }

    #[test]
    fn what_does_not_shrink_stays_as_it_is() {
        let event = EncodedEvent::new(7, 1, 2, Bytes::from_static(b"hi"));
        assert_eq!(event.frame(true), event.frame(false));
    }
}
