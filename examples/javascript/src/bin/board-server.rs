//! The JavaScript example: the server.

/// There is no server in a browser.
#[cfg(target_arch = "wasm32")]
fn main() {}

#[cfg(not(target_arch = "wasm32"))]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    server::run().await
}

#[cfg(not(target_arch = "wasm32"))]
mod server {
    use std::{
        collections::HashMap, env, error::Error, fs, future::ready, io, path::Path, sync::Arc,
    };

    use ::board::{App, Tasks, board};
    use axum::{
        Router,
        extract::{Path as Name, State},
        http::{StatusCode, header::CONTENT_TYPE},
        response::{IntoResponse, Response},
        routing::get,
    };
    use hardlight::{HttpService, Refusal, Request, Server, Unbound};
    use tokio::net::TcpListener;

    type Files = Arc<HashMap<String, Vec<u8>>>;

    /// Serves the page, the package and the service on one port, until it is ended: at the address that is the first argument,
    /// `localhost:4001` for one, or else at a free port of this machine.
    pub(super) async fn run() -> Result<(), Box<dyn Error>> {
        let tasks = Tasks::new();
        let factory = move |connection: board::Connection, _: Request| {
            ready(Ok::<_, Refusal>(App::new(tasks.clone(), connection)))
        };
        let server: Server<Unbound> = Server::unbound(factory);
        let service = HttpService::new(server.mount());
        tokio::spawn(server.run());

        let example = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = HashMap::new();
        read(&example.join("page"), "", &mut files)?;
        read(&example.join("package"), "board/", &mut files)
            .map_err(|error| format!("no package ({error}): scripts/npm makes it"))?;
        let app = Router::new()
            .route_service("/rpc", service)
            .route("/", get(|State(files): State<Files>| async move { file(&files, "index.html") }))
            .route(
                "/{*name}",
                get(|State(files): State<Files>, Name(name): Name<String>| async move {
                    file(&files, &name)
                }),
            )
            .with_state(Files::from(files));
        let address = env::args().nth(1).unwrap_or_else(|| "localhost:0".to_owned());
        let listener = TcpListener::bind(address).await?;
        println!("http://localhost:{}", listener.local_addr()?.port());
        axum::serve(listener, app).await?;
        Ok(())
    }

    /// Every file in a folder, by its name behind `prefix`.
    fn read(folder: &Path, prefix: &str, files: &mut HashMap<String, Vec<u8>>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                read(&entry.path(), &format!("{name}/"), files)?;
            } else {
                files.insert(name, fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    fn file(files: &Files, name: &str) -> Response {
        let kind = match name.rsplit_once('.') {
            Some((_, "html")) => "text/html; charset=utf-8",
            Some((_, "js")) => "text/javascript",
            Some((_, "wasm")) => "application/wasm",
            _ => "text/plain; charset=utf-8",
        };
        match files.get(name) {
            Some(content) => ([(CONTENT_TYPE, kind)], content.clone()).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}
