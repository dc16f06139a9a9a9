//! Two chat servers, joined by a NATS server that these tests start.

#[path = "../../tests/tests/support/link.rs"]
mod link;
mod support;

use std::time::Duration;

use link::Link;
use support::{ChatServer, NatsServer};
use tempfile::tempdir;
use tokio::time::timeout;

/// Much longer than anything here takes, so that only what hangs fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a test, but not for ever.
async fn in_time(test: impl Future<Output = ()>) {
    timeout(PATIENCE, test).await.expect("it does not hang");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_on_one_server_arrives_once_at_the_other_and_in_order() {
    let dir = tempdir().unwrap();
    let nats = NatsServer::start(dir.path());
    in_time(async {
        let (one, other) = (
            ChatServer::start(dir.path(), nats.port).await,
            ChatServer::start(dir.path(), nats.port).await,
        );
        let (mut ann, mut bob) = (one.user("ann").await, other.user("bob").await);
        for number in 0..50 {
            ann.say(number).await;
        }
        for number in 0..50 {
            ann.expect(number).await;
            bob.expect(number).await;
        }
        // And back: neither has seen anything twice, nor its own come home.
        bob.say("that was all").await;
        bob.expect("that was all").await;
        ann.expect("that was all").await;
        ann.say("it was").await;
        ann.expect("it was").await;
        bob.expect("it was").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_nats_is_down_arrives_once_when_it_is_back() {
    let dir = tempdir().unwrap();
    let nats = NatsServer::start(dir.path());
    let link = Link::to(nats.port);
    in_time(async {
        let (one, other) = (
            ChatServer::start(dir.path(), link.port()).await,
            ChatServer::start(dir.path(), link.port()).await,
        );
        let (mut ann, mut bob) = (one.user("ann").await, other.user("bob").await);
        ann.say("before").await;
        ann.expect("before").await;
        bob.expect("before").await;

        link.cut();
        drop(nats); // killed, as by a crash
        for number in 0..5 {
            ann.say(number).await;
            ann.expect(number).await; // on its own server at once
        }
        let nats = NatsServer::start(dir.path());
        link.lead_to(nats.port);
        for number in 0..5 {
            bob.expect(number).await;
        }
        ann.say("after").await;
        bob.expect("after").await;
        bob.say("indeed").await;
        bob.expect("indeed").await;
        ann.expect("after").await;
        ann.expect("indeed").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lost_nats_gets_what_the_others_said_meanwhile() {
    let dir = tempdir().unwrap();
    let nats = NatsServer::start(dir.path());
    let link = Link::to(nats.port);
    in_time(async {
        let (one, other) = (
            ChatServer::start(dir.path(), nats.port).await,
            ChatServer::start(dir.path(), link.port()).await,
        );
        let (mut ann, mut bob) = (one.user("ann").await, other.user("bob").await);
        for round in ["first", "second"] {
            ann.say(round).await;
            ann.expect(round).await;
            bob.expect(round).await;
            link.cut();
            ann.say("psst").await;
            ann.expect("psst").await;
            link.lead_to(nats.port);
            bob.expect("psst").await;
        }
        bob.say("that was all").await;
        bob.expect("that was all").await;
        ann.expect("that was all").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_first_to_a_server_misses_nothing_that_is_said_from_then_on() {
    let dir = tempdir().unwrap();
    let nats = NatsServer::start(dir.path());
    in_time(async {
        let one = ChatServer::start(dir.path(), nats.port).await;
        let mut ann = one.user("ann").await;
        // Nobody there wants the lobby's events until bob joins; ann speaks before that server can have asked NATS for them.
        let other = ChatServer::start(dir.path(), nats.port).await;
        let mut bob = other.user("bob").await;
        ann.say("welcome").await;
        ann.expect("welcome").await;
        bob.expect("welcome").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_before_a_server_ends_still_arrives() {
    let dir = tempdir().unwrap();
    let nats = NatsServer::start(dir.path());
    let link = Link::to(nats.port);
    in_time(async {
        let (one, other) = (
            ChatServer::start(dir.path(), link.port()).await,
            ChatServer::start(dir.path(), nats.port).await,
        );
        let (ann, mut bob) = (one.user("ann").await, other.user("bob").await);
        link.cut();
        for number in 0..5 {
            ann.say(number).await;
        }
        tokio::join!(one.part(), async { link.lead_to(nats.port) });
        for number in 0..5 {
            bob.expect(number).await;
        }
    })
    .await;
}
