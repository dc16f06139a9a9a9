//! Sessions: how a connection presents one, and how it ends.

use std::{sync::Arc, time::Duration};

use accounts::{AccountEvent, Allowed, LogInError, Password, SESSION_COOKIE};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hardlight::{
    ClientOptions, CloseCode, ConnectError, Error, Received, Response,
    cookie::{CookieJar, SameSite},
};

use crate::house::{Client, House, LIFETIME, PASSWORD, log_in, refused, status};

#[tokio::test]
async fn a_login_opens_the_account_before_its_answer() {
    let house = House::new().await;
    let (client, _) = house.user("ann").await;
    assert!(client.0.has(Allowed::Account) && !client.0.has(Allowed::Admin));
    assert_eq!(client.0.state().user.as_deref(), Some("ann"));
    assert_eq!(client.1.add_note("buy milk".into()).await, Ok(()));
    assert_eq!(client.0.state().notes, ["buy milk"]);
}

#[tokio::test]
async fn a_token_opens_the_account_from_the_first_moment_wherever_it_stands() {
    let house = House::new().await;
    let (first, token) = house.user("ann").await;
    first.1.add_note("buy milk".into()).await.unwrap();
    house.ran();
    let token = token.as_str();
    let options = ClientOptions::new();
    for options in [
        options.clone().cookie((SESSION_COOKIE, token.to_owned())),
        options.clone().token(token),
        browser(&house).subprotocol(entry(token)),
    ] {
        let (entrance, account, _) = house.connect(options).await.unwrap();
        assert!(entrance.has(Allowed::Account) && entrance.can(accounts::entrance::Method::LogIn));
        assert_eq!(entrance.state().user.as_deref(), Some("ann"));
        assert_eq!(entrance.state().notes, ["buy milk"]);
        assert_eq!(account.send("ann".into(), "a".into()).await, Ok(()));
    }
    // No call was needed for that.
    assert_eq!(house.ran(), (3, vec!["send"; 3]));
}

#[tokio::test]
async fn a_page_that_presents_a_token_gets_a_cookie_that_no_script_sees() {
    let house = House::new().await;
    let (_, token) = house.user("ann").await;
    let options = browser(&house).subprotocol(entry(token.as_str()));
    let (entrance, ..) = house.connect(options).await.unwrap();
    let response: Arc<Response> = entrance.response().unwrap();
    {
        let cookie = response.cookies().next().unwrap();
        assert_eq!((cookie.name(), cookie.value()), (SESSION_COOKIE, token.as_str()));
        assert_eq!((cookie.http_only(), cookie.secure()), (Some(true), Some(true)));
        assert_eq!((cookie.same_site(), cookie.path()), (Some(SameSite::Lax), Some("/")));
        let age = cookie.max_age().unwrap().whole_seconds();
        assert_eq!((cookie.domain(), u64::try_from(age)), (None, Ok(LIFETIME.as_secs())));
    }
    let mut jar = CookieJar::new();
    response.store(&mut jar);
    let (entrance, ..) = house.connect(browser(&house).cookies(&jar)).await.unwrap();
    assert_eq!(entrance.state().user.as_deref(), Some("ann"));
    assert_eq!(entrance.response::<Response>().unwrap().cookies().count(), 0);
}

#[tokio::test]
async fn a_forged_token_is_refused_and_its_cookie_deleted() {
    let house = House::new().await;
    let (_, token) = house.user("ann").await;
    house.ran();
    let mut changed = token.as_str().to_owned();
    changed.replace_range(..1, if changed.starts_with('A') { "B" } else { "A" });
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for forged in [&changed, &token.as_str()[1..], "", "ann", "user=ann", hash] {
        assert_eq!(status(house.with_cookie(forged).await), 401, "{forged}");
    }
    for forged in [&changed, "ann"] {
        assert_eq!(status(house.connect(ClientOptions::new().token(forged)).await), 401);
    }
    assert_eq!(house.ran(), (8, vec![]));
    match house.with_cookie(&changed).await.unwrap_err() {
        ConnectError::Refused { response, .. } => {
            let cookie = response.cookies().next().unwrap();
            assert_eq!((cookie.name(), cookie.value()), (SESSION_COOKIE, ""));
            assert!(cookie.max_age().unwrap().is_zero());
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_page_with_a_forged_token_is_told_by_a_close_code_and_does_not_try_again() {
    let house = House::new().await;
    for options in [
        browser(&house).cookie((SESSION_COOKIE, "forged")),
        browser(&house).subprotocol(entry("forged")),
    ] {
        let error = house.connect(options).await.unwrap_err();
        assert!(!error.is_retryable());
        match error {
            ConnectError::Refused { close_code, .. } => {
                assert_eq!(close_code, Some(CloseCode(4401)));
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(house.ran(), (2, vec![]));
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_before_the_factory_whatever_its_cookie() {
    let house = House::new().await;
    let (_, token) = house.user("ann").await;
    house.ran();
    for origin in ["https://evil.example", "null", "http://127.0.0.1"] {
        let options = ClientOptions::new().origin(origin);
        let options = options.cookie((SESSION_COOKIE, token.as_str().to_owned()));
        assert_eq!(status(house.connect(options).await), 403, "{origin}");
    }
    assert_eq!(house.ran(), (0, vec![]));
}

#[tokio::test]
async fn an_expired_token_is_refused_and_its_connections_are_narrowed() {
    let house = House::new().await;
    let (client, token) = house.user("ann").await;
    house.pass(LIFETIME - Duration::from_secs(1));
    assert!(house.with_cookie(token.as_str()).await.is_ok());
    house.ran();
    house.pass(Duration::from_secs(1));
    let mut features = client.0.watch_features();
    assert_eq!(status(house.with_cookie(token.as_str()).await), 401);
    assert!(features.changed().await.unwrap().iter().next().is_none());
    assert_eq!(client.1.add_note("too late".into()).await, refused());
    assert_eq!(house.ran(), (1, vec![]));
    log_in(&client, "ann").await;
    assert_eq!(client.0.state().notes, [""; 0]);
}

#[tokio::test]
async fn a_session_that_expires_while_its_connection_lives_allows_nothing_more() {
    let house = House::new().await;
    let (client, _) = house.user("ann").await;
    let mut features = client.0.watch_features();
    house.pass(LIFETIME);
    house.accounts.expire();
    assert!(features.changed().await.unwrap().iter().next().is_none());
    assert_eq!(client.0.state().user, None);
    // Between two such sweeps the use of it finds out.
    log_in(&client, "ann").await;
    house.pass(LIFETIME);
    let late = client.1.add_note("too late".into()).await;
    assert_eq!(late, Err(Error::Application(accounts::AccountError::NotAllowed)));
    assert!(!client.0.has(Allowed::Account));
    // So does a login.
    log_in(&client, "ann").await;
    house.pass(LIFETIME);
    log_in(&client, "ann").await;
}

#[tokio::test]
async fn a_token_is_of_no_use_after_its_logout_and_all_its_connections_are_narrowed() {
    let house = House::new().await;
    let (first, token) = house.user("ann").await;
    let second = house.with_cookie(token.as_str()).await.unwrap();
    let other = house.anonymous().await;
    let other_token = log_in(&other, "ann").await;
    let mut features = second.0.watch_features();
    first.1.log_out().await.unwrap();
    features.changed().await.unwrap();
    house.ran();
    for client in [&first, &second] {
        assert_eq!(client.1.add_note("replayed".into()).await, refused());
        assert_eq!((&client.0.state().user, client.0.has(Allowed::Account)), (&None, false));
    }
    assert_eq!(status(house.with_cookie(token.as_str()).await), 401);
    assert_eq!(status(house.connect(ClientOptions::new().token(token.as_str())).await), 401);
    assert_eq!(house.ran(), (2, vec![]));
    // The other session goes on.
    assert_eq!(other.1.add_note("of the other".into()).await, Ok(()));
    assert!(house.with_cookie(other_token.as_str()).await.is_ok());
}

#[tokio::test]
async fn to_log_out_everywhere_ends_all_sessions_of_the_user_and_of_no_other() {
    let house = House::new().await;
    let (bob, _) = house.user("bob").await;
    let (first, token) = house.user("ann").await;
    let second = house.anonymous().await;
    let second_token = log_in(&second, "ann").await;
    let mut features = second.0.watch_features();
    assert_eq!(first.1.log_out_everywhere().await, Ok(2));
    features.changed().await.unwrap();
    house.ran();
    for client in [&first, &second] {
        assert_eq!(client.1.add_note("replayed".into()).await, refused());
    }
    for token in [token, second_token] {
        assert_eq!(status(house.with_cookie(token.as_str()).await), 401);
    }
    assert_eq!(house.ran(), (2, vec![]));
    assert_eq!(bob.1.add_note("of bob".into()).await, Ok(()));
}

#[tokio::test]
async fn a_suspended_user_loses_all_at_once_and_does_not_come_back() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (bob, _) = house.user("bob").await;
    let (first, token) = house.user("ann").await;
    let second = house.with_cookie(token.as_str()).await.unwrap();
    let mut events = first.0.events();
    let mut watches = [first.0.watch_features(), second.0.watch_features()];
    admin.2.suspend("ann".into()).await.unwrap();
    for watch in &mut watches {
        assert!(watch.changed().await.unwrap().iter().next().is_none());
    }
    house.ran();
    for client in [&first, &second] {
        assert_eq!(client.1.add_note("still here".into()).await, refused());
        assert_eq!((&client.0.state().user, &client.0.state().notes), (&None, &vec![]));
    }
    assert_eq!(status(house.with_cookie(token.as_str()).await), 401);
    assert_eq!(house.ran(), (1, vec![]));
    let right = first.0.log_in("ann".into(), Password::new(PASSWORD)).await;
    assert_eq!(right, Err(Error::Application(LogInError::Suspended)));
    // Who does not know the password is not told that either.
    let wrong = first.0.log_in("ann".into(), Password::new("wrong password")).await;
    assert_eq!(wrong, Err(Error::Application(LogInError::BadCredentials)));
    // Events go by as well.
    bob.1.send("ann".into(), "are you there?".into()).await.unwrap();
    first.0.follow(accounts::NEWS.into()).await.unwrap();
    admin.2.announce("hello".into()).await.unwrap();
    let announced = AccountEvent::Announced { text: "hello".into() };
    assert!(
        matches!(events.next().await, Some(Received::Event { event, .. }) if event == announced)
    );
    assert_eq!(bob.1.add_note("of bob".into()).await, Ok(()));
}

#[tokio::test]
async fn an_eleventh_session_ends_the_oldest() {
    let house = House::new().await;
    let (first, first_token) = house.user("ann").await;
    let mut others: Vec<Client> = Vec::new();
    let mut features = first.0.watch_features();
    for _ in 0..10 {
        house.pass(Duration::from_secs(1));
        let client = house.anonymous().await;
        log_in(&client, "ann").await;
        others.push(client);
    }
    features.changed().await.unwrap();
    assert_eq!(status(house.with_cookie(first_token.as_str()).await), 401);
    for client in &others {
        assert!(client.0.has(Allowed::Account));
    }
}

/// What a page of the server's own origin connects with.
fn browser(house: &House) -> ClientOptions {
    ClientOptions::new().origin(house.url.replace("ws://", "http://"))
}

/// How a page presents a token.
fn entry(token: &str) -> String {
    format!("hl.token.{}", URL_SAFE_NO_PAD.encode(token))
}
