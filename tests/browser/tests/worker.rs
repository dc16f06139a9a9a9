//! The client's half of the adapter suite in a worker of a browser.
#![cfg(target_arch = "wasm32")]

mod client;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

client::tests!();

client::tests_of_browsers!();
