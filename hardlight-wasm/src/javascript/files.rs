//! The files of the page's side that nothing here calls: a module has those that are named.
#![allow(dead_code)]

use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/js/compounds.js")]
extern "C" {
    #[wasm_bindgen(js_name = Struct)]
    type Compounds;
}

#[wasm_bindgen(module = "/js/payload.js")]
extern "C" {
    #[wasm_bindgen(js_name = encode)]
    type Payload;
}

#[wasm_bindgen(module = "/js/scalars.js")]
extern "C" {
    #[wasm_bindgen(js_name = scalars)]
    type Scalars;
}

#[wasm_bindgen(module = "/js/types.js")]
extern "C" {
    #[wasm_bindgen(js_name = valueType)]
    type Types;
}
