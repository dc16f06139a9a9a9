//! What only a browser does.

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures_util::future::join;
use hardlight::{ConnectError, ConnectionStatus, Reconnect, Topic};
use hardlight_browser_tests::{
    control::Plan,
    service::{NewsHandler, OnNews, suite::Client},
};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, EventTarget};

use super::{platform, stage::Stage};

pub(crate) fn dispatch(event: &str) {
    let target: EventTarget = js_sys::global().unchecked_into();
    target.dispatch_event(&Event::new(event).unwrap()).unwrap();
}

/// A handler that waits, and is not `Send`.
struct Hearing(Rc<RefCell<Vec<String>>>);

impl NewsHandler for Hearing {
    async fn on_told(&mut self, _: &Topic, text: String) {
        let heard = Rc::clone(&self.0);
        std::future::ready(()).await;
        heard.borrow_mut().push(text);
    }
}

pub(crate) async fn what_a_client_keeps_need_not_be_send() {
    let stage = Stage::new().await;
    let client = stage.connect().await;
    let (heard, element) = (Rc::new(RefCell::new(Vec::new())), JsValue::from_str("an element"));
    let hearing = Rc::clone(&heard);
    client.attach(Hearing(Rc::clone(&heard)));
    let mut watch = client.watch().map({
        let heard = Rc::clone(&heard);
        move |state| (state.counter, heard.borrow().len())
    });
    client.on_told(move |_, text| {
        assert!(element.is_string());
        hearing.borrow_mut().push(text);
    });
    client.follow("news".to_owned()).await.unwrap();
    client.tell("news".to_owned(), "first".to_owned()).await.unwrap();
    assert_eq!(*heard.borrow(), ["first", "first"]);
    client.add(1).await.unwrap();
    assert_eq!(watch.changed().await, Ok(&(1, 2)));
}

pub(crate) async fn the_browser_being_online_again_ends_the_pause() {
    let stage = Stage::new().await;
    let hour = Duration::from_secs(3600);
    let options = platform::options().reconnect(Reconnect::new().min_delay(hour).max_delay(hour));
    let client = stage.connect_with(options).await;
    let mut statuses = client.watch_status();
    // While nobody waits it is no reason for anything.
    dispatch("online");
    let cut = async {
        stage.cut().await;
        while !matches!(client.status(), ConnectionStatus::Waiting { .. }) {
            statuses.changed().await.unwrap();
        }
        dispatch("online");
    };
    let (answer, ()) = join(client.add(1), cut).await;
    // It was answered before the cut, or by the next connection, or is lost.
    drop(answer);
    assert!(client.add(1).await.is_ok());
}

fn origin() -> String {
    let location = js_sys::Reflect::get(&js_sys::global(), &"location".into()).unwrap();
    js_sys::Reflect::get(&location, &"origin".into()).unwrap().as_string().unwrap()
}

pub(crate) async fn a_page_of_another_origin_is_let_in_only_if_it_is_allowed() {
    let others = Plan { origins: Some(vec!["https://example.com".to_owned()]), ..Plan::default() };
    let stage = Stage::of(others).await;
    let error = platform::connect::<Client>(&stage.url, platform::options()).await.err().unwrap();
    assert!(matches!(error, ConnectError::Io { .. }), "{error}");
    let ours = Plan { origins: Some(vec![origin()]), ..Plan::default() };
    assert_eq!(Stage::of(ours).await.connect().await.add(1).await, Ok(1));
}

pub(crate) async fn a_url_that_the_browser_does_not_take_is_named() {
    let error = platform::connect::<Client>("wss://", platform::options()).await.err().unwrap();
    assert!(!error.is_retryable());
    let ConnectError::InvalidUrl { url, reason } = &error else { panic!("{error}") };
    assert_eq!(url, "wss://");
    assert!(reason.contains("wss"), "{reason}");
}
