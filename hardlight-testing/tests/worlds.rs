//! Servers and clients in memory: what the clock shows, and what the network does to them.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, future::join};
use hardlight_testing::{
    CallError, ClientOptions, CloseCode, ConnectError, ConnectionError, ConnectionState,
    ConnectionStatus, Error, EventEmitter, Events, Identity, Initiator, Keep, Limits, Link,
    Network, Received, Reconnect, Refusal, Request, Server, ServerHandle, ServerOptions,
    TopicOptions, World, connect_plain, connect_plain_with, connect_with, now, rpc, sleep, spawn,
};

const SECOND: Duration = Duration::from_secs(1);
const LATENCY: Duration = Duration::from_millis(50);

#[rpc(state = State, events = Noise)]
trait Room {
    async fn enter(&self, topic: String) -> u32;
    async fn echo(&self, bytes: Vec<u8>) -> Vec<u8>;
    /// Answers after so many milliseconds.
    async fn slow(&self, milliseconds: u64) -> u64;
    async fn hang(&self);
}

#[derive(ConnectionState)]
struct State {
    entered: u32,
}

#[derive(Debug, Events, PartialEq)]
enum Noise {
    Said(u32),
}

struct App {
    connection: room::Connection,
}

impl Room for App {
    async fn enter(&self, topic: String) -> u32 {
        self.connection.subscriptions.add(topic).expect("the name is short");
        let mut state = self.connection.state.lock();
        state.entered += 1;
        state.entered
    }

    async fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    async fn slow(&self, milliseconds: u64) -> u64 {
        sleep(Duration::from_millis(milliseconds)).await;
        milliseconds
    }

    async fn hang(&self) {
        pending::<()>().await;
    }
}

async fn accept(connection: room::Connection, request: Request) -> Result<App, Refusal> {
    match request.path() {
        "/" => Ok(App { connection }),
        "/never" => pending().await,
        _ => Err(Refusal::not_found()),
    }
}

struct Running {
    url: String,
    handle: ServerHandle,
    emitter: EventEmitter<Noise>,
}

async fn serve(options: ServerOptions) -> Running {
    let server = Server::bind_plain("rooms:80", accept).await.unwrap().with_options(options);
    server.hub().configure("kept", TopicOptions::new().keep(Keep::events(100)));
    let (url, handle, emitter) = (server.url("rooms"), server.handle(), server.emitter());
    spawn(server.run()).detach();
    Running { url, handle, emitter }
}

async fn connect(server: &Running) -> room::Client {
    connect_plain(&server.url).await.unwrap()
}

/// Runs a test with its network.
fn with_network<F: Future>(test: impl FnOnce(Network) -> F) -> F::Output {
    let world = World::new();
    let network = world.network();
    world.run(test(network))
}

#[test]
fn calls_state_and_events_take_no_time() {
    World::new().run(async {
        let server = serve(ServerOptions::new()).await;
        let client = connect(&server).await;
        let mut events = client.events();
        assert_eq!(client.enter("room".to_owned()).await, Ok(1));
        assert_eq!(client.state().entered, 1);
        server.emitter.emit("room", Noise::Said(7));
        let expected = Received::Event { topic: "room".into(), event: Noise::Said(7) };
        assert_eq!(events.next().await, Some(expected));
        let bytes = vec![3; 1_000_000];
        assert!(client.echo(bytes.clone()).await == Ok(bytes), "another payload came back");
        assert_eq!(now(), Duration::ZERO);
    });
}

#[test]
fn hours_pass_at_once_and_heartbeats_with_them() {
    World::new().run(async {
        let server = serve(ServerOptions::new()).await;
        let client = connect(&server).await;
        sleep(3600 * SECOND).await;
        assert_eq!(client.enter("room".to_owned()).await, Ok(1));
        assert_eq!(client.slow(1500).await, Ok(1500));
        assert_eq!(now(), 3600 * SECOND + Duration::from_millis(1500));
    });
}

#[test]
fn a_call_takes_what_its_way_takes() {
    with_network(async |network| {
        let server = serve(ServerOptions::new()).await;
        network.set_link(Link::new().with_latency(LATENCY));
        let client = connect(&server).await;
        // The request, and the response with Hello and the snapshot behind it.
        assert_eq!(now(), 2 * LATENCY);
        let before = now();
        client.enter("room".to_owned()).await.unwrap();
        assert_eq!(now() - before, 2 * LATENCY);
    });
}

#[test]
fn a_long_payload_takes_what_the_line_takes_and_a_short_call_does_not_wait_for_it() {
    with_network(async |network| {
        let server = serve(ServerOptions::new()).await;
        let client = connect(&server).await;
        network.connections()[0].set_link(Link::new().with_bytes_per_second(100_000));
        let began = now();
        let short = async {
            client.enter("room".to_owned()).await.unwrap();
            now() - began
        };
        let long = async {
            client.echo(vec![0; 500_000]).await.unwrap();
            now() - began
        };
        let (long, short) = join(long, short).await;
        assert!((5 * SECOND..11 * SECOND).contains(&long), "{long:?}");
        assert!(short < 2 * SECOND, "{short:?}");
    });
}

#[test]
fn a_connection_that_is_cut_ends_calls_and_the_next_one_misses_no_event() {
    with_network(async |network| {
        let server = serve(ServerOptions::new()).await;
        let client = connect(&server).await;
        client.enter("kept".to_owned()).await.unwrap();
        server.emitter.emit("kept", Noise::Said(1));
        // Once it has arrived.
        client.enter("kept".to_owned()).await.unwrap();
        let mut hanging = Box::pin(client.hang());
        assert!(hanging.as_mut().now_or_never().is_none());
        network.cut();
        assert!(matches!(hanging.await, Err(Error::Indeterminate(ConnectionError::Lost(_)))));
        assert!(network.connections().is_empty());
        server.emitter.emit("kept", Noise::Said(2));

        let options = ClientOptions::new().resume(client.resume_point().await);
        let client: room::Client = connect_plain_with(&server.url, options).await.unwrap();
        let mut events = client.events();
        client.enter("kept".to_owned()).await.unwrap();
        let missed = Received::Event { topic: "kept".into(), event: Noise::Said(2) };
        assert_eq!(events.next().await, Some(missed));
    });
}

#[test]
fn a_client_that_is_not_heard_is_given_up_after_three_silent_heartbeats_and_not_before() {
    with_network(async |network| {
        let limits = Limits::new().with_heartbeat_interval(Some(10 * SECOND));
        let server = serve(ServerOptions::new().limits(limits)).await;
        let client = connect(&server).await;
        // The client's Hello has arrived, or that is what the server would wait for.
        client.enter("room".to_owned()).await.unwrap();
        let connection = network.connections().remove(0);
        connection.stall_to_server();
        assert!(client.hang().await.is_err());
        // In the first interval the client was heard.
        assert_eq!(now(), 40 * SECOND);
        let ended = client.closed().await;
        match ended {
            ConnectionError::Closed { initiator, reason } => {
                assert_eq!(initiator, Initiator::Remote);
                assert_eq!(reason.code(), CloseCode::HEARTBEAT_TIMEOUT);
            }
            other => panic!("{other}"),
        }
    });
}

#[test]
fn what_is_stalled_arrives_when_it_is_resumed() {
    with_network(async |network| {
        let server = serve(ServerOptions::new()).await;
        let client = connect(&server).await;
        let connection = network.connections().remove(0);
        connection.stall();
        let mut call = Box::pin(client.enter("room".to_owned()));
        assert!(call.as_mut().now_or_never().is_none());
        sleep(5 * SECOND).await;
        assert!(call.as_mut().now_or_never().is_none());
        connection.resume();
        assert_eq!(call.await, Ok(1));
        assert_eq!(now(), 5 * SECOND);
    });
}

#[test]
fn tls_works_as_anywhere() {
    World::new().run(async {
        let identity = Identity::development(["rooms"]).unwrap();
        let trust = ClientOptions::new().trust(identity.certificate());
        let server = Server::bind("rooms:443", identity, accept).await.unwrap();
        let url = server.url("rooms");
        spawn(server.run()).detach();
        let client: room::Client = connect_with(&url, trust).await.unwrap();
        assert_eq!(client.enter("room".to_owned()).await, Ok(1));
        let other = Identity::development(["rooms"]).unwrap();
        let trust = ClientOptions::new().trust(other.certificate());
        let refused = connect_with::<room::Client>(&url, trust).await;
        assert!(matches!(refused, Err(ConnectError::Tls { .. })));
    });
}

#[test]
fn a_refusal_has_its_status_and_a_factory_its_time() {
    World::new().run(async {
        let server = serve(ServerOptions::new().handshake_timeout(3 * SECOND)).await;
        for (path, expected) in [("nowhere", 404), ("never", 503)] {
            let url = format!("{}/{path}", server.url);
            match connect_plain::<room::Client>(&url).await {
                Err(ConnectError::Refused { status, .. }) => assert_eq!(status, expected),
                other => panic!("{:?}", other.err()),
            }
        }
        assert_eq!(now(), 3 * SECOND);
    });
}

#[test]
fn a_server_that_stops_waits_for_calls_up_to_its_grace() {
    World::new().run(async {
        let limits = Limits::new().with_close_timeout(20 * SECOND);
        let options = ServerOptions::new().limits(limits).stop_grace(5 * SECOND);
        let server = serve(options).await;
        let (client, idle) = (connect(&server).await, connect(&server).await);
        let (slow, hanging) = (client.slow(2000), client.hang());
        let (slow, hanging, (), idle) = {
            let stop = async {
                sleep(SECOND).await;
                server.handle.stop().await;
            };
            futures_util::join!(slow, hanging, stop, idle.closed())
        };
        assert_eq!(slow, Ok(2000));
        assert!(hanging.is_err());
        assert!(matches!(idle, ConnectionError::Closed { initiator: Initiator::Remote, .. }));
        assert_eq!(now(), 6 * SECOND);
    });
}

#[test]
fn a_server_that_is_not_there_refuses_and_a_name_is_listened_at_once() {
    World::new().run(async {
        let nowhere = connect_plain::<room::Client>("ws://rooms:80").await;
        assert!(matches!(nowhere, Err(ConnectError::Io { .. })));
        let _first = Server::bind_plain("rooms:80", accept).await.unwrap();
        assert!(Server::bind_plain("rooms:80", accept).await.is_err());
        assert!(Server::bind_plain("others:80", accept).await.is_ok());
        assert!(Server::bind_plain("no port", accept).await.is_err());
    });
}

#[test]
fn the_same_test_takes_the_same_time_again() {
    let times = || {
        with_network(async |network| {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let server = serve(ServerOptions::new()).await;
            let link = Link::new().with_latency(LATENCY).with_bytes_per_second(1_000_000);
            network.set_link(link);
            let clients = join(connect(&server), connect(&server)).await;
            for (client, milliseconds) in [(clients.0, 30), (clients.1, 20)] {
                let seen = Arc::clone(&seen);
                spawn(async move {
                    for _ in 0..10 {
                        client.slow(milliseconds).await.unwrap();
                        seen.lock().unwrap().push(now());
                    }
                })
                .await;
            }
            let seen = seen.lock().unwrap();
            seen.clone()
        })
    };
    assert_eq!(times(), times());
}

#[test]
fn a_task_that_is_cancelled_holds_nothing_afterwards() {
    World::new().run(async {
        let held = Arc::new(());
        let holds = Arc::clone(&held);
        let task = spawn(async move {
            let _holds = holds;
            pending::<()>().await;
        });
        sleep(SECOND).await;
        assert_eq!(Arc::strong_count(&held), 2);
        task.cancel().await;
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

#[test]
fn what_is_left_when_a_test_ends_is_dropped() {
    let held = Arc::new(());
    let holds = Arc::clone(&held);
    World::new().run(async move {
        let server = serve(ServerOptions::new()).await;
        let client = connect(&server).await;
        spawn(async move {
            let _ = client.hang().await;
            drop(holds);
        })
        .detach();
        sleep(SECOND).await;
    });
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
#[should_panic(expected = "waits for what never comes")]
fn a_test_that_waits_for_nothing_fails() {
    World::new().run(pending::<()>());
}

#[test]
#[should_panic(expected = "has not come in")]
fn a_test_that_waits_while_connections_are_open_fails_too() {
    World::new().with_patience(600 * SECOND).run(async {
        let server = serve(ServerOptions::new()).await;
        let client = connect(&server).await;
        let _ = client.hang().await;
    });
}

#[test]
#[should_panic(expected = "within `World::run` only")]
fn outside_of_a_world_there_is_no_clock() {
    now();
}

#[test]
fn calls_beyond_what_may_be_in_flight_fail_if_they_do_not_wait() {
    World::new().run(async {
        let server = serve(ServerOptions::new()).await;
        let client = connect(&server).await;
        let calls: Vec<_> = (0..256)
            .map(|_| {
                let mut call = Box::pin(client.hang());
                assert!(call.as_mut().now_or_never().is_none());
                call
            })
            .collect();
        let one_more = client.try_hang().await;
        assert_eq!(one_more, Err(Error::Call(CallError::TooManyCallsInFlight)));
        drop(calls);
    });
}

#[test]
fn a_timeout_on_a_stalled_connection_takes_the_time_of_the_world() {
    with_network(async |network| {
        sleep(3600 * SECOND).await;
        let server = serve(ServerOptions::new()).await;
        let client = connect(&server).await;
        let (timed, began) = (client.with_timeout(30 * SECOND), now());
        network.connections()[0].stall();
        assert_eq!(timed.enter("room".into()).await, Err(Error::Call(CallError::DeadlineExceeded)));
        assert_eq!(now() - began, 30 * SECOND);
    });
}

#[test]
fn a_server_ends_a_call_by_the_time_of_the_world() {
    World::new().run(async {
        let server = serve(ServerOptions::new().max_call_time(Some(5 * SECOND))).await;
        let client = connect(&server).await;
        let began = now();
        assert_eq!(client.hang().await, Err(Error::Call(CallError::DeadlineExceeded)));
        assert_eq!(now() - began, 5 * SECOND);
    });
}

#[test]
fn a_client_that_comes_back_does_so_by_the_time_of_the_world() {
    with_network(async |network| {
        let server = serve(ServerOptions::new()).await;
        let options = ClientOptions::new().reconnect(Reconnect::new());
        let client: room::Client = connect_plain_with(&server.url, options).await.unwrap();
        assert_eq!(client.enter("room".into()).await, Ok(1));
        let mut statuses = client.watch_status();
        for _ in 0..2 {
            // It has lasted, so the first pause is a short one each time.
            sleep(11 * SECOND).await;
            network.cut();
            let status = statuses.changed().await;
            let Some(ConnectionStatus::Waiting { attempt: 1, delay, .. }) = status else {
                panic!("{status:?}")
            };
            let began = now();
            assert_eq!(client.enter("room".into()).await, Ok(1));
            // A timer counts microseconds.
            assert_eq!((now() - began).as_micros(), delay.as_micros());
            while !client.status().is_connected() {
                statuses.changed().await;
            }
            statuses = client.watch_status();
        }
    });
}

#[test]
fn no_time_is_too_long_to_wait() {
    World::new().run(async {
        let mut for_ever = Box::pin(sleep(Duration::MAX));
        assert!(for_ever.as_mut().now_or_never().is_none());
    });
}

#[test]
#[should_panic = "before a mount is taken"]
fn options_are_set_before_a_mount_is_taken() {
    let server = Server::unbound(accept);
    drop(server.mount());
    drop(server.with_options(ServerOptions::new()));
}
