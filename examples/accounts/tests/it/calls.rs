//! Who may call what, and who gets which state and events.

use std::collections::BTreeSet;

use accounts::{
    AccountError, AccountEvent, Allowed, LogInError, NEWS, Password, Session, own_topic,
};
use futures_util::{
    FutureExt,
    future::{join, join3},
};
use hardlight::{
    ClientOptions, Error, EventStream, Received, ServiceClient, Topic,
    proto::{Resume, ResumeTopic},
};
use tokio::task::JoinSet;

use crate::house::{House, PASSWORD, log_in, refused};

#[tokio::test]
async fn before_the_login_no_call_of_an_account_or_an_administrator_runs() {
    let house = House::new().await;
    let (entrance, account, administration) = house.anonymous().await;
    assert_eq!(account.add_note("a".into()).await, refused());
    assert_eq!(account.send("ann".into(), "a".into()).await, refused());
    assert_eq!(account.log_out().await, refused());
    assert_eq!(account.log_out_everywhere().await, refused());
    assert_eq!(administration.suspend("ann".into()).await, refused());
    assert_eq!(administration.announce("a".into()).await, refused());
    assert_eq!(house.ran(), (1, vec![]));
    assert!(!entrance.has(Allowed::Account) && !entrance.has(Allowed::Admin));
    assert!(entrance.follow(NEWS.into()).await.unwrap());
}

#[tokio::test]
async fn a_wrong_password_opens_nothing() {
    let house = House::new().await;
    house.user("ann").await;
    let (entrance, account, _) = house.anonymous().await;
    let wrong = entrance.log_in("ann".into(), Password::new("wrong password"));
    assert_eq!(wrong.await, Err(Error::Application(LogInError::BadCredentials)));
    house.ran();
    assert_eq!(account.add_note("a".into()).await, refused());
    assert!(entrance.features().iter().next().is_none());
    assert_eq!(entrance.state().user, None);
    assert_eq!(house.ran(), (0, vec![]));
}

#[tokio::test]
async fn a_user_may_not_call_what_is_for_administrators() {
    let house = House::new().await;
    let admin = house.admin().await;
    let ((_, account, administration), _) = house.user("ann").await;
    house.ran();
    assert_eq!(administration.suspend("ann".into()).await, refused());
    assert_eq!(administration.announce("a".into()).await, refused());
    assert_eq!(house.ran(), (0, vec![]));
    assert_eq!(account.add_note("still there".into()).await, Ok(()));
    admin.2.announce("a".into()).await.unwrap();
    let of_admin = admin.2.suspend("admin".into()).await;
    assert_eq!(of_admin, Err(Error::Application(AccountError::NoSuchUser)));
}

#[tokio::test]
async fn a_login_opens_this_connection_and_no_other() {
    let house = House::new().await;
    let (stranger, (bob, _)) = (house.anonymous().await, house.user("bob").await);
    let (ann, _) = house.user("ann").await;
    house.admin().await;
    assert_eq!(ann.1.add_note("of ann".into()).await, Ok(()));
    house.ran();
    assert_eq!(stranger.1.add_note("a".into()).await, refused());
    assert_eq!(stranger.2.suspend("bob".into()).await, refused());
    assert_eq!(bob.2.suspend("ann".into()).await, refused());
    assert_eq!(ann.2.suspend("bob".into()).await, refused());
    assert_eq!(house.ran(), (0, vec![]));
    assert_eq!(ann.0.state().notes, ["of ann"]);
    assert_eq!((&bob.0.state().user, &bob.0.state().notes), (&Some("bob".into()), &vec![]));
    assert_eq!((&stranger.0.state().user, &stranger.0.state().notes), (&None, &vec![]));
}

#[tokio::test]
async fn calls_in_one_batch_behind_the_logout_do_not_run() {
    let house = House::new().await;
    let ((_, account, _), _) = house.user("ann").await;
    house.ran();
    let results = join3(account.add_note("before".into()), account.log_out(), async {
        join(account.add_note("behind".into()), account.send("ann".into(), "a".into())).await
    });
    assert_eq!(results.await, (Ok(()), Ok(()), (refused(), refused())));
    assert_eq!(house.ran(), (0, vec!["add_note", "log_out"]));
    let (again, _) = (house.anonymous().await, ());
    log_in(&again, "ann").await;
    assert_eq!(again.0.state().notes, ["before"]);
}

#[tokio::test]
async fn who_is_logged_in_logs_out_first() {
    let house = House::new().await;
    house.user("bob").await;
    let (ann, _) = house.user("ann").await;
    let second = ann.0.log_in("bob".into(), Password::new(PASSWORD)).await;
    assert_eq!(second, Err(Error::Application(LogInError::AlreadyLoggedIn)));
    // Two at once: one of them is the first.
    let client = house.anonymous().await;
    let log_in = |name: &str| client.0.log_in(name.into(), Password::new(PASSWORD));
    let (one, other) = join(log_in("ann"), log_in("bob")).await;
    assert_eq!([&one, &other].iter().filter(|result| result.is_ok()).count(), 1);
}

#[tokio::test]
async fn the_next_user_of_a_connection_sees_nothing_of_the_one_before() {
    let house = House::new().await;
    let (sender, _) = house.user("sam").await;
    house.user("bob").await;
    let (client, _) = house.user("ann").await;
    let mut events = client.0.events();
    client.1.add_note("of ann".into()).await.unwrap();
    client.1.log_out().await.unwrap();
    assert_eq!((&client.0.state().user, &client.0.state().notes), (&None, &vec![]));
    log_in(&client, "bob").await;
    assert_eq!((&client.0.state().user, &client.0.state().notes), (&Some("bob".into()), &vec![]));
    sender.1.send("ann".into(), "for ann".into()).await.unwrap();
    sender.1.send("bob".into(), "for bob".into()).await.unwrap();
    assert_eq!(next(&mut events).await, received("sam", "for bob"));
    // Nor has the user before written anything to the next one's notes.
    let (other, _) = (house.anonymous().await, ());
    log_in(&other, "bob").await;
    assert_eq!(other.0.state().notes, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn users_who_take_turns_on_connections_from_many_threads_never_see_each_other() {
    const NAMES: [&str; 3] = ["ann", "bob", "eve"];
    let house = House::new().await;
    for name in NAMES {
        house.user(name).await;
    }
    let mut turns = JoinSet::new();
    for first in 0..6 {
        let (entrance, account, _) = house.anonymous().await;
        turns.spawn(async move {
            let mut watch = entrance.watch();
            for turn in 0..20 {
                let name = NAMES[(first + turn) % NAMES.len()];
                entrance.log_in(name.into(), Password::new(PASSWORD)).await.unwrap();
                // Somebody else may end the session at any moment.
                let _ = account.add_note(name.into()).await;
                check_session(&entrance.state());
                if turn % 5 == 0 {
                    let _ = account.log_out_everywhere().await;
                } else {
                    let _ = account.log_out().await;
                }
                check_session(&watch.current());
                assert_eq!(entrance.state().user, None);
            }
            while let Some(session) = watch.changed().now_or_never() {
                check_session(&session.unwrap());
            }
        });
    }
    while let Some(done) = turns.join_next().await {
        done.unwrap();
    }
}

/// Nobody sees notes of anybody else, and nobody's are nobody's.
fn check_session(session: &Session) {
    let owners: BTreeSet<_> = session.notes.iter().collect();
    assert!(owners.into_iter().all(|owner| Some(owner) == session.user.as_ref()), "{session:?}");
}

#[tokio::test]
async fn the_topic_of_another_user_is_refused_and_nothing_of_it_arrives() {
    let house = House::new().await;
    let admin = house.admin().await;
    let ((ann, ..), _) = house.user("ann").await;
    let ((eve, eves, _), _) = house.user("eve").await;
    let (stranger, ..) = house.anonymous().await;
    let mut of_ann = ann.events();
    let (mut of_eve, mut of_stranger) = (eve.events(), stranger.events());
    for topic in
        [own_topic("ann"), "users/+".into(), "users/#".into(), "#".into(), Topic::default()]
    {
        assert_eq!(eve.follow(topic.clone()).await, Ok(false), "{topic:?}");
        assert_eq!(stranger.follow(topic.clone()).await, Ok(false), "{topic:?}");
    }
    assert_eq!(stranger.follow(own_topic("eve")).await, Ok(false));
    assert_eq!(eve.follow(own_topic("eve")).await, Ok(true));
    for client in [&eve, &stranger] {
        assert_eq!(client.follow(NEWS.into()).await, Ok(true));
    }
    eves.send("ann".into(), "for ann".into()).await.unwrap();
    admin.2.announce("for all".into()).await.unwrap();
    assert_eq!(next(&mut of_ann).await, received("eve", "for ann"));
    for events in [&mut of_eve, &mut of_stranger] {
        assert_eq!(next(events).await, AccountEvent::Announced { text: "for all".into() });
    }
}

#[tokio::test]
async fn to_go_on_with_another_users_topic_subscribes_to_nothing() {
    let house = House::new().await;
    let admin = house.admin().await;
    let ((ann, anns, _), _) = house.user("ann").await;
    let epoch = ann.resume_point().await.expect("it is open").epoch;
    anns.send("ann".into(), "before".into()).await.unwrap();
    let topic = ResumeTopic { name: own_topic("ann").to_bytes(), next: 0 };
    let forged = Resume { epoch, topics: vec![topic] };
    let eve = house.connect(ClientOptions::new().resume(Some(forged))).await.unwrap();
    let mut events = eve.0.events();
    assert_eq!(eve.0.follow(NEWS.into()).await, Ok(true));
    anns.send("ann".into(), "behind".into()).await.unwrap();
    admin.2.announce("for all".into()).await.unwrap();
    assert_eq!(next(&mut events).await, AccountEvent::Announced { text: "for all".into() });
}

#[test]
fn what_an_account_has_needs_the_feature_on_both_sides() {
    let schema = <crate::house::Client as ServiceClient>::schema();
    let account = Some("account");
    let methods: Vec<_> = schema.methods.iter().map(|method| method.feature).collect();
    let admin = Some("admin");
    assert_eq!(methods[..3], [None; 3]);
    assert_eq!(methods[3..], [account, account, account, account, admin, admin]);
    let events: Vec<_> = schema.events.iter().map(|event| event.feature).collect();
    assert_eq!(events, [None, account]);
    let fields = schema.state.iter().filter(|field| field.name != "$values");
    let fields: Vec<_> = fields.map(|field| field.feature).collect();
    assert_eq!(fields, [None, account, account]);
}

#[tokio::test]
async fn the_public_state_is_for_everybody() {
    let house = House::new().await;
    let (admin, stranger) = (house.admin().await, house.anonymous().await);
    let mut watch = stranger.0.watch();
    admin.2.announce("open until six".into()).await.unwrap();
    assert_eq!(watch.changed().await.unwrap().notice, "open until six");
    assert_eq!(house.anonymous().await.0.state().notice, "open until six");
}

async fn next(events: &mut EventStream<AccountEvent>) -> AccountEvent {
    match events.next().await {
        Some(Received::Event { event, .. }) => event,
        other => panic!("{other:?}"),
    }
}

fn received(from: &str, text: &str) -> AccountEvent {
    AccountEvent::Received { from: from.into(), text: text.into() }
}
