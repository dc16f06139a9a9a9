//! Passwords and tokens are shown nowhere.

use std::{io, sync::Arc};

use accounts::{Password, entrance};
use hardlight::ClientOptions;
use parking_lot::Mutex;
use tracing::Level;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::MakeWriter,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::house::House;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_password_and_a_token_are_in_no_log_and_in_no_debug_output() {
    const SECRET: &str = "a password that is nowhere";
    const WRONG: &str = "another that is nowhere";
    let log = Log::default();
    // tungstenite itself logs whole frames at TRACE.
    let levels =
        Targets::new().with_default(LevelFilter::TRACE).with_target("tungstenite", Level::DEBUG);
    let written = tracing_subscriber::fmt::layer().with_writer(log.clone()).with_ansi(false);
    // For the whole process: one of this thread alone would not see the server's tasks.
    tracing_subscriber::registry().with(written).with(levels).init();

    let house = House::new().await;
    let client = house.anonymous().await;
    client.0.register("zoe".into(), Password::new(SECRET)).await.unwrap();
    let token = client.0.log_in("zoe".into(), Password::new(SECRET)).await.unwrap();
    client.1.log_out().await.unwrap();
    // In place of the name, as happens; and a wrong one.
    client.0.log_in(SECRET.into(), Password::new(WRONG)).await.unwrap_err();
    client.0.log_in("zoe".into(), Password::new(WRONG)).await.unwrap_err();
    assert!(house.with_cookie(token.as_str()).await.is_err());
    assert!(house.connect(ClientOptions::new().token(token.as_str())).await.is_err());

    let input = entrance::LogInInput { name: "zoe".into(), password: Password::new(SECRET) };
    let shown = format!("{input:?} {:?} {token:?} {:?} {client:?}", input.password, house.accounts);
    let log = String::from_utf8(log.0.lock().clone()).unwrap();
    // All that is to be looked at is there: what the example logs, what HardLight does, and what comes by the crate `log`.
    for part in ["registered user=\"zoe\"", "DEBUG hardlight_", "DEBUG tungstenite::"] {
        assert!(log.contains(part), "{part}");
    }
    for secret in [SECRET, WRONG, token.as_str()] {
        assert!(!shown.contains(secret), "{shown}");
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
