//! One direction of the pipe between both sides.

use std::collections::VecDeque;

use hardlight_proto::{Connection, Role, Transmit};

/// So many messages are on their way at most.
const CAPACITY: usize = 4;

#[derive(Default)]
pub(super) struct Pipe {
    /// Nothing arrives for now.
    pub(super) held: bool,
    on_the_way: VecDeque<Transmit>,
}

impl Pipe {
    pub(super) fn is_empty(&self) -> bool {
        self.on_the_way.is_empty()
    }

    /// Takes in what a side sends, as long as there is room: whether there was something.
    pub(super) fn fill<R: Role>(&mut self, from: &mut Connection<R>) -> bool {
        let before = self.on_the_way.len();
        while self.on_the_way.len() < CAPACITY
            && let Some(transmit) = from.poll_transmit()
        {
            self.on_the_way.push_back(transmit);
        }
        self.on_the_way.len() > before
    }

    /// Delivers up to so many messages, unless they are held.
    pub(super) fn deliver<R: Role>(&mut self, count: u8, to: &mut Connection<R>) {
        let count = self.on_the_way.len().min(count.into());
        let arriving = if self.held { 0 } else { count };
        for transmit in self.on_the_way.drain(..arriving) {
            match transmit {
                Transmit::Message(message) => to.handle_message(message),
                Transmit::Close(reason) => to.handle_close(Some(reason)),
            }
        }
    }
}
