//! The chat example: a client for the terminal.

mod command;
mod plain;
mod session;
mod ui;

use std::{collections::BTreeSet, fs, path::PathBuf, process::ExitCode, time::Duration};

use chat_front::Model;
use clap::Parser;
use tokio::{sync::mpsc::channel, time::timeout};

use crate::session::{Session, Target};

/// How many updates and actions may wait for whoever takes them.
const WAITING: usize = 64;

/// How long a user who quits waits for the connection to be closed.
const GOODBYE: Duration = Duration::from_secs(1);

/// Takes part in a chat.
#[derive(Parser)]
#[command(after_help = command::HELP)]
struct Args {
    /// Where the server is, as it says itself: wss://localhost:PORT, or ws://... of one without TLS, on this machine
    url: String,
    /// The file with the server's certificate; no other is trusted. Needed for wss://
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Who you are
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The file with the password that your name is kept by; the first to give one keeps it
    #[arg(long, value_name = "FILE")]
    password: Option<PathBuf>,
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
    let Args { url, certificate, user, password, join, plain } = args;
    let password = password.map(read_password).transpose()?;
    let (updates, shown) = channel(WAITING);
    let (actions, wanted) = channel(WAITING);
    let model = Model::new(user.clone());
    let threads = BTreeSet::from_iter(join);
    let session = Session::new(Target { url, certificate, user, password }, threads, updates);
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

/// The first line of the file: a word on the command line is seen by everybody on this machine.
fn read_password(file: PathBuf) -> Result<String, String> {
    let text = fs::read_to_string(&file)
        .map_err(|error| format!("cannot read '{}': {error}", file.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
