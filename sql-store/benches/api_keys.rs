//! How many API keys a second SQLite in a file verifies, makes and revokes.
//!
//! ```text
//! taskset -c 0 cargo bench -p sql-store --bench api_keys
//! ```
//!
//! Everything runs on one thread of tokio beside the threads of SQLite, so that `taskset` gives it one core.
//! Verifications ask for 10,000 distinct keys in turn, without a cache, through the scheme. Changes are
//! durable as shipped: each waits for the disk.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it prints what it has measured"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use apikey_layer::{ApiKey, ApiKeys, KeyFormat, KeyId, KeyRegistry, NewKey};
use auth_layer::{Identity, Scheme as _};
use axum::http::Request;
use sql_store::SqlDatabase;

const KEYS: usize = 10_000;
const CHANGES: usize = 4_000;
const VERIFICATIONS: usize = 40_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = std::env::temp_dir().join(format!("sql-store-bench-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let url = format!("sqlite://{}/auth.db", folder.display());
    let database = SqlDatabase::connect(&url).await.unwrap();
    database.migrate().await.unwrap();
    let keys = database.store().await.unwrap().api_keys();
    let format = KeyFormat::live("sk").unwrap();
    let registry = KeyRegistry::new(format.clone(), Arc::new(keys.clone()));
    let registry = registry.max_keys(usize::MAX);
    let scheme = ApiKeys::danger_without_owners(format, Arc::new(keys));

    let made: Vec<_> = run("create, 64 callers", KEYS, 64, async |n| {
        create(&registry, n).await
    })
    .await;
    for (name, callers) in [("verify, 1 caller", 1), ("verify, 64 callers", 64)] {
        run(name, VERIFICATIONS, callers, async |n| {
            let key: &str = made[n % KEYS].expose();
            let request = Request::builder().header("x-api-key", key);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let sent = scheme.extract(&parts).unwrap().unwrap();
            black_box(scheme.verify(sent).await.unwrap());
        })
        .await;
    }
    run("create, 1 caller", 500, 1, async |n| {
        create(&registry, n).await
    })
    .await;
    run("revoke, 64 callers", CHANGES, 64, async |n| {
        revoke(&registry, made[n].id(), n).await;
    })
    .await;
    run("revoke, 1 caller", 500, 1, async |n| {
        revoke(&registry, made[CHANGES + n].id(), CHANGES + n).await;
    })
    .await;
    database.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Each owner has a hundred keys.
fn owner(n: usize) -> Identity {
    Identity::new("session", format!("user-{}", n / 100))
}

async fn create(registry: &KeyRegistry, n: usize) -> ApiKey {
    let created = registry.create(&owner(n), NewKey::new("build")).await;
    created.unwrap().key
}

async fn revoke(registry: &KeyRegistry, id: &KeyId, n: usize) {
    registry.revoke(&owner(n), id).await.unwrap();
}

/// Does it `times` times, so many at once; the results in their order.
async fn run<T>(
    name: &str,
    times: usize,
    callers: usize,
    step: impl AsyncFn(usize) -> T,
) -> Vec<T> {
    let (next, start) = (AtomicUsize::new(0), Instant::now());
    let caller = async || {
        let mut results = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= times {
                return results;
            }
            results.push((n, step(n).await));
        }
    };
    let mut pending = futures_util::future::join_all((0..callers).map(|_| caller())).await;
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "there are few")]
    let rate = times as f64 / seconds;
    println!("{name:20} {rate:9.0} a second");
    let mut results: Vec<_> = pending.drain(..).flatten().collect();
    results.sort_by_key(|(n, _)| *n);
    results.into_iter().map(|(_, result)| result).collect()
}
