//! `cargo run --release --manifest-path bench/Cargo.toml -p hardlight-fanout --features jsonrpsee` prints all comparisons;
//! behind `--` it takes `compare [CONNECTIONS [ROUNDS [SERVER]]]` for some of it, and
//! `stalled [CONNECTIONS [EVENTS_A_SECOND [SECONDS]]]` for one client that does not read beside others that do. Without
//! the feature there is no jsonrpsee.

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    hardlight_fanout::run(match &arguments[..] {
        [hardlight_fanout::COMMAND, rest @ ..] => rest,
        all => all,
    });
}
