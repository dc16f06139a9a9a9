//! What holds on every runtime. Each test has the name of what it asserts; client and server are of the same runtime.

use std::{
    future::poll_fn,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    pin::pin,
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{Either, join, join_all, select},
};
use hardlight::{
    CallError, ClientAuth, ClientOptions, CloseCode, ConnectError, ConnectPhase, ConnectionError,
    DevelopmentAuthority, Error, EventEmitter, Identity, Initiator, Limits, Received,
    ServerOptions, proto::Time,
};
use hardlight_driver::Timer;

use crate::{
    runtimes::Subject,
    service::{News, Running, suite::Client},
    way::Way,
};

fn secure<R: Subject>() -> Running {
    Running::secure::<R>(ServerOptions::new())
}

fn plain<R: Subject>() -> Running {
    Running::plain::<R>(ServerOptions::new())
}

pub(crate) async fn a_client_calls_and_sees_state_and_events_over_tls<R: Subject>() {
    let server = secure::<R>();
    use_all(&server, &server.connect::<R>().await).await;
    server.stop().await;
}

pub(crate) async fn a_client_calls_without_tls<R: Subject>() {
    let server = plain::<R>();
    use_all(&server, &server.connect_plain::<R>().await).await;
    server.stop().await;
}

/// Calls, state, events of handlers and of the application.
pub(crate) async fn use_all(server: &Running, client: &Client) {
    use_all_with(&server.emitter, client).await;
}

pub(crate) async fn use_all_with(emitter: &EventEmitter<News>, client: &Client) {
    assert_eq!(client.add(2).await, Ok(2));
    assert_eq!(client.add(3).await, Ok(5));
    assert_eq!(client.state().counter, 5);
    let mut events = client.events();
    client.follow("news".to_owned()).await.unwrap();
    client.tell("news".to_owned(), "first".to_owned()).await.unwrap();
    emitter.emit("news", News::Told { text: "second".to_owned() });
    for expected in ["first", "second"] {
        match events.next().await.unwrap() {
            Received::Event { topic, event: News::Told { text } } => {
                assert_eq!((topic.as_str(), text.as_str()), (Some("news"), expected));
            }
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn more_calls_than_fit_wait_in_line<R: Subject>() {
    const CALLS: u32 = 600;
    let server = secure::<R>();
    let client = server.connect::<R>().await;
    let calls = join_all((0..CALLS).map(|number| client.wait(number)));
    let open = async {
        // As many as may be in flight have begun, while none is answered.
        server.gate.begun.acquire_many(256).await.unwrap().forget();
        assert!(server.gate.begun.try_acquire().is_err());
        server.gate.open.add_permits(CALLS as usize);
    };
    let (answers, ()) = join(calls, open).await;
    for (number, answer) in (0..).zip(answers) {
        assert_eq!(answer, Ok(number));
    }
}

pub(crate) async fn a_payload_in_pieces_goes_both_ways<R: Subject>() {
    let server = secure::<R>();
    let client = server.connect::<R>().await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|index| (index % 251) as u8).collect();
    let (echoed, added) = join(client.echo(bytes.clone()), client.add(1)).await;
    assert!(echoed == Ok(bytes), "another payload came back");
    assert_eq!(added, Ok(1));
}

pub(crate) async fn an_input_beyond_the_limit_fails_alone<R: Subject>() {
    let limits = Limits::new().with_max_frame_bytes(100_000);
    let server = Running::secure::<R>(ServerOptions::new().limits(limits));
    let client = server.connect::<R>().await;
    let (large, small) = join(client.echo(vec![1; 200_000]), client.echo(vec![1; 90_000])).await;
    let refused = large.unwrap_err();
    assert!(matches!(refused, Error::Call(CallError::InputTooLarge { .. })), "{refused}");
    assert_eq!(small.unwrap().len(), 90_000);
}

pub(crate) async fn a_call_that_is_dropped_is_cancelled<R: Subject>() {
    let server = plain::<R>();
    let client = server.connect_plain::<R>().await;
    let mut call = Box::pin(client.wait(1));
    assert!(call.as_mut().now_or_never().is_none());
    server.gate.begun.acquire().await.unwrap().forget();
    drop(call);
    server.gate.dropped.acquire().await.unwrap().forget();
    assert_eq!(client.add(1).await, Ok(1));
}

fn exceeded<T>(answer: Result<T, Error>) {
    assert!(matches!(answer, Err(Error::Call(CallError::DeadlineExceeded))));
}

pub(crate) async fn a_call_ends_at_its_deadline_on_both_sides<R: Subject>() {
    let server = secure::<R>();
    let client = server.connect::<R>().await;
    exceeded(client.with_timeout(Duration::from_millis(20)).wait(1).await);
    server.gate.dropped.acquire().await.unwrap().forget();
    assert_eq!(client.add(1).await, Ok(1));
}

pub(crate) async fn a_client_has_a_timeout_for_all_its_calls<R: Subject>() {
    let server = plain::<R>();
    let options = ClientOptions::new().call_timeout(Some(Duration::from_millis(20)));
    let client: Client = R::connect_plain_with(&server.url, options).await.unwrap();
    exceeded(client.wait(1).await);
    server.gate.dropped.acquire().await.unwrap().forget();
    // As if the server answered very slowly.
    let patient = client.with_timeout(Duration::from_secs(3600));
    server.gate.open.add_permits(1);
    assert_eq!(patient.wait(2).await, Ok(2));
}

pub(crate) async fn a_server_ends_calls_that_run_for_too_long<R: Subject>() {
    let options = ServerOptions::new().max_call_time(Some(Duration::from_millis(20)));
    let server = Running::plain::<R>(options);
    let client = server.connect_plain::<R>().await;
    exceeded(client.wait(1).await);
    server.gate.dropped.acquire().await.unwrap().forget();
    assert_eq!(client.add(1).await, Ok(1));
}

pub(crate) async fn a_handler_finds_its_call_also_behind_an_await<R: Subject>() {
    let server = plain::<R>();
    let client = server.connect_plain::<R>().await;
    let timed = client.with_timeout(Duration::from_secs(3600));
    let open = async {
        server.gate.begun.acquire_many(2).await.unwrap().forget();
        server.gate.open.add_permits(2);
    };
    let (timed, untimed, ()) = futures_util::join!(timed.look(), client.look(), open);
    let (remaining, method) = timed.unwrap();
    let hour = Duration::from_secs(3600);
    assert!(remaining.is_some_and(|left| left <= hour && left > hour / 2), "{remaining:?}");
    assert_eq!((method.as_str(), untimed), ("look", Ok((None, "look".to_owned()))));
}

pub(crate) async fn a_handler_that_cannot_be_cancelled_outlives_its_connection<R: Subject>() {
    let server = plain::<R>();
    let way = Way::to(server.addr);
    let client: Client = R::connect_plain(&way.url).await.unwrap();
    let cut = async {
        server.gate.begun.acquire().await.unwrap().forget();
        way.cut();
    };
    let (answer, ()) = join(client.finish(1), cut).await;
    assert!(matches!(answer, Err(Error::Indeterminate(_))), "{answer:?}");
    let (gate, mut stopping) = (server.gate.clone(), Box::pin(server.stop()));
    assert!(stopping.as_mut().now_or_never().is_none());
    gate.open.add_permits(1);
    stopping.await;
    assert!(gate.dropped.try_acquire().is_err() && gate.open.try_acquire().is_err());
}

pub(crate) async fn a_stop_waits_no_longer_than_the_grace_for_a_handler_that_cannot_be_cancelled<
    R: Subject,
>() {
    let server = Running::plain::<R>(ServerOptions::new().stop_grace(Duration::from_millis(20)));
    let client = server.connect_plain::<R>().await;
    let (gate, call) = (server.gate.clone(), client.finish(1));
    let stop = async {
        gate.begun.acquire().await.unwrap().forget();
        server.stop().await;
        gate.dropped.try_acquire().unwrap().forget();
    };
    let (answer, ()) = join(call, stop).await;
    assert!(answer.is_err());
}

pub(crate) async fn a_client_may_drive_its_connection_itself<R: Subject>() {
    let server = secure::<R>();
    let options = server.options.clone();
    let (client, driver) = R::connect_driver::<Client>(&server.url, options).await.unwrap();
    let calls = async {
        assert_eq!(client.add(7).await, Ok(7));
        client.close().await;
        drop(client);
    };
    let ((), ended) = join(calls, driver).await;
    assert!(
        matches!(ended, ConnectionError::Closed { initiator: Initiator::Local, .. }),
        "{ended}"
    );
}

pub(crate) async fn a_future_that_connects_is_small<R: Subject>() {
    let connecting = R::connect_with::<Client>("wss://localhost", ClientOptions::new());
    assert!(size_of_val(&connecting) < 2048, "{} bytes", size_of_val(&connecting));
}

pub(crate) async fn a_factory_refuses_with_its_status<R: Subject>() {
    let server = secure::<R>();
    let url = format!("{}/nowhere", server.url);
    match R::connect_with::<Client>(&url, server.options.clone()).await {
        Err(ConnectError::Refused { status, reason, .. }) => {
            assert_eq!((status.as_u16(), reason.as_str()), (404, "not found"));
        }
        other => panic!("{:?}", other.err()),
    }
    server.stop().await;
}

pub(crate) async fn a_factory_that_panics_takes_nothing_else_with_it<R: Subject>() {
    let server = plain::<R>();
    let client = server.connect_plain::<R>().await;
    let url = format!("{}/panic", server.url);
    assert!(R::connect_plain::<Client>(&url).await.is_err());
    assert_eq!(client.add(1).await, Ok(1));
    assert_eq!(server.connect_plain::<R>().await.add(1).await, Ok(1));
}

/// Sends this and reads until the server hangs up.
fn answer(server: &Running, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) async fn a_refused_client_gets_to_read_why<R: Subject>() {
    // No timeout hangs up in the server's place: it has to say that it has nothing more to say.
    let options = ServerOptions::new().handshake_timeout(Duration::MAX);
    let server = Running::plain::<R>(options);
    let told = answer(&server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(told.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{told}");
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n", "x".repeat(40_000));
    let told = answer(&server, head.as_bytes());
    assert!(told.starts_with("HTTP/1.1 431 "), "{told}");
}

pub(crate) async fn a_client_that_sends_no_request_is_dropped<R: Subject>() {
    let options = ServerOptions::new().handshake_timeout(Duration::from_millis(20));
    for server in [Running::plain::<R>(options.clone()), Running::secure::<R>(options)] {
        assert_eq!(answer(&server, b""), "");
    }
}

pub(crate) async fn a_client_that_says_nothing_is_given_up<R: Subject>() {
    let limits = Limits::new().with_heartbeat_interval(Some(Duration::from_millis(200)));
    let server = Running::secure::<R>(ServerOptions::new().limits(limits));
    let options = server.options.clone();
    let (client, driver) = R::connect_driver::<Client>(&server.url, options).await.unwrap();
    let driven = Box::pin(join(client.wait(1), driver));
    let begun = Box::pin(server.gate.begun.acquire());
    let Either::Left((_, _driven)) = select(begun, driven).await else { panic!("it has ended") };
    // From here on nobody drives the client.
    server.gate.dropped.acquire().await.unwrap().forget();
}

pub(crate) async fn a_connection_that_is_cut_ends_its_calls<R: Subject>() {
    let server = plain::<R>();
    let way = Way::to(server.addr);
    let client: Client = R::connect_plain(&way.url).await.unwrap();
    let cut = async {
        server.gate.begun.acquire().await.unwrap().forget();
        way.cut();
        // The handler is dropped with the connection.
        server.gate.dropped.acquire().await.unwrap().forget();
    };
    let (answer, ()) = join(client.wait(1), cut).await;
    assert!(matches!(answer, Err(Error::Indeterminate(_))), "{answer:?}");
    assert!(matches!(client.closed().await, ConnectionError::Lost(_)));
    server.stop().await;
}

async fn rung<M: Timer>(timer: &mut M) {
    poll_fn(|cx| timer.poll_expired(cx)).await;
}

pub(crate) async fn a_timer_rings_when_its_deadline_has_passed_and_not_before<R: Subject>() {
    let mut timer = R::timer();
    assert!(rung(&mut timer).now_or_never().is_none(), "no deadline was set");
    for milliseconds in [10, 5] {
        let deadline = timer.now() + Duration::from_millis(milliseconds);
        timer.reset(deadline);
        rung(&mut timer).await;
        assert!(timer.now() >= deadline);
        assert!(rung(&mut timer).now_or_never().is_some(), "it goes on ringing");
    }
}

pub(crate) async fn a_later_deadline_of_a_timer_replaces_an_earlier_one<R: Subject>() {
    let (mut timer, mut passing) = (R::timer(), R::timer());
    timer.reset(timer.now() + Duration::from_millis(5));
    assert!(rung(&mut timer).now_or_never().is_none());
    timer.reset(Time::from_micros(u64::MAX));
    assert!(rung(&mut timer).now_or_never().is_none());
    passing.reset(passing.now() + Duration::from_millis(10));
    match select(pin!(rung(&mut passing)), pin!(rung(&mut timer))).await {
        Either::Left(((), rings)) => assert!(rings.now_or_never().is_none()),
        Either::Right(_) => panic!("it rang at the earlier deadline"),
    }
    timer.reset(Time::ZERO);
    assert!(rung(&mut timer).now_or_never().is_some(), "a deadline in the past rings at once");
}

pub(crate) fn assert_tls(connected: Result<Client, ConnectError>) {
    match connected {
        Err(ConnectError::Tls { name, .. }) => assert_eq!(name, "localhost"),
        other => panic!("{:?}", other.err()),
    }
}

pub(crate) async fn a_certificate_that_is_not_trusted_is_refused<R: Subject>() {
    let server = secure::<R>();
    let other = Identity::development(["localhost"]).unwrap();
    let options = ClientOptions::new().trust(other.certificate());
    assert_tls(R::connect_with(&server.url, options).await);
}

pub(crate) async fn a_certificate_is_replaced_while_a_server_runs<R: Subject>() {
    let server = secure::<R>();
    let before = server.connect::<R>().await;
    let renewed = Identity::development(["localhost"]).unwrap();
    let trust = ClientOptions::new().trust(renewed.certificate());
    let early = R::connect_with::<Client>(&server.url, trust.clone()).await.unwrap_err();
    assert!(matches!(early, ConnectError::Tls { .. }), "{early}");

    server.handle.replace_identity(renewed);
    let after = R::connect_with::<Client>(&server.url, trust).await.unwrap();
    // Each connection has a counter of its own.
    assert_eq!(after.add(1).await, Ok(1));
    assert_eq!(before.add(2).await, Ok(2));
    server.stop().await;
}

pub(crate) async fn a_server_without_tls_is_no_server_for_a_client_with_tls<R: Subject>() {
    let (plain, secure) = (plain::<R>(), secure::<R>());
    let url = format!("wss://localhost:{}", plain.addr.port());
    assert_tls(R::connect_with(&url, secure.options.clone()).await);
    let url = format!("ws://127.0.0.1:{}", secure.addr.port());
    assert!(R::connect_plain::<Client>(&url).await.is_err());
}

/// A server that asks for certificates of this authority.
fn mutual<R: Subject>(authority: &DevelopmentAuthority) -> Running {
    let client_auth = ClientAuth::Required(authority.trust());
    Running::secure::<R>(ServerOptions::new().client_auth(client_auth))
}

pub(crate) async fn the_certificate_of_a_client_reaches_the_factory<R: Subject>() {
    let authority = DevelopmentAuthority::new().unwrap();
    let server = mutual::<R>(&authority);
    let identity = authority.issue(["alice"]).unwrap();
    let options = server.options.clone().identity(identity.clone());
    let client: Client = R::connect_with(&server.url, options).await.unwrap();
    assert_eq!(client.state().certificate, identity.certificate().der());
}

pub(crate) async fn a_client_without_the_certificate_that_is_required_is_refused<R: Subject>() {
    let server = mutual::<R>(&DevelopmentAuthority::new().unwrap());
    assert_tls(R::connect_with(&server.url, server.options.clone()).await);
}

pub(crate) async fn a_server_that_is_not_there_is_named<R: Subject>() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = R::connect_plain::<Client>(&format!("ws://{addr}")).await.err().unwrap();
    assert!(matches!(error, ConnectError::Io { .. }), "{error}");
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
}

pub(crate) async fn a_server_that_says_nothing_is_given_up<R: Subject>() {
    let limit = Duration::from_millis(200);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", silent.local_addr().unwrap());
    let options = ClientOptions::new().connect_timeout(limit);
    match R::connect_plain_with::<Client>(&url, options).await {
        Err(ConnectError::Timeout { phase, limit: told }) => {
            assert_eq!((phase, told), (ConnectPhase::WebSocket, limit));
        }
        other => panic!("{:?}", other.err()),
    }
}

pub(crate) async fn a_stop_lets_calls_finish_and_tells_clients<R: Subject>() {
    let server = secure::<R>();
    let (busy, idle) = join(server.connect::<R>(), server.connect::<R>()).await;
    let mut call = Box::pin(busy.wait(21));
    assert!(call.as_mut().now_or_never().is_none());
    server.gate.begun.acquire().await.unwrap().forget();
    let (gate, mut stopping) = (server.gate.clone(), Box::pin(server.stop()));
    assert!(stopping.as_mut().now_or_never().is_none());
    assert_going_away(idle.closed().await);
    gate.open.add_permits(1);
    assert_eq!(call.await, Ok(21));
    assert_going_away(busy.closed().await);
    stopping.await;
}

pub(crate) fn assert_going_away(ended: ConnectionError) {
    match ended {
        ConnectionError::Closed { initiator, reason } => {
            assert_eq!((initiator, reason.code()), (Initiator::Remote, CloseCode::GOING_AWAY));
            assert_eq!(reason.reason(), "the server is stopping");
        }
        error => panic!("{error}"),
    }
}

pub(crate) async fn a_stop_aborts_what_is_still_open_after_the_grace<R: Subject>() {
    let server = Running::plain::<R>(ServerOptions::new().stop_grace(Duration::from_millis(20)));
    let client = server.connect_plain::<R>().await;
    let (gate, call) = (server.gate.clone(), client.wait(1));
    let stop = async {
        gate.begun.acquire().await.unwrap().forget();
        server.stop().await;
        // Whatever the connection held is gone once the server has stopped.
        gate.dropped.try_acquire().unwrap().forget();
    };
    let (answer, ()) = join(call, stop).await;
    assert!(answer.is_err());
}

pub(crate) async fn dropping_a_server_aborts_its_connections<R: Subject>() {
    let server = plain::<R>();
    let client = server.connect_plain::<R>().await;
    let handle = server.handle.clone();
    server.abandon();
    assert!(matches!(client.closed().await, ConnectionError::Lost(_)));
    handle.stop().await;
}

pub(crate) async fn clients_come_and_go<R: Subject>() {
    let server = plain::<R>();
    for _ in 0..50 {
        assert_eq!(server.connect_plain::<R>().await.add(1).await, Ok(1));
    }
    // Every client closed when it was dropped, so nothing is left to wait for.
    server.stop().await;
}
