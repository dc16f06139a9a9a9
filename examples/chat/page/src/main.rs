//! The chat example: a page for browsers. `static/index.html` is what it looks like, README.md how it is built.

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod console;
#[cfg(target_arch = "wasm32")]
mod dom;
#[cfg(target_arch = "wasm32")]
mod session;
#[cfg(target_arch = "wasm32")]
mod view;

/// Called by `static/start.js`, through what wasm-bindgen generates.
#[cfg(target_arch = "wasm32")]
fn main() {
    // Or a panic is a trap, which says nothing of what it was.
    std::panic::set_hook(Box::new(|panic| web_sys::console::error_1(&panic.to_string().into())));
    let app = app::App::start();
    console::offer(&app);
}

/// There is no page to run in.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
