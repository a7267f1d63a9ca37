//! `cargo run --release --manifest-path bench/peers/Cargo.toml`: sessions beside those of other
//! crates, in one run. `bench/README.md` says how to read the tables.

mod axum_login_peer;
mod axum_session_peer;
mod bytes;
mod memory;
mod redis;
mod tower_sessions_peer;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("bytes") {
        bytes::print();
        return ExitCode::SUCCESS;
    }
    bench::run(&[("memory", memory::section), ("redis", redis::section)])
}

/// Logs in and returns the cookie that the response sets.
fn log_in(runtime: &tokio::runtime::Runtime, router: &axum::Router) -> String {
    use axum::body::Body;
    use axum::http::Request;
    use axum::http::header::SET_COOKIE;
    use tower::ServiceExt as _;

    let request = Request::get("/login")
        .body(Body::empty())
        .expect("a request");
    let response = runtime
        .block_on(router.clone().oneshot(request))
        .expect("infallible");
    let lines = response.headers().get_all(SET_COOKIE).iter();
    let pairs: Vec<_> = lines
        .filter_map(|line| line.to_str().ok()?.split(';').next())
        .collect();
    assert!(!pairs.is_empty(), "{response:?}");
    pairs.join("; ")
}
