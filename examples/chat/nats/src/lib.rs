//! Joins the events of several servers by NATS, so that a client of one gets what was emitted on another.
//!
//! Nothing here is the chat's own. To use it in another application, take this file, and [`Nats`] and [`Bridge`] with it.
//!
//! Events go through a stream of NATS's (JetStream), not as plain messages: those would be lost while NATS is restarted, or
//! while a server has no connection to it, and nobody would know. The stream holds the events of the last two minutes. A
//! server publishes an event until NATS has stored it, in order; it reads what it wants from as far back as the stream
//! goes, whenever it begins or has a new connection, and the hub drops what it had already. So each event arrives once.

use std::{collections::HashMap, error::Error, pin::pin, time::Duration};

use async_nats::{
    ConnectOptions, Event,
    jetstream::{self, consumer::pull, stream},
};
use futures_util::StreamExt;
use hardlight::{
    Emitted, Events, Interest, Pattern, Relay, RelayedEvent, TopicNotice, TopicNotices,
};
use tokio::{
    select,
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::sleep,
};

type BoxError = Box<dyn Error + Send + Sync>;

/// For how long NATS has an event, for a server that cannot come for it at once. Whoever subscribes first to a topic on a
/// server may get the events of that time as well.
const KEPT: Duration = Duration::from_secs(120);

/// How many bytes of events NATS has at most; the oldest go.
const MAX_KEPT_BYTES: i64 = 64 << 20;

/// How many bytes of events wait for NATS at most; the oldest go.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// How long to wait before something that failed is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// A connection to NATS, which makes itself again when it is lost. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Nats {
    jetstream: jetstream::Context,
    /// Of the stream, and what the subjects begin with.
    name: String,
    /// Changes with each connection that is made.
    connected: watch::Receiver<()>,
}

impl Nats {
    /// Connects to the NATS server at this URL. Servers that say the same name are joined.
    ///
    /// # Errors
    ///
    /// If NATS cannot be reached, or has no JetStream.
    pub async fn connect(url: &str, name: &str) -> Result<Self, BoxError> {
        let (note, connected) = watch::channel(());
        let client = ConnectOptions::new()
            .reconnect_delay_callback(|_| PAUSE)
            .event_callback(move |event| {
                if event == Event::Connected {
                    note.send_replace(());
                }
                async {}
            })
            .connect(url)
            .await?;
        let nats = Self { jetstream: jetstream::new(client), name: name.to_owned(), connected };
        nats.stream().await?;
        Ok(nats)
    }

    /// The stream, which is made if it is not there.
    async fn stream(&self) -> Result<stream::Stream, BoxError> {
        let config = stream::Config {
            name: self.name.clone(),
            subjects: vec![format!("{}.>", self.name)],
            max_age: KEPT,
            max_bytes: MAX_KEPT_BYTES,
            ..stream::Config::default()
        };
        Ok(self.jetstream.get_or_create_stream(config).await?)
    }

    /// The subjects of what somebody is subscribed to.
    fn subjects(&self, interest: &Interest) -> impl Iterator<Item = String> {
        let of_name = |subject| format!("{}.{subject}", self.name);
        interest.subjects().into_iter().map(of_name)
    }

    /// Stores an event: once, or several times.
    async fn publish(&self, event: &RelayedEvent) {
        let topic = Interest::from(event.topic());
        let Some(subject) = self.subjects(&topic).next() else { return };
        let message = event.to_bytes();
        let mut connected = self.connected.clone();
        loop {
            connected.mark_unchanged();
            let publish =
                async { self.jetstream.publish(subject.clone(), message.clone()).await?.await };
            select! {
                stored = publish => match stored {
                    Ok(_) => return,
                    Err(error) => {
                        eprintln!("NATS did not take an event: {error}; trying again");
                        sleep(PAUSE).await;
                    }
                },
                // What was on its way may be lost.
                Ok(()) = connected.changed() => {}
            }
        }
    }

    /// Calls `take` with what is in the stream and what comes, for ever. What it had already may come again.
    async fn follow(&self, subject: &str, mut take: impl FnMut(&[u8])) {
        let mut connected = self.connected.clone();
        loop {
            connected.mark_unchanged();
            select! {
                ended = self.read(subject, &mut take) => {
                    if let Err(error) = ended {
                        eprintln!("NATS does not give the events of {subject}: {error}; trying again");
                    }
                    sleep(PAUSE).await;
                }
                // NATS may have forgotten who reads.
                Ok(()) = connected.changed() => {}
            }
        }
    }

    async fn read(&self, subject: &str, take: &mut impl FnMut(&[u8])) -> Result<(), BoxError> {
        let from_the_first = pull::OrderedConfig {
            filter_subject: subject.to_owned(),
            ..pull::OrderedConfig::default()
        };
        let consumer = self.stream().await?.create_consumer(from_the_first).await?;
        let mut messages = consumer.messages().await?;
        while let Some(message) = messages.next().await {
            take(&message?.payload);
        }
        Ok(())
    }
}

/// Joins one server with the others. What is emitted and asked for from when it is made on is not missed; it works while
/// [`run`](Self::run) is polled.
#[derive(Debug)]
#[must_use = "it works while `run` is polled"]
pub struct Bridge<E> {
    relay: Relay<E>,
    nats: Nats,
    /// The topics that the servers share.
    topics: Pattern,
    emitted: Emitted,
    notices: TopicNotices,
}

impl<E: Events> Bridge<E> {
    /// A bridge for the topics that the pattern matches.
    ///
    /// They should [keep](hardlight::TopicOptions::keep) events. Of one that does not the hub forgets what it had when its last
    /// subscriber leaves, so the next one may get events of the last two minutes again.
    pub fn new(relay: Relay<E>, nats: Nats, topics: Pattern) -> Self {
        let (emitted, notices) = (relay.emitted(MAX_WAITING_BYTES), relay.notices());
        Self { relay, nats, topics, emitted, notices }
    }

    /// Carries events until `stopped`, and then gives NATS what was emitted before, however long that takes.
    pub async fn run(self, stopped: impl Future<Output = ()>) {
        let Self { relay, nats, topics, emitted, notices } = self;
        select! {
            () = publish(&nats, &topics, emitted, stopped) => {}
            // It does not end while the relay is here.
            () = follow(&relay, &nats, &topics, notices) => {}
        }
    }
}

/// Gives NATS what is emitted here.
async fn publish(
    nats: &Nats,
    topics: &Pattern,
    mut emitted: Emitted,
    stopped: impl Future<Output = ()>,
) {
    let (mut stopped, mut lost) = (pin!(stopped), 0);
    loop {
        let event = select! {
            // In this order: what is there still goes.
            biased;
            event = emitted.next() => event,
            () = &mut stopped => None,
        };
        let Some(event) = event else { return };
        if topics.matches(event.topic()) {
            nats.publish(&event).await;
        }
        if emitted.lost() > lost {
            eprintln!("NATS was away for too long: {} events are lost", emitted.lost() - lost);
            lost = emitted.lost();
        }
    }
}

/// Takes from NATS what somebody is subscribed to here.
async fn follow<E: Events>(
    relay: &Relay<E>,
    nats: &Nats,
    topics: &Pattern,
    mut notices: TopicNotices,
) {
    let mut readers = JoinSet::new();
    let mut reading: HashMap<Interest, Vec<AbortHandle>> = HashMap::new();
    while let Some(notice) = notices.next().await {
        match notice {
            TopicNotice::Created(interest) if is_shared(&interest, topics) => {
                let subjects = nats.subjects(&interest);
                let read = |subject: String| {
                    let (relay, nats) = (relay.clone(), nats.clone());
                    readers.spawn(async move {
                        nats.follow(&subject, |message| deliver(&relay, message)).await;
                    })
                };
                let handles = subjects.map(read).collect();
                reading.insert(interest, handles);
            }
            TopicNotice::Removed(interest) => {
                let handles = reading.remove(&interest);
                handles.into_iter().flatten().for_each(|reader| reader.abort());
                // Those that have ended are dropped.
                while readers.try_join_next().is_some() {}
            }
            _ => {}
        }
    }
}

/// Whether events of shared topics may be among those that somebody wants.
fn is_shared(interest: &Interest, topics: &Pattern) -> bool {
    match interest {
        Interest::Topic(topic) => topics.matches(topic),
        // It may match some; what is not shared is not in NATS.
        Interest::Pattern(_) => true,
    }
}

/// Sends an event of another server to whoever is subscribed here. One of our own, or one that came already, goes nowhere.
fn deliver<E: Events>(relay: &Relay<E>, message: &[u8]) {
    let delivered = RelayedEvent::from_bytes(message).and_then(|event| relay.deliver(&event));
    if let Err(error) = delivered {
        // Such as one of a server of another version.
        eprintln!("an event from NATS goes to nobody: {error}");
    }
}
