//! Hashes that other programs made.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use login::password::{HashErrorKind, PasswordHasher};
use serde_json::Value;

fn vectors(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let vectors = file["vectors"].as_array().unwrap().clone();
    assert_eq!(Some(vectors.len() as u64), file["count"].as_u64());
    vectors
}

fn password(vector: &Value) -> Vec<u8> {
    match vector["password_b64"].as_str() {
        Some(text) => STANDARD.decode(text).unwrap(),
        None => vector["password"].as_str().unwrap().as_bytes().to_vec(),
    }
}

/// Whether the hash could be checked and the password is the one.
fn matches(password: &[u8], hash: &str) -> bool {
    PasswordHasher::new()
        .verify(password, hash)
        .is_ok_and(|outcome| outcome.is_match())
}

#[test]
fn argon2_vectors_of_the_reference_implementation() {
    let (mut checked, mut too_large) = (0, 0);
    for vector in vectors("argon2_phc.json") {
        let hash = vector["phc"].as_str().unwrap();
        if vector["memory_kib"].as_u64() > Some(256 * 1024) {
            let error = PasswordHasher::new().verify("x", hash).unwrap_err();
            assert_eq!(error.kind(), HashErrorKind::ExceedsLimits, "{hash}");
            too_large += 1;
            continue;
        }
        let expected = vector["expected"] == "valid";
        assert_eq!(matches(&password(&vector), hash), expected, "{hash}");
        assert!(!matches(b"another password", hash), "{hash}");
        checked += 1;
    }
    assert_eq!((checked, too_large), (32, 2));
}

#[cfg(feature = "bcrypt")]
#[test]
fn bcrypt_vectors_of_pyca() {
    let mut checked = 0;
    for vector in vectors("bcrypt.json") {
        if vector["expected"] == "policy" {
            continue;
        }
        let hash = vector["hash"].as_str().unwrap();
        let expected = vector["expected"] == "valid";
        assert_eq!(matches(&password(&vector), hash), expected, "{hash}");
        assert!(!matches(b"another password", hash), "{hash}");
        checked += 1;
    }
    assert_eq!(checked, 33);
}

/// RFC 7914 section 11 for SHA-256; Django's `test_hashers.py`; the others made with OpenSSL through
/// Python's `hashlib.pbkdf2_hmac`.
#[cfg(feature = "pbkdf2")]
#[test]
fn pbkdf2_vectors() {
    for (password, hash) in [
        (
            "passwd",
            "$pbkdf2-sha256$i=1,l=64$c2FsdA$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLxJypzM8Xm2RZkWZLOdd+8xfHG4RbHjC9UJESBB06GXgw",
        ),
        (
            "Password",
            "$pbkdf2-sha256$i=80000$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ",
        ),
        (
            "password",
            "$pbkdf2-sha512$i=1000,l=64$AAECAwQFBgcICQoLDA0ODw$x05AgND7tB/uWGjA/2D9dayuJjghWYfl/1T46uIRM5ta0a9uOHvBLdOnC7blqQEIFBxfCONToumEQ5pDM8Qtbg",
        ),
        (
            "password",
            "$pbkdf2-sha256$29000$mb5e.4jKIBO9jk6wNf1C1Q$w19PJ.c2VLndLFtn4WiUGSifYXarAirmYW2Wl3QxH40",
        ),
        (
            "lètmein",
            "pbkdf2_sha256$20000$seasalt$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0=",
        ),
    ] {
        assert!(matches(password.as_bytes(), hash), "{hash}");
        assert!(!matches(b"another password", hash), "{hash}");
    }
}

/// RFC 7914 section 12, third case; the other made with OpenSSL through Python's `hashlib.scrypt`.
#[cfg(feature = "scrypt")]
#[test]
fn scrypt_vectors() {
    for (password, hash) in [
        (
            "pleaseletmein",
            "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
        ),
        (
            "password",
            "$scrypt$ln=4,r=8,p=2$AAECAwQFBgcICQoLDA0ODw$TRiWeeDeVC4uJ60UObQ6CslAKt08jHGmaZ/5kFbjMS0",
        ),
    ] {
        assert!(matches(password.as_bytes(), hash), "{hash}");
        assert!(!matches(b"another password", hash), "{hash}");
    }
}

/// What a feature would read is named, and never counts as right.
#[test]
fn bas_07_hashes_without_their_feature_cannot_be_checked() {
    for (is_enabled, hash) in [
        (
            cfg!(feature = "bcrypt"),
            "$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm",
        ),
        (
            cfg!(feature = "pbkdf2"),
            "$pbkdf2-sha256$29000$mb5e.4jKIBO9jk6wNf1C1Q$w19PJ.c2VLndLFtn4WiUGSifYXarAirmYW2Wl3QxH40",
        ),
        (
            cfg!(feature = "pbkdf2"),
            "pbkdf2_sha256$20000$seasalt$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0=",
        ),
        (
            cfg!(feature = "scrypt"),
            "$scrypt$ln=4,r=8,p=2$AAECAwQFBgcICQoLDA0ODw$TRiWeeDeVC4uJ60UObQ6CslAKt08jHGmaZ/5kFbjMS0",
        ),
    ] {
        let outcome = PasswordHasher::new().verify("wrong", hash);
        match outcome {
            Ok(outcome) => assert!(is_enabled && !outcome.is_match(), "{hash}"),
            Err(error) => {
                assert!(!is_enabled, "{hash}");
                assert_eq!(error.kind(), HashErrorKind::Unsupported, "{hash}");
            }
        }
    }
}
