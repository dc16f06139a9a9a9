//! What the page looks like: a model goes in, the document follows. Knows nothing of connections.

mod messages;

use std::cell::RefCell;

use chat_front::{Model, Status};
use messages::Messages;
use web_sys::{Element, HtmlElement, HtmlInputElement};

use crate::dom::{by_id, copy_of, document, within};

pub(crate) struct View {
    entrance: HtmlElement,
    login_error: HtmlElement,
    enter: HtmlElement,
    chat: HtmlElement,
    status: HtmlElement,
    status_text: HtmlElement,
    connect_now: HtmlElement,
    me: HtmlElement,
    threads: RefCell<Threads>,
    current: HtmlElement,
    leave: HtmlElement,
    join: HtmlElement,
    messages: RefCell<Messages>,
    notice: HtmlElement,
    notice_text: HtmlElement,
    text: HtmlElement,
    here: HtmlElement,
    present: HtmlElement,
}

/// The list of threads. Its elements stay as long as the names are the same, or whoever is on one would lose the place.
struct Threads {
    list: HtmlElement,
    items: Vec<(String, Element)>,
}

impl View {
    /// The document, as `index.html` has it.
    pub(crate) fn new() -> Self {
        Self {
            entrance: by_id("entrance"),
            login_error: by_id("login-error"),
            enter: by_id("enter"),
            chat: by_id("chat"),
            status: by_id("status"),
            status_text: by_id("status-text"),
            connect_now: by_id("connect-now"),
            me: by_id("me"),
            threads: RefCell::new(Threads { list: by_id("threads"), items: Vec::new() }),
            current: by_id("current"),
            leave: by_id("leave"),
            join: by_id("thread"),
            messages: RefCell::new(Messages::new()),
            notice: by_id("notice"),
            notice_text: by_id("notice-text"),
            text: by_id("text"),
            here: by_id("here"),
            present: by_id("present"),
        }
    }

    /// Shows the form to log in with, why there is no chat, if there is more to say, and by the cursor what to do about it.
    pub(crate) fn show_entrance(&self, why: &str, next: &str) {
        self.chat.set_hidden(true);
        self.entrance.set_hidden(false);
        self.login_error.set_text_content(Some(why));
        focus(next);
    }

    /// Shows whether an attempt to log in runs.
    pub(crate) fn show_attempt(&self, runs: bool) {
        let (text, disabled) = if runs { ("Logging in …", "true") } else { ("Log in", "false") };
        set_text(&self.enter, text);
        // To screen readers alone: a button that cannot be pressed loses the cursor.
        set_attribute(&self.enter, "aria-disabled", disabled);
        if runs {
            self.login_error.set_text_content(None);
        }
    }

    /// Shows the chat. `waiting` is what the user has said and the server has not answered, by thread.
    pub(crate) fn show(&self, model: &Model, waiting: &[(String, String)]) {
        if self.chat.hidden() {
            self.entrance.set_hidden(true);
            self.chat.set_hidden(false);
            focus("text");
        }
        self.show_status(&model.status);
        self.me.set_text_content(Some(&model.user));
        self.threads.borrow_mut().show(model);
        let (name, present): (_, &[String]) = match model.current() {
            Some((name, thread)) => (name, &thread.present),
            None => ("no thread", &[]),
        };
        self.current.set_text_content(Some(name));
        set_hidden(&self.leave, model.current().is_none(), &self.join);
        self.messages.borrow_mut().show(model, waiting);
        self.notice.set_hidden(model.notice.is_none());
        set_text(&self.notice_text, model.notice.as_deref().unwrap_or_default());
        self.show_present(present, model.status == Status::Online);
    }

    fn show_status(&self, status: &Status) {
        let (kind, text) = match status {
            Status::Connecting => ("connecting", "connecting".to_owned()),
            Status::Online => ("online", "online".to_owned()),
            Status::Offline { why } => ("offline", format!("offline: {why}")),
        };
        set_attribute(&self.status, "data-status", kind);
        set_attribute(&self.status, "title", &text);
        set_text(&self.status_text, &text);
        set_hidden(&self.connect_now, kind != "offline", &self.text);
    }

    fn show_present(&self, users: &[String], is_known: bool) {
        let count = if is_known { users.len().to_string() } else { "not known".to_owned() };
        set_text(&self.here, &format!("Here: {count}"));
        self.present.set_text_content(None);
        for user in users {
            let item = copy_of("user-template");
            item.set_text_content(Some(user));
            set_hue(&item, user);
            append(&self.present, &item);
        }
    }
}

impl Threads {
    fn show(&mut self, model: &Model) {
        if !self.items.iter().map(|(name, _)| name).eq(model.threads.keys()) {
            self.list.set_text_content(None);
            self.items = model.threads.keys().map(|name| (name.clone(), self.add(name))).collect();
        }
        for (name, item) in &self.items {
            let is_current = model.current.as_ref() == Some(name);
            let unread = model.threads.get(name).map_or(0, |thread| thread.unread);
            let button: Element = within(item, "button");
            set_attribute(&button, "aria-current", if is_current { "true" } else { "false" });
            let label = if unread == 0 { name.clone() } else { format!("{name}, {unread} unread") };
            set_attribute(&button, "aria-label", &label);
            let count = if unread == 0 { String::new() } else { unread.to_string() };
            set_text(&within(item, ".unread"), &count);
        }
    }

    fn add(&self, name: &str) -> Element {
        let item = copy_of("thread-template");
        set_attribute(&within(&item, "button"), "data-thread", name);
        set_text(&within(&item, ".name"), name);
        append(&self.list, &item);
        item
    }
}

/// Puts the cursor there.
pub(crate) fn focus(id: &str) {
    // It fails for what cannot be typed into, which this can.
    let _ = by_id::<HtmlElement>(id).focus();
}

/// What the user has typed there.
pub(crate) fn value(id: &str) -> String {
    by_id::<HtmlInputElement>(id).value()
}

/// Takes away what the user has typed there.
pub(crate) fn clear(id: &str) {
    by_id::<HtmlInputElement>(id).set_value("");
}

/// Shows an element or hides it. A cursor that is on it goes to another then, or it would be nowhere.
fn set_hidden(element: &HtmlElement, is_hidden: bool, next: &HtmlElement) {
    let active = document().active_element();
    let has_cursor = active.as_ref() == Some(&**element);
    element.set_hidden(is_hidden);
    if is_hidden && has_cursor {
        // As in `focus`.
        let _ = next.focus();
    }
}

/// Each author has a colour, the same everywhere.
fn set_hue(element: &Element, user: &str) {
    let sum = user.bytes().fold(0, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let element: &HtmlElement = wasm_bindgen::JsCast::unchecked_ref(element);
    // Twelve of them, as far apart as that allows.
    let hue = sum % 12 * 30;
    element.style().set_property("--hue", &hue.to_string()).expect("it is a name of a property");
}

/// A screen reader reads what changes: what stays is left alone.
fn set_text(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

fn set_attribute(element: &Element, name: &str, value: &str) {
    if element.get_attribute(name).as_deref() != Some(value) {
        element.set_attribute(name, value).expect("it is the name of an attribute");
    }
}

fn append(list: &Element, item: &Element) {
    list.append_child(item).expect("a list takes items");
}
