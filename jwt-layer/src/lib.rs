#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod algorithm;
mod binding;
mod cache;
mod certificate;
mod cookie;
mod crypto;
mod discovery;
mod dpop;
mod fetch;
#[cfg(feature = "remote")]
mod introspection;
mod issue;
mod key;
mod policy;
#[cfg(feature = "refresh")]
pub mod refresh;
mod ring;
mod scheme;
mod tenants;
mod token;
mod verifier;

pub use auth_layer::{
    IssuedToken, MemoryRevocations, Revocations, SharedRevocations, SubjectRevocation,
};

pub use self::algorithm::Algorithm;
pub use self::binding::{CertificateThumbprint, Confirmation, JwkThumbprint};
pub use self::certificate::{
    CertificateHeader, ClientCertificate, ClientCertificateLayer, ClientCertificateService,
};
pub use self::discovery::{Discovery, ProviderMetadata};
pub use self::dpop::{Dpop, DpopBuilder, TokenRequestProof};
#[cfg(feature = "reqwest")]
pub use self::fetch::ReqwestClient;
#[cfg(feature = "remote")]
pub use self::fetch::ServiceClient;
pub use self::fetch::{
    Addresses, HttpClient, HttpError, HttpErrorKind, HttpLimits, SecureUrl, SharedHttpClient,
};
#[cfg(feature = "remote")]
pub use self::introspection::{ClientAuthentication, Introspection, IntrospectionBuilder};
pub use self::issue::{
    AccessToken, AccessTokenRequest, Issuer, IssuerBuilder, IssuerMetadata, IssuerMetadataBuilder,
    SigningKey, SigningKeys,
};
pub use self::key::{KeyLookup, KeySet, KeySource, Keys, VerifyingKey, WantedKey};
#[cfg(feature = "remote")]
pub use self::key::{RemoteKeys, RemoteKeysBuilder};
pub use self::policy::{
    ClientToken, ExpectedIdToken, PolicyBuilder, TokenKind, VerificationPolicy,
};
#[cfg(feature = "key-ring")]
pub use self::ring::{KeyRing, KeyRingBuilder, KeyRingError, KeyStatus};
pub use self::ring::{MemorySigningKeys, SharedSigningKeyStore, SigningKeyStore};
pub use self::scheme::{BearerToken, Jwt};
pub use self::tenants::TenantIssuers;
pub use self::verifier::{TokenVerifier, VerifiedToken};

/// The kinds of tokens that a [`VerificationPolicy`] can be for.
pub mod kind {
    pub use crate::policy::{
        AccessToken, ClientAssertion, DpopProof, IdToken, IntrospectionResponse, JarmResponse,
        LogoutToken, UserInfoResponse,
    };
}
