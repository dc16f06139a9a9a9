//! What is measured, a module for each.
//!
//! All do the same work: `add`, which answers a number with the next one; `echo`, which answers bytes with themselves;
//! `download`, which answers with as many bytes as it is asked for. Sockets have `TCP_NODELAY`.

mod calls;
mod floor;
mod hardlight;
#[cfg(feature = "jsonrpsee")]
mod jsonrpsee;
mod lean;
#[cfg(feature = "remoc")]
mod remoc;
mod runtime;
#[cfg(feature = "tarpc")]
mod tarpc;
#[cfg(feature = "tonic")]
pub mod tonic;
mod websocket;

use std::{fmt::Write, net::SocketAddr, str::FromStr};

pub use self::runtime::{ENVIRONMENT, Runtime, WORKERS, start};
use self::{
    floor::Floor,
    hardlight::HardLight,
    lean::Lean,
    runtime::{AsyncStd, Smol, Tokio},
    websocket::{Plain, Tls},
};
use crate::{
    client,
    load::Order,
    measure::Sample,
    server,
    work::{Answered, Beside, Work},
};

/// The longest answer that is asked for, in bytes, with what is around it. Systems that have a limit have it raised to this.
pub const MAX_ANSWER_BYTES: usize = 128 << 20;

/// A client and a server of some kind.
pub trait System: 'static {
    /// What the tasks of both run on.
    type Runtime: Runtime;
    /// What a client has.
    type Connection: Send + 'static;

    /// Serves for ever, once it has said where.
    fn serve(ready: impl FnOnce(Target)) -> impl Future<Output = ()>;

    /// Connects to such a server.
    fn connect(target: &Target) -> impl Future<Output = Self::Connection>;

    /// One call of a number.
    fn touch(connection: &mut Self::Connection) -> impl Future<Output = ()>;

    /// Calls until the work is over: what each has taken, in nanoseconds, of those that count.
    fn work(connection: Self::Connection, work: Work) -> impl Future<Output = Vec<u32>> + Send;

    /// Calls of a number at a steady pace, at first alone and then beside long answers.
    fn beside(
        connection: Self::Connection,
        beside: Beside,
    ) -> impl Future<Output = Answered> + Send;
}

/// Where a server is.
#[derive(Clone, Debug)]
pub struct Target {
    pub address: SocketAddr,
    /// The certificate to trust, in DER.
    pub certificate: Option<Vec<u8>>,
}

impl Target {
    pub const fn plain(address: SocketAddr) -> Self {
        Self {
            address,
            certificate: None,
        }
    }
}

/// As the processes tell one another.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.address)?;
        if let Some(certificate) = &self.certificate {
            f.write_char('/')?;
            certificate
                .iter()
                .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        Ok(())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, certificate) = match text.split_once('/') {
            Some((address, certificate)) => (address, Some(bytes(certificate)?)),
            None => (text, None),
        };
        let address = address
            .parse()
            .map_err(|_| format!("no address: {address}"))?;
        Ok(Self {
            address,
            certificate,
        })
    }
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok();
    let bytes: Option<_> = match hex.len() % 2 {
        0 => hex.as_bytes().chunks(2).map(byte).collect(),
        _ => None,
    };
    bytes.ok_or_else(|| "no certificate".to_owned())
}

/// One of the systems, by name.
#[derive(Debug)]
pub struct Subject {
    pub name: &'static str,
    pub about: &'static str,
    /// The floor that it is compared with.
    pub floor: &'static str,
    /// The server that stands for it where one event goes to many.
    pub fanout: Option<&'static str>,
    /// Whether it has calls, and not only messages.
    pub calls: bool,
    pub serve: fn(),
    pub measure: fn(&Order, Option<Target>) -> Sample,
}

impl Subject {
    const fn of<S: System>(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            floor: "floor",
            fanout: None,
            calls: true,
            serve: server::run::<S>,
            measure: client::run::<S>,
        }
    }

    const fn tls(mut self) -> Self {
        self.floor = "floor-tls";
        self
    }

    const fn no_calls(mut self) -> Self {
        self.calls = false;
        self
    }

    const fn fanout(mut self, kind: &'static str) -> Self {
        self.fanout = Some(kind);
        self
    }
}

/// All of them.
pub const ALL: &[Subject] = &[
    Subject::of::<Floor<Plain, false>>(
        "floor",
        "8-byte messages echoed by bare tungstenite, flushed when no more are ready",
    )
    .no_calls()
    .fanout("tungstenite"),
    Subject::of::<Floor<Plain, true>>("floor-flush", "the same, each flushed").no_calls(),
    Subject::of::<Floor<Tls, false>>("floor-tls", "the floor over TLS")
        .no_calls()
        .tls(),
    Subject::of::<Lean>(
        "lean",
        "the leanest RPC on tungstenite: ids, a waiter for each call",
    ),
    Subject::of::<HardLight<Tokio, false>>("hardlight", "HardLight on tokio, without TLS")
        .fanout("hardlight"),
    Subject::of::<HardLight<Smol, false>>("hardlight-smol", "on smol, without TLS"),
    Subject::of::<HardLight<AsyncStd, false>>("hardlight-async-std", "on async-std, without TLS"),
    Subject::of::<HardLight<Tokio, true>>("hardlight-tls", "HardLight on tokio").tls(),
    Subject::of::<HardLight<Smol, true>>("hardlight-smol-tls", "on smol").tls(),
    Subject::of::<HardLight<AsyncStd, true>>("hardlight-async-std-tls", "on async-std").tls(),
    #[cfg(feature = "tarpc")]
    Subject::of::<tarpc::Tarpc>("tarpc", "bincode over TCP"),
    #[cfg(feature = "tonic")]
    Subject::of::<tonic::Tonic>("tonic", "protobuf over HTTP/2"),
    #[cfg(feature = "jsonrpsee")]
    Subject::of::<jsonrpsee::Jsonrpsee>("jsonrpsee", "JSON over WebSocket, bytes as base64")
        .fanout("jsonrpsee"),
    #[cfg(feature = "remoc")]
    Subject::of::<remoc::Remoc>("remoc", "remote traits over TCP, with its own codec"),
];

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Subject> {
    ALL.iter().find(|subject| subject.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_as_it_was_written() {
        let address = "127.0.0.1:80".parse().unwrap();
        for certificate in [None, Some(vec![0, 15, 255])] {
            let target = Target {
                address,
                certificate,
            };
            let read: Target = target.to_string().parse().unwrap();
            assert_eq!(
                (read.address, read.certificate),
                (target.address, target.certificate)
            );
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in [
            "",
            "127.0.0.1",
            "127.0.0.1:80/0",
            "127.0.0.1:80/xy",
            "127.0.0.1:80/é",
        ] {
            assert!(
                text.parse::<Target>().is_err() || text.ends_with("/0"),
                "{text}"
            );
        }
    }

    #[test]
    fn names_are_unique_and_floors_exist() {
        for (at, subject) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|other| other.name != subject.name));
            assert!(find(subject.floor).is_some());
        }
    }
}
