//! The server and its clients as processes of their own, which share nothing but a file with a certificate.
#![cfg(unix)] // where there is a `kill` that interrupts

mod processes;

use processes::{Client, Server};
use tempfile::tempdir;

#[test]
fn what_one_client_adds_another_reads() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let (mut ann, mut bob) = (server.client("ann"), server.client("bob"));
    ann.expect("state: ann has 0 notes; last action: none");
    bob.expect("state: bob has 0 notes; last action: none");

    ann.enter("add buy milk");
    ann.expect("added note 1");
    ann.expect("state: ann has 1 note; last action: added note 1");
    bob.enter("list");
    bob.expect("   1  ann: buy milk");

    ann.enter("remove 1");
    ann.expect("removed note 1");
    ann.expect("state: ann has 0 notes; last action: removed note 1");
    bob.enter("list");
    ann.finish();
    bob.finish();
    server.stop();
}

#[test]
fn who_follows_an_author_gets_the_events_and_nobody_else() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let (mut ann, mut bob, mut eve) =
        (server.client("ann"), server.client("bob"), server.client("eve"));
    ann.expect("state: ann has 0 notes; last action: none");
    bob.expect("state: bob has 0 notes; last action: none");
    eve.expect("state: eve has 0 notes; last action: none");
    bob.enter("follow ann");
    bob.expect("following ann");
    eve.enter("follow bob");
    eve.expect("following bob");

    ann.enter("add buy milk");
    bob.expect("event: ann added note 1: buy milk");
    ann.expect("added note 1");
    ann.expect("state: ann has 1 note; last action: added note 1");
    ann.enter("remove 1");
    bob.expect("event: ann removed note 1");
    ann.expect("removed note 1");
    ann.expect("state: ann has 0 notes; last action: removed note 1");

    bob.enter("unfollow ann");
    bob.expect("no longer following ann");
    ann.enter("add buy bread");
    ann.expect("added note 2");
    ann.expect("state: ann has 1 note; last action: added note 2");
    // An answer comes behind the events before it; here there are none.
    bob.enter("unfollow ann");
    bob.expect("ann was not followed");
    for client in [ann, bob, eve] {
        client.finish();
    }
}

#[test]
fn errors_of_the_application_arrive_as_what_they_are() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let (mut ann, mut bob) = (server.client("ann"), server.client("bob"));
    ann.expect("state: ann has 0 notes; last action: none");
    ann.enter("add buy milk");
    ann.expect("added note 1");
    bob.expect("state: bob has 0 notes; last action: none");
    bob.enter("remove 1");
    bob.expect("refused: that is ann's");
    bob.enter("remove 2");
    bob.expect("refused: there is no note 2");
    bob.enter("add");
    bob.expect("refused: a note is a line of 1 to 200 characters");
    bob.finish();
}

#[test]
fn notes_outlive_the_server() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut ann = server.client("ann");
    ann.expect("state: ann has 0 notes; last action: none");
    ann.enter("add remember me");
    ann.expect("added note 1");
    // It closes the connections that there are, and need not wait for their clients to leave.
    server.stop();
    let errors = ann.failure();
    assert!(errors.contains("the server is stopping"), "{errors}");

    let server = Server::start(dir.path());
    let mut ann = server.client("ann");
    ann.expect("state: ann has 1 note; last action: none");
    ann.enter("list");
    ann.expect("   1  ann: remember me");
    ann.finish();
}

#[test]
fn a_client_trusts_the_certificate_in_its_file_and_no_other() {
    let (dir, other_dir) = (tempdir().unwrap(), tempdir().unwrap());
    let (server, other) = (Server::start(dir.path()), Server::start(other_dir.path()));
    let errors = Client::start(&server.url, &other.certificate, "ann").failure();
    assert!(errors.contains("TLS with 'localhost' failed"), "{errors}");
}

#[test]
fn a_refused_client_is_told_why() {
    let dir = tempdir().unwrap();
    let errors = Server::start(dir.path()).client("").failure();
    assert!(errors.contains("400 Bad Request: the path of the URL"), "{errors}");
}
