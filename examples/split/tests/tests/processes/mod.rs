//! Starts the example's binaries, and talks with them over their standard input and output.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// How long a process may take over a line of output. Much more than it needs, so that only one that hangs fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs.
pub(crate) struct Server {
    process: Process,
    pub(crate) url: String,
    pub(crate) certificate: PathBuf,
}

impl Server {
    /// Starts a server with its files in `dir`, and waits until it listens.
    pub(crate) fn start(dir: &Path) -> Self {
        let certificate = dir.join("certificate.pem");
        let mut command = Command::new(env!("CARGO_BIN_EXE_notes-tests-server"));
        command.arg("--database").arg(dir.join("notes.db"));
        command.arg("--certificate").arg(&certificate);
        let process = Process::start(command);
        let line = process.line().expect("the server says where it listens");
        let url = line.strip_prefix("listening on ").expect(&line).to_owned();
        Self { process, url, certificate }
    }

    pub(crate) fn client(&self, user: &str) -> Client {
        Client::start(&self.url, &self.certificate, user)
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
    pub(crate) fn start(url: &str, certificate: &Path, user: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_notes-tests-client"));
        command.arg("--certificate").arg(certificate).arg("--user").arg(user).arg(url);
        Self { process: Process::start(command) }
    }

    /// Types a line.
    pub(crate) fn enter(&mut self, command: &str) {
        let mut input = self.process.child.stdin.as_ref().expect("it is a pipe");
        writeln!(input, "{command}").expect("the client reads");
    }

    /// Waits for the next line of output, which is to be this one.
    pub(crate) fn expect(&self, line: &str) {
        self.process.expect(line);
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
