//! The server and its clients as processes of their own, which share nothing but a file with a certificate.
#![cfg(unix)] // where there is a `kill` that interrupts

mod support;

use rusqlite::Connection;
use support::{Server, link::Link};
use tempfile::tempdir;

/// How many messages the server keeps of a thread for those who come back, and some more.
const MORE_THAN_KEPT: usize = chat_server::KEPT_MESSAGES + 20;

#[test]
fn what_one_says_the_others_in_the_thread_read() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut ann = server.client("ann");
    ann.expect("in lobby: ann");
    let mut bob = server.client("bob");
    bob.expect("in lobby: ann, bob");
    ann.expect("in lobby: ann, bob");

    ann.enter("hello");
    ann.expect("lobby: ann: hello");
    bob.expect("lobby: ann: hello");
    bob.enter("hello yourself");
    ann.expect("lobby: bob: hello yourself");
    bob.expect("lobby: bob: hello yourself");
    bob.finish();
    ann.expect("in lobby: ann");
    ann.finish();
    server.stop();
}

#[test]
fn who_comes_later_sees_what_was_said_before() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut ann = server.client("ann");
    ann.expect("in lobby: ann");
    for text in ["one", "two"] {
        ann.enter(text);
        ann.expect(&format!("lobby: ann: {text}"));
    }

    let bob = server.client("bob");
    bob.expect("lobby: ann: one");
    bob.expect("lobby: ann: two");
    bob.expect("in lobby: ann, bob");
    bob.finish();
}

#[test]
fn who_was_cut_off_misses_nothing_and_sees_nothing_twice() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let link = Link::to(server.port());
    let mut ann = server.client("ann");
    ann.expect("in lobby: ann");
    let mut bob = server.client_by(&link, "bob");
    bob.expect("in lobby: ann, bob");
    ann.expect("in lobby: ann, bob");
    ann.enter("before");
    ann.expect("lobby: ann: before");
    bob.expect("lobby: ann: before");

    link.cut();
    bob.expect_offline();
    ann.expect("in lobby: ann");
    for text in ["one", "two"] {
        ann.enter(text);
        ann.expect(&format!("lobby: ann: {text}"));
    }
    bob.enter("from afar");
    link.lead_to(server.port());
    bob.expect_online_again();
    bob.expect("lobby: ann: one");
    bob.expect("lobby: ann: two");
    bob.expect("in lobby: ann, bob");
    bob.expect("lobby: bob: from afar");
    ann.expect("in lobby: ann, bob");
    ann.expect("lobby: bob: from afar");

    // Once more: the second connection, too, can be gone on from.
    link.cut();
    bob.expect_offline();
    ann.expect("in lobby: ann");
    ann.enter("three");
    ann.expect("lobby: ann: three");
    link.lead_to(server.port());
    bob.expect_online_again();
    bob.expect("lobby: ann: three");
    bob.expect("in lobby: ann, bob");
    bob.finish();
}

#[test]
fn who_was_away_for_too_long_is_told_of_one_gap_and_fetches_it() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let link = Link::to(server.port());
    let mut ann = server.client("ann");
    ann.expect("in lobby: ann");
    let bob = server.client_by(&link, "bob");
    bob.expect("in lobby: ann, bob");
    ann.expect("in lobby: ann, bob");
    ann.enter("before");
    ann.expect("lobby: ann: before");
    bob.expect("lobby: ann: before");

    link.cut();
    bob.expect_offline();
    ann.expect("in lobby: ann");
    for number in 0..MORE_THAN_KEPT {
        ann.enter(&format!("number {number}"));
        ann.expect(&format!("lobby: ann: number {number}"));
    }
    link.lead_to(server.port());
    bob.expect_online_again();
    bob.expect(&format!("gap in lobby: away for too long; {MORE_THAN_KEPT} from the store"));
    for number in 0..MORE_THAN_KEPT {
        bob.expect(&format!("lobby: ann: number {number}"));
    }
    bob.expect("in lobby: ann, bob");
    bob.finish();
}

#[test]
fn messages_outlive_the_server_and_clients_come_back_by_themselves() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let (to_ann, to_bob) = (Link::to(server.port()), Link::to(server.port()));
    let mut ann = server.client_by(&to_ann, "ann");
    ann.expect("in lobby: ann");
    let bob = server.client_by(&to_bob, "bob");
    bob.expect("in lobby: ann, bob");
    ann.expect("in lobby: ann, bob");
    ann.enter("before");
    ann.expect("lobby: ann: before");
    bob.expect("lobby: ann: before");
    to_bob.cut();
    bob.expect_offline();
    ann.expect("in lobby: ann");
    ann.enter("bob does not see this");
    ann.expect("lobby: ann: bob does not see this");
    to_ann.hold();
    server.stop();
    ann.expect(
        "offline: the connection was closed by the peer: 1001 (going away): the server is stopping",
    );

    let server = Server::start(dir.path());
    to_bob.lead_to(server.port());
    bob.expect_online_again();
    bob.expect("gap in lobby: the server was started anew; 1 from the store");
    bob.expect("lobby: ann: bob does not see this");
    bob.expect("in lobby: bob");
    to_ann.lead_to(server.port());
    ann.expect_online_again();
    ann.expect("gap in lobby: the server was started anew; 0 from the store");
    ann.expect("in lobby: ann, bob");
    bob.expect("in lobby: ann, bob");

    ann.enter("after");
    ann.expect("lobby: ann: after");
    bob.expect("lobby: ann: after");
    let eve = server.client("eve");
    for text in ["before", "bob does not see this", "after"] {
        eve.expect(&format!("lobby: ann: {text}"));
    }
    eve.expect("in lobby: ann, bob, eve");
}

#[test]
fn who_has_left_a_thread_gets_no_more_of_it() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut ann = server.client("ann");
    ann.expect("in lobby: ann");
    let mut bob = server.client("bob");
    bob.expect("in lobby: ann, bob");
    ann.expect("in lobby: ann, bob");
    bob.enter("/leave");
    bob.expect("left lobby");
    ann.expect("in lobby: ann");
    ann.enter("is he gone?");
    ann.expect("lobby: ann: is he gone?");

    bob.enter("/join plans");
    bob.expect("joined plans");
    bob.expect("in plans: bob");
    bob.enter("/join lobby");
    bob.expect("joined lobby");
    bob.expect("in lobby: ann, bob");
    bob.expect("lobby: ann: is he gone?"); // from the store
    bob.enter("/thread plans");
    bob.enter("he is not");
    bob.expect("plans: bob: he is not");
    ann.expect("in lobby: ann, bob");
    ann.finish();
}

#[test]
fn presence_follows_a_client_that_is_killed() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let ann = server.client("ann");
    ann.expect("in lobby: ann");
    let bob = server.client("bob");
    ann.expect("in lobby: ann, bob");
    // On a second connection, one is not there twice, and does not leave with the first.
    let bob_too = server.client("bob");
    ann.expect("in lobby: ann, bob");
    bob.kill();
    ann.expect("in lobby: ann, bob");
    bob_too.kill();
    ann.expect("in lobby: ann");
    ann.finish();
}

#[test]
fn what_cannot_be_stored_is_not_sent() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut ann = server.client("ann");
    ann.expect("in lobby: ann");
    let bob = server.client("bob");
    bob.expect("in lobby: ann, bob");
    ann.expect("in lobby: ann, bob");
    let database = Connection::open(dir.path().join("chat.db")).unwrap();
    let trigger = "CREATE TRIGGER full BEFORE INSERT ON messages
                   BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    database.execute_batch(trigger).unwrap();

    ann.enter("lost");
    ann.expect("refused: not sent (the server's store failed): lobby: lost");
    database.execute_batch("DROP TRIGGER full").unwrap();
    ann.enter("kept");
    ann.expect("lobby: ann: kept");
    bob.expect("lobby: ann: kept");
    bob.finish();
    let eve = server.client("eve");
    eve.expect("lobby: ann: kept");
}

#[test]
fn a_thread_for_some_is_closed_to_others() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut ann = server.client("ann");
    ann.expect("in lobby: ann");
    ann.enter("/join @ann,bob");
    ann.expect("joined @ann,bob");
    ann.expect("in @ann,bob: ann");
    let mut eve = server.client("eve");
    eve.expect("in lobby: ann, eve");
    eve.enter("/join @ann,bob");
    eve.expect("refused: @ann,bob is for those it names");
    ann.expect("in lobby: ann, eve");
    ann.enter("eve must not know");
    ann.expect("@ann,bob: ann: eve must not know");
    eve.finish();
}

#[test]
fn a_client_that_cannot_begin_says_why() {
    let (dir, other_dir) = (tempdir().unwrap(), tempdir().unwrap());
    let (server, other) = (Server::start(dir.path()), Server::start(other_dir.path()));
    let errors = server.start_client(&server.url, "no body").failure();
    assert!(errors.contains("a name is 1 to 32 letters"), "{errors}");
    let errors = server.start_client(&other.url, "ann").failure();
    assert!(errors.contains("TLS with 'localhost' failed"), "{errors}");
}
