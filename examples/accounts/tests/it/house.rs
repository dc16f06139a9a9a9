//! A server that notes what runs, and whose clock the test turns.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use accounts::{
    Account, AccountError, Accounts, AccountsOptions, Administration, App, Entrance, HashCost,
    LogInError, Pace, Password, RegisterError, SESSION_COOKIE, Served, Token, account,
    administration, entrance, server_options,
};
use hardlight::{
    CallError, ClientOptions, ConnectError, Error, Request, Server, Topic, connect_plain_with,
};
use parking_lot::Mutex;

/// Clients of all that is served.
pub(crate) type Client = (entrance::Client, account::Client, administration::Client);

/// How long a session lasts here.
pub(crate) const LIFETIME: Duration = Duration::from_secs(3600);

/// The password of whomever [`House::user`] makes.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// What a call is told that needs what its connection may not do.
pub(crate) fn refused<T, E>() -> Result<T, Error<E>> {
    Err(Error::Call(CallError::MissingFeature))
}

/// A server that runs.
pub(crate) struct House {
    pub(crate) url: String,
    pub(crate) accounts: Arc<Accounts>,
    /// Seconds.
    elapsed: Arc<AtomicU64>,
    ran: Ran,
}

/// What has run of the application.
#[derive(Clone, Default)]
struct Ran {
    factory: Arc<AtomicUsize>,
    methods: Arc<Mutex<Vec<&'static str>>>,
}

impl House {
    pub(crate) async fn new() -> Self {
        // None of the tests that are not about that is slowed.
        Self::with(Pace { per_name: 1000, per_address: 1000 }).await
    }

    pub(crate) async fn with(pace: Pace) -> Self {
        let (begun, elapsed) = (Instant::now(), Arc::<AtomicU64>::default());
        let seconds = Arc::clone(&elapsed);
        let accounts = Accounts::new(AccountsOptions {
            hash_cost: HashCost { memory_kib: 8, iterations: 1, lanes: 1 },
            pace,
            session_lifetime: LIFETIME,
            clock: Arc::new(move || begun + Duration::from_secs(seconds.load(Ordering::SeqCst))),
        });
        let ran = Ran::default();
        let factory = {
            let (accounts, ran) = (Arc::clone(&accounts), ran.clone());
            move |connection: Served, request: Request| {
                ran.factory.fetch_add(1, Ordering::SeqCst);
                let app = App::accept(&accounts, connection, &request);
                ready(app.map(|app| Watched { app, ran: ran.clone() }))
            }
        };
        let server = Server::bind_plain("127.0.0.1:0", factory).await.unwrap();
        let server = server.with_options(server_options());
        let url = server.url("127.0.0.1");
        tokio::spawn(server.run());
        Self { url, accounts, elapsed, ran }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.elapsed.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    /// The methods that ran since this was last asked, and how often the factory did.
    pub(crate) fn ran(&self) -> (usize, Vec<&'static str>) {
        let methods = std::mem::take(&mut *self.ran.methods.lock());
        (self.ran.factory.swap(0, Ordering::SeqCst), methods)
    }

    pub(crate) async fn connect(&self, options: ClientOptions) -> Result<Client, ConnectError> {
        connect_plain_with(&self.url, options).await
    }

    pub(crate) async fn anonymous(&self) -> Client {
        self.connect(ClientOptions::new()).await.unwrap()
    }

    /// A new user, who has logged in.
    pub(crate) async fn user(&self, name: &str) -> (Client, Token) {
        let client = self.anonymous().await;
        client.0.register(name.into(), Password::new(PASSWORD)).await.unwrap();
        let token = log_in(&client, name).await;
        (client, token)
    }

    /// An administrator, who has logged in.
    pub(crate) async fn admin(&self) -> Client {
        self.accounts.add_admin("admin", Password::new(PASSWORD)).await.unwrap();
        let client = self.anonymous().await;
        log_in(&client, "admin").await;
        client
    }

    /// One more connection of a session.
    pub(crate) async fn with_cookie(&self, token: &str) -> Result<Client, ConnectError> {
        let cookie = (SESSION_COOKIE, token.to_owned());
        self.connect(ClientOptions::new().cookie(cookie)).await
    }
}

pub(crate) async fn log_in(client: &Client, name: &str) -> Token {
    client.0.log_in(name.into(), Password::new(PASSWORD)).await.unwrap()
}

/// The status that a client was refused with.
pub(crate) fn status(refused: Result<Client, ConnectError>) -> u16 {
    match refused.expect_err("it is refused") {
        ConnectError::Refused { status, .. } => status.as_u16(),
        other => panic!("{other}"),
    }
}

/// The handler, and a note of each call before it.
struct Watched {
    app: App,
    ran: Ran,
}

impl Watched {
    fn note(&self, method: &'static str) -> &App {
        self.ran.methods.lock().push(method);
        &self.app
    }
}

impl Entrance for Watched {
    async fn register(&self, name: String, password: Password) -> Result<(), RegisterError> {
        self.note("register").register(name, password).await
    }

    async fn log_in(&self, name: String, password: Password) -> Result<Token, LogInError> {
        self.note("log_in").log_in(name, password).await
    }

    async fn follow(&self, topic: Topic) -> bool {
        self.note("follow").follow(topic).await
    }
}

impl Account for Watched {
    async fn add_note(&self, text: String) -> Result<(), AccountError> {
        self.note("add_note").add_note(text).await
    }

    async fn send(&self, to: String, text: String) -> Result<(), AccountError> {
        self.note("send").send(to, text).await
    }

    async fn log_out(&self) -> Result<(), AccountError> {
        self.note("log_out").log_out().await
    }

    async fn log_out_everywhere(&self) -> Result<u32, AccountError> {
        self.note("log_out_everywhere").log_out_everywhere().await
    }
}

impl Administration for Watched {
    async fn suspend(&self, name: String) -> Result<(), AccountError> {
        self.note("suspend").suspend(name).await
    }

    async fn announce(&self, text: String) -> Result<(), AccountError> {
        self.note("announce").announce(text).await
    }
}
