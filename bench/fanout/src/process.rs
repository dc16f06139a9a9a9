//! Processes that talk in lines, and what they use.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};

/// This program once more, with other arguments. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Arc<Mutex<Child>>,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Holds back whoever would kill it for taking too long.
    limit: Option<mpsc::Sender<()>>,
}

impl Process {
    /// Starts it, with these arguments and these variables in its environment.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let program = std::env::current_exe().expect("it runs");
        let mut child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Self {
            child: Arc::new(Mutex::new(child)),
            input,
            output,
            limit: None,
        }
    }

    /// Kills it if it is still there after this time, so that who listens hears its end.
    pub fn limit(mut self, time: Duration) -> Self {
        let (held, released) = mpsc::channel();
        let child = Arc::clone(&self.child);
        thread::spawn(move || {
            if released.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout) {
                // It may have ended by itself.
                let _ = child.lock().map(|mut child| child.kill());
            }
        });
        self.limit = Some(held);
        self
    }

    /// Sends it a line. One that has ended does not get it.
    pub fn tell(&mut self, line: &str) {
        let _ = writeln!(self.input, "{line}");
    }

    /// Waits for a line of its output; `None` if it has ended.
    pub fn try_hear(&mut self) -> Option<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).ok()?;
        line.pop().filter(|&end| end == '\n')?;
        Some(line)
    }

    /// Waits for a line of its output.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn hear(&mut self) -> String {
        self.try_hear().expect("the process has ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.lock().map(|mut child| {
            let _ = child.kill();
            child.wait()
        });
    }
}

/// A process of the comparisons here.
pub(crate) fn start(arguments: &[&str]) -> Process {
    Process::start(&[&[crate::COMMAND], arguments].concat(), &[])
}

/// What this process has used of the processors, in seconds: of use on a machine that others use too.
///
/// # Panics
///
/// If the system does not say.
pub fn cpu_time() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the system counts it");
    let microseconds =
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    microseconds as f64 / 1e6
}

/// What this process holds in memory, in bytes.
///
/// # Panics
///
/// Where there is no `/proc`.
pub fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    kilobytes.expect("a number") * 1024
}
