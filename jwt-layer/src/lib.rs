#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod algorithm;
mod crypto;
mod issue;
mod key;
mod policy;
mod scheme;
mod token;

pub use auth_layer::{
    IssuedToken, MemoryRevocations, Revocations, SharedRevocations, SubjectRevocation,
};

pub use self::algorithm::Algorithm;
pub use self::issue::{AccessToken, AccessTokenRequest, Issuer, IssuerBuilder, SigningKey};
pub use self::key::{KeyLookup, KeySet, KeySource, Keys, VerifyingKey, WantedKey};
pub use self::policy::{ClientToken, PolicyBuilder, VerificationPolicy};
pub use self::scheme::{BearerToken, Jwt, VerifyFuture};
