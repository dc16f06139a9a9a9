//! One event of 64 bytes to many connections over TCP loopback: HardLight, a bare tungstenite server that sends the same
//! message, and subscriptions of jsonrpsee. What the program `hardlight-fanout` does, and a load of the program `bench`.
//!
//! Each server is a process of its own, and so are its clients, which are the same for all: they do a handshake, and then
//! count WebSocket frames. The servers take turns, so that what else the machine does meets all of them.

mod clients;
mod compare;
mod process;
mod servers;
mod stalled;

pub use compare::{Round, Server};
pub use process::{Process, cpu_time, resident};
pub use servers::KINDS;

/// The first argument of the processes that are started here: whichever program it is that starts them, it hands the others
/// to [`run`].
pub const COMMAND: &str = "fanout";

/// Does what the arguments say: `compare [CONNECTIONS [ROUNDS [SERVER]]]`, or `stalled [CONNECTIONS [EVENTS_A_SECOND
/// [SECONDS]]]` for one client that does not read beside others that do; nothing at all is both. The others are for the
/// processes of these.
///
/// # Panics
///
/// If they say nothing that is known, and if one of the processes ends.
pub fn run(arguments: &[&str]) {
    match *arguments {
        [] => {
            compare::run(1_000, 15, servers::KINDS);
            compare::run(10_000, 9, servers::KINDS);
            stalled::run(1_000, 1_000, 60);
        }
        ["serve", kind, connections, ref rest @ ..] => {
            servers::run(kind, number(connections), rest)
        }
        ["clients", kind, address, connections, ref rest @ ..] => {
            let address = address.parse().expect("an address");
            clients::run(kind, address, number(connections), rest);
        }
        ["compare", ref rest @ ..] => {
            let connections = rest
                .first()
                .map_or(1_000, |connections| number(connections));
            let rounds = rest.get(1).map_or(9, |rounds| number(rounds));
            let kinds = rest.get(2..).filter(|kinds| !kinds.is_empty());
            compare::run(connections, rounds, kinds.unwrap_or(servers::KINDS));
        }
        ["stalled", ref rest @ ..] => {
            let connections = rest
                .first()
                .map_or(1_000, |connections| number(connections));
            let rate = rest.get(1).map_or(1_000, |rate| number(rate));
            let seconds = rest.get(2).map_or(60, |seconds| number(seconds));
            stalled::run(connections, rate, seconds);
        }
        _ => panic!("the documentation of this function says what it takes"),
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}
