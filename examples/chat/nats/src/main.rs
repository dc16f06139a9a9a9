//! The chat example: a server that is joined with others by NATS.

use std::{error::Error, process::ExitCode, time::Duration};

use chat_nats::{Bridge, Nats};
use chat_shared::ChatEvent;
use clap::Parser;
use hardlight::Pattern;
use tokio::{sync::oneshot, time::timeout};

/// How long the server waits at its end for NATS to take what was said. It is in the database in any case.
const GRACE: Duration = Duration::from_secs(5);

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
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(bridge.run(async { drop(stopped.await) }));
        async {
            drop(stop);
            if timeout(GRACE, running).await.is_err() {
                eprintln!("the other servers were not told of all that was said: NATS is away");
            }
        }
    };
    chat_server::serve(args.options, join).await
}
