//! An OpenID provider: the npm package `oidc-provider`, which is certified.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command};
use std::{env, io};

use crate::debian;
use crate::folder::Folder;
use crate::process::{Process, free_port, wait_until};

const PACKAGE: &str = include_str!("../oidc-provider/package.json");
const LOCK: &str = include_str!("../oidc-provider/package-lock.json");
const PROGRAM: &str = include_str!("../oidc-provider/provider.mjs");

/// An OpenID provider of its own, whose users are made by signing in: on its own pages the login name
/// is the subject, and any password is right. Tokens and sessions are gone when it is killed; its
/// signing keys are not.
#[derive(Debug)]
pub struct OidcProvider {
    process: Process,
    input: ChildStdin,
    port: u16,
    options: String,
    // Dropped after the process that lives in it.
    folder: Folder,
}

impl OidcProvider {
    /// Starts one and waits until it answers. `options` are JSON:
    ///
    /// - `clients`: an array, each as `oidc-provider` takes them;
    /// - `resources`: `{"https://api.example": "read write"}`, resource servers and their scopes,
    ///   whose access tokens are JWTs (RFC 9068) signed with RS256; clients ask for one by
    ///   `resource=` (RFC 8707); for opaque ones `{"scope": "read write", "format": "opaque"}`;
    /// - `settings`: anything else of the configuration of `oidc-provider`.
    ///
    /// # Panics
    ///
    /// Panics if Node.js or the package is not there and cannot be installed, or if the provider does
    /// not start.
    pub fn start(options: &str) -> Self {
        let folder = Folder::new("oidc-provider");
        for _ in 0..10 {
            let port = free_port(|_| None);
            let (mut process, input) = run(port, options, &folder);
            if answers(port, &mut process) {
                return Self {
                    process,
                    input,
                    port,
                    options: options.to_owned(),
                    folder,
                };
            }
        }
        panic!("oidc-provider does not start");
    }

    /// What it names itself; the URL of its discovery document is below it.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes a new signing key and signs with it. The earlier ones stay published.
    ///
    /// # Panics
    ///
    /// Panics if it is not running.
    pub fn rotate_keys(&mut self) {
        let kids = self.published_keys();
        self.say("rotate");
        wait_until("a new key", || self.published_keys() > kids);
    }

    /// Takes all keys but the newest out of the published set.
    ///
    /// # Panics
    ///
    /// Panics if it is not running.
    pub fn retire_keys(&mut self) {
        self.say("retire");
        wait_until("retiring keys", || self.published_keys() == 1);
    }

    /// Kills it (SIGKILL). Its port stays unused.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same port with the same keys, and waits until it answers.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub fn restart(&mut self) {
        self.process.kill();
        (self.process, self.input) = run(self.port, &self.options, &self.folder);
        assert!(
            answers(self.port, &mut self.process),
            "oidc-provider does not start again"
        );
    }

    /// Stops the process (SIGSTOP): connections are taken and nothing is answered.
    pub fn pause(&self) {
        self.process.signal("STOP");
    }

    /// Lets a stopped process go on (SIGCONT).
    pub fn resume(&self) {
        self.process.signal("CONT");
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("the provider is running");
    }

    fn published_keys(&self) -> usize {
        let keys = get(self.port, "/jwks").unwrap_or_default();
        keys.matches("\"kid\"").count()
    }
}

fn run(port: u16, options: &str, folder: &Folder) -> (Process, ChildStdin) {
    let program = installed().join("provider.mjs");
    let mut command = Command::new(debian::program("node", "nodejs"));
    command.arg(program).arg(port.to_string()).arg(options);
    Process::run_with_input(command.current_dir(folder.path()))
}

/// Whether the process begins to answer; false if it ends, because somebody else took its port.
fn answers(port: u16, process: &mut Process) -> bool {
    let mut alive = true;
    wait_until("starting oidc-provider", || {
        alive = !process.has_ended();
        !alive || get(port, "/jwks").is_ok_and(|keys| keys.contains("\"kid\""))
    });
    alive
}

/// The answer to a GET, head and all.
fn get(port: u16, path: &str) -> io::Result<String> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let host = format!("127.0.0.1:{port}");
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The folder with the program and the packages that it needs, installed once for a version of them.
fn installed() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (PACKAGE, LOCK, PROGRAM).hash(&mut hasher);
    let name = format!("test-servers-oidc-provider-{:016x}", hasher.finish());
    let folder = env::temp_dir().join(name);
    let done = folder.join("installed");
    if done.exists() {
        return folder;
    }
    let lock = File::create(env::temp_dir().join("test-servers.npm.lock"));
    let lock = lock.expect("the folder for temporary files can be written to");
    lock.lock().expect("files can be locked");
    if !done.exists() {
        install(&folder);
        fs::write(&done, "").expect("the folder was made");
    }
    folder
}

fn install(folder: &Path) {
    // npm is the smaller part; without it there may be no node either.
    let npm = debian::program("npm", "npm");
    fs::create_dir_all(folder).expect("the folder for temporary files can be written to");
    let files = [
        ("package.json", PACKAGE),
        ("package-lock.json", LOCK),
        ("provider.mjs", PROGRAM),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("the folder was made");
    }
    let status = Command::new(npm)
        .args(["ci", "--no-audit", "--no-fund", "--silent"])
        .current_dir(folder)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "npm ci failed");
}
