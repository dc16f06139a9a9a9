//! Clients that send what no generated client does.

use accounts::{Session, account};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use hardlight::{
    CallError, CloseCode, ServiceClient,
    proto::{
        CallId, Client, ClientConfig, ClientEvent, Connection, Content, Extensions, Frame, Frames,
        SUBPROTOCOL, ServiceSchema, StateSource, Time, Transmit, payload::encode_to_bytes,
    },
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::house::{self, House};

#[tokio::test]
async fn a_client_that_sends_state_is_thrown_out_and_has_changed_nothing() {
    let house = House::new().await;
    let (ann, token) = house.user("ann").await;
    house.ran();
    let operations = || Content::Plain(forged_state());
    for frame in [
        Frame::State { revision: 1, operations: operations() },
        Frame::Snapshot { revision: 0, operations: operations() },
        Frame::Features(vec!["account".into(), "admin".into()]),
    ] {
        for cookie in [None, Some(token.as_str())] {
            let mut raw = Raw::open(&house, cookie).await;
            raw.send(&frame).await;
            // The call behind it does not run.
            raw.send(&call(ADD_NOTE, &note("behind it"))).await;
            assert_eq!(raw.close_code().await, CloseCode::PROTOCOL_ERROR, "{frame:?}");
        }
    }
    assert_eq!(house.ran(), (6, vec![]));
    ann.1.add_note("of ann".into()).await.unwrap();
    assert_eq!(ann.0.state().user.as_deref(), Some("ann"));
    assert_eq!(
        (&ann.0.state().notice, &ann.0.state().notes),
        (&String::new(), &vec!["of ann".into()])
    );
}

#[tokio::test]
async fn a_method_beyond_the_table_ends_the_connection_and_nothing_runs() {
    let house = House::new().await;
    let (ann, token) = house.user("ann").await;
    house.ran();
    for method in [METHODS, 127, 128, u32::MAX] {
        let mut raw = Raw::open(&house, Some(token.as_str())).await;
        raw.send(&call(method, &note("a"))).await;
        assert_eq!(raw.close_code().await, CloseCode::PROTOCOL_ERROR, "{method}");
    }
    assert_eq!(house.ran(), (4, vec![]));
    assert_eq!(ann.1.add_note("still here".into()).await, Ok(()));
}

#[tokio::test]
async fn a_method_that_the_server_does_not_have_or_has_with_other_types_does_not_run() {
    let house = House::new().await;
    let (_, token) = house.user("ann").await;
    house.ran();
    let schema = ServiceSchema::new("Forged")
        .method::<String, ()>("make_me_an_administrator")
        .method::<String, ()>("add_note");
    let mut raw = Raw::open_with(&house, Some(token.as_str()), Box::leak(Box::new(schema))).await;
    for (method, error) in [(0, CallError::UnknownMethod), (1, CallError::IncompatibleMethod)] {
        raw.send(&call(method, &note("a"))).await;
        assert_eq!(raw.error().await, error);
    }
    assert_eq!(house.ran(), (1, vec![]));
}

#[tokio::test]
async fn a_client_that_does_not_look_at_its_features_is_refused_all_the_same() {
    let house = House::new().await;
    let mut raw = Raw::open(&house, None).await;
    for method in ADD_NOTE..METHODS {
        // Nor are the arguments looked at: these are none.
        raw.send(&call(method, b"\xff")).await;
        assert_eq!(raw.error().await, CallError::MissingFeature, "{method}");
    }
    assert_eq!(house.ran(), (1, vec![]));
    // The connection goes on.
    raw.send(&call(LOG_IN, b"\xff")).await;
    assert_eq!(raw.error().await, CallError::InvalidInput);
    assert_eq!(house.ran(), (0, vec![]));
}

#[tokio::test]
async fn a_client_that_announces_more_than_the_server_takes_is_thrown_out() {
    let house = House::new().await;
    let mut raw = Raw::open(&house, None).await;
    let piece = call_bytes(LOG_IN, &[0; 1000]).freeze();
    raw.send(&Frame::Begin { transfer: 0, length: 1 << 20, piece }).await;
    assert_eq!(raw.close_code().await, CloseCode::LIMIT_EXCEEDED);
    assert_eq!(house.ran(), (1, vec![]));
}

/// Places in the table of methods that [`house::Client`] sends.
const LOG_IN: u32 = 1;
const ADD_NOTE: u32 = 3;
const METHODS: u32 = 9;

/// A client that is driven by hand, up to where it may call.
struct Raw {
    socket: WebSocketStream<TcpStream>,
}

impl Raw {
    async fn open(house: &House, token: Option<&str>) -> Self {
        let schema = <house::Client as ServiceClient>::schema();
        assert_eq!(u32::try_from(schema.methods.len()), Ok(METHODS));
        Self::open_with(house, token, schema).await
    }

    async fn open_with(house: &House, token: Option<&str>, schema: &'static ServiceSchema) -> Self {
        let mut request = house.url.as_str().into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", SUBPROTOCOL.parse().unwrap());
        if let Some(token) = token {
            headers.insert("Authorization", format!("Bearer {token}").parse().unwrap());
        }
        let address = house.url.trim_start_matches("ws://").trim_end_matches('/');
        let stream = TcpStream::connect(address).await.unwrap();
        let mut raw = Self { socket: client_async(request, stream).await.unwrap().0 };
        raw.greet(schema).await;
        raw
    }

    /// Reads the server's Hello and snapshot, and sends the client's Hello.
    async fn greet(&mut self, schema: &'static ServiceSchema) {
        let mut connection: Connection<Client> =
            Connection::client(ClientConfig::new(schema), Time::ZERO);
        loop {
            match connection.poll_event() {
                Some(ClientEvent::Open { .. }) => break,
                Some(other) => panic!("{other:?}"),
                None => connection.handle_message(self.message().await.expect("a message")),
            }
        }
        while let Some(Transmit::Message(message)) = connection.poll_transmit() {
            self.socket.send(Message::Binary(message)).await.unwrap();
        }
    }

    async fn send(&mut self, frame: &Frame) {
        let mut message = BytesMut::new();
        frame.encode(&mut message);
        // Whoever was thrown out already finds that out when it reads.
        let _ = self.socket.send(Message::Binary(message.freeze())).await;
    }

    /// The next message, or what the server closes with.
    async fn message(&mut self) -> Result<Bytes, CloseCode> {
        match self.socket.next().await.expect("no end without a Close").unwrap() {
            Message::Binary(message) => Ok(message),
            Message::Close(Some(close)) => Err(CloseCode(close.code.into())),
            other => panic!("{other:?}"),
        }
    }

    async fn close_code(&mut self) -> CloseCode {
        loop {
            if let Err(code) = self.message().await {
                return code;
            }
        }
    }

    /// Why the next call that is answered had no result.
    async fn error(&mut self) -> CallError {
        loop {
            for frame in Frames::new(self.message().await.unwrap()) {
                match frame.unwrap() {
                    Frame::Error { error, .. } => return error,
                    Frame::Topic { .. } | Frame::Methods(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

fn call(method: u32, payload: &[u8]) -> Frame {
    let payload = Content::Plain(Bytes::copy_from_slice(payload));
    Frame::Call { id: CallId(0), method, extensions: Extensions::new(), payload }
}

fn call_bytes(method: u32, payload: &[u8]) -> BytesMut {
    let mut bytes = BytesMut::new();
    call(method, payload).encode(&mut bytes);
    bytes
}

fn note(text: &str) -> Vec<u8> {
    encode_to_bytes(&account::AddNoteInput { text: text.into() }).unwrap().to_vec()
}

/// State operations of a server that has set the notice, the user and the notes.
fn forged_state() -> Bytes {
    let forged = Session {
        notice: "forged".into(),
        user: Some("admin".into()),
        notes: vec!["forged".into()],
    };
    StateSource::new(forged).unwrap().1
}
