//! The client's half of the adapter suite: on tokio, and in a page of a browser.

mod client;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

client::tests!();

#[cfg(target_arch = "wasm32")]
client::tests_of_browsers!();

/// What a worker does not have.
#[cfg(target_arch = "wasm32")]
mod page {
    use hardlight::ConnectionError;
    use hardlight_browser_tests::service::suite::Client;
    use wasm_bindgen::JsCast;
    use wasm_bindgen_test::wasm_bindgen_test;

    use crate::client::{browser::dispatch, platform, stage::Stage};

    #[wasm_bindgen_test]
    async fn a_page_that_is_left_closes_its_connection() {
        let stage = Stage::new().await;
        let client = stage.connect().await;
        dispatch("pagehide");
        let ended = client.closed().await;
        let ConnectionError::Lost(why) = &ended else { panic!("{ended}") };
        assert_eq!(&**why, "the page was left");
        // The director's connection is closed as well: its servers end once it has noticed.
        while platform::connect::<Client>(&stage.url, platform::options()).await.is_ok() {}
    }

    #[wasm_bindgen_test]
    async fn the_cookies_of_the_page_reach_the_server() {
        let document = web_sys::window().unwrap().document().unwrap();
        let document: web_sys::HtmlDocument = document.unchecked_into();
        document.set_cookie("session=abc").unwrap();
        let stage = Stage::new().await;
        assert_eq!(stage.connect().await.state().cookie, "abc");
    }
}
