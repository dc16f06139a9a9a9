//! Every form that a variant can have, with names that generated code uses.

#![deny(warnings, missing_docs, unreachable_pub, missing_debug_implementations)]

use hardlight::{Events, codable};

macro_rules! types {
    ($($name:ident)*) => {$(
        /// A type with a name that generated code may use.
        #[codable]
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name(pub u32);
    )*};
}

types!(Result Option Vec Bytes Ok Err Some None Send Topic FnMut State S E ClientConnection EventSchema);

mod core {}
mod std {}

/// Events.
#[derive(Clone, Debug, PartialEq, Events)]
#[events(crate = ::hardlight)]
#[non_exhaustive]
pub enum AllEvents {
    /// A unit.
    Unit,
    /// An empty tuple.
    EmptyTuple(),
    /// An empty struct.
    EmptyStruct {},
    /// A tuple.
    Tuple(u32, Vec, Option),
    /// A struct.
    #[events(secret)]
    Struct {
        /// A field with a raw name.
        r#type: String,
        /// A field that is called as a variable of generated code.
        handler: Result,
        /// A field that is called as another one.
        event: S,
    },
    /// Twelve fields.
    Twelve(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, E),
    /// Several lines of docs.
    ///
    /// They all reach the method.
    HTTPRequest(Ok, Err, Some, None),
    /// A keyword in lower case.
    Type(Topic, FnMut, State, ClientConnection, Bytes, Send, EventSchema),
    /// A name that a method of the connection could have.
    Event(u32),
}

/// An enum that contains itself.
#[codable]
#[derive(Events)]
#[allow(missing_debug_implementations)]
pub enum Tree {
    /// The end.
    Leaf,
    /// And on.
    Node(::std::vec::Vec<Self>, Box<Tree>),
}

/// A service.
#[hardlight::rpc(events = AllEvents)]
pub trait Service {
    /// Does something.
    async fn get(&self, topic: String) -> u32;
}

impl Service for service::Handler {
    async fn get(&self, topic: String) -> u32 {
        let _ = self.subscriptions.add(topic.as_str());
        self.events.emit(topic, AllEvents::Unit) as u32
    }
}

/// Listens.
pub fn listen(client: &service::Client) {
    client.on_unit(|topic| assert!(topic.as_str().is_some()));
    client.on_empty_tuple(|_| {});
    client.on_empty_struct(|_| {});
    client.on_tuple(|_, number, Vec(one), Option(two)| assert!(number + one > two));
    client.on_struct(|_, r#type, Result(one), S(two)| assert!(r#type.len() as u32 + one > two));
    client.on_twelve(|_, one, _, _, _, _, _, _, _, _, _, _, E(two)| assert!(u32::from(one) > two));
    client.on_http_request(|_, Ok(_), _, _, _| {});
    client.on_type(|_, _, _, _, _, _, _, _| {});
    client.on_event(|_, number| assert!(number > 0));
    let _: hardlight::EventStream<AllEvents> = client.events();
}

fn main() {
    use hardlight::Events;

    let all = [
        AllEvents::Unit,
        AllEvents::EmptyTuple(),
        AllEvents::EmptyStruct {},
        AllEvents::Tuple(1, Vec(2), Option(3)),
        AllEvents::Struct { r#type: "four".to_owned(), handler: Result(5), event: S(6) },
        AllEvents::Twelve(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, E(12)),
        AllEvents::HTTPRequest(Ok(1), Err(2), Some(3), None(4)),
        AllEvents::Event(7),
    ];
    let names = AllEvents::schema().iter().map(|event| event.name).collect::<::std::vec::Vec<_>>();
    let expected = [
        "Unit", "EmptyTuple", "EmptyStruct", "Tuple", "Struct", "Twelve", "HTTPRequest", "Type", "Event",
    ];
    assert_eq!(names, expected);
    for event in all {
        let (index, payload) = event.clone().encode().unwrap();
        assert_eq!(AllEvents::decode(index, &payload).unwrap(), event);
    }
    assert!(AllEvents::decode(9, &[]).is_err());
    let _ = listen;
}
