//! A subscriber that keeps what it is told.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

/// What is done until this is dropped is done by one test at a time: a place in the code that another thread comes to for the first time
/// while a subscriber is installed may be lost to it.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fields by name, as texts.
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// A span, as far as it was told of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) name: &'static str,
    pub(crate) fields: Fields,
    /// The name of the span around it.
    pub(crate) parent: Option<&'static str>,
    /// The names of the spans that it follows from.
    pub(crate) follows: Vec<&'static str>,
    /// The messages of the events in it.
    pub(crate) events: Vec<String>,
    pub(crate) is_closed: bool,
}

impl Seen {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// An event, with its target.
type SeenEvent = (&'static str, Fields);

/// What was told so far, in order.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    spans: Arc<Mutex<Vec<(Id, Seen)>>>,
    events: Arc<Mutex<Vec<SeenEvent>>>,
}

impl Recorder {
    /// Runs `test` under a subscriber that wants these levels of these targets.
    pub(crate) fn run<R>(&self, targets: Targets, test: impl FnOnce() -> R) -> R {
        let _alone = alone();
        let subscriber = Registry::default().with(self.clone().with_filter(targets));
        tracing::subscriber::with_default(subscriber, test)
    }

    /// The spans of this name.
    pub(crate) fn spans(&self, name: &str) -> Vec<Seen> {
        let spans = self.spans.lock().unwrap();
        spans.iter().map(|(_, span)| span.clone()).filter(|span| span.name == name).collect()
    }

    /// The only span of this name.
    pub(crate) fn span(&self, name: &str) -> Seen {
        let mut spans = self.spans(name);
        assert_eq!(spans.len(), 1, "{spans:#?}");
        spans.remove(0)
    }

    /// The fields of the events of this target.
    pub(crate) fn events(&self, target: &str) -> Vec<Fields> {
        let events = self.events.lock().unwrap();
        let events = events.iter().filter(|(other, _)| *other == target);
        events.map(|(_, fields)| fields.clone()).collect()
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut Seen)) {
        let mut spans = self.spans.lock().unwrap();
        // Ids are used again.
        if let Some((_, span)) = spans.iter_mut().rfind(|(other, _)| other == id) {
            change(span);
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let span = cx.span(id).expect("it was just made");
        let mut seen = Seen {
            name: span.name(),
            parent: span.parent().map(|parent| parent.name()),
            ..Seen::default()
        };
        attributes.record(&mut Texts(&mut seen.fields));
        self.spans.lock().unwrap().push((id.clone(), seen));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _cx: Context<'_, S>) {
        self.change(id, |span| values.record(&mut Texts(&mut span.fields)));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, cx: Context<'_, S>) {
        let name = cx.span(follows).expect("it is there").name();
        self.change(id, |span| span.follows.push(name));
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Texts(&mut fields));
        if let Some(span) = cx.lookup_current() {
            let message = fields.get("message").cloned().unwrap_or_default();
            self.change(&span.id(), |span| span.events.push(message));
        }
        self.events.lock().unwrap().push((event.metadata().target(), fields));
    }

    fn on_close(&self, id: Id, _cx: Context<'_, S>) {
        self.change(&id, |span| span.is_closed = true);
    }
}

struct Texts<'a>(&'a mut Fields);

impl Visit for Texts<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}
