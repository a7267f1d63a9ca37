//! What a second thread adds: a lock on the path of each request costs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use bench::sections::sessions::{bare, filled, ours, requests};
use session_layer::SessionLayer;
use tokio::runtime::{Builder, Runtime};
use tower::Service as _;
use tower_sessions::MemoryStore;

use crate::{axum_login_peer, axum_session_peer, log_in, tower_sessions_peer};

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(200);

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Prints the table.
pub(crate) fn print() {
    let (one, two) = (runtime(), runtime());
    // For layers that start a task when they are made.
    let context = one.enter();
    let (backend, cookies) = filled(1_000, None);
    let tower = tower_sessions_peer::v015::router(MemoryStore::default(), false);
    let axum_login = axum_login_peer::router(tower_sessions_014::MemoryStore::default());
    let axum_session = axum_session_peer::router(&one);
    let peer = |router: Router| {
        let cookies = [log_in(&one, &router), log_in(&two, &router)];
        (router, cookies.to_vec())
    };
    let layer = SessionLayer::new(Arc::new(backend));
    let contenders = [
        ("bare router", (bare(), vec!["a=b".to_owned()])),
        (
            "`SessionLayer`, 1,000 in turn",
            (ours().layer(layer), cookies),
        ),
        ("tower-sessions 0.15", peer(tower)),
        ("axum-login 0.18", peer(axum_login)),
        ("axum_session 0.22", peer(axum_session)),
    ];
    drop(context);
    let mut took = vec![Vec::new(); contenders.len()];
    for _ in 0..ROUNDS {
        for ((_, (router, cookies)), took) in contenders.iter().zip(&mut took) {
            took.push((served(router, cookies, 1), served(router, cookies, 2)));
        }
    }
    println!("| in memory | requests/s, one thread | two threads | × |\n|---|---:|---:|---:|");
    for ((name, _), took) in contenders.iter().zip(took) {
        let (one, two) = took.iter().copied().unzip();
        let ratio = took.iter().map(|(one, two)| two / one).collect();
        println!(
            "| {name} | {:.0} | {:.0} | {:.2} |",
            median(one),
            median(two),
            median(ratio)
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Requests in a second, by so many threads on one service.
fn served(router: &Router, cookies: &[String], threads: usize) -> f64 {
    let over = AtomicBool::new(false);
    let start = Instant::now();
    let count: usize = std::thread::scope(|scope| {
        let serving: Vec<_> = (0..threads)
            .map(|number| {
                let router = router.clone();
                // Each thread begins with another session.
                let mut cookies = cookies.to_vec();
                let first = number % cookies.len();
                cookies.rotate_left(first);
                let over = &over;
                scope.spawn(move || {
                    let request = requests(cookies);
                    runtime().block_on(async {
                        let mut service = router.with_state::<()>(());
                        let mut count = 0;
                        while !over.load(Ordering::Relaxed) {
                            // A router is always ready.
                            let Ok(response) = service.call(request()).await;
                            assert!(response.status().is_success());
                            count += 1;
                        }
                        count
                    })
                })
            })
            .collect();
        std::thread::sleep(ROUND);
        over.store(true, Ordering::Relaxed);
        let counts = serving.into_iter().map(|thread| thread.join());
        counts.map(|count| count.expect("no panic")).sum()
    });
    count as f64 / start.elapsed().as_secs_f64()
}
