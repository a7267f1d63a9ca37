//! The backends against published vectors and against each other.

use serde_json::Value;

use super::*;
use crate::token::{Compact, Header};
use crate::{Algorithm, KeySet, VerifyingKey};

/// The keys of a row, each pinned to the algorithms that the row allows.
fn keys(row: &Value) -> Option<KeySet> {
    let one_or_many = |value: &Value| match value {
        Value::Array(many) => many.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let mut jwks = one_or_many(&row["jwk"]);
    jwks.extend(one_or_many(&row["jwks"]["keys"]));
    let algorithms = one_or_many(&row["alg"]);
    let algorithms = algorithms
        .iter()
        .filter_map(|name| Algorithm::from_name(name.as_str()?));
    let pairs = algorithms.flat_map(|algorithm| jwks.iter().map(move |jwk| (algorithm, jwk)));
    let loaded = pairs
        .filter_map(|(algorithm, jwk)| VerifyingKey::from_jwk(algorithm, &jwk.to_string()).ok());
    KeySet::new(loaded).ok()
}

/// Whether our readers and the preferred backend accept the token of a row.
fn accepts(row: &Value) -> bool {
    let check = || {
        let compact = Compact::split(row["token"].as_str()?.as_bytes(), 8192).ok()?;
        let header = compact.header().ok()?;
        let header = Header::parse(&header).ok()?;
        compact.payload().ok()?;
        let signature = compact.signature().ok()?;
        let keys = keys(row)?;
        let key = keys.find(header.kid.as_deref(), header.algorithm)?;
        key.verify(compact.signed, signature.as_bytes())
            .then_some(())
    };
    check().is_some()
}

/// The undisputed rows of all files that came out otherwise than expected.
fn differing() -> Vec<String> {
    let files = [
        include_str!("../../tests/vectors/wycheproof_jws.json"),
        include_str!("../../tests/vectors/wycheproof_jwcrypto_jws.json"),
        include_str!("../../tests/vectors/wycheproof_jwk.json"),
        include_str!("../../tests/vectors/rfc_jws.json"),
    ];
    let mut differing = Vec::new();
    for file in files {
        let file: Value = serde_json::from_str(file).unwrap();
        for row in file["vectors"].as_array().unwrap() {
            // JSON serializations and detached payloads are never JWTs.
            let expected = row["expected"] == "valid" && row["form"] == "compact";
            if row["disputed"].is_null() && accepts(row) != expected {
                differing.push(row["name"].as_str().unwrap().to_owned());
            }
        }
    }
    differing
}

#[test]
fn jwt_14_published_vectors_hold() {
    let mut differing = differing();
    if !cfg!(feature = "aws-lc") {
        // The other backend has no ES512.
        differing.retain(|name| !name.ends_with("ES512"));
    }
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn what_is_signed_verifies_and_nothing_else_does() {
    let mut refused = Vec::new();
    for algorithm in Algorithm::ALL {
        let made = Signer::generate(algorithm);
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
        let (signer, public) = Signer::generate(algorithm).unwrap();
        let signature = signer.sign(b"message").unwrap();
        if let Ok(verifier) = second::Verifier::new(algorithm, &public) {
            assert!(verifier.verify(b"message", &signature), "{algorithm}");
            assert!(!verifier.verify(b"messagf", &signature), "{algorithm}");
        } else {
            assert_eq!(algorithm, Algorithm::Es512);
        }
        if let Ok((signer, public)) = second::Signer::generate(algorithm) {
            let verifier = Verifier::new(algorithm, &public).unwrap();
            let signature = signer.sign(b"message").unwrap();
            assert!(verifier.verify(b"message", &signature), "{algorithm}");
        }
    }
}
