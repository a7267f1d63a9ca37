//! Proofs by the key in their own header, before anybody compares what they say.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::AuthError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::dpop_proof::VerifiedProof;
use super::*;
use crate::{Algorithm, SigningKey};

const NOW: u64 = 1_700_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn sign(key: &SigningKey, header: &Value, payload: &Value) -> String {
    let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn key() -> (SigningKey, Value) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let mut jwk: Value = serde_json::from_str(&key.public_jwk().unwrap()).unwrap();
    for name in ["alg", "use", "kid"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    (key, jwk)
}

fn payload() -> Value {
    json!({ "jti": "p1", "htm": "GET", "htu": "https://api.example/", "iat": NOW })
}

fn verify(proof: &str, now: u64) -> Result<VerifiedProof, AuthError> {
    let policy = VerificationPolicy::dpop_proof().build().unwrap();
    policy.verify_proof(proof.as_bytes(), at(now))
}

#[test]
fn dpo_01_a_proof_is_verified_by_the_key_in_its_header() {
    let (key, jwk) = key();
    let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
    let mut claims = payload();
    claims["ath"] = json!("hash");
    let proof = verify(&sign(&key, &header, &claims), NOW).unwrap();
    assert_eq!(Some(&*proof.thumbprint), key.kid());
    assert_eq!(proof.token_id, "p1");
    assert_eq!(proof.method, "GET");
    assert_eq!(proof.uri, "https://api.example/");
    assert_eq!(proof.issued_at, at(NOW));
    assert_eq!(proof.access_token_hash.as_deref(), Some("hash"));
    assert_eq!(proof.nonce, None);
}

#[test]
fn dpo_01_a_proof_under_another_key_or_a_private_or_secret_one_is_refused() {
    let (key, jwk) = key();
    let (_, other) = self::key();
    let with = |name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        jwk
    };
    let secret = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode([7; 64]) });
    for (alg, typ, jwk, reason) in [
        ("ES256", "dpop+jwt", Some(other), "bad_signature"),
        (
            "ES256",
            "dpop+jwt",
            Some(with("d", json!("AAAA"))),
            "impossible_proof_key",
        ),
        (
            "ES256",
            "dpop+jwt",
            Some(with("p", json!("AAAA"))),
            "impossible_proof_key",
        ),
        (
            "ES256",
            "dpop+jwt",
            Some(with("use", json!("enc"))),
            "impossible_proof_key",
        ),
        (
            "ES256",
            "dpop+jwt",
            Some(with("alg", json!("ES384"))),
            "impossible_proof_key",
        ),
        (
            "ES256",
            "dpop+jwt",
            Some(with("y", jwk["x"].clone())),
            "impossible_proof_key",
        ),
        (
            "ES384",
            "dpop+jwt",
            Some(jwk.clone()),
            "impossible_proof_key",
        ),
        (
            "RS256",
            "dpop+jwt",
            Some(jwk.clone()),
            "impossible_proof_key",
        ),
        (
            "ES256",
            "dpop+jwt",
            Some(secret.clone()),
            "impossible_proof_key",
        ),
        (
            "ES256",
            "dpop+jwt",
            Some(json!("key")),
            "impossible_proof_key",
        ),
        ("HS256", "dpop+jwt", Some(secret), "algorithm_not_allowed"),
        ("ES256", "dpop+jwt", None, "missing_proof_key"),
        ("ES256", "JWT", Some(jwk.clone()), "wrong_token_type"),
        ("ES256", "at+jwt", Some(jwk.clone()), "wrong_token_type"),
        ("none", "dpop+jwt", Some(jwk.clone()), "unknown_algorithm"),
    ] {
        let mut header = json!({ "typ": typ, "alg": alg });
        if let Some(jwk) = jwk {
            header["jwk"] = jwk;
        }
        let proof = verify(&sign(&key, &header, &payload()), NOW);
        assert_eq!(
            proof.err().map(|error| error.reason()),
            Some(reason),
            "{header}"
        );
    }
}

#[test]
fn dpo_01_a_proof_is_complete_and_new() {
    let (key, jwk) = key();
    let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
    for name in ["jti", "htm", "htu", "iat"] {
        let mut claims = payload();
        claims.as_object_mut().unwrap().remove(name);
        assert!(
            verify(&sign(&key, &header, &claims), NOW).is_err(),
            "{name}"
        );
        claims[name] = json!("");
        assert!(
            verify(&sign(&key, &header, &claims), NOW).is_err(),
            "{name}"
        );
    }
    let proof = sign(&key, &header, &payload());
    for (now, good) in [
        (NOW - 61, false),
        (NOW - 60, true),
        (NOW + 120, true),
        (NOW + 121, false),
    ] {
        assert_eq!(verify(&proof, now).is_ok(), good, "{now}");
    }
    let policy = VerificationPolicy::dpop_proof().build().unwrap();
    assert_eq!(policy.longest_use(), Duration::from_secs(180));
    let symmetric = VerificationPolicy::dpop_proof().algorithms([Algorithm::Hs256]);
    assert_eq!(symmetric.build().unwrap_err().option(), "algorithms");
}
