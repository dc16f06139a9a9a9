//! A service as the page's side is told of it.

use hardlight_driver::proto::ServiceSchema;
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsValue;

/// `{ methods: [[name, type, feature]], state: [[index, name, type]], events: [[name, type]] }`
pub(super) fn describe(schema: &ServiceSchema) -> JsValue {
    let methods = schema.methods.iter().map(|method| {
        row([text(method.name), text(&method.ty), method.feature.map_or(JsValue::NULL, text)])
    });
    // The protocol's own fields are no part of the state.
    let state = schema.state.iter().filter(|field| !field.name.starts_with('$'));
    let state = state.map(|field| row([field.index.into(), text(field.name), text(&field.ty)]));
    let events = schema.events.iter().map(|event| row([text(event.name), text(&event.ty)]));
    let described = Object::new();
    let parts: [(&str, Array); 3] =
        [("methods", methods.collect()), ("state", state.collect()), ("events", events.collect())];
    for (name, part) in parts {
        // An object takes any member.
        let _ = Reflect::set(&described, &text(name), &part);
    }
    described.into()
}

fn text(text: &str) -> JsValue {
    JsValue::from_str(text)
}

fn row<const N: usize>(values: [JsValue; N]) -> JsValue {
    Array::from_iter(values).into()
}
