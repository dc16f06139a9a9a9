//! A service whose handlers show what they find around their call, and ends of it whose clocks the test moves.

use std::{
    cell::RefCell,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use event_listener::Event;
use futures_executor::LocalPool;
use hardlight_driver::{
    Acceptor, CallContext, Connected, Endpoint, EventHub, Retry, ServiceClient, Telemetry,
    client_over,
    layer::Layers,
    proto::{ClientConfig, ConnectionError, Frame, Frames, Limits},
};
use hardlight_macros::{Feature, codable, rpc};
use parking_lot::Mutex;

use super::{ManualTimer, Pipe, joined::note_end, transport};

/// Where the client is, to the server, and who it says that it is.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7)), 50_000);
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

#[derive(Feature)]
pub(crate) enum Allowed {
    Guarded,
}

#[rpc]
pub(crate) trait Work {
    /// Never answers.
    async fn hang(&self) -> u32;
    /// Answers once the gate is open.
    async fn wait(&self) -> u32;
    /// Likewise, and counts as finished then, whoever waits for it.
    #[rpc(no_cancel)]
    async fn finish(&self) -> u32;
    async fn get(&self) -> u32;
    async fn look(&self) -> Look;
    /// Waits for the gate, and then looks at what the next server finds that it calls in turn.
    async fn ask(&self) -> Look;
    /// Waits for the gate, and only then asks for its context.
    #[rpc(no_cancel)]
    async fn ask_late(&self) -> u32;
    async fn panic(&self) -> u32;
    async fn large(&self, bytes: u32) -> Vec<u8>;
    async fn halve(&self, number: u32) -> Result<u32, Odd>;
    #[rpc(idempotent)]
    async fn again(&self) -> u32;
    async fn refuse(&self, secret: String) -> Result<u32, String>;
    /// Looks at what the next server finds that it calls in turn, without its context.
    async fn pass_on(&self) -> Look;
    #[rpc(secret)]
    async fn whisper(&self, secret: String) -> String;
    async fn opaque(&self, value: Opaque) -> u32;
    /// Says so by an event, whoever listens.
    async fn say(&self) -> u32;
    #[rpc(feature = Allowed::Guarded)]
    async fn guarded(&self) -> u32;
    /// Has a call fail that is given as bytes, waits for the gate, and does not fail itself.
    async fn nest(&self) -> Result<u32, Odd>;
}

#[rpc]
pub(crate) trait Failing {
    async fn fail(&self) -> Result<u32, Odd>;
}

struct Fails;

impl Failing for Fails {
    async fn fail(&self) -> Result<u32, Odd> {
        Err(Odd { number: 9 })
    }
}

/// It has no half.
#[codable]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Odd {
    pub(crate) number: u32,
}

/// A value without `Debug`.
#[codable]
pub(crate) struct Opaque {
    pub(crate) number: u32,
}

/// What a handler finds around its call.
#[codable]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Look {
    pub(crate) service: String,
    pub(crate) method: String,
    pub(crate) remaining: Option<Duration>,
    pub(crate) traceparent: Option<String>,
    pub(crate) tracestate: Option<String>,
    /// What its own calls are to say.
    pub(crate) trace: Option<String>,
    pub(crate) user: Option<String>,
}

/// What the application keeps for a connection.
#[derive(Clone)]
pub(crate) struct User(pub(crate) &'static str);

/// What the test sees of the handlers.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) started: Arc<AtomicUsize>,
    pub(crate) running: Arc<AtomicUsize>,
    pub(crate) finished: Arc<AtomicUsize>,
    /// Those of the calls that waited, or hung.
    pub(crate) contexts: Arc<Mutex<Vec<CallContext>>>,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Event,
}

struct Runs(Arc<AtomicUsize>);

impl Drop for Runs {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Seen {
    pub(crate) fn open_gate(&self) {
        *self.gate.is_open.lock() = true;
        self.gate.opened.notify(usize::MAX);
    }

    pub(crate) fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst)
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    pub(crate) fn finished(&self) -> usize {
        self.finished.load(Ordering::SeqCst)
    }

    fn begin(&self) -> Runs {
        self.started.fetch_add(1, Ordering::SeqCst);
        self.running.fetch_add(1, Ordering::SeqCst);
        self.contexts.lock().push(CallContext::current());
        Runs(Arc::clone(&self.running))
    }

    async fn gate(&self) {
        while !*self.gate.is_open.lock() {
            let opened = self.gate.opened.listen();
            if !*self.gate.is_open.lock() {
                opened.await;
            }
        }
    }
}

pub(crate) struct App {
    seen: Seen,
    /// The server behind this one.
    next: Option<work::Client>,
}

impl Work for App {
    async fn hang(&self) -> u32 {
        let _runs = self.seen.begin();
        std::future::pending().await
    }

    async fn wait(&self) -> u32 {
        let _runs = self.seen.begin();
        self.seen.gate().await;
        1
    }

    async fn finish(&self) -> u32 {
        let _runs = self.seen.begin();
        self.seen.gate().await;
        self.seen.finished.fetch_add(1, Ordering::SeqCst);
        2
    }

    async fn get(&self) -> u32 {
        let _runs = self.seen.begin();
        3
    }

    async fn look(&self) -> Look {
        look()
    }

    async fn ask(&self) -> Look {
        self.seen.gate().await;
        let next = self.next.as_ref().expect("there is a server behind this one");
        next.with_context(&CallContext::current()).look().await.expect("it is there")
    }

    async fn ask_late(&self) -> u32 {
        self.seen.gate().await;
        self.seen.contexts.lock().push(CallContext::current());
        4
    }

    async fn panic(&self) -> u32 {
        panic!("on purpose")
    }

    async fn large(&self, bytes: u32) -> Vec<u8> {
        vec![0; bytes as usize]
    }

    async fn refuse(&self, secret: String) -> Result<u32, String> {
        Err(secret)
    }

    async fn pass_on(&self) -> Look {
        let next = self.next.as_ref().expect("there is a server behind this one");
        next.look().await.expect("it is there")
    }

    async fn whisper(&self, secret: String) -> String {
        secret
    }

    async fn opaque(&self, value: Opaque) -> u32 {
        value.number
    }

    async fn say(&self) -> u32 {
        tracing::info!(target: "app", "before");
        self.seen.gate().await;
        tracing::info!(target: "app", "after");
        5
    }

    async fn halve(&self, number: u32) -> Result<u32, Odd> {
        let _runs = self.seen.begin();
        if number.is_multiple_of(2) { Ok(number / 2) } else { Err(Odd { number }) }
    }

    async fn again(&self) -> u32 {
        let _runs = self.seen.begin();
        5
    }

    async fn guarded(&self) -> u32 {
        let _runs = self.seen.begin();
        6
    }

    async fn nest(&self) -> Result<u32, Odd> {
        failing::Dispatch::handle_rpc_call(&Fails, &[0]).await.expect("it is answered");
        self.seen.gate().await;
        Ok(7)
    }
}

/// What is found here.
pub(crate) fn look() -> Look {
    let context = CallContext::current();
    let wire = context.wire_extensions();
    let text = |bytes: Option<bytes::Bytes>| Some(String::from_utf8_lossy(&bytes?).into_owned());
    let user = context.connection_extensions().and_then(|extensions| extensions.get::<User>());
    Look {
        service: context.service().into(),
        method: context.method().into(),
        remaining: context.remaining(),
        traceparent: text(wire.traceparent()),
        tracestate: text(wire.tracestate()),
        trace: context.trace_context().map(ToString::to_string),
        user: user.map(|User(name)| name.into()),
    }
}

/// What is chosen for a server and its client.
#[derive(Default)]
pub(crate) struct Choice {
    pub(crate) limits: Option<Limits>,
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) max_call_time: Option<Duration>,
    pub(crate) next: Option<work::Client>,
    pub(crate) user: Option<&'static str>,
    pub(crate) server_telemetry: Telemetry,
    pub(crate) client_telemetry: Telemetry,
    pub(crate) layers: Layers,
    pub(crate) client_ip: Option<IpAddr>,
    pub(crate) retry: Option<Retry>,
    /// Where the server's connections meet.
    pub(crate) hub: EventHub,
}

/// A client and a server, joined; everything on the thread of the pool.
pub(crate) struct Desk {
    pub(crate) client: work::Client,
    pub(crate) connection: work::Connection,
    pub(crate) client_timer: ManualTimer,
    pub(crate) server_timer: ManualTimer,
    pub(crate) to_client: Pipe,
    pub(crate) to_server: Pipe,
    pub(crate) seen: Seen,
    pub(crate) server_end: Rc<RefCell<Option<ConnectionError>>>,
}

impl Desk {
    pub(crate) fn new(pool: &mut LocalPool) -> Self {
        Self::with(pool, Choice::default())
    }

    pub(crate) fn with(pool: &mut LocalPool, choice: Choice) -> Self {
        let Choice {
            limits,
            call_timeout,
            max_call_time,
            next,
            user,
            layers,
            client_ip,
            retry,
            hub,
            ..
        } = choice;
        let (server_telemetry, client_telemetry) =
            (choice.server_telemetry, choice.client_telemetry);
        let limits = limits.unwrap_or_default().with_heartbeat_interval(None);
        let (client_side, server_side, to_client, to_server) = transport();
        let (client_timer, server_timer) = (ManualTimer::default(), ManualTimer::default());
        // Their origins need not agree.
        server_timer.advance(Duration::from_secs(1000));
        let acceptor = Acceptor::<work::Connection>::new(limits.clone(), &hub)
            .with_max_call_time(max_call_time)
            .with_telemetry(server_telemetry)
            .with_endpoint(Endpoint::unknown().with_peer(PEER).with_client(CLIENT))
            .with_layers(layers)
            .with_client_ip(client_ip);
        let connection: work::Connection = acceptor.connection();
        if let Some(user) = user {
            connection.extensions().insert(User(user));
        }
        let seen = Seen::default();
        let app = App { seen: seen.clone(), next };
        let serving = acceptor.serve(app, server_side, server_timer.clone());
        let server_end = note_end(pool, serving);
        let config =
            ClientConfig::new(<work::Client as ServiceClient>::schema()).with_limits(limits);
        let connected = Connected::new(client_side, client_timer.clone(), config)
            .with_call_timeout(call_timeout)
            .with_telemetry(client_telemetry)
            .with_endpoint(Endpoint::unknown().with_server("desk.example", Some(443)))
            .with_retry(retry);
        let (connecting, driver) = client_over(connected);
        note_end(pool, driver);
        let client = pool.run_until(connecting).expect("the server answers");
        pool.run_until_stalled();
        Self {
            client,
            connection,
            client_timer,
            server_timer,
            to_client,
            to_server,
            seen,
            server_end,
        }
    }

    /// The CALL and CANCEL frames that were sent.
    pub(crate) fn calls(&self) -> Vec<Frame> {
        let frames = self.to_server.sent().into_iter().flat_map(frames);
        frames.filter(|frame| matches!(frame, Frame::Call { .. } | Frame::Cancel { .. })).collect()
    }
}

fn frames(message: bytes::Bytes) -> Vec<Frame> {
    Frames::new(message).map(|frame| frame.expect("what is sent is well-formed")).collect()
}
