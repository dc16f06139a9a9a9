// chat.js and chat_bg.wasm are what wasm-bindgen makes of the Rust code. Its `main` runs once they are loaded.
import init from "./chat.js";

await init();
