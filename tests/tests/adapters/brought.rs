//! Connections that come by other ways than a server's listener: over a stream of bytes, over whole messages.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_channel::mpsc;
use futures_util::{FutureExt, Sink, Stream, StreamExt, future::join};
use hardlight::{
    ClientOptions, CloseCode, ConnectError, ConnectionError, EventEmitter, FramePair, Peer,
    ServerHandle, ServerOptions, http,
};
use hardlight_ws::{Mount, Server, connect_frames};

use crate::{
    runtimes::{Subject, pair},
    service::{Gate, News, factory, suite::Client},
    suite::{assert_going_away, use_all_with},
};

/// A server that does not listen, on the test's own runtime.
struct Unbound<R: Subject> {
    mount: Mount<R>,
    handle: ServerHandle,
    emitter: EventEmitter<News>,
    gate: Arc<Gate>,
    task: R::Task,
}

impl<R: Subject> Unbound<R> {
    fn start(options: ServerOptions) -> Self {
        let gate = Arc::new(Gate::new());
        let made = Arc::clone(&gate);
        let server = Server::<R, _>::unbound(move |connection, request| {
            factory(connection, request, Arc::clone(&made))
        });
        let server = server.with_options(options);
        let (mount, handle, emitter) = (server.mount(), server.handle(), server.emitter());
        Self { mount, handle, emitter, gate, task: R::spawn(server.run()) }
    }

    async fn connect_stream(&self, url: &str) -> Result<Client, ConnectError> {
        let (client, server) = pair();
        self.mount.serve_stream(R::pipe(server), None);
        R::connect_stream(R::pipe(client), url).await
    }

    async fn connect_frames(&self, request: http::Request<()>) -> Result<Client, ConnectError> {
        let (client, server) = frames();
        self.mount.serve_frames(server, request, Peer::unknown());
        connect_frames::<R, Client, _>(client, ClientOptions::new()).await
    }

    async fn stop(self) {
        self.handle.stop().await;
        self.task.await;
    }
}

type Incoming = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, Infallible>> + Send>>;
type Outgoing = std::pin::Pin<Box<dyn Sink<Bytes, Error = mpsc::SendError> + Send>>;

/// Two ends of a pair of channels.
fn frames() -> (FramePair<Incoming, Outgoing>, FramePair<Incoming, Outgoing>) {
    let (to_server, at_server) = mpsc::channel::<Bytes>(4);
    let (to_client, at_client) = mpsc::channel::<Bytes>(4);
    let end = |incoming: mpsc::Receiver<Bytes>, outgoing| {
        let incoming: Incoming = Box::pin(incoming.map(Ok));
        FramePair::new(incoming, Box::pin(outgoing) as Outgoing)
    };
    (end(at_client, to_server), end(at_server, to_client))
}

fn at(path: &str) -> http::Request<()> {
    http::Request::get(path).body(()).unwrap()
}

async fn use_everything(emitter: &EventEmitter<News>, client: &Client) {
    use_all_with(emitter, client).await;
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|index| (index % 251) as u8).collect();
    let (echoed, added) = join(client.echo(bytes.clone()), client.add(1)).await;
    assert!(echoed == Ok(bytes), "another payload came back");
    assert_eq!(added, Ok(6));
}

pub(crate) async fn a_stream_of_the_applications_carries_a_connection<R: Subject>() {
    let server = Unbound::<R>::start(ServerOptions::new());
    let client = server.connect_stream("ws://localhost/").await.unwrap();
    use_everything(&server.emitter, &client).await;
    client.close().await;
    server.stop().await;
}

pub(crate) async fn whole_messages_carry_a_connection<R: Subject>() {
    let server = Unbound::<R>::start(ServerOptions::new());
    let client = server.connect_frames(at("/")).await.unwrap();
    use_everything(&server.emitter, &client).await;
    client.close().await;
    server.stop().await;
}

pub(crate) async fn one_server_has_connections_by_all_ways<R: Subject>() {
    let gate = Arc::new(Gate::new());
    let server = Server::<R>::bind_plain("127.0.0.1:0", move |connection, request| {
        factory(connection, request, Arc::clone(&gate))
    });
    let server = server.await.unwrap();
    let (url, mount, handle) = (server.url("127.0.0.1"), server.mount(), server.handle());
    let task = R::spawn(server.run());
    let over_tcp: Client = R::connect_plain(&url).await.unwrap();
    let (end, other) = pair();
    mount.serve_stream(R::pipe(other), None);
    let over_stream: Client = R::connect_stream(R::pipe(end), "ws://localhost").await.unwrap();
    let (end, other) = frames();
    mount.serve_frames(other, at("/"), None);
    let over_frames: Client = connect_frames::<R, _, _>(end, ClientOptions::new()).await.unwrap();
    // They share the topics.
    for client in [&over_tcp, &over_stream, &over_frames] {
        client.follow("news".to_owned()).await.unwrap();
    }
    let mut streams = [over_tcp.events(), over_stream.events(), over_frames.events()];
    over_tcp.tell("news".to_owned(), "to all".to_owned()).await.unwrap();
    for stream in &mut streams {
        assert!(stream.next().await.is_some());
    }
    handle.stop().await;
    for client in [over_tcp, over_stream, over_frames] {
        assert_going_away(client.closed().await);
    }
    task.await;
}

pub(crate) async fn a_factory_refuses_whoever_it_is_brought<R: Subject>() {
    let server = Unbound::<R>::start(ServerOptions::new());
    let by_status = server.connect_stream("ws://localhost/nowhere").await.err().unwrap();
    let by_close = server.connect_frames(at("/nowhere")).await.err().unwrap();
    for (error, code) in [(by_status, None), (by_close, Some(CloseCode(4404)))] {
        match error {
            ConnectError::Refused { status, reason, close_code, .. } => {
                let told = (status.as_u16(), reason.as_str(), close_code);
                assert_eq!(told, (404, "not found", code));
            }
            other => panic!("{other:?}"),
        }
    }
    let panicked = server.connect_frames(at("/panic")).await;
    assert!(matches!(panicked, Err(ConnectError::Connection(ConnectionError::Lost(_)))));
    server.stop().await;
}

pub(crate) async fn a_web_page_of_another_origin_is_refused_over_messages_too<R: Subject>() {
    let server = Unbound::<R>::start(ServerOptions::new());
    let mut request = at("/");
    request.headers_mut().insert("host", "localhost".parse().unwrap());
    request.headers_mut().insert("origin", "https://elsewhere.example".parse().unwrap());
    match server.connect_frames(request).await {
        Err(ConnectError::Refused { status, .. }) => assert_eq!(status.as_u16(), 403),
        other => panic!("{:?}", other.err()),
    }
    server.stop().await;
}

pub(crate) async fn a_stop_lets_calls_of_brought_connections_finish<R: Subject>() {
    let server = Unbound::<R>::start(ServerOptions::new());
    let over_stream = server.connect_stream("ws://localhost").await.unwrap();
    let over_frames = server.connect_frames(at("/")).await.unwrap();
    let mut calls = Box::pin(join(over_stream.wait(1), over_frames.wait(2)));
    assert!(calls.as_mut().now_or_never().is_none());
    server.gate.begun.acquire_many(2).await.unwrap().forget();
    let gate = Arc::clone(&server.gate);
    let mut stopping = Box::pin(server.stop());
    assert!(stopping.as_mut().now_or_never().is_none());
    gate.open.add_permits(2);
    assert_eq!(calls.await, (Ok(1), Ok(2)));
    assert_going_away(over_stream.closed().await);
    assert_going_away(over_frames.closed().await);
    stopping.await;
}

pub(crate) async fn dropping_a_server_aborts_brought_connections_and_takes_no_more<R: Subject>() {
    let server = Unbound::<R>::start(ServerOptions::new());
    let over_stream = server.connect_stream("ws://localhost").await.unwrap();
    let over_frames = server.connect_frames(at("/")).await.unwrap();
    let Unbound { mount, handle, task, .. } = server;
    R::cancel(task).await;
    assert!(matches!(over_stream.closed().await, ConnectionError::Lost(_)));
    assert!(matches!(over_frames.closed().await, ConnectionError::Lost(_)));
    let (end, other) = frames();
    mount.serve_frames(other, at("/"), None);
    let late = connect_frames::<R, Client, _>(end, ClientOptions::new()).await;
    assert!(matches!(late, Err(ConnectError::Connection(ConnectionError::Lost(_)))));
    handle.stop().await;
}

pub(crate) async fn a_client_that_sends_no_request_over_a_stream_is_dropped<R: Subject>() {
    let options = ServerOptions::new().handshake_timeout(Duration::from_millis(20));
    let server = Unbound::<R>::start(options);
    let (mut client, end) = pair();
    server.mount.serve_stream(R::pipe(end), None);
    let read = R::unblock(move || std::io::Read::read(&mut client, &mut [0; 1]));
    assert_eq!(read.await.unwrap(), 0);
    server.stop().await;
}
