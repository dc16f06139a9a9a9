//! The network of a world: names, listeners, connections.

use std::{
    collections::{HashMap, VecDeque},
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::{
    Socket,
    clock::Clock,
    pipe::{Direction, pair, time_of},
};

/// What a system's buffers hold of a direction, or so.
const BUFFER_BYTES: usize = 64 * 1024;
/// The first port that is given to whoever asks for none.
const FIRST_PORT: u16 = 49152;

/// The address of the first host that somebody names, 10.0.0.1.
const FIRST_HOST: u32 = 0x0a00_0001;

/// How a connection is in each direction. Default: at once, without a limit, and 64 KiB may be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    latency: Duration,
    bytes_per_second: Option<u64>,
    buffer_bytes: usize,
}

impl Link {
    /// The defaults.
    pub const fn new() -> Self {
        Self { latency: Duration::ZERO, bytes_per_second: None, buffer_bytes: BUFFER_BYTES }
    }

    /// How long every byte is under way, one way. Default: not at all.
    #[must_use]
    pub const fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// How many bytes go into the line in a second. Default: any number.
    #[must_use]
    pub const fn with_bytes_per_second(mut self, bytes: u64) -> Self {
        self.bytes_per_second = Some(bytes);
        self
    }

    /// How many bytes may be under way, and unread, before who sends has to wait. Default 64 KiB; at least one.
    #[must_use]
    pub const fn with_buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    pub(crate) const fn latency(&self) -> Duration {
        self.latency
    }

    pub(crate) fn buffer_bytes(&self) -> usize {
        self.buffer_bytes.max(1)
    }

    /// How long so many bytes take to go into the line.
    pub(crate) fn time_of(&self, bytes: usize) -> Duration {
        self.bytes_per_second.map_or(Duration::ZERO, |speed| time_of(bytes, speed))
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

/// The network of a [`World`](crate::World). Clones are the same one.
#[derive(Clone)]
pub struct Network {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

struct State {
    link: Link,
    hosts: HashMap<String, IpAddr>,
    listeners: HashMap<SocketAddr, Arrivals>,
    connections: Vec<Connection>,
    next_port: u16,
}

/// Those who have connected, and were not accepted yet.
#[derive(Default)]
struct Arrivals {
    waiting: VecDeque<(Socket, SocketAddr)>,
    listener: Option<Waker>,
}

impl Network {
    pub(crate) fn new(clock: Clock) -> Self {
        let state = State {
            link: Link::new(),
            hosts: HashMap::new(),
            listeners: HashMap::new(),
            connections: Vec::new(),
            next_port: FIRST_PORT,
        };
        Self { clock, state: Arc::new(Mutex::new(state)) }
    }

    /// How the connections are that are made from now on.
    pub fn set_link(&self, link: Link) {
        self.lock().link = link;
    }

    /// The connections that are open, in the order in which they were made.
    pub fn connections(&self) -> Vec<Connection> {
        let mut state = self.lock();
        state.connections.retain(|connection| !connection.is_ended());
        state.connections.clone()
    }

    /// Cuts all connections that are open. New ones can be made.
    pub fn cut(&self) {
        self.connections().iter().for_each(Connection::cut);
    }

    /// Every name is that of a host. `localhost` is what it is anywhere.
    pub(crate) fn lookup(&self, host: &str) -> IpAddr {
        if let Ok(ip) = host.parse() {
            return ip;
        }
        if host == "localhost" {
            return Ipv4Addr::LOCALHOST.into();
        }
        let hosts = &mut self.lock().hosts;
        let next = FIRST_HOST.saturating_add(u32::try_from(hosts.len()).unwrap_or(u32::MAX));
        *hosts.entry(host.to_owned()).or_insert_with(|| Ipv4Addr::from(next).into())
    }

    pub(crate) fn listen(&self, mut address: SocketAddr) -> io::Result<Listener> {
        let mut state = self.lock();
        if address.port() == 0 {
            address.set_port(state.free_port());
        }
        if state.listeners.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        state.listeners.insert(address, Arrivals::default());
        Ok(Listener { network: self.clone(), address })
    }

    pub(crate) fn connect(&self, address: SocketAddr) -> io::Result<Socket> {
        let mut state = self.lock();
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, state.free_port()));
        let link = state.link;
        let arrivals = state.listeners.get_mut(&address);
        let arrivals = arrivals.ok_or(io::ErrorKind::ConnectionRefused)?;
        let (client, server, directions) = pair(&self.clock, link);
        arrivals.waiting.push_back((server, from));
        let listener = arrivals.listener.take();
        state.connections.push(Connection { client: from, server: address, directions });
        drop(state);
        listener.into_iter().for_each(Waker::wake);
        Ok(client)
    }

    /// Nothing runs under the lock that could panic halfway, so what it protects is whole in any case.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn free_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
        port
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Network")
            .field("listeners", &state.listeners.keys())
            .field("connections", &state.connections.len())
            .finish_non_exhaustive()
    }
}

/// A listener in memory.
#[derive(Debug)]
pub struct Listener {
    network: Network,
    address: SocketAddr,
}

impl Listener {
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn poll_accept(&self, cx: &Context<'_>) -> Poll<(Socket, SocketAddr)> {
        let mut state = self.network.lock();
        let arrivals = state.listeners.get_mut(&self.address);
        let arrivals = arrivals.expect("it is there for as long as its listener");
        if let Some(arrived) = arrivals.waiting.pop_front() {
            return Poll::Ready(arrived);
        }
        arrivals.listener = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let arrivals = self.network.lock().listeners.remove(&self.address);
        // Behind the lock: sockets hang up.
        drop(arrivals);
    }
}

/// A connection of the network, to be disturbed. Clones are for the same one.
#[derive(Clone, Debug)]
pub struct Connection {
    client: SocketAddr,
    server: SocketAddr,
    /// To the server, to the client.
    directions: [Direction; 2],
}

impl Connection {
    /// The client's address, as the server sees it.
    pub const fn client(&self) -> SocketAddr {
        self.client
    }

    /// The address that the client has connected to.
    pub const fn server(&self) -> SocketAddr {
        self.server
    }

    /// Changes how the connection is, for what is sent from now on.
    pub fn set_link(&self, link: Link) {
        self.directions.iter().for_each(|direction| direction.set_link(link));
    }

    /// Nothing arrives any longer, in neither direction, until it is [resumed](Self::resume); nobody is told.
    pub fn stall(&self) {
        self.directions.iter().for_each(|direction| direction.set_stalled(true));
    }

    /// As [`stall`](Self::stall), for what goes to the client alone: one that reads too slowly, as its server sees it.
    pub fn stall_to_client(&self) {
        self.directions[1].set_stalled(true);
    }

    /// As [`stall`](Self::stall), for what goes to the server alone.
    pub fn stall_to_server(&self) {
        self.directions[0].set_stalled(true);
    }

    /// What was under way arrives, and what comes after it.
    pub fn resume(&self) {
        self.directions.iter().for_each(|direction| direction.set_stalled(false));
    }

    /// The connection breaks, and both ends are told. What was under way is lost.
    pub fn cut(&self) {
        self.directions.iter().for_each(Direction::cut);
    }

    /// Whether it is cut, or closed from one end.
    pub fn is_ended(&self) -> bool {
        self.directions.iter().any(Direction::is_ended)
    }
}
