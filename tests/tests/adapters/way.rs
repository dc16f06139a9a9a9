//! A way to a server that can be cut.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    thread,
};

/// The way to a server without TLS, for one client after the other. Its thread ends with the process.
pub(crate) struct Way {
    /// Where a client connects to.
    pub(crate) url: String,
    connections: Receiver<[TcpStream; 2]>,
}

impl Way {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (send, connections) = mpsc::channel();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                // It may have ended.
                let Ok(server) = TcpStream::connect(server) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        // It may have gone by itself.
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
                if send.send([client, server]).is_err() {
                    break;
                }
            }
        });
        Self { url, connections }
    }

    /// Cuts the connection that was made first of those that are not cut yet.
    pub(crate) fn cut(&self) {
        for end in self.connections.recv().unwrap() {
            // It may have gone by itself.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}
