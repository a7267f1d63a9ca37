//! One Redis server.

use std::process::Command;

use super::protocol;
use crate::debian;
use crate::folder::Folder;
use crate::process::{Process, free_port, wait_until};

/// A Redis server of its own, without persistence: what is in it is gone when it is killed.
#[derive(Debug)]
pub struct RedisServer {
    process: Process,
    port: u16,
    arguments: Vec<String>,
    // Dropped after the process that lives in it.
    folder: Folder,
}

impl RedisServer {
    /// Starts a server and waits until it answers.
    ///
    /// # Panics
    ///
    /// Panics if Redis is not there and cannot be installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`start`](Self::start), with arguments for `redis-server`, such as `["--appendonly",
    /// "yes"]`.
    ///
    /// # Panics
    ///
    /// As `start`.
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        let folder = Folder::new("redis");
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        // Somebody else may take the port in between: then another one.
        for _ in 0..10 {
            // The bus of a cluster listens 10,000 further on.
            let port = free_port(|port| port.checked_add(10_000));
            let mut process = run(port, &arguments, &folder);
            if answers(port, &mut process) {
                return Self {
                    process,
                    port,
                    arguments,
                    folder,
                };
            }
        }
        panic!("redis-server does not start");
    }

    /// The port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL that clients connect to.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Kills the server (SIGKILL) and returns when it is gone. Its port stays unused.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the server again on the same port, empty, and waits until it answers.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = run(self.port, &self.arguments, &self.folder);
        assert!(
            answers(self.port, &mut self.process),
            "redis-server does not start again"
        );
    }

    /// Stops the process (SIGSTOP): its connections stay open and nothing is answered.
    pub fn pause(&self) {
        self.process.signal("STOP");
    }

    /// Lets a stopped process go on (SIGCONT).
    pub fn resume(&self) {
        self.process.signal("CONT");
    }

    /// Sends one command, its parts separated by spaces, and returns the raw answer.
    ///
    /// # Panics
    ///
    /// Panics if the server does not answer, or with an error.
    pub fn command(&self, command: &str) -> String {
        protocol::command(self.port, command)
    }
}

fn run(port: u16, arguments: &[String], folder: &Folder) -> Process {
    let mut command = Command::new(debian::program("redis-server", "redis-server"));
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
        .arg("--dir")
        .arg(folder.path())
        .args(arguments)
        .current_dir(folder.path());
    Process::run(&mut command)
}

fn answers(port: u16, process: &mut Process) -> bool {
    let mut answers = false;
    wait_until("the start of redis-server", || {
        // An answer of somebody else's server on this port is not one.
        answers = !process.has_ended()
            && protocol::ask(port, "PING").is_some_and(|answer| answer == "+PONG\r\n");
        answers || process.has_ended()
    });
    answers && !process.has_ended()
}
