//! The package. In a browser this program offers the service to whatever loads it; elsewhere it prints what TypeScript is to know
//! of that.

#[cfg(target_arch = "wasm32")]
fn main() {
    hardlight::javascript::offer::<board::board::Client>();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    print!("{}", hardlight::schema::to_typescript(board::board::schema()));
}
