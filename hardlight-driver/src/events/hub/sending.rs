//! Events, from whoever emits them to every member of their topic.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use event_listener::EventListener;
use hardlight_proto::{EncodeError, Events, MAX_TOPIC_NAME_BYTES, Topic};

use super::Hub;
use crate::{
    events::{
        EncodedEvent,
        entry::{Entry, EntryState, Member},
    },
    server::mailbox::Reserved,
    wakes::{WakesLater, wake_later},
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
    /// How long that may take, in milliseconds, for who blocks a thread.
    #[cfg_attr(target_family = "wasm", expect(dead_code))]
    pub(crate) patience: u32,
}

impl Hub {
    /// Sends an event to everybody who is subscribed to the topic: to how many. It is encoded if there is anybody.
    pub(crate) fn emit<E: Events>(&self, topic: &Topic, event: E) -> Result<usize, EncodeError> {
        if self.is_too_long(topic) {
            return Ok(0);
        }
        let _later = WakesLater::enter();
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
        if self.is_too_long(emission.topic) {
            return Ok(0);
        }
        let _later = WakesLater::enter();
        self.send_to(None, emission, patience)
    }

    /// Sends an event on a topic that may be found already.
    fn send_to(
        &self,
        mut found: Option<Arc<Entry>>,
        emission: &Emission<'_>,
        patience: Patience,
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
            let joined = self.join_followers(&entry, &mut state);
            let sent = self.send_to_members(&entry, &mut state, emission, patience);
            let (done, keeps) = (state.is_done(), state.keeps());
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
    ) -> Result<usize, Full> {
        if emission.origin.is_some_and(|origin| !is_new(&mut state.extra().origins, origin)) {
            return Ok(0);
        }
        let Emission { event, payload, secret, .. } = *emission;
        let event = EncodedEvent::new(entry.number, state.next, event, payload.clone());
        let event = if secret { event.secret() } else { event };
        let reserved = match patience {
            Patience::Waits if state.patient > 0 => reserve(state, event.encoded_len())?,
            _ => Vec::new(),
        };
        let event = Arc::new(event);
        state.next += 1;
        let mut reserved = reserved.into_iter().peekable();
        for (place, member) in &state.members {
            let is_reserved = reserved.next_if_eq(&place).is_some();
            let mailbox = &member.subscriber.mailbox;
            wake_later(mailbox.post_quietly(|commands| {
                commands.push_event(&event, member.subscription, member.overflow, is_reserved);
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

    /// Whether nobody can be subscribed to a topic, nor may it be kept, since its name is too long.
    fn is_too_long(&self, topic: &Topic) -> bool {
        let bytes = topic.as_bytes().len();
        let is_too_long = bytes > MAX_TOPIC_NAME_BYTES;
        if is_too_long {
            let events = self.too_long.fetch_add(1, Ordering::Relaxed) + 1;
            // A client may have chosen the name, and have it emitted on again and again.
            if events.is_power_of_two() {
                let what = "an event was emitted on a topic whose name is too long";
                tracing::error!(bytes, events, "{what}");
            }
        }
        is_too_long
    }
}

/// Reserves room for an event with all members for which emitters wait: their places, in order. If there is none
/// somewhere, nothing is reserved. All are asked then too, so that they are waited for at the same time.
fn reserve(state: &EntryState, len: usize) -> Result<Vec<usize>, Full> {
    let (mut places, mut full) = (Vec::new(), None);
    for (place, member) in state.members.iter().filter(|(_, member)| member.patience > 0) {
        let mut reserved = reserve_with(member, len);
        if reserved == Reserved::Full && full.is_none() {
            let room = member.subscriber.room.listen();
            // Looked again, so that nothing happens unnoticed between.
            reserved = reserve_with(member, len);
            if reserved == Reserved::Full {
                full = Some(Full { room, patience: member.patience });
            }
        }
        if reserved == Reserved::Room {
            places.push(place);
        }
    }
    let Some(full) = full else { return Ok(places) };
    for place in places {
        state.members[place].subscriber.mailbox.with(|commands| commands.unreserve(len));
    }
    Err(full)
}

fn reserve_with(member: &Member, len: usize) -> Reserved {
    let mut reserved = Reserved::GivenUp;
    wake_later(member.subscriber.mailbox.post_if(|commands| {
        reserved = commands.reserve(len, member.patience);
        reserved == Reserved::Full
    }));
    reserved
}

/// Whether an event of another hub did not come yet.
fn is_new(origins: &mut Vec<(u64, u64)>, (origin, number): (u64, u64)) -> bool {
    // Whoever sent last is looked for first.
    let found = origins.iter().rposition(|(known, _)| *known == origin);
    let last = found.map(|place| origins.remove(place).1);
    if origins.len() == MAX_ORIGINS {
        origins.remove(0);
    }
    origins.push((origin, last.map_or(number, |last| last.max(number))));
    last.is_none_or(|last| last < number)
}

#[cfg(test)]
mod tests {
    use hardlight_proto::{DecodeError, EventSchema};

    use super::*;

    #[test]
    fn the_hub_that_was_silent_for_longest_is_forgotten_first() {
        let mut origins = Vec::new();
        let most = MAX_ORIGINS as u64;
        assert!((0..most).all(|origin| is_new(&mut origins, (origin, 5))));
        // The first one speaks again, and so does one that comes late.
        assert!(is_new(&mut origins, (0, 6)));
        assert!(!is_new(&mut origins, (0, 4)));
        assert!(is_new(&mut origins, (most, 5)));
        assert_eq!(origins.len(), MAX_ORIGINS);
        assert!(!is_new(&mut origins, (0, 6)) && !is_new(&mut origins, (most, 5)));
        assert!(is_new(&mut origins, (1, 5)));
    }

    struct Mail;

    impl Events for Mail {
        fn schema() -> Vec<EventSchema> {
            Vec::new()
        }

        fn encode(self) -> Result<(u32, Bytes), EncodeError> {
            Ok((1, Bytes::new()))
        }

        fn is_secret(event: u32) -> bool {
            event == 1
        }

        fn decode(_: u32, _: &[u8]) -> Result<Self, DecodeError> {
            Ok(Self)
        }
    }

    #[test]
    fn an_emission_is_as_secret_as_its_type() {
        let (topic, payload) = (Topic::from("mail"), Bytes::new());
        let is_secret = |event| Emission::new::<Mail>(&topic, event, &payload).secret;
        assert_eq!([0, 1, 2].map(is_secret), [false, true, false]);
    }
}
