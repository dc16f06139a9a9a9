//! Frames that go before all others, so that they wait for nothing: few of them can wait at a time.

use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

use crate::{
    frame::{Frame, RefusedMethod},
    sorted_map::SortedMap,
};

#[derive(Debug, Default)]
pub(super) struct Control {
    aborts: VecDeque<u64>,
    /// By transfer: what was given and not said yet.
    credits: SortedMap<u64, u64>,
    pong: Option<u64>,
    ping: Option<u64>,
    methods: Option<Vec<RefusedMethod>>,
    going_away: Option<Duration>,
}

impl Control {
    pub(super) fn abort(&mut self, transfer: u64) {
        self.aborts.push_back(transfer);
    }

    pub(super) fn credit(&mut self, transfer: u64, bytes: u64) {
        *self.credits.get_or_insert(transfer, 0) += bytes;
    }

    /// A transfer of the peer's has ended: it needs no more credit.
    pub(super) fn forget_credit(&mut self, transfer: u64) {
        self.credits.remove(&transfer);
    }

    pub(super) const fn ping(&mut self, token: u64) {
        self.ping = Some(token);
    }

    /// Of several pings only the last needs an answer.
    pub(super) const fn pong(&mut self, token: u64) {
        self.pong = Some(token);
    }

    pub(super) fn refuse_methods(&mut self, methods: Vec<RefusedMethod>) {
        self.methods = Some(methods);
    }

    pub(super) const fn go_away(&mut self, grace: Duration) {
        self.going_away = Some(grace);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.aborts.is_empty()
            && self.credits.is_empty()
            && self.pong.is_none()
            && self.ping.is_none()
            && self.methods.is_none()
            && self.going_away.is_none()
    }

    /// Lets go of memory that nothing waits in.
    pub(super) fn release_memory(&mut self) {
        self.aborts.shrink_to_fit();
        self.credits.shrink_to_fit();
    }

    pub(super) fn pop(&mut self) -> Option<Frame> {
        if let Some(methods) = self.methods.take() {
            return Some(Frame::Methods(methods));
        }
        if let Some(transfer) = self.aborts.pop_front() {
            return Some(Frame::Abort { transfer });
        }
        if let Some((transfer, bytes)) = self.credits.pop_first() {
            return Some(Frame::Credit { transfer, bytes });
        }
        if let Some(grace) = self.going_away.take() {
            return Some(Frame::GoingAway { grace });
        }
        if let Some(token) = self.pong.take() {
            return Some(Frame::Pong { token });
        }
        self.ping.take().map(|token| Frame::Ping { token })
    }
}
