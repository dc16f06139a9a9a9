//! The document: finding what `static/index.html` has, and hearing what happens to it.

use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::{Document, DocumentFragment, Element, Event, EventTarget, HtmlTemplateElement};

pub(crate) fn document() -> Document {
    let document = web_sys::window().and_then(|window| window.document());
    document.expect("this runs in a page")
}

/// The element with this id.
pub(crate) fn by_id<T: JsCast>(id: &str) -> T {
    let element = document().get_element_by_id(id);
    element.expect("index.html has it").dyn_into().expect("and it is of this kind")
}

/// The first element within another that a selector of CSS matches.
pub(crate) fn within<T: JsCast>(element: &Element, selector: &str) -> T {
    let part = element.query_selector(selector).ok().flatten();
    part.expect("the template has it").dyn_into().expect("and it is of this kind")
}

/// A copy of the element that a template holds.
pub(crate) fn copy_of(template: &str) -> Element {
    let template: HtmlTemplateElement = by_id(template);
    let copy = template.content().clone_node_with_deep(true).expect("it can be copied");
    let copy: DocumentFragment = copy.unchecked_into();
    copy.first_element_child().expect("a template holds one element")
}

/// Calls `handler` at each such event, for as long as the page is there.
pub(crate) fn on(target: &EventTarget, event: &str, handler: impl FnMut(Event) + 'static) {
    let handler = Closure::<dyn FnMut(Event)>::new(handler);
    let added = target.add_event_listener_with_callback(event, handler.as_ref().unchecked_ref());
    added.expect("every target takes listeners");
    handler.forget();
}

/// Calls `handler` once what the document is now has been painted.
pub(crate) fn after_paint(handler: impl FnOnce() + 'static) {
    // A frame's callbacks come before it is painted, those of the next one after that.
    in_frame(move || in_frame(handler));
}

fn in_frame(handler: impl FnOnce() + 'static) {
    let window = web_sys::window().expect("this runs in a page");
    let handler = Closure::<dyn FnMut()>::once_into_js(handler);
    window.request_animation_frame(handler.unchecked_ref()).expect("every page has frames");
}

/// The content of an attribute `data-...` of what was clicked, or of what that is in.
pub(crate) fn data_of(event: &Event, name: &str) -> Option<String> {
    let element: Element = event.target()?.dyn_into().ok()?;
    element.closest(&format!("[data-{name}]")).ok()??.get_attribute(&format!("data-{name}"))
}
