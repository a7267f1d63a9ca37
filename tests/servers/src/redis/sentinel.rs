//! A master, a replica, and a sentinel that watches them.

use std::fs;
use std::process::Command;

use super::{RedisServer, protocol};
use crate::debian;
use crate::folder::Folder;
use crate::process::{Process, free_port, wait_until};

/// A master and a replica, watched by one sentinel, which is quorum enough.
#[derive(Debug)]
pub struct RedisSentinel {
    master: RedisServer,
    pub(super) replica: RedisServer,
    _sentinel: Process,
    port: u16,
    _folder: Folder,
}

impl RedisSentinel {
    /// The name under which the sentinel knows the master.
    pub const MASTER_NAME: &'static str = "main";

    /// Starts the three and waits until the sentinel knows the replica and the replica is in step.
    ///
    /// # Panics
    ///
    /// Panics if Redis is not there and cannot be installed, or the three do not find each other.
    #[must_use]
    pub fn start() -> Self {
        let master = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"]);
        let of = format!("127.0.0.1 {}", master.port());
        let replica = RedisServer::start_with(&["--replicaof", &of]);
        let folder = Folder::new("sentinel");
        let port = free_port(|_| None);
        let name = Self::MASTER_NAME;
        let config = folder.path().join("sentinel.conf");
        let text = format!(
            "bind 127.0.0.1\nport {port}\ndir {}\n\
             sentinel monitor {name} 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds {name} 500\n\
             sentinel failover-timeout {name} 3000\n",
            folder.path().display(),
            master.port()
        );
        fs::write(&config, text).expect("a file in a folder of its own");
        let sentinel = Process::run(
            Command::new(debian::program("redis-server", "redis-server"))
                .arg(&config)
                .arg("--sentinel"),
        );
        let started = Self {
            master,
            replica,
            _sentinel: sentinel,
            port,
            _folder: folder,
        };
        wait_until("the sentinel", || {
            let known = started.ask(&format!("SENTINEL replicas {name}"));
            let in_step = started.replica.command("INFO replication");
            known.contains(&started.replica.port().to_string())
                && in_step.contains("master_link_status:up")
        });
        started
    }

    /// The URL of the sentinel.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The server that was the master at first.
    pub fn first_master(&self) -> &RedisServer {
        &self.master
    }

    /// Waits until the replica has all that was written to the master.
    ///
    /// # Panics
    ///
    /// Panics if that does not happen.
    pub fn replicate(&self) {
        let written = offset(&self.master, "master_repl_offset:");
        wait_until("the replication", || {
            offset(&self.replica, "slave_repl_offset:") >= written
        });
    }

    /// Kills the first master and waits until the sentinel names the replica as master.
    ///
    /// # Panics
    ///
    /// Panics if that does not happen.
    pub fn fail_over(&mut self) {
        self.master.kill();
        let name = Self::MASTER_NAME;
        wait_until("the failover", || {
            let address = self.ask(&format!("SENTINEL get-master-addr-by-name {name}"));
            let role = self.replica.command("ROLE");
            address.contains(&self.replica.port().to_string()) && role.contains("master")
        });
    }

    fn ask(&self, command: &str) -> String {
        protocol::ask(self.port, command).unwrap_or_default()
    }
}

fn offset(server: &RedisServer, name: &str) -> u64 {
    let info = server.command("INFO replication");
    let value = info.lines().find_map(|line| line.strip_prefix(name));
    value
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or_default()
}
