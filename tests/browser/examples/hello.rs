//! A whole client for a browser, small: calls, state and events of one service. What it takes to download is measured by
//! `scripts/test size`.

#[cfg(target_arch = "wasm32")]
mod page {
    use hardlight::{ClientOptions, ConnectionState, Error, Events, Reconnect, connect_with, rpc};
    use wasm_bindgen::JsValue;

    #[rpc(state = State, events = Greeting)]
    trait Hello {
        async fn greet(&self, name: String) -> String;
        async fn count(&self, amount: u32) -> Result<u32, TooMany>;
    }

    #[derive(ConnectionState)]
    struct State {
        greeted: u32,
        names: Vec<String>,
    }

    #[derive(Debug, Events)]
    enum Greeting {
        Greeted { name: String },
    }

    #[hardlight::codable]
    #[derive(Debug)]
    struct TooMany {
        most: u32,
    }

    pub(super) async fn run() -> Result<(), JsValue> {
        let failed = |error: &dyn std::fmt::Display| JsValue::from_str(&error.to_string());
        let options = ClientOptions::new().reconnect(Reconnect::new());
        let client: hello::Client =
            connect_with("/", options).await.map_err(|error| failed(&error))?;
        client.on_greeted(|topic, name| log(&format!("{topic}: {name}")));
        log(&client.greet("world".to_owned()).await.map_err(|error| failed(&error))?);
        match client.count(3).await {
            Ok(count) => log(&count.to_string()),
            Err(Error::Application(TooMany { most })) => log(&format!("no more than {most}")),
            Err(error) => log(&format!("no count; may it run again? {}", error.did_not_run())),
        }
        let mut greeted = client.watch().project(|state| &state.greeted);
        while let Ok(greeted) = greeted.changed().await {
            log(&format!("{greeted} greeted, {} names", client.state().names.len()));
        }
        Ok(())
    }

    fn log(text: &str) {
        web_sys::console::log_1(&JsValue::from_str(text));
    }
}

#[cfg(target_arch = "wasm32")]
fn main() {
    wasm_bindgen_futures::spawn_local(async {
        if let Err(error) = page::run().await {
            web_sys::console::error_1(&error);
        }
    });
}

/// There is no page to run in.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
