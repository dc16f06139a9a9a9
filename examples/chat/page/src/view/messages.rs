//! The messages of the thread that is looked at.

use chat_front::{Model, Thread};
use chat_shared::Message;
use js_sys::Date;
use wasm_bindgen::JsValue;
use web_sys::{Element, HtmlElement};

use super::{append, set_attribute, set_hue, set_text};
use crate::dom::{by_id, copy_of, document, within};

/// How close to the end the user has to be so that the end stays in sight, in pixels.
const CLOSE: i32 = 40;

pub(super) struct Messages {
    scroll: HtmlElement,
    begin: HtmlElement,
    older: HtmlElement,
    list: HtmlElement,
    waiting: HtmlElement,
    /// What the list has: of which thread, and which.
    thread: Option<String>,
    ids: Vec<i64>,
    /// What the list of those that wait has.
    waits: Vec<String>,
}

impl Messages {
    pub(super) fn new() -> Self {
        Self {
            scroll: by_id("scroll"),
            begin: by_id("begin"),
            older: by_id("older"),
            list: by_id("messages"),
            waiting: by_id("waiting"),
            thread: None,
            ids: Vec::new(),
            waits: Vec::new(),
        }
    }

    pub(super) fn show(&mut self, model: &Model, waiting: &[(String, String)]) {
        let current = model.current();
        let name = current.map(|(name, _)| name);
        let is_same = self.thread.as_deref() == name;
        let (top, height) = (self.scroll.scroll_top(), self.scroll.scroll_height());
        let is_at_end = top + self.scroll.client_height() + CLOSE >= height;
        let is_complete = current.is_some_and(|(_, thread)| thread.is_complete);
        let has_messages = current.is_some_and(|(_, thread)| !thread.messages.is_empty());
        self.begin.set_hidden(!is_complete);
        self.older.set_hidden(is_complete || !has_messages);
        let is_older = match current {
            Some((_, thread)) => self.show_thread(thread, is_same),
            None => self.clear(),
        };
        self.thread = name.map(str::to_owned);
        let waiting = waiting.iter().filter(|(thread, _)| Some(thread.as_str()) == name);
        self.show_waiting(waiting.map(|(_, text)| text.clone()).collect());
        let grown = self.scroll.scroll_height() - height;
        if !is_same || is_at_end {
            self.scroll.set_scroll_top(self.scroll.scroll_height());
        } else if is_older {
            // What was looked at stays where it was.
            self.scroll.set_scroll_top(top + grown);
        }
    }

    /// Whether messages came before those that were there.
    fn show_thread(&mut self, thread: &Thread, is_same: bool) -> bool {
        let known = self.ids.len();
        let follows = is_same
            && thread.messages.len() >= known
            && thread.messages.keys().zip(&self.ids).all(|(id, shown)| id == shown);
        if !follows {
            self.clear();
        }
        for message in thread.messages.values().skip(self.ids.len()) {
            append(&self.list, &item(message));
            self.ids.push(message.id);
        }
        !follows
    }

    fn clear(&mut self) -> bool {
        self.list.set_text_content(None);
        self.ids.clear();
        false
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

fn item(message: &Message) -> Element {
    let item = copy_of("message-template");
    let author: Element = within(&item, ".author");
    set_text(&author, &message.author);
    set_hue(&author, &message.author);
    set_text(&within(&item, ".text"), &message.text);
    let time: Element = within(&item, "time");
    let date = Date::new(&JsValue::from_f64(message.sent_ms as f64));
    set_text(&time, &format!("{:02}:{:02}", date.get_hours(), date.get_minutes()));
    set_attribute(&time, "datetime", &String::from(date.to_iso_string()));
    set_attribute(&time, "title", &String::from(date.to_string()));
    item
}
