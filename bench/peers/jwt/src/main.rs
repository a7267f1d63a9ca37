//! `cargo run --release -p bench-peers-jwt` in `bench/peers`: bearer tokens beside those of other
//! crates, in one run. `bench/README.md` says how to read the tables.

mod aliri_peer;
mod axum_jwt_auth_peer;
mod by_hand;
mod claims;
mod jwt_authorizer_peer;
mod tower_oauth2_peer;

use std::process::ExitCode;

use bench::sections::jwt::{FRESH, Tokens, first_sight, jwt, many, seen};
use bench::sections::{NamedSection, SECTIONS};
use bench::{Contender, Section, live_bytes};
use jwt_layer::Algorithm;
use tokio::runtime::{Builder, Runtime};

const PEERS: [NamedSection; 4] = [
    ("hs256", |runtime| section(runtime, Algorithm::Hs256)),
    ("rs256", |runtime| section(runtime, Algorithm::Rs256)),
    ("es256", |runtime| section(runtime, Algorithm::Es256)),
    ("eddsa", |runtime| section(runtime, Algorithm::EdDsa)),
];

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("bytes") {
        bytes();
        return ExitCode::SUCCESS;
    }
    // Ours alone are those of `bench` whose names begin with `jwt-`: first sight is measured above.
    let ours = SECTIONS.iter().filter(|(name, _)| {
        let first_sight = PEERS.iter().any(|(peers, _)| name.ends_with(peers));
        name.starts_with("jwt-") && !first_sight
    });
    let sections: Vec<_> = PEERS.iter().chain(ours).copied().collect();
    bench::run(&sections)
}

/// Prints what verified tokens take in memory.
fn bytes() {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    println!("| tokens kept | bytes in all | bytes for each |\n|---:|---:|---:|");
    for count in [1_000, 10_000, 100_000] {
        let tokens = many(0..count);
        let before = live_bytes();
        let jwt = jwt(&tokens).cache_capacity(count).expect("a cache");
        seen(&runtime, &tokens, &jwt);
        // As many others: it is bounded.
        seen(&runtime, &many(count..2 * count), &jwt);
        let (kept, bytes) = (jwt.cached_tokens(), live_bytes() - before);
        println!("| {kept} | {bytes} | {:.0} |", bytes as f64 / kept as f64);
    }
}

fn section(runtime: &Runtime, algorithm: Algorithm) -> Section {
    let tokens = Tokens::new(algorithm, FRESH);
    println!("{algorithm}: tokens of {} bytes", tokens.token_len());
    let mut section = first_sight(&tokens);
    section.contenders.extend([
        Contender::router(
            "by hand: `jsonwebtoken::decode` with aws-lc-rs in an extractor",
            by_hand::router(&tokens),
        ),
        Contender::router(
            "tower-oauth2-resource-server 0.12 with aws-lc-rs",
            tower_oauth2_peer::router(runtime, &tokens),
        ),
        Contender::router(
            "jwt-authorizer 0.15",
            jwt_authorizer_peer::router(runtime, &tokens),
        ),
        Contender::router("axum-jwt-auth 0.7", axum_jwt_auth_peer::router(&tokens)),
    ]);
    if algorithm != Algorithm::EdDsa {
        let aliri = Contender::router("aliri_tower 0.6", aliri_peer::router(&tokens));
        section.contenders.push(aliri);
    }
    section
}
