// chat.js and chat_bg.wasm are what wasm-bindgen makes of the Rust code. Its `main` runs once they are loaded.
try {
  const { default: init } = await import("./chat.js");
  await init();
} catch (error) {
  document.getElementById("login-error").textContent = "The page did not load. Try to reload it; the browser's console says why.";
  throw error;
}
