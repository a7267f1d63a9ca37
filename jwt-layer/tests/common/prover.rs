//! A client that makes DPoP proofs.
#![allow(clippy::unused_self, reason = "it is the prover who claims")]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::NOW;

/// A key of the client's, and how it uses it.
pub(crate) struct Prover {
    key: EcdsaKeyPair,
}

impl Prover {
    pub(crate) fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { key }
    }

    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let text = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "crv": "P-256", "kty": "EC", "x": text(x), "y": text(y) })
    }

    pub(crate) fn jkt(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.jwk().to_string()))
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.unwrap().as_ref());
        format!("{signed}.{signature}")
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() })
    }

    /// The claims of a good proof for `GET /` with a token.
    pub(crate) fn claims(&self, token: &str, id: &str) -> Value {
        json!({
            "jti": id, "htm": "GET", "htu": "https://api.example.com/", "iat": NOW,
            "ath": URL_SAFE_NO_PAD.encode(Sha256::digest(token)),
        })
    }

    /// A good proof.
    pub(crate) fn proof(&self, token: &str, id: &str) -> String {
        self.sign(&self.header(), &self.claims(token, id))
    }
}
