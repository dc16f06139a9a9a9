//! The chat example: a server that is joined with others by NATS.

use std::{error::Error, process::ExitCode};

use chat_nats::{Bridge, Nats};
use chat_shared::ChatEvent;
use clap::Parser;
use hardlight::Pattern;

/// Serves a chat together with others, until Ctrl-C. They share the database as well.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    options: chat_server::Options,
    /// Where NATS is, with JetStream
    #[arg(long, value_name = "URL", default_value = "nats://localhost:4222")]
    nats: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let nats = Nats::connect(&args.nats, "chat").await.map_err(|error| error.to_string())?;
    // Not the presence: each server tells who is connected to it.
    let topics = Pattern::new("messages/#")?;
    let join = |server: &hardlight::Server| {
        let bridge = Bridge::<ChatEvent>::new(server.relay(), nats, topics);
        tokio::spawn(bridge.run());
    };
    chat_server::serve(args.options, join).await
}
