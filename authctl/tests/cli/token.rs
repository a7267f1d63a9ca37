//! `authctl token`.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_layer::{AccessTokenRequest, Algorithm, Issuer, SigningKey};
use serde_json::Value;

use crate::support::{Folder, NOWHERE, Run, authctl};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://api.example.com";

fn issuer() -> Issuer {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    Issuer::builder(ISSUER, AUDIENCE, key).build().unwrap()
}

fn token(issuer: &Issuer) -> String {
    let token = issuer.issue(&AccessTokenRequest::new("user-17")).unwrap();
    token.expose().to_owned()
}

fn check(more: &[&str]) -> Run {
    let policy = [
        "--json",
        "token",
        "check",
        "--issuer",
        ISSUER,
        "--audience",
        AUDIENCE,
    ];
    authctl(&[&policy[..], more].concat())
}

#[test]
fn a_good_token_is_verified_with_the_keys_of_a_file() {
    let (folder, issuer) = (Folder::new(), issuer());
    let jwks = folder.file("jwks.json", &*issuer.jwks());
    let keys = ["--algorithm", "ES256", "--jwks", &jwks];
    let outcome = check(&keys).input(token(&issuer)).ends(0);
    let members = [
        "algorithm",
        "audiences",
        "claims",
        "expires_at",
        "issued_at",
        "issuer",
        "kid",
        "kind",
        "subject",
        "token_id",
        "valid",
    ];
    assert_eq!(outcome.members(), members);
    let json = outcome.json();
    assert_eq!(json["valid"], true);
    assert_eq!(json["subject"], "user-17");
    assert_eq!(json["claims"]["aud"], AUDIENCE);
}

#[test]
fn a_token_that_does_not_fulfil_the_policy_is_invalid_and_says_why() {
    let (folder, other, issuer) = (Folder::new(), issuer(), issuer());
    let jwks = folder.file("jwks.json", &*issuer.jwks());
    let es256 = ["--algorithm", "ES256", "--jwks", &jwks];
    let good = token(&issuer);
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    let none = {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
        format!("{header}.{}.c2ln", good.split('.').nth(1).unwrap())
    };
    let id_token = [&es256[..], &["--kind", "id-token"]].concat();
    for (options, token, problem) in [
        (&es256[..], token(&other), "unknown_key"),
        (&es256, unsigned, "not_a_signed_token"),
        (&es256, none, "unknown_algorithm"),
        (&es256, "sk_live_abc".to_owned(), "not_a_signed_token"),
        (&id_token, good.clone(), "wrong_token_type"),
    ] {
        let outcome = check(options).input(&token).ends(1);
        let json = outcome.json();
        assert_eq!(json["valid"], false);
        assert_eq!(json["problem"], problem, "{token}");
    }
    for (issuer, audience, problem) in [
        ("https://evil.example", AUDIENCE, "wrong_issuer"),
        (ISSUER, "https://other.example", "wrong_audience"),
    ] {
        let policy = ["token", "check", "--issuer", issuer, "--audience", audience];
        let outcome = authctl(&[&policy[..], &es256].concat())
            .input(&good)
            .ends(1);
        assert_eq!(outcome.stdout, format!("invalid: {problem}\n"));
    }
}

#[test]
fn keys_are_fetched_and_an_issuer_that_is_down_makes_no_token_invalid() {
    let issuer = issuer();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let jwks = issuer.jwks();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{jwks}",
            jwks.len()
        )
        .unwrap();
    });
    let fetched = ["--algorithm", "ES256", "--jwks", &url];
    check(&fetched).input(token(&issuer)).ends(0);
    server.join().unwrap();

    let nowhere = format!("http://{NOWHERE}/jwks");
    let down = ["--algorithm", "ES256", "--jwks", &nowhere];
    let outcome = check(&down).input(token(&issuer)).ends(3);
    assert_eq!(outcome.json()["error"]["code"], "unavailable");
    let unsafe_url = [
        "--algorithm",
        "ES256",
        "--jwks",
        "http://id.example.com/jwks",
    ];
    check(&unsafe_url).input(token(&issuer)).ends(2);
}

#[test]
fn a_shared_secret_comes_from_the_environment_or_a_file() {
    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    let folder = Folder::new();
    let key = SigningKey::from_secret(Algorithm::Hs256, SECRET.as_bytes()).unwrap();
    let issuer = Issuer::builder(ISSUER, AUDIENCE, key).build().unwrap();
    let file = folder.file("secret", format!("{SECRET}\n"));
    let hs256 = ["--algorithm", "HS256"];
    check(&hs256)
        .env("TOKEN_SECRET", SECRET)
        .input(token(&issuer))
        .ends(0);
    let other = SECRET.replace('0', "1");
    check(&hs256)
        .env("TOKEN_SECRET", &other)
        .input(token(&issuer))
        .ends(1);
    check(&hs256)
        .env("TOKEN_SECRET", "short")
        .input(token(&issuer))
        .ends(2);
    let from_file = ["--algorithm", "HS256", "--secret-file", &file];
    check(&from_file).input(token(&issuer)).ends(0);
}

#[test]
fn wrong_calls_name_what_is_missing() {
    for (options, problem) in [
        (&["--algorithm", "ES256"][..], "TOKEN_SECRET"),
        (&["--algorithm", "none", "--jwks", "x"], "must be one of"),
        (
            &["--algorithm", "ES256", "--jwks", "/no/such/file"],
            "/no/such/file",
        ),
        (&["--jwks", "x"], "--algorithm"),
        (
            &["--algorithm", "ES256", "--discover", "--nonce", "n"],
            "--nonce",
        ),
        (
            &["--algorithm", "ES256", "--discover", "--leeway", "1h"],
            "leeway",
        ),
        (
            &["--algorithm", "ES256", "--discover", "--leeway=-1s"],
            "--leeway",
        ),
    ] {
        let outcome = check(options).input("x").ends(2);
        assert!(outcome.stderr.contains(problem), "{options:?}: {outcome:?}");
    }
}

#[test]
fn decoding_says_that_nothing_was_verified() {
    let token = token(&issuer());
    let outcome = authctl(&["token", "decode"]).input(&token).ends(0);
    assert!(outcome.stdout.starts_with("NOT VERIFIED"), "{outcome:?}");
    assert!(outcome.stdout.contains("exp is 20"), "{outcome:?}");
    let outcome = authctl(&["--json", "token", "decode"])
        .input(&token)
        .ends(0);
    assert_eq!(
        outcome.members(),
        ["claims", "header", "problem", "verified"]
    );
    let json = outcome.json();
    assert_eq!(json["verified"], false);
    assert_eq!(json["header"]["alg"], "ES256");
    assert_eq!(json["claims"]["sub"], "user-17");

    let outcome = authctl(&["--json", "token", "decode"])
        .input("rubbish")
        .ends(1);
    assert_eq!(outcome.json()["claims"], Value::Null);
}

#[test]
fn what_a_token_says_cannot_steer_the_terminal() {
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let claims = "{\"sub\":\"\u{9b}31m\u{202e}\\u001b[2J\"}";
    let token = format!("{}.{}.c2ln", part(r#"{"alg":"none"}"#), part(claims));
    let outcome = authctl(&["token", "decode"]).input(token).ends(0);
    for letter in ['\u{9b}', '\u{202e}', '\u{1b}'] {
        assert!(!outcome.stdout.contains(letter), "{outcome:?}");
    }
}
