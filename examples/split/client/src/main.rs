//! The split example, one crate of three: a client.

mod command;

use std::{error::Error, io, path::PathBuf, pin::pin, process::ExitCode, thread};

use clap::Parser;
use hardlight::{ClientOptions, Received, Trust, connect_with};
use notes_shared::{Action, Note, NoteEvent, Session, notes};
use tokio::{select, signal, sync::mpsc};

use crate::command::Command;

/// Reads commands and shows what comes of them, until the input ends or Ctrl-C.
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
}

#[tokio::main]
async fn main() -> ExitCode {
    match use_board(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn use_board(args: Args) -> Result<(), Box<dyn Error>> {
    let options = ClientOptions::new().trust(Trust::pem_file(args.certificate)?);
    let url = format!("{}/{}", args.url, args.user);
    let client: notes::Client = connect_with(&url, options).await?;

    // The state is there already. From here on, the watch tells when the server has changed it.
    let mut watch = client.watch();
    show_session(&watch.current());
    let mut events = client.events();

    let mut lines = lines_of_input();
    let mut interrupted = pin!(signal::ctrl_c());
    loop {
        select! {
            // In this order: what has come of a command is shown before the next one.
            biased;
            Some(received) = events.next() => show_event(received),
            changed = watch.changed() => show_session(&*changed?),
            line = lines.recv() => match line {
                Some(line) => match line.parse::<Command>() {
                    Ok(command) => command.run(&client).await?,
                    Err(help) => println!("{help}"),
                },
                None => break,
            },
            result = &mut interrupted => {
                result?;
                break;
            }
        }
    }
    client.close().await;
    Ok(())
}

fn show_session(session: &Session) {
    let Session { user, notes, last_action } = session;
    let plural = if *notes == 1 { "" } else { "s" };
    let action = match last_action {
        None => "none".to_owned(),
        Some(Action::Added(id)) => format!("added note {id}"),
        Some(Action::Removed(id)) => format!("removed note {id}"),
    };
    println!("state: {user} has {notes} note{plural}; last action: {action}");
}

fn show_event(received: Received<NoteEvent>) {
    match received {
        Received::Event { event: NoteEvent::Added(Note { id, author, text }), .. } => {
            println!("event: {author} added note {id}: {text}");
        }
        Received::Event { topic, event: NoteEvent::Removed { id } } => {
            println!("event: {topic} removed note {id}");
        }
        Received::Lagged { topic, missed, .. } => {
            println!("event: too slow, and missed {missed} of {topic}'s");
        }
        _ => {}
    }
}

/// The lines of standard input, read by a thread: nothing can stop a read that waits for a key, and the end of a program
/// waits for the runtime's own threads, not for this one.
fn lines_of_input() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}
