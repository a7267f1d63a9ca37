//! Digest, from the outside: requests through the layer.

#![cfg(feature = "digest")]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod digest_checks;
mod digest_integrity;
mod digest_nonces;
mod digest_peer;
mod digest_stores;
mod digest_vectors;
mod site;
