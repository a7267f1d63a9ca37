//! What password hashing does to the other requests of a server.
//!
//! A tokio runtime with two workers; fifty clients log in over and over (argon2id, 19 MiB, two
//! passes); another route is asked once a millisecond. Every way of hashing runs in a process of its
//! own for ten seconds, so that each has its own peak memory:
//!
//! ```sh
//! cargo run --release -p login --example hashing_beside_traffic
//! ```
//!
//! Peak memory is read from `/proc` and therefore missing elsewhere than on Linux.

#![allow(clippy::print_stdout, reason = "prints a table")]

use std::convert::Infallible;
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use auth_layer::PasswordCredentials;
use login::password::{
    HashPool, MemoryUserStore, PasswordHash, PasswordHasher, PasswordLogin, UserRecord,
};
use tokio::runtime::{Builder, Handle};
use tokio::sync::Semaphore;
use tokio::task;
use tower::{ServiceExt as _, service_fn};

const CLIENTS: usize = 50;
const WORKERS: usize = 2;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(10);
const PASSWORD: &str = "correct horse battery staple";

/// The ways to hash, with their argument and their title.
const WAYS: [(&str, &str); 5] = [
    ("none", "no logins"),
    ("inline", "inline on the async worker"),
    ("spawn_blocking", "`spawn_blocking`, no limit"),
    ("semaphore", "`spawn_blocking` behind a semaphore of 2"),
    ("pool", "`HashPool`"),
];

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    match env::args().nth(1) {
        Some(way) => measure(&way),
        None => compare(),
    }
}

/// Runs every way in a process of its own and prints the table.
fn compare() -> Result<(), Failure> {
    println!(
        "| verified by | p99 of the other route, ms | logins/s | login p99, ms | peak memory, MB |"
    );
    println!("|---|---:|---:|---:|---:|");
    for (way, title) in WAYS {
        let output = Command::new(env::current_exe()?).arg(way).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        println!("| {title} | {} |", String::from_utf8(output.stdout)?.trim());
        io::stdout().flush()?;
    }
    Ok(())
}

fn measure(way: &str) -> Result<(), Failure> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    let measurement = Arc::new(Measurement::default());

    let hasher = PasswordHasher::new();
    let hash = hasher.hash(PASSWORD)?;
    let pool = HashPool::builder(hasher.clone()).threads(WORKERS).build()?;
    let users = MemoryUserStore::new();
    users.insert(
        "alice",
        UserRecord::new("1").with_password_hash(hash.clone()),
    );
    let login = PasswordLogin::builder(users).hash_pool(pool).build()?;

    // The clients are elsewhere, and their requests arrive from outside.
    let outside = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let clients = if way == "none" { 0 } else { CLIENTS };
    let semaphore = Arc::new(Semaphore::new(WORKERS));
    for _ in 0..clients {
        let way = Arc::new(Way::parse(way, &hasher, &hash, &login, &semaphore)?);
        let server = runtime.handle().clone();
        outside.spawn(log_in_for_ever(server, way, Arc::clone(&measurement)));
    }

    thread::scope(|scope| {
        scope.spawn(|| ask_the_other_route(runtime.handle(), &measurement));
        thread::sleep(WARM_UP);
        measurement.is_running.store(true, Ordering::Relaxed);
        thread::sleep(MEASURED);
        measurement.is_over.store(true, Ordering::Relaxed);
    });

    let logins = measurement.logins.lock().map_err(|_| "a client panicked")?;
    let other = measurement.other.lock().map_err(|_| "a route panicked")?;
    let figure = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
    };
    let per_second = (clients > 0).then_some(logins.len() as f64 / MEASURED.as_secs_f64());
    println!(
        "{} | {} | {} | {}",
        figure(p99(&other), 2),
        figure(per_second, 0),
        figure(p99(&logins), 0),
        figure(peak_megabytes(), 0),
    );
    // Without waiting for what still runs.
    outside.shutdown_background();
    runtime.shutdown_background();
    Ok(())
}

#[derive(Default)]
struct Measurement {
    is_running: AtomicBool,
    is_over: AtomicBool,
    logins: Mutex<Vec<Duration>>,
    other: Mutex<Vec<Duration>>,
}

impl Measurement {
    fn record(&self, times: &Mutex<Vec<Duration>>, since: Instant) {
        let took = since.elapsed();
        let is_counted =
            self.is_running.load(Ordering::Relaxed) && !self.is_over.load(Ordering::Relaxed);
        if is_counted && let Ok(mut times) = times.lock() {
            times.push(took);
        }
    }
}

/// A way to hash, with what it needs.
enum Way {
    Inline(PasswordHasher, PasswordHash),
    SpawnBlocking(PasswordHasher, PasswordHash),
    Semaphore(PasswordHasher, PasswordHash, Arc<Semaphore>),
    Pool(PasswordLogin),
}

impl Way {
    fn parse(
        way: &str,
        hasher: &PasswordHasher,
        hash: &PasswordHash,
        login: &PasswordLogin,
        semaphore: &Arc<Semaphore>,
    ) -> Result<Self, Failure> {
        Ok(match way {
            "inline" => Self::Inline(hasher.clone(), hash.clone()),
            "spawn_blocking" => Self::SpawnBlocking(hasher.clone(), hash.clone()),
            "semaphore" => Self::Semaphore(hasher.clone(), hash.clone(), Arc::clone(semaphore)),
            "pool" => Self::Pool(login.clone()),
            _ => return Err(format!("no such way to hash: {way}").into()),
        })
    }

    /// Whether the password is right; an error if that could not be found out.
    async fn log_in(&self) -> Result<bool, Failure> {
        Ok(match self {
            Self::Inline(hasher, hash) => hasher.verify(PASSWORD, hash.as_str())?.is_match(),
            Self::SpawnBlocking(hasher, hash) => verify_elsewhere(hasher, hash).await?,
            Self::Semaphore(hasher, hash, semaphore) => {
                let _permit = semaphore.acquire().await?;
                verify_elsewhere(hasher, hash).await?
            }
            Self::Pool(login) => {
                let sent = PasswordCredentials::new("alice", PASSWORD);
                login.authenticate(sent).await?.subject() == "1"
            }
        })
    }
}

async fn verify_elsewhere(hasher: &PasswordHasher, hash: &PasswordHash) -> Result<bool, Failure> {
    let (hasher, hash) = (hasher.clone(), hash.clone());
    let outcome = task::spawn_blocking(move || hasher.verify(PASSWORD, hash.as_str())).await??;
    Ok(outcome.is_match())
}

async fn log_in_for_ever(server: Handle, way: Arc<Way>, measurement: Arc<Measurement>) {
    loop {
        let began = Instant::now();
        let way = Arc::clone(&way);
        match server.spawn(async move { way.log_in().await }).await {
            Ok(Ok(true)) => measurement.record(&measurement.logins, began),
            Ok(Ok(false)) => panic!("the right password was refused"),
            Ok(Err(error)) => panic!("a login failed: {error}"),
            // The measurement is over.
            Err(_) => return,
        }
    }
}

/// Asks a service on the runtime once a millisecond, from outside, as a client would.
fn ask_the_other_route(handle: &Handle, measurement: &Arc<Measurement>) {
    let mut next = Instant::now();
    while !measurement.is_over.load(Ordering::Relaxed) {
        next += Duration::from_millis(1);
        thread::sleep(next.saturating_duration_since(Instant::now()));
        let measurement = Arc::clone(measurement);
        let began = Instant::now();
        handle.spawn(async move {
            let route =
                service_fn(|question: u64| async move { Ok::<_, Infallible>(question + 1) });
            let Ok(answer) = route.oneshot(41).await;
            assert_eq!(answer, 42);
            measurement.record(&measurement.other, began);
        });
    }
}

/// In milliseconds.
fn p99(times: &[Duration]) -> Option<f64> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let index = (times.len() * 99).div_ceil(100).checked_sub(1)?;
    Some(times[index].as_secs_f64() * 1000.0)
}

/// The most memory that this process had, from `/proc`.
fn peak_megabytes() -> Option<f64> {
    let mut status = String::new();
    fs::File::open("/proc/self/status")
        .ok()?
        .read_to_string(&mut status)
        .ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1_000_000.0)
}
