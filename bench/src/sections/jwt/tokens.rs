//! Tokens to verify: each another one, all of one user.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RsaKeyPair,
    RsaPublicKeyComponents,
};
use aws_lc_rs::{encoding::AsDer as _, hmac};
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, Request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_layer::Algorithm;

use crate::sections::request;

/// `iss`.
pub const ISSUER: &str = "https://id.example.com";
/// `aud`.
pub const AUDIENCE: &str = "https://api.example.com";
/// `sub`.
pub const SUBJECT: &str = "user-17";
/// `kid`.
pub const KID: &str = "2026-01";

const SECRET: [u8; 32] = [7; 32];

/// A key of an issuer, and tokens that it has signed.
pub struct Tokens {
    /// With what they are signed.
    pub algorithm: Algorithm,
    /// The key as a JWKS document, as the peers take it; for HS256 that is the secret.
    pub jwks: String,
    signer: Signer,
    list: Rc<[HeaderValue]>,
}

enum Signer {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair),
}

/// What checks a signature and does nothing else.
pub(super) enum Check {
    Hmac(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl Check {
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

impl Tokens {
    /// So many tokens, with a new key.
    ///
    /// # Panics
    ///
    /// Panics if the key cannot be made.
    pub fn new(algorithm: Algorithm, count: usize) -> Self {
        Self::padded(algorithm, 0..count, 0)
    }

    /// Those with these numbers, with so many bytes more in the header, where nobody reads them.
    pub(super) fn padded(algorithm: Algorithm, numbers: Range<usize>, padding: usize) -> Self {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (signer, members) = match algorithm {
            Algorithm::Hs256 => (
                Signer::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &SECRET))),
                format!(r#""kty":"oct","k":"{}""#, text(&SECRET)),
            ),
            Algorithm::Es256 => {
                let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::generate(algorithm).expect("a key");
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let members = format!(
                    r#""kty":"EC","crv":"P-256","x":"{}","y":"{}""#,
                    text(x),
                    text(y)
                );
                (Signer::Ec(pair), members)
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::generate().expect("a key");
                let x = text(pair.public_key().as_ref());
                let members = format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#);
                (Signer::Ed(pair), members)
            }
            _ => {
                let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
                let der = pair.as_der().expect("a key to store");
                let pair = RsaKeyPair::from_pkcs8(der.as_ref()).expect("a key");
                let (n, e) = modulus_and_exponent(&pair);
                let members = format!(r#""kty":"RSA","n":"{}","e":"{}""#, text(n), text(e));
                (Signer::Rsa(pair), members)
            }
        };
        let mut tokens = Self {
            algorithm,
            jwks: format!(
                r#"{{"keys":[{{{members},"kid":"{KID}","alg":"{algorithm}","use":"sig"}}]}}"#
            ),
            signer,
            list: Rc::new([]),
        };
        let mut header = format!(r#"{{"alg":"{algorithm}","typ":"at+jwt","kid":"{KID}"}}"#);
        if padding > 0 {
            header.pop();
            header += &format!(r#","context":"{}"}}"#, "x".repeat(padding));
        }
        let header = text(header.as_bytes());
        let now = SystemTime::now();
        let now = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| now.as_secs());
        tokens.list = numbers
            .map(|number| tokens.token(&header, number, now))
            .collect();
        tokens
    }

    fn token(&self, header: &str, number: usize, now: u64) -> HeaderValue {
        let token_id = format!("01890a5d-ac96-774b-bcce-{number:012}");
        let mut payload = format!(
            concat!(
                r#"{{"iss":"{}","aud":"{}","sub":"{}","client_id":"web","iat":{},"exp":{},"#,
                r#""jti":"{}","scope":"reports:read reports:write","roles":["editor"]"#,
            ),
            ISSUER,
            AUDIENCE,
            SUBJECT,
            now,
            now + 12 * 3600,
            token_id
        );
        payload.push('}');
        let mut token = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
        let message = token.as_bytes();
        let random = SystemRandom::new();
        let signature = match &self.signer {
            Signer::Ec(pair) => {
                URL_SAFE_NO_PAD.encode(pair.sign(&random, message).expect("signed"))
            }
            Signer::Ed(pair) => URL_SAFE_NO_PAD.encode(pair.sign(message)),
            Signer::Hmac(key) => URL_SAFE_NO_PAD.encode(hmac::sign(key, message)),
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &signature::RSA_PKCS1_SHA256,
                    &random,
                    message,
                    &mut signature,
                )
                .expect("signed");
                URL_SAFE_NO_PAD.encode(signature)
            }
        };
        token = format!("Bearer {token}.{signature}");
        HeaderValue::try_from(token).expect("base64url and dots")
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The length of the first in bytes.
    pub fn token_len(&self) -> usize {
        self.list
            .first()
            .map_or(0, |value| value.len() - "Bearer ".len())
    }

    /// The tokens themselves.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let values = self.list.iter().filter_map(|value| value.to_str().ok());
        values.filter_map(|value| value.strip_prefix("Bearer "))
    }

    /// The only key of the document.
    ///
    /// # Panics
    ///
    /// Panics if jwt-layer does not take it.
    pub fn verifying_key(&self) -> jwt_layer::VerifyingKey {
        let jwk = self.jwks.trim_start_matches(r#"{"keys":["#);
        let jwk = jwk.trim_end_matches("]}");
        jwt_layer::VerifyingKey::from_jwk(self.algorithm, jwk).expect("a key")
    }

    pub(super) fn check(&self) -> Check {
        match &self.signer {
            Signer::Hmac(key) => Check::Hmac(key.clone()),
            Signer::Ec(pair) => {
                let algorithm = &signature::ECDSA_P256_SHA256_FIXED;
                let key = ParsedPublicKey::new(algorithm, pair.public_key().as_ref());
                Check::Public(key.expect("a key"))
            }
            Signer::Ed(pair) => {
                let key = ParsedPublicKey::new(&signature::ED25519, pair.public_key().as_ref());
                Check::Public(key.expect("a key"))
            }
            Signer::Rsa(pair) => {
                let (n, e) = modulus_and_exponent(pair);
                let components = RsaPublicKeyComponents { n, e };
                let key = components.to_parsed_public_key(&signature::RSA_PKCS1_2048_8192_SHA256);
                Check::Public(key.expect("a key"))
            }
        }
    }

    /// Requests with one token after the other, not in the order in which they were made.
    pub fn requests(&self) -> impl Fn() -> Request<Body> + 'static {
        let at = Cell::new(0);
        let list = Rc::clone(&self.list);
        move || {
            let value = &list[at.get()];
            at.set((at.get() + 514_229) % list.len());
            let mut request = request(None);
            // Copied, as a server does that has just read it.
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                request.headers_mut().insert(AUTHORIZATION, value);
            }
            request
        }
    }
}

/// Of a key of 2048 bits with the exponent 65537, in which every length is known (RFC 8017
/// appendix A.1.1).
fn modulus_and_exponent(pair: &RsaKeyPair) -> (&[u8], &[u8]) {
    let der = pair.public_key().as_ref();
    (&der[9..265], &der[267..])
}
