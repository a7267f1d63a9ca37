//! The backends against published vectors and against each other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::*;
use crate::key::jwk::Jwk;
use crate::token::{Compact, Header};
use crate::{Algorithm, KeySet, VerifyingKey};

/// What one backend makes of a key: something that verifies.
type Load = fn(Algorithm, &PublicMaterial) -> Option<Box<dyn Fn(&[u8], &[u8]) -> bool>>;

struct Backend {
    load: Load,
    /// Whether it has ES512.
    is_whole: bool,
}

fn backends() -> Vec<Backend> {
    let preferred = Backend {
        load: |algorithm, material| {
            let verifier = Verifier::new(algorithm, material).ok()?;
            Some(Box::new(move |message, signature| {
                verifier.verify(message, signature)
            }))
        },
        is_whole: cfg!(feature = "aws-lc"),
    };
    #[cfg(all(feature = "aws-lc", feature = "rust-crypto"))]
    return vec![
        preferred,
        Backend {
            load: |algorithm, material| {
                let verifier = second::Verifier::new(algorithm, material).ok()?;
                Some(Box::new(move |message, signature| {
                    verifier.verify(message, signature)
                }))
            },
            is_whole: false,
        },
    ];
    #[cfg(not(all(feature = "aws-lc", feature = "rust-crypto")))]
    vec![preferred]
}

fn one_or_many(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(many) => many.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

/// The keys of a row with their JWKs, each pinned to the algorithms that the row allows.
fn keys(row: &Value) -> Vec<(VerifyingKey, Jwk)> {
    let mut jwks = one_or_many(&row["jwk"]);
    jwks.extend(one_or_many(&row["jwks"]["keys"]));
    let algorithms = one_or_many(&row["alg"]);
    let algorithms = algorithms
        .iter()
        .filter_map(|name| Algorithm::from_name(name.as_str()?));
    let pairs = algorithms.flat_map(|algorithm| jwks.iter().map(move |jwk| (algorithm, jwk)));
    pairs
        .filter_map(|(algorithm, jwk)| {
            let jwk = jwk.to_string();
            let key = VerifyingKey::from_jwk(algorithm, &jwk).ok()?;
            Some((key, Jwk::parse(&jwk).unwrap()))
        })
        .collect()
}

/// The token of a row as a JWT would have it.
fn token(row: &Value) -> String {
    let token = row["token"].as_str().unwrap();
    if row["form"] != "compact-detached" {
        return token.to_owned();
    }
    let (header, signature) = token.split_once("..").unwrap();
    let payload = URL_SAFE_NO_PAD.encode(row["payload"].as_str().unwrap());
    format!("{header}.{payload}.{signature}")
}

/// Whether our readers and a backend accept the token of a row.
fn accepts(row: &Value, load: Load) -> bool {
    let check = || {
        let token = token(row);
        let compact = Compact::split(token.as_bytes(), 8192).ok()?;
        let header = compact.header().ok()?;
        let header = Header::parse(&header).ok()?;
        compact.payload().ok()?;
        let signature = compact.signature().ok()?;
        let (keys, jwks): (Vec<_>, Vec<_>) = keys(row).into_iter().unzip();
        let named: Vec<_> = keys
            .iter()
            .map(|key| (key.algorithm(), key.kid().map(str::to_owned)))
            .collect();
        let keys = KeySet::new(keys).ok()?;
        let key = keys.find(header.kid.as_deref(), header.algorithm)?;
        let own = (key.algorithm(), key.kid().map(str::to_owned));
        let index = named.iter().position(|name| *name == own)?;
        let material = jwks[index].material().ok()?;
        let verify = load(header.algorithm, &material)?;
        verify(compact.signed, signature.as_bytes()).then_some(())
    };
    check().is_some()
}

/// How the rows of a file came out.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    accepted: usize,
    refused: usize,
    /// JSON serializations: valid or not, they are no JWTs and must be refused.
    json: usize,
    /// Valid, and refused because of `b64` (RFC 7797), which changes what is signed.
    unencoded: usize,
    /// Valid with an algorithm that the backend does not have.
    without_algorithm: usize,
    /// A correct reader may differ, so it is only asked that nothing breaks.
    disputed: usize,
}

fn tally(file: &str, backend: &Backend) -> Tally {
    let file: Value = serde_json::from_str(file).unwrap();
    let rows = file["vectors"].as_array().unwrap();
    assert_eq!(rows.len(), file["count"]);
    let mut tally = Tally::default();
    for row in rows {
        let accepted = accepts(row, backend.load);
        let valid = row["expected"] == "valid";
        let form = row["form"].as_str().unwrap();
        let expected = if !row["disputed"].is_null() {
            tally.disputed += 1;
            continue;
        } else if form.starts_with("json") {
            tally.json += 1;
            false
        } else if valid && row["name"] == "rfc7797/4.2/b64-false-detached" {
            tally.unencoded += 1;
            false
        } else if valid && row["alg"] == "ES512" && !backend.is_whole {
            tally.without_algorithm += 1;
            false
        } else if valid {
            tally.accepted += 1;
            true
        } else {
            assert_eq!(row["expected"], "invalid");
            tally.refused += 1;
            false
        };
        assert_eq!(accepted, expected, "{}: {}", row["name"], row["reason"]);
    }
    tally
}

#[test]
fn jwt_14_published_vectors_hold() {
    for backend in backends() {
        let es512 = usize::from(!backend.is_whole);
        for (file, expected) in [
            (
                include_str!("../../tests/vectors/wycheproof_jws.json"),
                Tally {
                    accepted: 40,
                    refused: 352,
                    json: 1,
                    disputed: 8,
                    ..Tally::default()
                },
            ),
            (
                include_str!("../../tests/vectors/wycheproof_jwcrypto_jws.json"),
                Tally {
                    accepted: 4,
                    refused: 44,
                    json: 1,
                    ..Tally::default()
                },
            ),
            (
                include_str!("../../tests/vectors/wycheproof_jwk.json"),
                Tally {
                    accepted: 5,
                    refused: 19,
                    disputed: 2,
                    ..Tally::default()
                },
            ),
            (
                include_str!("../../tests/vectors/rfc_jws.json"),
                Tally {
                    accepted: 6 - es512,
                    refused: 3,
                    json: 2,
                    unencoded: 1,
                    without_algorithm: es512,
                    ..Tally::default()
                },
            ),
            (
                include_str!("../../tests/vectors/rfc7520_jws.json"),
                Tally {
                    accepted: 5 - es512,
                    json: 15,
                    without_algorithm: es512,
                    ..Tally::default()
                },
            ),
        ] {
            assert_eq!(tally(file, &backend), expected);
        }
    }
}

#[test]
fn what_is_signed_verifies_and_nothing_else_does() {
    let mut refused = Vec::new();
    for algorithm in Algorithm::ALL {
        let made = Signer::generate(algorithm).and_then(|key| Signer::new(algorithm, &key));
        // RustCrypto makes no RSA keys and has no ES512.
        let Ok((signer, public)) = made else {
            refused.push(algorithm);
            continue;
        };
        public.check(algorithm).unwrap();
        let verifier = Verifier::new(algorithm, &public).unwrap();
        let signature = signer.sign(b"message").unwrap();
        assert!(verifier.verify(b"message", &signature), "{algorithm}");
        assert!(!verifier.verify(b"messagf", &signature), "{algorithm}");
        assert!(!verifier.verify(b"message", &signature[1..]), "{algorithm}");
        assert!(!verifier.verify(b"message", &[]), "{algorithm}");
        assert!(
            !verifier.verify(b"message", &vec![0; signature.len()]),
            "{algorithm}"
        );
    }
    let expected = if cfg!(feature = "aws-lc") { 0 } else { 7 };
    assert_eq!(refused.len(), expected, "{refused:?}");
}

#[cfg(all(feature = "aws-lc", feature = "rust-crypto"))]
#[test]
fn the_backends_agree() {
    for algorithm in Algorithm::ALL {
        let private = Signer::generate(algorithm).unwrap();
        let (signer, public) = Signer::new(algorithm, &private).unwrap();
        let signature = signer.sign(b"message").unwrap();
        if let Ok(verifier) = second::Verifier::new(algorithm, &public) {
            assert!(verifier.verify(b"message", &signature), "{algorithm}");
            assert!(!verifier.verify(b"messagf", &signature), "{algorithm}");
        } else {
            assert_eq!(algorithm, Algorithm::Es512);
        }
        if let Ok(private) = second::Signer::generate(algorithm) {
            let (signer, public) = second::Signer::new(algorithm, &private).unwrap();
            let verifier = Verifier::new(algorithm, &public).unwrap();
            let signature = signer.sign(b"message").unwrap();
            assert!(verifier.verify(b"message", &signature), "{algorithm}");
        }
    }
}
