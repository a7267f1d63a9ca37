//! What a session takes in memory.

use bench::live_bytes;
use bench::sections::sessions::{USER_AGENT, filled};
use tokio::runtime::{Builder, Runtime};
use tower_sessions::MemoryStore;

use crate::{axum_login_peer, axum_session_peer, log_in, tower_sessions_peer};

/// Prints the table.
pub(crate) fn print() {
    println!("| sessions | `User-Agent` | bytes for each |\n|---|---|---:|");
    for count in [1_000, 100_000, 1_000_000] {
        for (name, user_agent) in [("none", None), ("110 bytes", Some(USER_AGENT))] {
            let (backend, cookies) = filled(count, user_agent);
            drop(cookies);
            let full = live_bytes();
            backend.remove_expired(
                std::time::SystemTime::now() + std::time::Duration::from_secs(1 << 26),
            );
            let expired = live_bytes();
            drop(backend);
            let empty = live_bytes();
            let each = (full - empty) as f64 / count as f64;
            println!("| ours, {count} | {name} | {each:.1} |");
            println!(
                "| the same, expired and swept: in all | | {} |",
                expired - empty
            );
        }
    }
    let count = 20_000;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let _context = runtime.enter();
    let routers: [(&str, fn(&Runtime) -> axum::Router); 3] = [
        ("tower-sessions 0.15, one key", |_| {
            tower_sessions_peer::v015::router(MemoryStore::default(), false)
        }),
        ("axum-login 0.18", |_| {
            axum_login_peer::router(tower_sessions_014::MemoryStore::default())
        }),
        ("axum_session 0.22, one key", axum_session_peer::router),
    ];
    for (name, make) in routers {
        let router = make(&runtime);
        for _ in 0..100 {
            log_in(&runtime, &router);
        }
        let before = live_bytes();
        for _ in 0..count {
            log_in(&runtime, &router);
        }
        let each = (live_bytes() - before) as f64 / count as f64;
        println!("| {name}, {count} | none | {each:.1} |");
    }
}
