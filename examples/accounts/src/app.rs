//! The handler: what the server does for one connection.

use std::{net::IpAddr, sync::Arc};

use hardlight::{
    Interest, Limits, Refusal, Request, ServerOptions, Topic,
    cookie::{Cookie, CookieBuilder, SameSite, time},
};

use crate::{
    Account, AccountError, Accounts, Administration, Entrance, LogInError, NEWS, Password,
    RegisterError, Session, Token, account, administration,
    book::{OnlineId, Owner},
    entrance, own_topic,
    service::AccountEventTopics,
};

/// The cookie with a token. Browsers take one whose name begins so only over TLS, from this very host and for all of it.
pub const SESSION_COOKIE: &str = "__Host-session";

/// What a server serves: three services on one connection.
pub type Served = (entrance::Connection, account::Connection, administration::Connection);

/// The handler of one connection.
#[derive(Debug)]
pub struct App {
    id: OnlineId,
    connection: entrance::Connection,
    accounts: Arc<Accounts>,
    address: Option<IpAddr>,
}

/// What a server takes from a connection, which may be anybody's: much less than by default, where one can make a server hold
/// 25 MiB. Nothing that is asked for here is long; all notes of a user are some 80 KB.
pub fn server_options() -> ServerOptions {
    let limits = Limits::new()
        .with_max_frame_bytes(128 * 1024)
        .with_max_transfer_bytes(128 * 1024)
        .with_max_input_bytes(256 * 1024)
        .with_max_queued_event_bytes(64 * 1024)
        .with_max_topic_bytes(16 * 1024);
    ServerOptions::new().limits(limits)
}

impl App {
    /// Lets a client in: anonymous if it presents no token, and with all that its user may do if it presents a good one,
    /// from the first moment on.
    ///
    /// A browser's page presents its token as a subprotocol entry. From then on it need not keep it: the response sets a
    /// cookie, which the browser sends by itself and shows no script.
    ///
    /// # Errors
    ///
    /// `401 Unauthorized`, which deletes the cookie, if the token is forged, has expired or was logged out.
    pub fn accept(
        accounts: &Arc<Accounts>,
        (connection, ..): Served,
        request: &Request,
    ) -> Result<Self, Refusal> {
        let address = request.client_ip();
        let owner = Owner::default();
        Topics(Arc::clone(&owner)).attach(&connection);
        // From here on the connection is known, until the handler is dropped.
        let id = accounts.enter(connection.clone(), owner);
        let app = Self { id, connection, accounts: Arc::clone(accounts), address };
        let bearer = request.bearer_token();
        let is_new = bearer.is_some();
        let cookie = || request.cookie(SESSION_COOKIE).map(|cookie| cookie.value().to_owned());
        let Some(token) = bearer.or_else(cookie).map(Token::new) else {
            return Ok(app);
        };
        match accounts.resume(app.id, &token) {
            Some(left) if is_new => {
                let left = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
                let cookie = session_cookie(token.as_str()).max_age(time::Duration::seconds(left));
                request.response().set_cookie(&cookie.build())?;
                Ok(app)
            }
            Some(_) => Ok(app),
            None => {
                let mut stale = session_cookie("").build();
                stale.make_removal();
                Err(Refusal::unauthorized().with_cookie(&stale)?)
            }
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.accounts.leave(self.id);
    }
}

impl Entrance for App {
    async fn register(&self, name: String, password: Password) -> Result<(), RegisterError> {
        self.accounts.register(&name, password, self.address).await
    }

    async fn log_in(&self, name: String, password: Password) -> Result<Token, LogInError> {
        self.accounts.log_in(self.id, &name, password, self.address).await
    }

    async fn follow(&self, topic: Topic) -> bool {
        self.accounts.follow(&self.connection, topic).is_ok()
    }
}

impl Account for App {
    async fn add_note(&self, text: String) -> Result<(), AccountError> {
        self.accounts.add_note(self.id, text)
    }

    async fn send(&self, to: String, text: String) -> Result<(), AccountError> {
        self.accounts.send(self.id, &self.connection, &to, text)
    }

    async fn log_out(&self) -> Result<(), AccountError> {
        self.accounts.log_out(self.id)
    }

    async fn log_out_everywhere(&self) -> Result<u32, AccountError> {
        self.accounts.log_out_everywhere(self.id)
    }
}

impl Administration for App {
    async fn suspend(&self, name: String) -> Result<(), AccountError> {
        self.accounts.suspend(self.id, &name)
    }

    async fn announce(&self, text: String) -> Result<(), AccountError> {
        self.accounts.announce(self.id, &self.connection, text)
    }
}

/// Which events a connection may have: whoever is logged in has those of the user, and everybody may ask for the news.
struct Topics(Owner);

impl AccountEventTopics<Session> for Topics {
    fn topics(&self, session: &Session) -> Vec<Interest> {
        session.user.iter().map(|user| own_topic(user).into()).collect()
    }

    fn check(&self, interest: &Interest) -> bool {
        let own = self.0.lock().as_deref().map(own_topic);
        match interest {
            Interest::Topic(topic) => *topic == NEWS || own.as_ref() == Some(topic),
            _ => false,
        }
    }
}

/// Without `Domain`, as its name demands.
fn session_cookie(token: &str) -> CookieBuilder<'_> {
    Cookie::build((SESSION_COOKIE, token))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
}

#[cfg(test)]
mod tests {
    use hardlight::{Pattern, SubscribeError};

    use super::*;

    #[test]
    fn a_connection_is_subscribed_to_its_users_topic_and_the_news_and_to_no_other() {
        let (connection, owner) = (entrance::Connection::detached(), Owner::default());
        Topics(Arc::clone(&owner)).attach(&connection);
        let add = |interest: Interest| connection.subscriptions.add(interest);
        assert_eq!(add(own_topic("ann").into()), Err(SubscribeError::Refused));
        *owner.lock() = Some("ann".into());
        for pattern in ["#", "users/+", "users/ann", "news"] {
            let pattern = Pattern::new(pattern).expect("it is one");
            assert_eq!(add(pattern.into()), Err(SubscribeError::Refused));
        }
        for topic in ["users/bob", "users/ann/", "users", "", "news/today"] {
            assert_eq!(add(Topic::from(topic).into()), Err(SubscribeError::Refused), "{topic}");
        }
        connection.state.lock().user = Some("ann".into());
        assert!(connection.subscriptions.contains(own_topic("ann")));
        connection.state.lock().user = Some("bob".into());
        assert_eq!(connection.subscriptions.iter().len(), 0);
        assert_eq!(add(Topic::from(NEWS).into()), Ok(()));
    }
}
