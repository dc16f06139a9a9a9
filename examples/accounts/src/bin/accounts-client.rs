//! The accounts example: a client.

use std::{
    error::Error,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};

use accounts::{
    AccountEvent, NEWS, Password, SESSION_COOKIE, Session, Token, account, administration, entrance,
};
use clap::Parser;
use hardlight::{ClientOptions, ConnectError, Received, Trust, connect_with};
use tokio::{select, sync::mpsc};

const HELP: &str = "\
Commands, one a line; in place of a password that of the line below is taken:
  register NAME     make an account
  log-in NAME       open it
  note TEXT         keep a note
  send NAME TEXT    tell another user something
  log-out           close the account, on all connections of this session
  log-out-all       on all connections of all sessions
  suspend NAME      for administrators: end somebody's sessions
  announce TEXT     for administrators: tell everybody something";

/// Reads commands and shows what comes of them, until the input ends.
#[derive(Parser)]
#[command(after_help = HELP)]
struct Args {
    /// Where the server is, as it says itself: wss://localhost:PORT
    url: String,
    /// The file with the server's certificate; no other is trusted
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Where to keep the session, so that the next client has it
    #[arg(long, value_name = "FILE")]
    session: PathBuf,
}

type Client = (entrance::Client, account::Client, administration::Client);

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let client = connect(&args).await?;
    let entrance = &client.0;
    let mut watch = entrance.watch();
    let mut events = entrance.events();
    show(&watch.current());
    entrance.follow(NEWS.into()).await?;
    let mut lines = lines_of_input();
    loop {
        select! {
            // In this order: what has come of a command is shown before the next one.
            biased;
            Some(received) = events.next() => show_event(received),
            changed = watch.changed() => show(&*changed?),
            line = lines.recv() => match line {
                Some(line) => match command(&client, &args.session, &line, &mut lines).await {
                    Ok(done) => println!("{done}"),
                    Err(error) => println!("refused: {error}"),
                },
                None => break,
            },
        }
    }
    entrance.close().await;
    Ok(())
}

/// With the session that is kept, if there is one that is still good.
async fn connect(args: &Args) -> Result<Client, Box<dyn Error>> {
    let options = ClientOptions::new().trust(Trust::pem_file(&args.certificate)?);
    let Ok(token) = fs::read_to_string(&args.session) else {
        return Ok(connect_with(&args.url, options).await?);
    };
    let with_session = options.clone().cookie((SESSION_COOKIE, token));
    match connect_with(&args.url, with_session).await {
        Err(ConnectError::Refused { status, .. }) if status == 401 => {
            println!("the session has ended");
            fs::remove_file(&args.session)?;
            Ok(connect_with(&args.url, options).await?)
        }
        connected => Ok(connected?),
    }
}

async fn command(
    (entrance, account, administration): &Client,
    session: &Path,
    line: &str,
    lines: &mut mpsc::Receiver<String>,
) -> Result<&'static str, Box<dyn Error>> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let text = rest.to_owned();
    match command {
        "register" => {
            entrance.register(text, password(lines).await?).await?;
            Ok("registered")
        }
        "log-in" => {
            let token = entrance.log_in(text, password(lines).await?).await?;
            keep(session, &token)?;
            Ok("logged in")
        }
        "note" => {
            account.add_note(text).await?;
            Ok("noted")
        }
        "send" => {
            let (to, text) = rest.split_once(' ').ok_or(HELP)?;
            account.send(to.to_owned(), text.to_owned()).await?;
            Ok("sent")
        }
        "log-out" => {
            account.log_out().await?;
            forget(session)?;
            Ok("logged out")
        }
        "log-out-all" => {
            account.log_out_everywhere().await?;
            forget(session)?;
            Ok("logged out everywhere")
        }
        "suspend" => {
            administration.suspend(text).await?;
            Ok("suspended")
        }
        "announce" => {
            administration.announce(text).await?;
            Ok("announced")
        }
        _ => Err(HELP.into()),
    }
}

async fn password(lines: &mut mpsc::Receiver<String>) -> Result<Password, &'static str> {
    lines.recv().await.map(Password::new).ok_or("there is no password")
}

/// For this user alone to read.
fn keep(path: &Path, token: &Token) -> io::Result<()> {
    forget(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(token.as_str().as_bytes())
}

fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn show(Session { notice, user, notes }: &Session) {
    let user = user.as_deref().unwrap_or("nobody");
    println!("state: {user} is logged in; notes: {notes:?}; notice: {notice:?}");
}

fn show_event(received: Received<AccountEvent>) {
    match received {
        Received::Event { event: AccountEvent::Announced { text }, .. } => println!("news: {text}"),
        Received::Event { event: AccountEvent::Received { from, text }, .. } => {
            println!("{from}: {text}");
        }
        _ => {}
    }
}

/// The lines of standard input, read by a thread: nothing can stop a read that waits for a key.
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
