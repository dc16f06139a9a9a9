//! Starts the example's binaries, and talks with them over their standard input and output.

pub(crate) mod link;

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use link::Link;

/// How long a process may take over a line of output. Much more than it needs, so that only one that hangs fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs.
pub(crate) struct Server {
    process: Process,
    pub(crate) url: String,
    certificate: PathBuf,
}

impl Server {
    /// Starts a server with its files in `dir`, and waits until it listens.
    pub(crate) fn start(dir: &Path) -> Self {
        let certificate = dir.join("certificate.pem");
        let mut command = Command::new(env!("CARGO_BIN_EXE_chat-tests-server"));
        command.arg("--database").arg(dir.join("chat.db"));
        command.arg("--certificate").arg(&certificate);
        let process = Process::start(command);
        let line = process.line().expect("the server says where it listens");
        let url = line.strip_prefix("listening on ").expect(&line).to_owned();
        Self { process, url, certificate }
    }

    pub(crate) fn port(&self) -> u16 {
        let (_, port) = self.url.rsplit_once(':').expect("the URL has a port");
        port.trim_end_matches('/').parse().expect("a port is a number")
    }

    /// Starts a client, and waits until it is in the lobby. Nothing has been said there.
    pub(crate) fn client(&self, user: &str) -> Client {
        self.client_at(&self.url, user)
    }

    /// The same, of a client that has only this way to the server.
    pub(crate) fn client_by(&self, link: &Link, user: &str) -> Client {
        self.client_at(&format!("wss://localhost:{}", link.port()), user)
    }

    fn client_at(&self, url: &str, user: &str) -> Client {
        let client = self.start_client(url, user);
        client.expect("connecting");
        client.expect("joined lobby");
        client.expect("online");
        client
    }

    pub(crate) fn start_client(&self, url: &str, user: &str) -> Client {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chat-tests-client"));
        command.arg("--plain").arg("--certificate").arg(&self.certificate);
        command.arg("--user").arg(user).arg(url);
        Client { process: Process::start(command) }
    }

    /// Stops the server as Ctrl-C does, and sees that it ends as it should.
    pub(crate) fn stop(mut self) {
        let mut kill = Command::new("kill");
        kill.arg("-INT").arg(self.process.child.id().to_string());
        assert!(kill.status().expect("there is a `kill`").success());
        self.process.expect("stopping");
        self.process.expect("stopped");
        assert!(self.process.end().success());
    }
}

/// A client that runs.
pub(crate) struct Client {
    process: Process,
}

impl Client {
    /// Types a line.
    pub(crate) fn enter(&mut self, line: &str) {
        let mut input = self.process.child.stdin.as_ref().expect("it is a pipe");
        writeln!(input, "{line}").expect("the client reads");
    }

    /// Waits for the next line of output, which is to be this one.
    pub(crate) fn expect(&self, line: &str) {
        self.process.expect(line);
    }

    /// Waits until the client notices that it has lost its connection. The answer to what it said last may have been on its way,
    /// behind the message itself.
    pub(crate) fn expect_offline(&self) {
        let line = self.process.line().expect("the client runs");
        if line.starts_with("refused: perhaps not sent") {
            return self.expect_offline();
        }
        assert!(line.starts_with("offline: "), "{line}");
    }

    /// Waits until the client has made itself a connection again, however many attempts that takes.
    pub(crate) fn expect_online_again(&self) {
        loop {
            match self.process.line().expect("the client runs").as_str() {
                "online" => break,
                line => assert!(line == "connecting" || line.starts_with("offline: "), "{line}"),
            }
        }
    }

    /// Ends the client as one that crashes.
    pub(crate) fn kill(mut self) {
        self.process.child.kill().expect("it runs");
    }

    /// Ends the input, and sees that the client ends well and has nothing more to say.
    pub(crate) fn finish(mut self) {
        drop(self.process.child.stdin.take());
        assert_eq!(self.process.line(), None);
        assert!(self.process.end().success());
    }

    /// Waits until the client has failed by itself: what it says about that.
    pub(crate) fn failure(mut self) -> String {
        while self.process.line().is_some() {}
        assert!(!self.process.end().success());
        let mut errors = String::new();
        let stderr = self.process.child.stderr.as_mut().expect("it is a pipe");
        stderr.read_to_string(&mut errors).expect("errors are text");
        errors
    }
}

/// A process, and the lines that it prints. Killed when it is dropped.
struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let (sender, lines) = channel();
        // A thread, since reading from a pipe cannot time out.
        thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// The next line of output; `None` at the end.
    fn line(&self) -> Option<String> {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(Disconnected) => None,
            Err(Timeout) => panic!("no line of output in {PATIENCE:?}"),
        }
    }

    #[track_caller]
    fn expect(&self, line: &str) {
        assert_eq!(self.line().as_deref(), Some(line));
    }

    /// The exit status of a process whose output has ended.
    fn end(&mut self) -> ExitStatus {
        self.child.wait().expect("it is a child")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
