//! Events, from whoever emits them to every member of their topic.

use std::{cell::RefCell, sync::Arc, task::Waker};

use bytes::Bytes;
use event_listener::EventListener;
use hardlight_proto::{EncodeError, Events, Topic};

use super::Hub;
use crate::{
    events::{
        EncodedEvent,
        entry::{Entry, EntryState, Member},
    },
    server::mailbox::Reserved,
};

/// Other hubs whose events a topic tells from those that came already.
const MAX_ORIGINS: usize = 64;

/// What is emitted, and by whom.
pub(crate) struct Emission<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) event: u32,
    pub(crate) payload: &'a Bytes,
    /// It is never compressed.
    pub(crate) secret: bool,
    /// The other hub that it was emitted on, and its number there.
    pub(crate) origin: Option<(u64, u64)>,
}

impl<'a> Emission<'a> {
    /// An event of type `E` that is emitted here.
    pub(crate) fn new<E: Events>(topic: &'a Topic, event: u32, payload: &'a Bytes) -> Self {
        Self { topic, event, payload, secret: E::is_secret(event), origin: None }
    }
}

/// How long an emitter waits for those whose subscription says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Not at all.
    None,
    /// Until there is room, or the connection's driver says that it has been long enough.
    Waits,
}

/// An emitter has to wait for a client.
pub(crate) struct Full {
    /// Notified when there is room, or it has been long enough.
    pub(crate) room: EventListener,
    /// How long that may take, in milliseconds.
    pub(crate) patience: u32,
}

thread_local! {
    /// Drivers to wake; kept for its memory.
    static WAKERS: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

impl Hub {
    /// Sends an event to everybody who is subscribed to the topic: to how many. It is encoded if there is anybody.
    pub(crate) fn emit<E: Events>(&self, topic: &Topic, event: E) -> Result<usize, EncodeError> {
        let found = self.find_to_emit(topic);
        if found.is_none() && !self.exports.is_active() {
            return Ok(0);
        }
        let (event, payload) = event.encode()?;
        let emission = Emission::new::<E>(topic, event, &payload);
        // Without patience there is nothing to wait for.
        Ok(self.send_to(found, &emission, Patience::None).unwrap_or(0))
    }

    pub(crate) fn send(&self, emission: &Emission<'_>, patience: Patience) -> Result<usize, Full> {
        self.send_to(None, emission, patience)
    }

    /// Sends an event on a topic that may be found already.
    fn send_to(
        &self,
        found: Option<Arc<Entry>>,
        emission: &Emission<'_>,
        patience: Patience,
    ) -> Result<usize, Full> {
        let mut wakers = WAKERS.try_with(RefCell::take).unwrap_or_default();
        let sent = self.send_and_note(found, emission, patience, &mut wakers);
        wakers.drain(..).for_each(Waker::wake);
        // A thread that ends has none any longer.
        let _ = WAKERS.try_with(|kept| kept.replace(wakers));
        sent
    }

    /// Sends an event; whose drivers are to be woken for it is noted.
    fn send_and_note(
        &self,
        mut found: Option<Arc<Entry>>,
        emission: &Emission<'_>,
        patience: Patience,
        wakers: &mut Vec<Waker>,
    ) -> Result<usize, Full> {
        loop {
            let Some(entry) = found.take().or_else(|| self.find_to_emit(emission.topic)) else {
                self.export(emission);
                return Ok(0);
            };
            let mut state = entry.state.lock();
            if state.gone {
                continue;
            }
            let joined = self.join_followers(&entry, &mut state, wakers);
            let sent = self.send_to_members(&entry, &mut state, emission, patience, wakers);
            let (done, keeps) = (state.is_idle() && !state.keeps(), state.keeps());
            drop(state);
            if done {
                self.remove_if_idle(&entry);
            }
            if keeps && self.kept_bytes.is_exceeded() {
                self.shrink_kept(Some(&entry));
            }
            joined.iter().for_each(|subscriber| self.shed(subscriber));
            return sent;
        }
    }

    /// Numbers an event and gives it to all members, under the topic's lock.
    fn send_to_members(
        &self,
        entry: &Entry,
        state: &mut EntryState,
        emission: &Emission<'_>,
        patience: Patience,
        wakers: &mut Vec<Waker>,
    ) -> Result<usize, Full> {
        if emission.origin.is_some_and(|origin| !is_new(state, origin)) {
            return Ok(0);
        }
        let Emission { event, payload, secret, .. } = *emission;
        let event = EncodedEvent::new(entry.number, state.next, event, payload.clone());
        let event = if secret { event.secret() } else { event };
        let reserved = match patience {
            Patience::Waits if state.patient > 0 => reserve(state, event.encoded_len(), wakers)?,
            _ => Vec::new(),
        };
        let event = Arc::new(event);
        state.next += 1;
        let mut reserved = reserved.into_iter().peekable();
        for (place, member) in &state.members {
            let is_reserved = reserved.next_if_eq(&place).is_some();
            let mailbox = &member.subscriber.mailbox;
            wakers.extend(mailbox.post_quietly(|commands| {
                commands.push_event(&event, member.overflow, is_reserved);
            }));
        }
        if let Some(kept) = state.extra.as_mut().and_then(|extra| extra.kept.as_mut()) {
            kept.push(event);
        }
        self.export(emission);
        Ok(state.members.len())
    }

    /// Gives an event that was emitted here to those who bring it elsewhere.
    fn export(&self, emission: &Emission<'_>) {
        if emission.origin.is_none() && self.exports.is_active() {
            self.exports.push(self.epoch, emission.topic, emission.event, emission.payload);
        }
    }
}

/// Reserves room for an event with all members for which emitters wait: their places, in order. If there is none
/// somewhere, nothing is reserved.
fn reserve(state: &EntryState, len: usize, wakers: &mut Vec<Waker>) -> Result<Vec<usize>, Full> {
    let mut places = Vec::new();
    for (place, member) in state.members.iter().filter(|(_, member)| member.patience > 0) {
        let Member { subscriber, patience, .. } = member;
        // Before it is looked, so that nothing happens unnoticed between.
        let room = subscriber.room.listen();
        let mut reserved = Reserved::GivenUp;
        wakers.extend(subscriber.mailbox.post_if(|commands| {
            reserved = commands.reserve(len, *patience);
            reserved == Reserved::Full
        }));
        match reserved {
            Reserved::Room => places.push(place),
            Reserved::GivenUp => {}
            Reserved::Full => {
                for place in places {
                    let mailbox = &state.members[place].subscriber.mailbox;
                    mailbox.with(|commands| commands.unreserve(len));
                }
                return Err(Full { room, patience: *patience });
            }
        }
    }
    Ok(places)
}

/// Whether an event of another hub did not come yet.
fn is_new(state: &mut EntryState, (origin, number): (u64, u64)) -> bool {
    let origins = &mut state.extra().origins;
    if let Some((_, last)) = origins.iter_mut().find(|(known, _)| *known == origin) {
        let is_new = number > *last;
        *last = number.max(*last);
        return is_new;
    }
    if origins.len() == MAX_ORIGINS {
        origins.remove(0);
    }
    origins.push((origin, number));
    true
}
