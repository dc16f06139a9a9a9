//! `chat`, for the browser's console: the service's calls as promises, over the connection that the page has.

use std::{fmt::Display, rc::Rc};

use chat_shared::{Message, chat};
use hardlight::ConnectionStatus;
use js_sys::{Array, BigInt, Object, Reflect};
use wasm_bindgen::{JsError, JsValue, prelude::wasm_bindgen};

use crate::{
    app::App,
    session::{Account, Session},
};

/// Puts `chat` where the console finds it.
pub(crate) fn offer(app: &Rc<App>) {
    let chat = Chat { app: Rc::clone(app) };
    set(&js_sys::global(), "chat", chat.into());
}

#[wasm_bindgen]
pub(crate) struct Chat {
    app: Rc<App>,
}

#[wasm_bindgen]
#[expect(unreachable_pub, reason = "what is public here is public to JavaScript")]
impl Chat {
    pub async fn login(&self, user: String, password: Option<String>) -> Result<(), JsError> {
        self.app
            .log_in(Account { user, password })
            .await
            .map_err(|denied| JsError::new(denied.why()))
    }

    pub async fn logout(&self) {
        self.app.log_out().await;
    }

    pub async fn join(&self, thread: String) -> Result<(), JsError> {
        self.client()?.join(thread).await.map_err(failed)
    }

    pub async fn leave(&self, thread: String) -> Result<(), JsError> {
        self.client()?.leave(thread).await.map_err(failed)
    }

    #[wasm_bindgen(js_name = sendMessage)]
    pub async fn send_message(&self, thread: String, text: String) -> Result<i64, JsError> {
        self.client()?.send_message(thread, text).await.map_err(failed)
    }

    pub async fn history(&self, thread: String, before: Option<i64>) -> Result<Array, JsError> {
        let messages = self.client()?.history(thread, before).await.map_err(failed)?;
        Ok(messages.iter().map(message).collect())
    }

    /// The connection's state: `user` and `threads`.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> Result<Object, JsError> {
        let client = self.client()?;
        let state = client.state();
        let threads: Array = state.threads.iter().map(JsValue::from).collect();
        Ok(object([("user", JsValue::from(state.user.clone())), ("threads", threads.into())]))
    }

    /// What becomes of the connection: `kind`, and while it waits to be made again `delay`, in milliseconds, and `error`.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> Result<Object, JsError> {
        Ok(match self.client()?.status() {
            ConnectionStatus::Waiting { delay, error, .. } => object([
                ("kind", "waiting".into()),
                ("delay", (delay.as_millis() as f64).into()),
                ("error", error.to_string().into()),
            ]),
            ConnectionStatus::Closed(error) => {
                object([("kind", "closed".into()), ("error", error.to_string().into())])
            }
            ConnectionStatus::Connected => object([("kind", "connected".into())]),
            ConnectionStatus::Restoring => object([("kind", "restoring".into())]),
            ConnectionStatus::Leaving => object([("kind", "leaving".into())]),
            _ => object([("kind", "connecting".into())]),
        })
    }

    fn client(&self) -> Result<chat::Client, JsError> {
        let session: Option<Rc<Session>> = self.app.session();
        let session = session.ok_or_else(|| JsError::new("log in first"))?;
        Ok(session.client().clone())
    }
}

fn failed(error: impl Display) -> JsError {
    JsError::new(&error.to_string())
}

/// A message as JavaScript has it. Ids are of 64 bits, which its numbers are not.
fn message(message: &Message) -> JsValue {
    let Message { id, sent_ms, author, text } = message;
    let fields = [
        ("id", BigInt::from(*id).into()),
        ("sentMs", (*sent_ms as f64).into()),
        ("author", author.into()),
        ("text", text.into()),
    ];
    object(fields).into()
}

fn object<const N: usize>(fields: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        set(&object, name, value);
    }
    object
}

fn set(object: &Object, name: &str, value: JsValue) {
    Reflect::set(object, &name.into(), &value).expect("an object takes properties");
}
