//! Programs of this workspace, started as a user would, and asked over HTTP.
//!
//! Each runs with its log at `trace`. When it ends, the log is searched for every secret that the
//! test has seen.

#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

pub mod provider;
pub mod showcase;
pub mod webdriver;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// The path of an example's program, built if need be.
///
/// All examples are built by one command, so that what they depend on is built for one set of
/// features and not for one set each.
pub fn build(package: &str) -> PathBuf {
    static BUILT: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(build_examples);
    let program = built.get(package);
    program
        .unwrap_or_else(|| panic!("{package} has no program"))
        .clone()
}

fn build_examples() -> HashMap<String, PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(env!("CARGO"));
    command.args([
        "build",
        "--quiet",
        "--message-format",
        "json-render-diagnostics",
    ]);
    for entry in std::fs::read_dir(root.join("examples")).unwrap() {
        let entry = entry.unwrap();
        if entry.path().join("Cargo.toml").exists() {
            command.arg("--package").arg(entry.file_name());
        }
    }
    let output = command
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "the examples do not build");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            let program = PathBuf::from(message["executable"].as_str()?);
            Some((name, program))
        })
        .collect()
}

/// A program that listens. It is killed, and its log searched, when this is dropped.
pub struct Running {
    child: Child,
    pub url: String,
    /// What it printed after the address, as far as it was there when the first request was made.
    pub greeting: Arc<Mutex<String>>,
    log: Option<JoinHandle<String>>,
    secrets: Mutex<Vec<String>>,
    web: Web,
}

impl Running {
    /// Starts a program on a free port.
    pub fn start(package: &str, variables: &[(&str, &str)]) -> Self {
        let all = [&[("RUST_LOG", "trace")], variables].concat();
        Self::start_with_its_own_log(package, &all)
    }

    /// The same, and it logs what it logs if nobody has said how much.
    pub fn start_with_its_own_log(package: &str, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(build(package))
            .env_clear()
            .env("LISTEN", "127.0.0.1:0")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            let _ = stderr.read_to_string(&mut log);
            log
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let url = match first.trim().strip_prefix("listening on ") {
            Some(url) => url.to_owned(),
            None => panic!("{package} said {first:?} and {}", log.join().unwrap()),
        };
        let greeting = Arc::new(Mutex::new(String::new()));
        let lines = Arc::clone(&greeting);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let mut lines = lines.lock().unwrap();
                lines.push_str(&line);
                lines.push('\n');
            }
        });
        Self {
            child,
            url,
            greeting,
            log: Some(log),
            secrets: Mutex::default(),
            web: Web::new(),
        }
    }

    /// Remembers a secret; it must not be in the log at the end.
    pub fn secret(&self, secret: &str) {
        self.secrets.lock().unwrap().push(secret.to_owned());
    }

    /// Sends a request; `headers` are `name: value`.
    pub async fn send(&self, method: &str, path: &str, headers: &[String], body: &str) -> Answer {
        let url = format!("{}{path}", self.url);
        self.web.send(method, &url, headers, body).await
    }

    /// Sends a head that promises a body of `promised` bytes, and `sent` of it; the head that comes
    /// back. For answers that come before a body was read: a client that still sends may not see them.
    pub fn send_part(&self, head: &str, promised: usize, sent: &str) -> String {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let request = format!(
            "{head}\r\nhost: {address}\r\norigin: {}\r\ncontent-length: {promised}\r\n\r\n{sent}",
            self.url
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "closed without an answer");
            answer.extend_from_slice(&buffer[..read]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Asks again until the answer has this status, or a minute is over.
    pub async fn wait_for(&self, path: &str, headers: &[String], status: u16) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.get(path, headers).await;
            if answer.status == status {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{path} is not {status}: {answer:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn get(&self, path: &str, headers: &[String]) -> Answer {
        self.send("GET", path, headers, "").await
    }

    /// A form, as a browser posts it.
    pub async fn post_form(&self, path: &str, headers: &[String], body: &str) -> Answer {
        let mut headers = headers.to_vec();
        headers.push("content-type: application/x-www-form-urlencoded".to_owned());
        headers.push(format!("origin: {}", self.url));
        self.send("POST", path, &headers, body).await
    }

    pub async fn post_json(&self, path: &str, headers: &[String], body: &Value) -> Answer {
        let mut headers = headers.to_vec();
        headers.push("content-type: application/json".to_owned());
        self.send("POST", path, &headers, &body.to_string()).await
    }

    /// Runs a line in a shell.
    pub fn shell(line: &str) -> String {
        let output = Command::new("bash").args(["-c", line]).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Running {
    /// Kills it in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub fn terminate(&mut self) {
        Self::shell(&format!("kill -TERM {}", self.child.id()));
        self.child.wait().unwrap();
    }

    /// Ends it as dropping does; its log.
    pub fn stop(mut self) -> String {
        self.end()
    }

    fn end(&mut self) -> String {
        let Some(log) = self.log.take() else {
            return String::new();
        };
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = log.join().unwrap();
        if std::thread::panicking() {
            return log;
        }
        assert!(!log.contains("panicked"), "{log}");
        for secret in self.secrets.lock().unwrap().iter() {
            assert!(secret.len() >= 8, "{secret:?} is found anywhere");
            let line = log.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "a secret was logged: {}", line.unwrap());
        }
        log
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs a program that should not start; what it says, a line.
pub fn refuses_to_start(package: &str, variables: &[(&str, &str)]) -> String {
    let output = Command::new(build(package))
        .env_clear()
        .env("LISTEN", "127.0.0.1:0")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success(), "{variables:?}: it started");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A client that asks anybody.
#[derive(Debug)]
pub struct Web {
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Web {
    pub fn new() -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Sends a request; `headers` are `name: value`.
    pub async fn send(&self, method: &str, url: &str, headers: &[String], body: &str) -> Answer {
        self.try_send(method, url, headers, body).await.unwrap()
    }

    /// Sends a request to what may be gone before it has answered.
    pub async fn try_send(
        &self,
        method: &str,
        url: &str,
        headers: &[String],
        body: &str,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let mut req = Request::builder().method(method).uri(url);
        for header in headers {
            let (name, value) = header.split_once(": ").unwrap();
            req = req.header(name, value);
        }
        let req = req.body(Full::from(body.to_owned())).unwrap();
        let (parts, body) = self.client.request(req).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec())?,
        })
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }

    /// A header to send the cookie back.
    pub fn cookie(&self) -> String {
        let cookie = self
            .headers
            .get(SET_COOKIE)
            .unwrap_or_else(|| panic!("{self:?}"));
        let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
        format!("cookie: {cookie}")
    }

    /// The code of a problem, whose form is checked.
    pub fn problem(&self) -> String {
        assert_eq!(
            self.headers[CONTENT_TYPE], "application/problem+json",
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        for member in ["type", "title", "code"] {
            assert!(problem[member].is_string(), "{member} in {problem}");
        }
        problem["code"].as_str().unwrap().to_owned()
    }
}
