//! The web example: a client for the terminal.

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;
use hardlight::{ClientOptions, Trust, connect_plain, connect_with};
use web::{OnChange, tally};

/// Adds to the total, and prints what others add, until the server ends.
#[derive(Parser)]
struct Args {
    /// The certificate of a server with TLS
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// What to add
    #[arg(long, value_name = "AMOUNT")]
    add: Option<u32>,
    /// Go on, and print what changes
    #[arg(long)]
    follow: bool,
    /// The server: ws://localhost:4000/rpc, or wss://localhost:4000/rpc with TLS
    url: String,
}

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
    let client: tally::Client = match &args.certificate {
        Some(file) => {
            let options = ClientOptions::new().trust(Trust::pem_file(file)?);
            connect_with(&args.url, options).await?
        }
        None => connect_plain(&args.url).await?,
    };
    {
        let state = client.state();
        let tls = if state.is_secure { "with TLS" } else { "without TLS" };
        println!("the server sees {} {tls}", state.you);
    }
    if args.follow {
        client.on_total(|_, total| println!("the total is {total}"));
    }
    if let Some(amount) = args.add {
        println!("added {amount}: the total is {}", client.add(amount).await?);
    }
    if args.follow {
        println!("{}", client.closed().await);
    } else {
        client.close().await;
    }
    Ok(())
}
