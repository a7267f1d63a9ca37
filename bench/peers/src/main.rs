//! `cargo run --release --manifest-path bench/peers/Cargo.toml`: sessions beside those of other
//! crates, in one run. `bench/README.md` says how to read the tables.

mod axum_login_peer;
mod axum_session_peer;
mod bytes;
mod memory;
mod redis;
mod threads;
mod tower_sessions_peer;

use std::process::ExitCode;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::response::Response;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("bytes") => {
            bytes::print();
            return ExitCode::SUCCESS;
        }
        Some("threads") => {
            threads::print();
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    bench::run(&[("memory", memory::section), ("redis", redis::section)])
}

/// Logs in and returns the cookie that the response sets.
fn log_in(runtime: &Runtime, router: &Router) -> String {
    let response = send(runtime, router, "/login", None);
    let pairs = cookies(&response);
    assert!(!pairs.is_empty(), "{response:?}");
    pairs
}

/// A request that the page of the service itself has caused.
fn send(runtime: &Runtime, router: &Router, path: &str, cookie: Option<&str>) -> Response {
    let mut request = Request::get(path).header("sec-fetch-site", "same-origin");
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    let request = request.body(Body::empty()).expect("a request");
    let response = runtime
        .block_on(router.clone().oneshot(request))
        .expect("infallible");
    assert!(response.status().is_success(), "{path}: {response:?}");
    response
}

fn cookies(response: &Response) -> String {
    let lines = response.headers().get_all(SET_COOKIE).iter();
    let pairs: Vec<_> = lines
        .filter_map(|line| line.to_str().ok()?.split(';').next())
        .collect();
    pairs.join("; ")
}
