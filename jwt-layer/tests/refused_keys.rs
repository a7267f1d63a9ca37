//! Keys that verify nothing: for something else, or too weak.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt_layer::{Algorithm, KeySet, VerifyingKey};
use serde_json::{Value, json};

#[test]
fn jwt_15_a_pem_key_for_something_else_verifies_nothing() {
    for (name, pem) in [
        ("x25519", include_str!("keys/x25519.pub.pem")),
        ("ed448", include_str!("keys/ed448.pub.pem")),
        ("secp256k1", include_str!("keys/secp256k1.pub.pem")),
        // RSASSA-PSS by its own identifier, with parameters that nobody here reads.
        ("rsa-pss", include_str!("keys/rsa_pss.pub.pem")),
        ("rsa1024", include_str!("keys/rsa1024.pub.pem")),
        ("exponent 2^33 + 1", include_str!("keys/rsa_e33.pub.pem")),
        ("private", include_str!("keys/ec.pem")),
        ("nothing", ""),
        (
            "no key",
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        ),
    ] {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).unwrap();
        for algorithm in Algorithm::ALL {
            let key = VerifyingKey::from_pem(algorithm, pem);
            assert!(key.is_err(), "{name} as {algorithm}");
            let key = VerifyingKey::from_der(algorithm, &der);
            assert!(key.is_err(), "{name} in DER as {algorithm}");
        }
    }
}

#[test]
fn jwt_15_a_pem_key_verifies_the_algorithms_of_its_kind_only() {
    let ec = include_str!("keys/ec.pub.pem");
    let ed = include_str!("keys/ed.pub.pem");
    let rsa = include_str!("keys/rsa.pub.pem");
    let three = include_str!("keys/rsa_e3.pub.pem");
    for algorithm in Algorithm::ALL {
        let name = algorithm.as_str();
        let is_rsa = name.starts_with("RS") || name.starts_with("PS");
        for (pem, fits) in [
            (ec, name == "ES256"),
            (ed, name == "EdDSA"),
            (rsa, is_rsa),
            (three, is_rsa),
        ] {
            let key = VerifyingKey::from_pem(algorithm, pem);
            assert_eq!(key.is_ok(), fits, "{name} {pem}");
        }
    }
}

fn rsa_jwk(e: &[u8]) -> Value {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({ "kty": "RSA", "n": encode(&[0xff; 256]), "e": encode(e) })
}

/// A good Ed25519 key (RFC 8037 appendix A.2).
fn ed_x() -> &'static str {
    "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
}

#[test]
fn jwt_15_a_jwk_for_something_else_verifies_nothing() {
    let x = URL_SAFE_NO_PAD.encode([9; 32]);
    let with = |mut jwk: Value, name: &str, value: Value| {
        jwk[name] = value;
        jwk
    };
    let good = rsa_jwk(&[1, 0, 1]);
    assert!(VerifyingKey::from_jwk(Algorithm::Rs256, &good.to_string()).is_ok());
    for jwk in [
        rsa_jwk(&[1]),
        rsa_jwk(&[1, 0, 0]),
        rsa_jwk(&[2, 0, 0, 0, 1]),
        rsa_jwk(&[0, 1, 0, 1]),
        rsa_jwk(&[]),
        with(good.clone(), "use", json!("enc")),
        with(good.clone(), "key_ops", json!(["encrypt"])),
        with(good.clone(), "key_ops", json!("verify")),
        with(good.clone(), "alg", json!("RSA-OAEP")),
        with(good.clone(), "alg", json!("none")),
        with(good.clone(), "kty", json!("rsa")),
        with(good.clone(), "qi", json!("AAAA")),
        with(good.clone(), "k", json!("AAAA")),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": ed_x(), "k": "AAAA" }),
        // The members of a key, without their names.
        json!([
            "OKP",
            null,
            null,
            null,
            null,
            "Ed25519",
            ed_x(),
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null
        ]),
        with(good.clone(), "n", json!("####")),
        with(good.clone(), "n", json!(7)),
        json!({ "kty": "OKP", "crv": "X25519", "x": x }),
        json!({ "kty": "OKP", "crv": "Ed448", "x": x }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([9; 33]) }),
        json!({ "kty": "OKP", "crv": "Ed25519" }),
        json!({ "kty": "EC", "crv": "secp256k1", "x": x, "y": x }),
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": x }),
        json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode([9; 31]) }),
        json!({ "kty": "oct", "k": "" }),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": x }),
        json!({}),
        json!([]),
        json!("x"),
    ] {
        for algorithm in Algorithm::ALL {
            let key = VerifyingKey::from_jwk(algorithm, &jwk.to_string());
            assert!(key.is_err(), "{jwk} as {algorithm}");
        }
        // Beside a good key it is left out; alone it is no set.
        let beside = json!({ "keys": [jwk, good] }).to_string();
        assert_eq!(
            KeySet::from_jwks(&beside, [Algorithm::Rs256])
                .unwrap()
                .len(),
            1
        );
        let alone = json!({ "keys": [jwk] }).to_string();
        assert!(KeySet::from_jwks(&alone, Algorithm::ALL).is_err(), "{jwk}");
    }
    // A document is an object too, and not an array of its members.
    for wrong in [json!([[good]]), json!([good]), json!([{ "keys": [good] }])] {
        let set = KeySet::from_jwks(&wrong.to_string(), Algorithm::ALL);
        assert!(set.is_err(), "{wrong}");
    }
    let spaced = format!(" \t\r\n{} ", json!({ "keys": [good] }));
    assert!(KeySet::from_jwks(&spaced, Algorithm::ALL).is_ok());
    let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": ed_x() }).to_string();
    assert!(VerifyingKey::from_jwk(Algorithm::EdDsa, &ed).is_ok());
    // The byte order mark is no white space of JSON.
    let marked = format!("\u{feff}{good}");
    assert!(VerifyingKey::from_jwk(Algorithm::Rs256, &marked).is_err());
    let marked = format!("\u{feff}{}", json!({ "keys": [good] }));
    assert!(KeySet::from_jwks(&marked, Algorithm::ALL).is_err());
}

#[test]
fn jwt_15_an_ed25519_key_of_small_order_verifies_nothing() {
    let all = |first: u8, middle: u8, last: u8| {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (first, last);
        URL_SAFE_NO_PAD.encode(bytes)
    };
    let of_order_8 = [
        "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
        "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
    ];
    let mut keys = vec![
        all(0, 0, 0),
        all(1, 0, 0),
        all(0xec, 0xff, 0x7f),
        all(0xed, 0xff, 0x7f), // not canonical
        all(0xee, 0xff, 0x7f), // not canonical
    ];
    keys.extend(of_order_8.map(str::to_owned));
    for key in keys {
        let mut bytes = URL_SAFE_NO_PAD.decode(&key).unwrap();
        for sign in [0, 0x80] {
            bytes[31] = bytes[31] & 0x7f | sign;
            let x = URL_SAFE_NO_PAD.encode(&bytes);
            let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x }).to_string();
            let refused = VerifyingKey::from_jwk(Algorithm::EdDsa, &jwk);
            assert!(refused.is_err(), "{x}");
            // In DER: SEQUENCE { SEQUENCE { 1.3.101.112 }, BIT STRING }.
            let mut der = vec![48, 42, 48, 5, 6, 3, 43, 101, 112, 3, 33, 0];
            der.extend(&bytes);
            let refused = VerifyingKey::from_der(Algorithm::EdDsa, &der);
            assert!(refused.is_err(), "{x}");
        }
    }
    let good = include_str!("keys/ed.pub.pem");
    assert!(VerifyingKey::from_pem(Algorithm::EdDsa, good).is_ok());
}

#[test]
fn jwt_15_x_and_y_have_their_lengths_each_on_its_own() {
    let both = [
        "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    ];
    // Cut elsewhere, the two still make up the same point.
    let both = both
        .map(|text| URL_SAFE_NO_PAD.decode(text).unwrap())
        .concat();
    for (len, fine) in [
        (32, true),
        (31, false),
        (33, false),
        (0, false),
        (64, false),
    ] {
        let (x, y) = both.split_at(len);
        let [x, y] = [x, y].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }).to_string();
        let key = VerifyingKey::from_jwk(Algorithm::Es256, &jwk);
        assert_eq!(key.is_ok(), fine, "{len}");
    }
}

#[test]
fn a_thumbprint_is_of_the_public_key_and_of_nothing_else() {
    let file: Value = serde_json::from_str(include_str!("vectors/jwk_thumbprint.json")).unwrap();
    let rows = file["vectors"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        let algorithm = match row["jwk"]["kty"].as_str().unwrap() {
            "RSA" => Algorithm::Rs256,
            "EC" => Algorithm::Es256,
            _ => Algorithm::EdDsa,
        };
        let key = VerifyingKey::from_jwk(algorithm, &row["jwk"].to_string()).unwrap();
        assert_eq!(key.thumbprint(), row["thumbprint_sha256"].as_str());
        let renamed = key.with_kid("another");
        assert_eq!(renamed.thumbprint(), row["thumbprint_sha256"].as_str());
    }
    let secret = VerifyingKey::from_secret(Algorithm::Hs256, &[7; 32]).unwrap();
    assert_eq!(secret.thumbprint(), None);
}
