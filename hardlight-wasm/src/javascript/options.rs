//! What a page sets on a client.

use std::time::Duration;

use hardlight_driver::{Reconnect, proto::ConnectionError};
use js_sys::{Function, Object, Promise};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortSignal;

use super::error::Shown;
use crate::ClientOptions;

#[wasm_bindgen]
extern "C" {
    /// The page's object: see `ConnectOptions` in the declarations of a module.
    pub type Options;

    #[wasm_bindgen(method, getter, structural)]
    fn token(this: &Options) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn subprotocols(this: &Options) -> Option<Vec<String>>;
    #[wasm_bindgen(method, getter, structural, js_name = connectTimeout)]
    fn connect_timeout(this: &Options) -> Option<f64>;
    #[wasm_bindgen(method, getter, structural)]
    fn timeout(this: &Options) -> Option<f64>;
    #[wasm_bindgen(method, getter, structural, js_name = partialState)]
    fn partial_state(this: &Options) -> Option<bool>;
    #[wasm_bindgen(method, getter, structural)]
    fn reconnect(this: &Options) -> Option<bool>;
    #[wasm_bindgen(method, getter, structural)]
    pub(super) fn restore(this: &Options) -> Option<Function>;
    #[wasm_bindgen(method, getter, structural)]
    pub(super) fn signal(this: &Options) -> Option<AbortSignal>;
}

impl Options {
    /// Nothing is set.
    pub(super) fn none() -> Self {
        Object::new().unchecked_into()
    }

    /// The options, with the token that there is now.
    ///
    /// # Errors
    ///
    /// What the page's function threw.
    pub(super) async fn to_client_options(&self) -> Result<ClientOptions, JsValue> {
        let mut options = ClientOptions::new()
            .partial_state(self.partial_state().unwrap_or_default())
            .call_timeout(self.timeout().map(milliseconds))
            .reconnect(self.reconnect().unwrap_or_default().then(Reconnect::new));
        if let Some(timeout) = self.connect_timeout() {
            options = options.connect_timeout(milliseconds(timeout));
        }
        for subprotocol in self.subprotocols().unwrap_or_default() {
            options = options.subprotocol(subprotocol);
        }
        let token = self.token();
        let Some(ask) = token.dyn_ref::<Function>().cloned() else {
            options.token = token.as_string();
            return Ok(options);
        };
        options.token = asked(&ask).await?;
        Ok(options.refresh(move |mut options: ClientOptions, _: ConnectionError| {
            let ask = ask.clone();
            async move {
                options.token = asked(&ask).await.map_err(Shown)?;
                Ok::<_, Shown>(options)
            }
        }))
    }
}

/// What a function of the page gives for a token.
async fn asked(ask: &Function) -> Result<Option<String>, JsValue> {
    Ok(settled(ask.call0(&JsValue::UNDEFINED)).await?.as_string())
}

/// What a function has returned, or the promise that it has returned.
pub(super) async fn settled(returned: Result<JsValue, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::resolve(&returned?)).await
}

/// A time of the page's. What is none is no time at all, and what is too long is for ever.
pub(super) fn milliseconds(milliseconds: f64) -> Duration {
    Duration::try_from_secs_f64(milliseconds.max(0.0) / 1000.0).unwrap_or(Duration::MAX)
}
