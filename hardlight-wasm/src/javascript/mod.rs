//! A service for programs in JavaScript: what a module that is compiled for a browser exports to the page.
//!
//! Types are not compiled for it, and need nothing from their authors: a payload goes to the page as its bytes, and the page's side,
//! in `js/`, knows by the description of its type what it is (SPEC.md, sections 20 and 21). So what a service costs here is a
//! list of names and descriptions.

mod connection;
mod error;
mod files;
mod options;
mod schema;
mod signal;
mod source;

use std::{cell::Cell, ops::Deref, pin::Pin};

use hardlight_driver::{ClientConnection, ServiceClient};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;

use self::signal::unless_aborted;
#[doc(hidden)]
pub use self::{
    connection::RawConnection, error::HardLightError, options::Options, source::Source,
};
use crate::connect_with;

type Connecting = Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>>;

/// What connects to a service.
type Connect = fn(String, Options) -> Connecting;

thread_local! {
    /// Connects to the service that this module is for.
    static OFFERED: Cell<Option<Connect>> = const { Cell::new(None) };
}

#[wasm_bindgen(module = "/js/client.js")]
extern "C" {
    /// The class of the clients of a service.
    #[wasm_bindgen(js_name = clientClass)]
    fn client_class(schema: &JsValue) -> JsValue;

    /// A client of that class.
    #[wasm_bindgen(js_name = newClient)]
    fn new_client(class: &JsValue, raw: RawConnection) -> JsValue;
}

/// Offers a service to programs in JavaScript: the module's `connect` then gives them clients of it. A module is for one service;
/// of several that are offered it is the last.
///
/// It is the `main` of a program that is compiled for a browser:
///
/// ```no_run
/// # use hardlight_wasm::rpc;
/// # #[rpc]
/// # pub trait Counter { async fn increment(&self, amount: u32) -> u32; }
/// fn main() {
///     hardlight_wasm::javascript::offer::<counter::Client>();
/// }
/// ```
pub fn offer<C>()
where
    C: ServiceClient + Deref<Target = ClientConnection<C::State, C::Events>>,
{
    OFFERED.set(Some(|url, options| Box::pin(connect_to::<C>(url, options))));
}

/// What the module exports.
#[doc(hidden)]
#[wasm_bindgen]
pub async fn connect(url: String, options: Option<Options>) -> Result<JsValue, JsValue> {
    let connect = OFFERED.get().ok_or_else(|| JsError::new("this module offers no service"))?;
    connect(url, options.unwrap_or_else(Options::none)).await
}

async fn connect_to<C>(url: String, options: Options) -> Result<JsValue, JsValue>
where
    C: ServiceClient + Deref<Target = ClientConnection<C::State, C::Events>>,
{
    let class = client_class(&schema::describe(C::schema()));
    let connecting = async {
        let options = options.to_client_options().await?;
        connect_with::<C>(&url, options).await.map_err(|error| error::connecting(&error))
    };
    let client = unless_aborted(options.signal(), connecting).await??;
    let wrap = move |client: &C| new_client(&class, RawConnection::new((**client).clone()));
    let wrapped = wrap(&client);
    if let Some(restore) = options.restore() {
        client.on_reconnected(move |client: C| {
            let restoring = options::settled(restore.call1(&JsValue::UNDEFINED, &wrap(&client)));
            // Where there are threads it is one that this crate does not run on.
            SendWrapper::new(async { restoring.await.map(drop).map_err(error::Shown) })
        });
    }
    Ok(wrapped)
}
