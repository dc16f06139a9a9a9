//! The chat example: the server, as a program of its own.

use std::process::ExitCode;

use chat_server::Options;
use clap::Parser;

/// Serves a chat, until Ctrl-C.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    options: Options,
}

#[tokio::main]
async fn main() -> ExitCode {
    match chat_server::serve(Args::parse().options, |_| async {}).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
