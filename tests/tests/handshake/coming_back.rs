//! Logging in by a call, and coming back with what it answered.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use hardlight::{
    CallError, ClientOptions, ConnectError, Error, Feature, Refusal, Request, Server,
    connect_plain_with,
};

const TOKEN: &str = "c2Vzc2lvbg";

#[derive(Feature)]
pub(crate) enum Allowed {
    Write,
}

#[hardlight::rpc]
pub(crate) trait Notes {
    #[rpc(secret)]
    async fn log_in(&self, password: String) -> Option<String>;
    #[rpc(feature = Allowed::Write)]
    async fn add(&self);
}

impl Notes for notes::Handler {
    async fn log_in(&self, password: String) -> Option<String> {
        if password != "open sesame" {
            return None;
        }
        self.features().insert(Allowed::Write);
        Some(TOKEN.to_owned())
    }

    async fn add(&self) {}
}

/// The URL of a server that knows the token for as long as `is_session` is true.
async fn serve(is_session: Arc<AtomicBool>) -> String {
    let factory = move |connection: notes::Connection, request: Request| {
        let cookie = request.cookie("__Host-session").map(|cookie| cookie.value().to_owned());
        let decided = match request.bearer_token().or(cookie) {
            Some(token) if token != TOKEN || !is_session.load(Ordering::Relaxed) => {
                Err(Refusal::unauthorized())
            }
            Some(_) => {
                connection.features().insert(Allowed::Write);
                Ok(notes::Handler::new(connection))
            }
            None => Ok(notes::Handler::new(connection)),
        };
        async { decided }
    };
    let server = Server::bind_plain("127.0.0.1:0", factory).await.unwrap();
    let url = server.url("127.0.0.1");
    tokio::spawn(server.run());
    url
}

#[tokio::test]
async fn what_a_login_answers_gives_the_next_connection_its_features() {
    let is_session = Arc::new(AtomicBool::new(true));
    let url = serve(Arc::clone(&is_session)).await;
    let connect = |options| connect_plain_with::<notes::Client>(&url, options);

    let client = connect(ClientOptions::new()).await.unwrap();
    assert_eq!(client.add().await, Err(Error::Call(CallError::MissingFeature)));
    assert_eq!(client.log_in("guess".to_owned()).await, Ok(None));
    let token = client.log_in("open sesame".to_owned()).await.unwrap().unwrap();
    client.add().await.unwrap();
    client.close().await;

    let by_token = ClientOptions::new().token(&token);
    let by_cookie = ClientOptions::new().cookie(("__Host-session", token));
    for options in [by_token.clone(), by_cookie.clone()] {
        let client = connect(options).await.unwrap();
        assert!(client.has(Allowed::Write));
        client.add().await.unwrap();
    }

    is_session.store(false, Ordering::Relaxed);
    for options in [by_token, by_cookie] {
        let error = connect(options).await.unwrap_err();
        assert!(!error.is_retryable());
        assert!(matches!(error, ConnectError::Refused { status, .. } if status == 401), "{error}");
    }
}
