//! What the benchmarks have in common.

pub mod callgrind;
pub mod counted;

use std::sync::OnceLock;

use bytes::Bytes;
use hardlight_proto::{
    CallId, Client, ClientConfig, ClientEvent, Connection, Role, Server, ServerConfig, ServerEvent,
    ServiceSchema, Time, Transmit, payload::decode,
};

/// A client and a server without a socket: what one sends is what the other receives, in the same memory.
#[derive(Debug)]
pub struct Pair {
    client: Connection<Client>,
    server: Connection<Server>,
}

impl Pair {
    /// A pair that has exchanged its Hellos.
    pub fn open() -> Self {
        Self::with_compression(false)
    }

    /// The same, where compressed payloads are agreed on or not.
    pub fn with_compression(compression: bool) -> Self {
        let now = Time::ZERO;
        let client = ClientConfig::new(schema()).with_compression(compression);
        let server = ServerConfig::new(schema()).with_compression(compression);
        let mut pair = Self {
            client: Connection::client(client, now),
            server: Connection::server(server, Bytes::new(), now),
        };
        deliver(&mut pair.server, &mut pair.client);
        assert!(matches!(
            pair.client.poll_event(),
            Some(ClientEvent::Open { .. })
        ));
        deliver(&mut pair.client, &mut pair.server);
        assert_eq!(pair.server.poll_event(), Some(ServerEvent::Open));
        assert_eq!(pair.server.deflates(), compression);
        pair
    }

    /// Makes `calls` calls that wait for one another on neither side, and runs them until all are answered: encode,
    /// send, decode, handle, and the same way back. The sum of the answers.
    pub fn calls(&mut self, calls: u32) -> u32 {
        for amount in 0..calls {
            self.client.call_value(0, &amount).expect("an id is free");
        }
        deliver(&mut self.client, &mut self.server);
        while let Some(event) = self.server.poll_event() {
            self.handle(event);
        }
        deliver(&mut self.server, &mut self.client);
        std::iter::from_fn(|| self.client.poll_event())
            .map(|event| match event {
                ClientEvent::Answer { result, .. } => output(result.as_deref()),
                event => panic!("{event:?}"),
            })
            .sum()
    }

    /// The same with calls whose input is bytes that stay, and whose answers give them back: what the core alone does.
    pub fn echoes(&mut self, calls: u32) {
        for _ in 0..calls {
            self.client
                .call(0, Bytes::from_static(&[7, 0, 0, 0]))
                .expect("an id is free");
        }
        deliver(&mut self.client, &mut self.server);
        while let Some(event) = self.server.poll_event() {
            let ServerEvent::Call { id, payload, .. } = event else {
                panic!("{event:?}")
            };
            self.server.answer(id, Ok(payload));
        }
        deliver(&mut self.server, &mut self.client);
        while let Some(event) = self.client.poll_event() {
            assert!(matches!(event, ClientEvent::Answer { result: Ok(_), .. }));
        }
    }

    fn handle(&mut self, event: ServerEvent) {
        let ServerEvent::Call { id, payload, .. } = event else {
            panic!("{event:?}");
        };
        self.answer(id, &payload);
    }

    fn answer(&mut self, id: CallId, input: &[u8]) {
        let amount: u32 = decode(input).expect("the input is a number");
        self.server.answer_value(id, &(amount + 1));
    }
}

fn output<E: std::fmt::Debug>(result: Result<&[u8], E>) -> u32 {
    let payload = result.expect("the call was answered");
    decode(payload).expect("the output is a number")
}

fn deliver<A: Role, B: Role>(from: &mut Connection<A>, to: &mut Connection<B>) {
    while let Some(transmit) = from.poll_transmit() {
        match transmit {
            Transmit::Message(message) => to.handle_message(message),
            Transmit::Close(reason) => panic!("closed: {reason}"),
        }
    }
}

fn schema() -> &'static ServiceSchema {
    static SCHEMA: OnceLock<ServiceSchema> = OnceLock::new();
    SCHEMA.get_or_init(|| ServiceSchema::new("Counter").method::<u32, u32>("increment"))
}
