//! The chat example: a client for the terminal.

mod command;
mod model;
mod plain;
mod session;
mod ui;
mod update;

use std::{collections::BTreeSet, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use tokio::{sync::mpsc::channel, time::timeout};

use crate::{
    model::Model,
    session::{Session, Target},
};

/// How many updates and actions may wait for whoever takes them.
const WAITING: usize = 64;

/// How long a user who quits waits for the connection to be closed.
const GOODBYE: Duration = Duration::from_secs(1);

/// Takes part in a chat.
#[derive(Parser)]
#[command(after_help = command::HELP)]
struct Args {
    /// Where the server is, as it says itself: wss://localhost:PORT
    url: String,
    /// The file with the server's certificate; no other is trusted
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Who you are
    #[arg(long, value_name = "NAME")]
    user: String,
    /// A thread to enter; may be given several times
    #[arg(long, value_name = "THREAD", default_value = "lobby")]
    join: Vec<String>,
    /// Read and write lines, for scripts
    #[arg(long)]
    plain: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match chat(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn chat(args: Args) -> Result<(), String> {
    let Args { url, certificate, user, join, plain } = args;
    let (updates, shown) = channel(WAITING);
    let (actions, wanted) = channel(WAITING);
    let model = Model::new(user.clone());
    let threads = BTreeSet::from_iter(join);
    let session = Session::new(Target { url, certificate, user }, threads, updates);
    let session = tokio::spawn(session.run(wanted));
    if plain {
        plain::run(model, shown, actions).await;
    } else {
        ui::run(model, shown, actions).await.map_err(|error| error.to_string())?;
        // Whoever quits does not wait for a server that is gone.
        return match timeout(GOODBYE, session).await {
            Ok(ended) => ended.map_err(|error| error.to_string())?,
            Err(_) => Ok(()),
        };
    }
    session.await.map_err(|error| error.to_string())?
}
