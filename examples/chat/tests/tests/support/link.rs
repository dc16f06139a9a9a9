//! A way to the server that can be cut, and lead to another server afterwards.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

pub(crate) struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    way: Mutex<Way>,
    changed: Condvar,
}

#[derive(Default)]
struct Way {
    /// The server's port. While there is none, who comes is kept waiting.
    port: Option<u16>,
    streams: Vec<TcpStream>,
}

impl Link {
    /// A link to the server at this port.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let link = Self { address, shared: Arc::clone(&shared) };
        link.lead_to(port);
        // These threads end with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.carry(client));
            }
        });
        link
    }

    /// What port of this machine it begins at.
    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts all connections. Those that are made from here on wait.
    pub(crate) fn cut(&self) {
        self.hold();
        for stream in self.shared.lock().streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Has new connections wait.
    pub(crate) fn hold(&self) {
        self.shared.lock().port = None;
    }

    /// Leads those that wait, and those that come, to the server at this port.
    pub(crate) fn lead_to(&self, port: u16) {
        self.shared.lock().port = Some(port);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn carry(&self, client: TcpStream) -> io::Result<()> {
        let way = self.lock();
        let mut way =
            self.changed.wait_while(way, |way| way.port.is_none()).expect("nobody panics with it");
        let port = way.port.expect("that was waited for");
        let server = TcpStream::connect(("localhost", port))?;
        way.streams.extend([client.try_clone()?, server.try_clone()?]);
        drop(way);
        let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        let (mut from_server, mut to_client) = (server, client);
        let _ = io::copy(&mut from_server, &mut to_client);
        to_client.shutdown(Shutdown::Write)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
