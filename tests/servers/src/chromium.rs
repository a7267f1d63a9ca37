//! Chromium, driven by WebDriver.

use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{fs, thread};

use crate::debian;
use crate::folder::Folder;
use crate::process::{Process, free_port, wait_until};

/// ChromeDriver, which starts a Chromium for each session that a WebDriver client asks for.
///
/// Chrome will do where it is installed; otherwise both are Debian's packages. The browsers live in the [profiles](Self::profile); each ends with its
/// profile at the latest.
#[derive(Debug)]
pub struct ChromeDriver {
    _process: Process,
    port: u16,
    browser: PathBuf,
}

impl ChromeDriver {
    /// Starts it on a free port.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be installed or does not start.
    pub fn start() -> Self {
        let driver = debian::program("chromedriver", "chromium-driver");
        let browser = debian::find("google-chrome")
            .unwrap_or_else(|| debian::program("chromium", "chromium"));
        let port = free_port(|_| None);
        let process = Process::run(Command::new(driver).arg(format!("--port={port}")));
        wait_until("starting chromedriver", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        Self {
            _process: process,
            port,
            browser,
        }
    }

    /// Where WebDriver clients connect to.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The program to name in the capabilities.
    pub fn browser(&self) -> &str {
        self.browser.to_str().unwrap_or("chromium")
    }

    /// A fresh profile: no cookies, no cache, no history.
    pub fn profile(&self) -> Profile {
        Profile::new()
    }
}

/// The folder of one browser. Dropping it ends the browser.
#[derive(Debug)]
pub struct Profile(Folder);

impl Profile {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);

        // No name is the beginning of another: the processes are found by it.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(Folder::new(&format!("chromium-{number}-profile")))
    }

    /// The arguments to start Chromium with: without a window, without asking the network for anything
    /// that no page asks for.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<_> = [
            "--headless",
            // It works neither for root nor in many containers, and these pages are our own.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]
        .map(str::to_owned)
        .into();
        arguments.push(format!("--user-data-dir={}", self.0.path().display()));
        arguments
    }

    /// The processes that were started with this profile.
    fn processes(&self) -> Vec<String> {
        let folder = self.0.path().as_os_str().as_encoded_bytes();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter(|process| {
                let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
                command.windows(folder.len()).any(|part| part == folder)
            })
            .filter_map(|process| process.file_name().into_string().ok())
            .filter(|id| id.bytes().all(|b| b.is_ascii_digit()))
            .collect()
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // ChromeDriver ends only those browsers whose sessions were closed, and a test that has failed
        // closes none. Those that are ending by themselves are given a moment.
        for round in 0..100 {
            let processes = self.processes();
            if processes.is_empty() {
                break;
            }
            if round >= 20 {
                let _ = Command::new("kill").arg("-KILL").args(&processes).output();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
