//! The OpenID provider as tests use it.
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use test_servers::OidcProvider;

fn get(provider: &OidcProvider, path: &str) -> String {
    let host = provider.issuer().trim_start_matches("http://").to_owned();
    let mut connection = TcpStream::connect(&host).unwrap();
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

fn kids(provider: &OidcProvider) -> Vec<String> {
    let keys = get(provider, "/jwks");
    let mut kids: Vec<_> = keys.split("\"kid\":\"").skip(1).collect();
    for kid in &mut kids {
        *kid = kid.split('"').next().unwrap();
    }
    kids.into_iter().map(str::to_owned).collect()
}

#[test]
fn keys_are_rotated_retired_and_survive_a_restart() {
    let mut provider = OidcProvider::start("{}");
    let discovery = get(&provider, "/.well-known/openid-configuration");
    assert!(discovery.contains(&format!("\"issuer\":\"{}\"", provider.issuer())));

    let first = kids(&provider);
    assert_eq!(first.len(), 1);
    provider.rotate_keys();
    let both = kids(&provider);
    assert_eq!(both.len(), 2);
    assert!(both.contains(&first[0]));

    provider.kill();
    provider.restart();
    assert_eq!(kids(&provider), both);

    provider.retire_keys();
    let last = kids(&provider);
    assert_eq!(last.len(), 1);
    assert_ne!(last, first);
}
