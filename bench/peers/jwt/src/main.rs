//! `cargo run --release -p bench-peers-jwt` in `bench/peers`: bearer tokens beside those of other
//! crates, in one run. `bench/README.md` says how to read the tables.

mod aliri_peer;
mod axum_jwt_auth_peer;
mod by_hand;
mod claims;
mod jwt_authorizer_peer;
mod tower_oauth2_peer;

use std::process::ExitCode;

use bench::sections::jwt::{FRESH, Tokens, first_sight};
use bench::{Contender, Section};
use jwt_layer::Algorithm;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    bench::run(&[
        ("hs256", |runtime| section(runtime, Algorithm::Hs256)),
        ("rs256", |runtime| section(runtime, Algorithm::Rs256)),
        ("es256", |runtime| section(runtime, Algorithm::Es256)),
        ("eddsa", |runtime| section(runtime, Algorithm::EdDsa)),
    ])
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
