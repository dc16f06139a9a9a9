//! The two programs, as the README starts them.
#![cfg(unix)] // where the mode of a file says who may read it

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::tempdir;

/// A server that runs. Killed when it is dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_accounts-server"));
        command.arg("--certificate").arg(dir.join("accounts.pem"));
        command.env("ACCOUNTS_ADMIN_PASSWORD", "the admin's password");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the binary starts");
        let mut line = String::new();
        let stdout = process.stdout.as_mut().expect("it is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the server says where it listens");
        let url = line.trim().strip_prefix("listening on ").expect(&line).to_owned();
        Self { process, url }
    }

    /// Ends it: what it has logged.
    fn log(mut self) -> String {
        self.process.kill().expect("it runs");
        let mut log = String::new();
        let stderr = self.process.stderr.as_mut().expect("it is a pipe");
        stderr.read_to_string(&mut log).expect("a log is text");
        log
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a client says to these lines, without what it shows of the state.
fn client(server: &Server, dir: &Path, session: &str, input: &str) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_accounts-client"));
    command.arg("--certificate").arg(dir.join("accounts.pem"));
    command.arg("--session").arg(dir.join(session)).arg(&server.url);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("the binary starts");
    let mut stdin = process.stdin.take().expect("it is a pipe");
    stdin.write_all(input.as_bytes()).expect("the client reads");
    drop(stdin);
    let output = process.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let output = String::from_utf8(output.stdout).expect("it is text");
    output.lines().map(str::to_owned).collect()
}

#[test]
fn a_session_is_there_for_the_next_client_until_it_is_logged_out() {
    let dir = tempdir().unwrap();
    let server = Server::start(dir.path());
    let anonymous = r#"state: nobody is logged in; notes: []; notice: """#;
    let first = client(
        &server,
        dir.path(),
        "ann",
        "note early\nregister ann\nann's password\nlog-in ann\nann's password\nnote buy milk\n",
    );
    assert_eq!(
        first,
        [
            anonymous,
            "refused: the connection lacks a feature that the method needs",
            "registered",
            "logged in",
            r#"state: ann is logged in; notes: []; notice: """#,
            "noted",
            r#"state: ann is logged in; notes: ["buy milk"]; notice: """#,
        ]
    );
    let kept = dir.path().join("ann");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let token = fs::read_to_string(&kept).unwrap();

    let second = client(&server, dir.path(), "ann", "log-out\n");
    let logged_in = r#"state: ann is logged in; notes: ["buy milk"]; notice: """#;
    assert_eq!(second, [logged_in, "logged out", anonymous]);
    assert!(!kept.exists());

    // Somebody has kept a copy.
    fs::write(&kept, &token).unwrap();
    let third = client(&server, dir.path(), "ann", "");
    assert_eq!(third, ["the session has ended", anonymous]);
    assert!(!kept.exists());

    let admin =
        client(&server, dir.path(), "admin", "log-in admin\nthe admin's password\nsuspend ann\n");
    assert_eq!(admin.last().map(String::as_str), Some("suspended"));
    let fourth = client(&server, dir.path(), "ann", "log-in ann\nann's password\n");
    assert_eq!(fourth, [anonymous, "refused: the account is suspended"]);

    let log = server.log();
    assert!(log.contains("suspended"), "{log}");
    for secret in ["ann's password", "the admin's password", &token] {
        assert!(!log.contains(secret), "{log}");
    }
}
