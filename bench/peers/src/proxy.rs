//! A proxy that counts what passes.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// Bytes that have passed on all connections, TCP and IP aside.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    up: Arc<AtomicU64>,
    down: Arc<AtomicU64>,
}

impl Passed {
    /// To the server, and from it.
    pub fn bytes(&self) -> [u64; 2] {
        [&self.up, &self.down].map(|bytes| bytes.load(Ordering::Relaxed))
    }
}

/// Passes connections on to a server, for as long as the process lives; also where they are to come to.
///
/// # Errors
///
/// If no port can be listened at.
pub fn start(server: SocketAddr) -> io::Result<(SocketAddr, Passed)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (address, passed) = (listener.local_addr()?, Passed::default());
    let counted = passed.clone();
    thread::spawn(move || {
        for client in listener.incoming() {
            // A connection that fails is one that its client sees fail.
            let _ = client.and_then(|client| join(&client, server, &counted));
        }
    });
    Ok((address, passed))
}

fn join(client: &TcpStream, server: SocketAddr, passed: &Passed) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    for (from, to, bytes) in [
        (client, &server, &passed.up),
        (&server, client, &passed.down),
    ] {
        let (from, to, bytes) = (from.try_clone()?, to.try_clone()?, Arc::clone(bytes));
        to.set_nodelay(true)?;
        thread::spawn(move || pass(from, &to, &bytes));
    }
    Ok(())
}

/// Counts bytes before it passes them on, so that who has received something finds it counted.
fn pass(mut from: TcpStream, mut to: &TcpStream, bytes: &AtomicU64) {
    let mut buffer = [0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        bytes.fetch_add(read as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // It may be gone.
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_passed_on_and_counted() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (address, passed) = start(server.local_addr().unwrap()).unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let (mut accepted, _) = server.accept().unwrap();
        client.write_all(b"four").unwrap();
        let mut received = [0; 4];
        accepted.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"four");
        accepted.write_all(b"seven..").unwrap();
        client.read_exact(&mut [0; 7]).unwrap();
        assert_eq!(passed.bytes(), [4, 7]);
        drop(client);
        assert_eq!(accepted.read(&mut received).unwrap(), 0);
    }
}
