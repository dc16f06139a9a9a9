//! The core by itself, with a schema that was written by hand, against a server that was generated: what a client in another
//! program, or on a machine without a runtime, does.

use futures_util::{SinkExt, StreamExt};
use hardlight::{
    ConnectionState, Events, Server, codable,
    proto::{
        Client, ClientConfig, ClientEvent, CloseCode, CloseReason, Connection, ConnectionError,
        FieldSchema, Initiator, SUBPROTOCOL, ServiceSchema, StateCopy, Time, Transmit, WithValues,
        payload::{decode, decode_output},
    },
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

#[hardlight::rpc(state = Total, events = Change)]
trait Counter {
    async fn add(&self, amount: u32) -> u32;
    async fn take(&self, amount: u32) -> Result<u32, Underflow>;
}

#[derive(ConnectionState)]
struct Total {
    total: u32,
}

#[derive(Events)]
enum Change {
    Added { amount: u32, total: u32 },
}

#[codable]
#[derive(Debug, PartialEq)]
struct Underflow {
    total: u32,
}

impl Counter for counter::Handler {
    async fn add(&self, amount: u32) -> u32 {
        self.subscriptions.add("changes").expect("the name is short");
        let total = {
            let mut state = self.state.lock();
            state.total += amount;
            state.total
        };
        self.events.emit("changes", Change::Added { amount, total });
        total
    }

    async fn take(&self, amount: u32) -> Result<u32, Underflow> {
        let total = self.state.lock().total;
        total.checked_sub(amount).ok_or(Underflow { total })
    }
}

// The same by hand. The names of the arguments count, those of the structs do not.

#[codable]
struct Amount {
    amount: u32,
}

#[codable]
#[derive(Debug, PartialEq)]
struct Added {
    amount: u32,
    total: u32,
}

fn by_hand(state: Vec<FieldSchema>) -> &'static ServiceSchema {
    let mut schema = ServiceSchema::new("Counter")
        .method::<Amount, u32>("add")
        .method::<Amount, Result<u32, Underflow>>("take")
        .event::<Added>("Added");
    schema.state = state;
    Box::leak(Box::new(schema))
}

#[test]
fn a_schema_that_is_written_by_hand_is_the_generated_one() {
    let by_hand = by_hand(WithValues::<Total>::schema());
    assert_eq!(by_hand, <counter::Connection as hardlight::Service>::schema());
}

#[tokio::test]
async fn a_client_that_is_driven_by_hand_gets_state_events_and_answers_in_order() {
    let server = Server::bind_plain("localhost:0", counter::Handler::accept).await.unwrap();
    let address = server.local_addr();
    tokio::spawn(server.run());
    let mut socket = connect(address).await;

    // Who has no use for values by name leaves them out.
    let config = ClientConfig::new(by_hand(Total::schema()));
    let mut connection = Connection::client(config, Time::ZERO);
    let mut copy = StateCopy::<Total>::new();
    let add = connection.call_value(0, &Amount { amount: 5 }).unwrap();
    let take = connection.call_value(1, &Amount { amount: 6 }).unwrap();

    let mut seen = Vec::new();
    while !connection.is_finished() {
        if let Some(event) = connection.poll_event() {
            match event {
                ClientEvent::Open { snapshot: operations } | ClientEvent::State { operations } => {
                    assert!(copy.apply(&operations, &mut connection));
                    seen.push(format!("total {}", copy.total));
                }
                ClientEvent::Event { event: 0, payload, .. } => {
                    let expected = Added { amount: 5, total: 5 };
                    assert_eq!(decode::<Added>(&payload).unwrap(), expected);
                    seen.push("added".into());
                }
                ClientEvent::Answer { id, result, .. } if id == add => {
                    seen.push(format!(
                        "answer {}",
                        decode_output::<u32>(&result.unwrap()).unwrap()
                    ));
                }
                ClientEvent::Answer { id, result, .. } if id == take => {
                    let taken: Result<u32, Underflow> = decode_output(&result.unwrap()).unwrap();
                    assert_eq!(taken, Err(Underflow { total: 5 }));
                    connection.close(CloseReason::normal(), Time::ZERO);
                }
                ClientEvent::Mismatch(mismatch) => panic!("{mismatch:?}"),
                _ => {}
            }
        } else if let Some(transmit) = connection.poll_transmit() {
            send(&mut socket, transmit).await;
        } else {
            receive(&mut socket, &mut connection).await;
        }
    }
    assert_eq!(seen, ["total 0", "total 5", "added", "answer 5"]);
    let (initiator, reason) = (Initiator::Local, CloseReason::new(CloseCode::NORMAL, ""));
    assert_eq!(connection.error(), Some(&ConnectionError::Closed { initiator, reason }));
}

type Socket = WebSocketStream<TcpStream>;

async fn connect(address: std::net::SocketAddr) -> Socket {
    let mut request = format!("ws://{address}/").into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", SUBPROTOCOL.parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    client_async(request, stream).await.unwrap().0
}

async fn send(socket: &mut Socket, transmit: Transmit) {
    let message = match transmit {
        Transmit::Message(message) => Message::Binary(message),
        Transmit::Close(reason) => Message::Close(Some(CloseFrame {
            code: reason.code().0.into(),
            reason: reason.reason().into(),
        })),
    };
    socket.send(message).await.unwrap();
}

async fn receive(socket: &mut Socket, connection: &mut Connection<Client>) {
    match socket.next().await {
        Some(Ok(Message::Binary(message))) => connection.handle_message(message),
        Some(Ok(Message::Text(_))) => connection.handle_text(),
        Some(Ok(Message::Close(close))) => {
            let reason = close.map(|close| {
                CloseReason::new(CloseCode(close.code.into()), close.reason.to_string())
            });
            connection.handle_close(reason);
        }
        Some(Ok(_)) => {}
        Some(Err(error)) => connection.handle_lost(error.to_string()),
        None => connection.handle_lost("the transport ended without a close"),
    }
}
