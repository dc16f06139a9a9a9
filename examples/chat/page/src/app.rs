//! The page: what the user does to it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use chat_front::{Action, Model};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Event, HtmlButtonElement, HtmlMetaElement, KeyboardEvent};

use crate::{
    dom::{by_id, data_of, document, on},
    session::{Account, Denied, Session, why},
    view::{View, clear, focus, value},
};

/// The thread that everybody enters first.
const FIRST_THREAD: &str = "lobby";

pub(crate) struct App {
    view: Rc<View>,
    session: RefCell<Option<Rc<Session>>>,
    /// An attempt to log in runs, by the form.
    is_entering: Cell<bool>,
}

impl App {
    /// Listens to the page, for as long as it is there.
    pub(crate) fn start() -> Rc<Self> {
        let app = Rc::new(Self {
            view: Rc::new(View::new()),
            session: RefCell::default(),
            is_entering: Cell::new(false),
        });
        app.listen();
        by_id::<HtmlButtonElement>("enter").set_disabled(false);
        app
    }

    /// The session, if somebody is logged in.
    pub(crate) fn session(&self) -> Option<Rc<Session>> {
        self.session.borrow().clone()
    }

    /// Takes part in the chat, until the session ends.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(crate) async fn log_in(self: &Rc<Self>, account: Account) -> Result<(), Denied> {
        self.log_out().await;
        let session = Session::begin(&service(), account, FIRST_THREAD, &self.view).await?;
        *self.session.borrow_mut() = Some(Rc::clone(&session));
        let app = Rc::clone(self);
        spawn_local(async move {
            if let Some(error) = session.ended().await {
                app.session.borrow_mut().take();
                app.view.show_entrance(&why(&error), "user");
            }
        });
        Ok(())
    }

    /// Ends the session, if there is one.
    pub(crate) async fn log_out(&self) {
        let session = self.session.borrow_mut().take();
        if let Some(session) = session {
            self.view.show_entrance("", "user");
            session.end().await;
        }
    }

    /// Logs in as the form says, unless that is under way.
    fn enter(self: &Rc<Self>) {
        if self.is_entering.replace(true) {
            return;
        }
        self.view.show_attempt(true);
        let password = Some(value("password")).filter(|password| !password.is_empty());
        let account = Account { user: value("user"), password };
        let app = Rc::clone(self);
        spawn_local(async move {
            let entered = app.log_in(account).await;
            app.is_entering.set(false);
            app.view.show_attempt(false);
            match entered {
                Ok(()) => clear("password"),
                Err(denied) => app.deny(&denied),
            }
        });
    }

    /// Says why somebody was not let in, and leads to what may be done about it.
    fn deny(&self, denied: &Denied) {
        let next = match denied {
            Denied::ByName(_) => "user",
            Denied::ByPassword(_) => {
                clear("password");
                "password"
            }
            Denied::ByChance(_) => "enter",
        };
        self.view.show_entrance(denied.why(), next);
    }

    fn listen(self: &Rc<Self>) {
        self.on("login", "submit", |app, event| {
            event.prevent_default();
            app.enter();
        });
        self.on("log-out", "click", |app, _| {
            let app = Rc::clone(app);
            spawn_local(async move { app.log_out().await });
        });
        self.on_session("connect-now", "click", |session, _| session.client().reconnect_now());
        self.on_session("threads", "click", |session, event| {
            let Some(thread) = data_of(event, "thread") else { return };
            session.change(|model| {
                model.look_at(&thread);
            });
            focus("text");
        });
        self.on_session("join", "submit", |session, event| {
            event.prevent_default();
            if session.act(Action::Join(value("thread").trim().to_owned())) {
                clear("thread");
                focus("text");
            }
        });
        self.on_session("leave", "click", |session, _| {
            act_on_current(session, |thread, _| Some(Action::Leave(thread)));
        });
        self.on_session("older", "click", |session, _| {
            act_on_current(session, |thread, model| {
                let (_, known) = model.current()?;
                let before = *known.messages.keys().next()?;
                Some(Action::Older { thread, before })
            });
        });
        self.on_session("compose", "submit", |session, event| {
            event.prevent_default();
            send(session, value("text"));
        });
        self.on_session("dismiss", "click", |session, _| {
            session.change(|model| model.notice = None);
            focus("text");
        });
        self.on_session("chat", "keydown", |session, event| {
            let Some(by) = event.dyn_ref().and_then(places) else { return };
            event.prevent_default();
            session.change(|model| model.move_by(by));
        });
    }

    /// Calls `handler` at each such event of the element with this id.
    fn on(self: &Rc<Self>, id: &str, event: &str, handler: impl Fn(&Rc<Self>, &Event) + 'static) {
        let app = Rc::clone(self);
        on(&by_id(id), event, move |event| handler(&app, &event));
    }

    /// The same, while there is a session.
    fn on_session(
        self: &Rc<Self>,
        id: &str,
        event: &str,
        handler: impl Fn(&Rc<Session>, &Event) + 'static,
    ) {
        self.on(id, event, move |app, event| {
            if let Some(session) = app.session() {
                handler(&session, event);
            }
        });
    }
}

/// Where the service is, as the page says.
fn service() -> String {
    let meta = document().query_selector("meta[name=chat-service]").ok().flatten();
    let meta: HtmlMetaElement = meta.expect("index.html has it").unchecked_into();
    meta.content()
}

/// Does something with the thread that is looked at, if there is one.
fn act_on_current(session: &Session, action: impl FnOnce(String, &Model) -> Option<Action>) {
    let action = session.with_model(|model| action(model.current()?.0.to_owned(), model));
    if let Some(action) = action {
        session.act(action);
    }
}

/// Says something in the thread that is looked at. What is not taken stays where it was typed.
fn send(session: &Session, text: String) {
    if text.is_empty() {
        return;
    }
    let thread = session.with_model(|model| Some(model.current()?.0.to_owned()));
    let Some(thread) = thread else {
        return session.change(|model| model.notice = Some("join a thread first".to_owned()));
    };
    if session.act(Action::Send { thread, text }) {
        clear("text");
    }
}

/// How many threads further a key leads: Alt and an arrow.
fn places(key: &KeyboardEvent) -> Option<isize> {
    match key.key().as_str() {
        "ArrowDown" if key.alt_key() => Some(1),
        "ArrowUp" if key.alt_key() => Some(-1),
        _ => None,
    }
}
