//! A PostgreSQL that starts, dies and comes back.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use test_servers::PostgresServer;

/// What the server answers to a start-up message: `R` if it lets one in.
fn greeting(url: &str) -> Option<u8> {
    let address = url.split('@').nth(1)?.split('/').next()?;
    let mut stream = TcpStream::connect(address).ok()?;
    let parameters = b"user\0postgres\0database\0postgres\0\0";
    let length = u32::try_from(8 + parameters.len()).ok()?;
    stream.write_all(&length.to_be_bytes()).ok()?;
    stream.write_all(&196_608_u32.to_be_bytes()).ok()?;
    stream.write_all(parameters).ok()?;
    let mut first = [0];
    stream.read_exact(&mut first).ok()?;
    Some(first[0])
}

#[test]
fn it_starts_dies_and_comes_back() {
    let server = PostgresServer::start();
    let url = server.url();
    assert_eq!(greeting(&url), Some(b'R'));
    let other = server.create_database();
    assert_ne!(other, url);

    server.kill();
    assert_eq!(greeting(&url), None);
    server.kill(); // it is dead already

    server.restart();
    assert_eq!(greeting(&url), Some(b'R'), "on the same port");
    server.restart();
    assert_eq!(greeting(&url), Some(b'R'), "in place of one that runs");

    drop(server);
    assert_eq!(greeting(&url), None);
}

/// A process that is killed cannot clear up after itself.
#[test]
fn it_ends_with_the_process_that_started_it() {
    const ROLE: &str = "POSTGRES_OWNER_WRITES_ITS_URL_TO";

    if let Ok(file) = std::env::var(ROLE) {
        let server = PostgresServer::start();
        std::fs::write(format!("{file}.new"), server.url()).unwrap();
        std::fs::rename(format!("{file}.new"), &file).unwrap();
        loop {
            std::thread::park();
        }
    }
    let file = std::env::temp_dir().join(format!("postgres-owner-{}", std::process::id()));
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "it_ends_with_the_process_that_started_it"])
        .env(ROLE, &file)
        .spawn()
        .unwrap();
    wait_for(|| Path::new(&file).exists());
    let url = std::fs::read_to_string(&file).unwrap();
    assert_eq!(greeting(&url), Some(b'R'));
    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_for(|| greeting(&url).is_none());
    std::fs::remove_file(file).unwrap();
}

fn wait_for(holds: impl Fn() -> bool) {
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds() {
        assert!(std::time::Instant::now() < give_up, "it takes too long");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
