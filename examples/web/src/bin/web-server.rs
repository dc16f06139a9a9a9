//! The web example: the server.

use std::{error::Error, fs, future::ready, path::PathBuf, process::ExitCode};

use clap::Parser;
use hardlight::{ClientAuth, HttpService, Identity, Request, Server, Unbound};
use tokio::net::TcpListener;
use web::{App, PlainListener, TlsListener, Total, routes, serve_until_interrupted, tally};

/// Serves a page, JSON and HardLight on one port, until Ctrl-C.
#[derive(Parser)]
struct Args {
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:0")]
    listen: String,
    /// Serve with TLS, and write the certificate that clients are to trust here, a new one at each start
    #[arg(long, value_name = "FILE")]
    tls: Option<PathBuf>,
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
    let total = Total::default();
    let factory = {
        let total = total.clone();
        move |connection: tally::Connection, request: Request| {
            ready(App::accept(total.clone(), connection, &request))
        }
    };
    // It has no listener of its own: its clients come by the route.
    let server: Server<Unbound> = Server::unbound(factory);
    let (service, handle) = (HttpService::new(server.mount()), server.handle());
    let running = tokio::spawn(server.run());

    let listener = TcpListener::bind(&args.listen).await?;
    let port = listener.local_addr()?.port();
    let (listener, app) = (PlainListener(listener), routes(total, service));
    match args.tls {
        Some(file) => {
            let identity = Identity::development(["localhost"])?;
            fs::write(&file, identity.certificate_pem())
                .map_err(|error| format!("cannot write '{}': {error}", file.display()))?;
            let config = identity.server_config(&ClientAuth::None);
            println!("listening on https://localhost:{port} and wss://localhost:{port}/rpc");
            serve_until_interrupted(TlsListener::new(listener, config), app, handle).await?;
        }
        None => {
            println!("listening on http://localhost:{port} and ws://localhost:{port}/rpc");
            serve_until_interrupted(listener, app, handle).await?;
        }
    }
    running.await?;
    Ok(())
}
