//! The accounts example: the server.

use std::{env, error::Error, fs, future::ready, path::PathBuf, process::ExitCode, time::Duration};

use accounts::{Accounts, AccountsOptions, App, Password, Served, server_options};
use clap::Parser;
use hardlight::{Identity, OriginPolicy, Request, Server};
use tokio::{
    select, signal,
    time::{MissedTickBehavior, interval},
};

/// Where the password of `admin` is taken from: arguments are for everybody on the machine to read.
const ADMIN_PASSWORD: &str = "ACCOUNTS_ADMIN_PASSWORD";

/// How often the connections of sessions that have expired are looked for.
const SWEEP: Duration = Duration::from_secs(10);

/// Serves accounts, until Ctrl-C. They are in memory, and end with it.
///
/// If ACCOUNTS_ADMIN_PASSWORD is set, there is an administrator, `admin`, with that password.
#[derive(Parser)]
struct Args {
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:0")]
    listen: String,
    /// Where to write the certificate that clients are to trust, a new one at each start
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// A web page that may connect, besides those of the server's own origin: https://app.example.com
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match serve(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let accounts = Accounts::new(AccountsOptions::default());
    if let Ok(password) = env::var(ADMIN_PASSWORD) {
        accounts.add_admin("admin", Password::new(password)).await?;
    }
    let mut origins = OriginPolicy::same_origin();
    for origin in args.origin {
        origins = origins.allow(&origin)?;
    }

    // For development. `Identity::from_pem_files` takes a certificate that clients trust without being told to.
    let identity = Identity::development(["localhost"])?;
    let certificate = identity.certificate_pem();
    let factory = {
        let accounts = accounts.clone();
        move |connection: Served, request: Request| {
            ready(App::accept(&accounts, connection, &request))
        }
    };
    let server = Server::bind(args.listen, identity, factory).await?;
    let server = server.with_options(server_options().origins(origins));
    let (url, handle) = (server.url("localhost"), server.handle());
    let serving = tokio::spawn(server.run());
    fs::write(&args.certificate, certificate)
        .map_err(|error| format!("cannot write '{}': {error}", args.certificate.display()))?;
    println!("listening on {url}");

    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        select! {
            _ = sweep.tick() => accounts.expire(),
            interrupted = signal::ctrl_c() => break interrupted?,
        }
    }
    handle.stop().await;
    serving.await?;
    Ok(())
}
