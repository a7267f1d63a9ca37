//! Server processes.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(30);

/// A process that is killed when dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Runs `command`, without its output.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be run.
    pub(crate) fn run(command: &mut Command) -> Self {
        Self::spawn(command, Stdio::null())
    }

    /// As [`run`](Self::run), with a standard input that can be written to.
    pub(crate) fn run_with_input(command: &mut Command) -> (Self, ChildStdin) {
        let mut process = Self::spawn(command, Stdio::piped());
        let input = process.0.stdin.take().expect("it is piped");
        (process, input)
    }

    fn spawn(command: &mut Command, input: Stdio) -> Self {
        let child = command
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}")))
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// SIGKILL; returns when the process is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Sends a signal by its name, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.0.id().to_string())
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{name}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port of the loopback interface that nobody listens on, below those that clients are given: a
/// connection to a server that is being restarted must not take its port.
pub(crate) fn free_port(also_free: impl Fn(u16) -> Option<u16>) -> u16 {
    let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    // Spread by time and process, so that programs side by side do not look at the same ones.
    let mut seed = std::process::id();
    for _ in 0..1_000 {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        seed = seed
            .wrapping_mul(1_664_525)
            .wrapping_add(now.subsec_nanos());
        let port = 10_000 + u16::try_from((seed >> 8) % 11_000).unwrap_or_default();
        if is_free(port) && also_free(port).is_none_or(is_free) {
            return port;
        }
    }
    panic!("no free port on the loopback interface");
}

/// Waits until `holds`.
///
/// # Panics
///
/// Panics if it takes half a minute.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + START;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} takes too long");
        sleep(Duration::from_millis(10));
    }
}
