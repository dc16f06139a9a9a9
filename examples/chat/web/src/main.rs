//! The chat example: its server, and its page for browsers, on one port.

use std::{error::Error, fs, path::PathBuf, process::ExitCode, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, header::CACHE_CONTROL},
    middleware,
};
use chat_server::Store;
use clap::Parser;
use hardlight::{
    ClientAuth, HttpService, Identity, Limits, OriginError, OriginPolicy, ServerOptions,
};
use tokio::net::TcpListener;
use tower_http::{services::ServeDir, set_header::SetResponseHeaderLayer};
use tracing_subscriber::EnvFilter;
use web::{PlainListener, TlsListener, introduce, serve_until_interrupted};

/// Serves a chat to browsers and to other clients, until Ctrl-C. RUST_LOG says what is logged, such as hardlight_ws=debug.
#[derive(Parser)]
struct Args {
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:0")]
    listen: String,
    /// The SQLite database with the messages; made if it is not there
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// The folder with the page, as scripts/page builds it
    #[arg(long, value_name = "FOLDER")]
    page: PathBuf,
    /// Serve with TLS, and write the certificate that clients are to trust here, a new one at each start
    #[arg(long, value_name = "FILE")]
    tls: Option<PathBuf>,
    /// Let pages of this origin, a scheme and a host, connect as well; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// After how many milliseconds of silence a client is asked for a sign of life; after three times that it is given up
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 20_000)]
    heartbeat: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing_subscriber::filter::LevelFilter::INFO.into());
    let log = tracing_subscriber::fmt().with_env_filter(filter.from_env_lossy());
    log.with_writer(std::io::stderr).init();
    match serve(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let Args { listen, database, page, tls, .. } = &args;
    if !page.join("index.html").is_file() {
        return Err(
            format!("there is no page in '{}': scripts/page builds it", page.display()).into()
        );
    }
    // The chat's own server. Its clients come by a route, from browsers and terminals alike.
    let server = chat_server::unbound(Store::open(database)?).with_options(options(&args)?);
    let (service, handle) = (HttpService::new(server.mount()), server.handle());
    let running = tokio::spawn(server.run());

    let listener = TcpListener::bind(listen).await?;
    let port = listener.local_addr()?.port();
    let (listener, app) = (PlainListener(listener), routes(page, service));
    match tls {
        Some(file) => {
            let identity = Identity::development(["localhost"])?;
            fs::write(file, identity.certificate_pem())
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
    println!("stopped");
    Ok(())
}

fn options(args: &Args) -> Result<ServerOptions, OriginError> {
    let allowed = args.allow_origin.iter().map(String::as_str);
    let origins = allowed.into_iter().try_fold(OriginPolicy::same_origin(), OriginPolicy::allow)?;
    let heartbeat = Some(Duration::from_millis(args.heartbeat));
    let limits = Limits::new().with_heartbeat_interval(heartbeat);
    Ok(ServerOptions::new().origins(origins).limits(limits))
}

/// The service at `/rpc`, and the files of the page at all other paths.
fn routes(page: &PathBuf, service: HttpService) -> Router {
    // A page that was built anew is not the one that a browser has kept.
    let fresh =
        SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Router::new()
        .fallback_service(ServeDir::new(page))
        .layer(fresh)
        .route_service("/rpc", service)
        .layer(middleware::from_fn(introduce))
}
