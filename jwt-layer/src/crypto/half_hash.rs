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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_hashes_are_those_of_the_specification_and_of_other_implementations() {
        let file = include_str!("../../tests/vectors/oidc_core.json");
        let file: Value = serde_json::from_str(file).unwrap();
        let rows = file["hashes"].as_array().unwrap();
        assert_eq!(rows.len(), 18);
        for row in rows {
            let algorithm = Algorithm::from_name(row["alg"].as_str().unwrap()).unwrap();
            let hash = left_half_hash(algorithm, row["value"].as_str().unwrap());
            let same = row["hash"] == hash;
            assert_eq!(same, row["expected"] == "valid", "{}", row["name"]);
        }
    }
}
