//! The hashes that ID tokens carry of what comes beside them (OpenID Connect Core section 3.1.3.6).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::Algorithm;

/// The left half of the hash of `value`, by the hash of the algorithm that the token is signed with.
///
/// Ed25519 hashes with SHA-512 inside, and so do issuers here.
pub(crate) fn left_half_hash(algorithm: Algorithm, value: &str) -> String {
    let half = |hash: &[u8]| URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2]);
    match algorithm.hash_len() {
        32 => half(&Sha256::digest(value)),
        48 => half(&Sha384::digest(value)),
        _ => half(&Sha512::digest(value)),
    }
}
