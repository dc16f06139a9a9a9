//! The two programs, as the README starts them.
#![cfg(unix)] // Ctrl-C is sent by `kill`

use std::{
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

/// A program that runs. Killed when it is dropped.
struct Program {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(binary: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(binary)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let lines = BufReader::new(process.stdout.take().expect("it is a pipe")).lines();
        Self { process, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("it says more").expect("its output is text")
    }

    fn interrupt(&mut self) {
        let id = self.process.id().to_string();
        let killed = Command::new("kill").args(["-INT", &id]).status();
        assert!(killed.expect("there is a `kill`").success());
    }

    fn ends_well(&mut self) -> bool {
        self.process.wait().expect("it runs").success()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(arguments: &[&str]) -> (Program, String) {
    let mut server = Program::start(env!("CARGO_BIN_EXE_web-server"), arguments);
    let line = server.line();
    let url = line.rsplit(' ').next().expect("the URL is last").to_owned();
    (server, url)
}

fn client(arguments: &[&str]) -> Program {
    Program::start(env!("CARGO_BIN_EXE_web-client"), arguments)
}

fn session(server: &mut Program, first: &[&str], second: &[&str], tls: &str) {
    let mut follower = client(first);
    assert!(follower.line().ends_with(tls));
    let mut adder = client(second);
    assert!(adder.line().ends_with(tls));
    assert_eq!(adder.line(), "added 5: the total is 5");
    assert!(adder.ends_well());
    assert_eq!(follower.line(), "the total is 5");
    server.interrupt();
    let end = follower.line();
    assert!(end.contains("the server is stopping"), "{end}");
    assert!(follower.ends_well() && server.ends_well());
}

#[test]
fn clients_see_what_others_add_until_the_server_ends() {
    let (mut server, url) = serve(&[]);
    session(&mut server, &["--follow", &url], &["--add", "5", &url], "without TLS");
}

#[test]
fn with_tls_they_trust_its_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("web.pem");
    let file = Path::to_str(&file).unwrap();
    let (mut server, url) = serve(&["--tls", file]);
    let trusting = ["--certificate", file];
    let first = [&trusting[..], &["--follow", &url]].concat();
    let second = [&trusting[..], &["--add", "5", &url]].concat();
    session(&mut server, &first, &second, "with TLS");
}
