//! TLS of the application's own, for axum.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::serve::Listener;
use tokio::{net::TcpStream, select, task::JoinSet, time::timeout};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};

use crate::PlainListener;

/// How long a client may take for TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Clients that may be doing TLS at the same time; more wait in the system's queue.
const MAX_HANDSHAKES: usize = 256;

type Arrived = (TlsStream<TcpStream>, SocketAddr);

/// Listens with TLS. Slow clients keep no others waiting.
pub struct TlsListener {
    tcp: PlainListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<Arrived>>,
}

impl TlsListener {
    /// A listener with this certificate and these settings.
    pub fn new(tcp: PlainListener, config: Arc<ServerConfig>) -> Self {
        Self { tcp, acceptor: config.into(), handshakes: JoinSet::new() }
    }

    fn begin(&mut self, tcp: TcpStream, addr: SocketAddr) {
        let handshake = self.acceptor.accept(tcp);
        self.handshakes.spawn(async move {
            match timeout(HANDSHAKE_TIMEOUT, handshake).await {
                Ok(Ok(tls)) => Some((tls, addr)),
                Ok(Err(error)) => {
                    tracing::debug!(%addr, %error, "no TLS");
                    None
                }
                Err(_) => None,
            }
        });
    }
}

impl fmt::Debug for TlsListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListener").field("tcp", &self.tcp).finish_non_exhaustive()
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Arrived {
        loop {
            let may_begin = self.handshakes.len() < MAX_HANDSHAKES;
            select! {
                (tcp, addr) = self.tcp.accept(), if may_begin => self.begin(tcp, addr),
                // Also one that has failed makes room for another.
                Some(ended) = self.handshakes.join_next() => {
                    if let Ok(Some(arrived)) = ended {
                        return arrived;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}
