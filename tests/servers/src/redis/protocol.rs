//! As much of Redis' protocol as it takes to set servers up.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Sends an inline command and returns the raw answer, or `None` if there is no whole one.
pub(super) fn ask(port: u16, command: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    let timeout = Some(Duration::from_secs(5));
    stream.set_read_timeout(timeout).ok()?;
    stream.set_write_timeout(timeout).ok()?;
    // The answer to a PING behind it says that the answer is whole.
    const END: &[u8] = b"+PONG\r\n";
    stream
        .write_all(format!("{command}\r\nPING\r\n").as_bytes())
        .ok()?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while answer.len() <= END.len() || !answer.ends_with(END) {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
        }
    }
    answer.truncate(answer.len() - END.len());
    String::from_utf8(answer).ok()
}

/// As [`ask`], for commands that must succeed.
///
/// # Panics
///
/// Panics if the server is not there or answers with an error.
pub(super) fn command(port: u16, command: &str) -> String {
    let answer = ask(port, command).unwrap_or_else(|| panic!("no answer to {command}"));
    assert!(!answer.starts_with('-'), "{command}: {answer}");
    answer
}
