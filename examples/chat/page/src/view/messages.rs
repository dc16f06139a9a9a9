//! The messages of the thread that is looked at.

use std::collections::BTreeMap;

use chat_front::{Model, Thread};
use chat_shared::Message;
use js_sys::Date;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement, Node};

use super::{append, set_attribute, set_hidden, set_hue, set_text};
use crate::dom::{after_paint, by_id, copy_of, document, within};

/// How close to the end the user has to be so that the end stays in sight, in pixels.
const CLOSE: i32 = 40;

pub(super) struct Messages {
    scroll: HtmlElement,
    begin: HtmlElement,
    older: HtmlElement,
    log: HtmlElement,
    list: HtmlElement,
    waiting: HtmlElement,
    /// The thread that the list is of.
    thread: Option<String>,
    /// What the list has, by the ids of the messages.
    items: BTreeMap<i64, Element>,
    /// The day that is none for the times in the list to name.
    today: String,
    /// What the list of those that wait has.
    waits: Vec<String>,
}

impl Messages {
    pub(super) fn new() -> Self {
        Self {
            scroll: by_id("scroll"),
            begin: by_id("begin"),
            older: by_id("older"),
            log: by_id("log"),
            list: by_id("messages"),
            waiting: by_id("waiting"),
            thread: None,
            items: BTreeMap::new(),
            today: day(&Date::new_0()),
            waits: Vec::new(),
        }
    }

    pub(super) fn show(&mut self, model: &Model, waiting: &[(String, String)]) {
        let current = model.current();
        let name = current.map(|(name, _)| name);
        let is_same = self.thread.as_deref() == name;
        let (top, height) = (self.scroll.scroll_top(), self.scroll.scroll_height());
        let is_at_end = top + self.scroll.client_height() + CLOSE >= height;
        let stays = current.and_then(|(_, thread)| self.first_that_stays(thread));
        let place = stays.as_ref().map(HtmlElement::offset_top);
        if !is_same || current.is_some_and(|(_, thread)| self.is_older(thread)) {
            self.be_quiet();
        }
        if !is_same {
            self.list.set_text_content(None);
            self.items.clear();
        }
        if let Some((_, thread)) = current {
            self.show_thread(thread);
        }
        self.thread = name.map(str::to_owned);
        let is_complete = current.is_some_and(|(_, thread)| thread.is_complete);
        self.begin.set_hidden(!is_complete);
        set_hidden(&self.older, is_complete || self.items.is_empty(), &self.scroll);
        let waiting = waiting.iter().filter(|(thread, _)| Some(thread.as_str()) == name);
        self.show_waiting(waiting.map(|(_, text)| text.clone()).collect());
        if !is_same || is_at_end {
            self.scroll.set_scroll_top(self.scroll.scroll_height());
        } else if let (Some(item), Some(place)) = (stays, place) {
            // What was looked at stays where it was.
            self.scroll.set_scroll_top(top + item.offset_top() - place);
        }
    }

    /// The first item of the list whose message the thread still has.
    fn first_that_stays(&self, thread: &Thread) -> Option<HtmlElement> {
        let (_, item) = self.items.iter().find(|(id, _)| thread.messages.contains_key(id))?;
        Some(item.clone().unchecked_into())
    }

    /// Whether the thread has messages from before those in the list, or from before the user came.
    fn is_older(&self, thread: &Thread) -> bool {
        match self.items.keys().next() {
            Some(first) => thread.messages.range(..*first).next().is_some(),
            None => self.begin.hidden(),
        }
    }

    /// Makes the list what the thread has. What stays in it is left alone.
    fn show_thread(&mut self, thread: &Thread) {
        self.items.retain(|id, item| {
            let stays = thread.messages.contains_key(id);
            if !stays {
                item.remove();
            }
            stays
        });
        self.follow_day(thread);
        for (id, message) in &thread.messages {
            if self.items.contains_key(id) {
                continue;
            }
            let item = item(message, &self.today);
            let next: Option<&Node> = self.items.range(*id..).next().map(|(_, next)| next.as_ref());
            self.list.insert_before(&item, next).expect("a list takes items");
            self.items.insert(*id, item);
        }
    }

    /// What was said today was said yesterday tomorrow.
    fn follow_day(&mut self, thread: &Thread) {
        let today = day(&Date::new_0());
        if self.today != today {
            self.today = today;
            for (id, item) in &self.items {
                show_time(item, thread.messages[id].sent_ms, &self.today);
            }
        }
    }

    /// Has screen readers pass over what changes now: it is more than anybody wants to hear.
    fn be_quiet(&self) {
        set_attribute(&self.log, "aria-live", "off");
        let log = self.log.clone();
        after_paint(move || set_attribute(&log, "aria-live", "polite"));
    }

    fn show_waiting(&mut self, waits: Vec<String>) {
        if waits == self.waits {
            return;
        }
        self.waits = waits;
        self.waiting.set_text_content(None);
        for text in &self.waits {
            let item = document().create_element("li").expect("it is the name of an element");
            item.set_text_content(Some(text));
            append(&self.waiting, &item);
        }
    }
}

fn item(message: &Message, today: &str) -> Element {
    let item = copy_of("message-template");
    let author: Element = within(&item, ".author");
    set_text(&author, &message.author);
    set_hue(&author, &message.author);
    set_text(&within(&item, ".text"), &message.text);
    show_time(&item, message.sent_ms, today);
    item
}

/// Shows when a message was said: the time, with the date if it is not today's.
fn show_time(item: &Element, sent_ms: i64, today: &str) {
    let date = Date::new(&JsValue::from_f64(sent_ms as f64));
    let (day, time) = (day(&date), format!("{:02}:{:02}", date.get_hours(), date.get_minutes()));
    let element: Element = within(item, "time");
    set_text(&element, &if day == today { time } else { format!("{day} {time}") });
    set_attribute(&element, "datetime", &String::from(date.to_iso_string()));
    set_attribute(&element, "title", &String::from(date.to_string()));
}

/// The date, where the user is.
fn day(date: &Date) -> String {
    format!("{:04}-{:02}-{:02}", date.get_full_year(), date.get_month() + 1, date.get_date())
}
