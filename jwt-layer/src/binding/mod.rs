//! Tokens that are good only together with a key: what they say (`cnf`, RFC 7800), and what the
//! sender shows.

mod confirmation;
mod thumbprint;

pub use self::confirmation::Confirmation;
pub use self::thumbprint::{CertificateThumbprint, JwkThumbprint};
