//! Thumbprints: what a token names a key or a certificate by.

use std::fmt;
use std::str::FromStr;

use auth_layer::{ConfigError, SecretDigest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Reads the base64url of 32 bytes: one text for each, and no other.
fn decode(text: &str) -> Option<SecretDigest> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    bytes.try_into().ok().map(SecretDigest::from_bytes)
}

macro_rules! thumbprint {
    ($(#[$doc:meta])* $name:ident, $option:literal) => {
        $(#[$doc])*
        ///
        /// It is public, and compared in constant time. As text it is base64url without padding.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name(SecretDigest);

        impl $name {
            /// A thumbprint from its bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(SecretDigest::from_bytes(bytes))
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                self.0.as_bytes()
            }
        }

        impl FromStr for $name {
            type Err = ConfigError;

            fn from_str(text: &str) -> Result<Self, ConfigError> {
                let wrong = || ConfigError::new($option, "is not the base64url of a SHA-256");
                decode(text).map(Self).ok_or_else(wrong)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&URL_SAFE_NO_PAD.encode(self.as_bytes()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

thumbprint!(
    /// The SHA-256 thumbprint of a public key (RFC 7638): `jkt`.
    JwkThumbprint,
    "jkt"
);
thumbprint!(
    /// The SHA-256 of a certificate in DER (RFC 8705): `x5t#S256`.
    CertificateThumbprint,
    "x5t#S256"
);

impl CertificateThumbprint {
    /// The thumbprint of a certificate.
    #[must_use]
    pub fn of_der(certificate: &[u8]) -> Self {
        Self(SecretDigest::of(certificate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thumbprint_has_one_text() {
        let text = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        let jkt: JwkThumbprint = text.parse().unwrap();
        assert_eq!(jkt.to_string(), text);
        assert_eq!(JwkThumbprint::from_bytes(*jkt.as_bytes()), jkt);
        for wrong in [
            "",
            &text[1..],
            &format!("{text}="),
            &format!("{text}A"),
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4J", // bits left over
            "0ZcOCORZNYy+DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
        ] {
            let error = wrong.parse::<CertificateThumbprint>().unwrap_err();
            assert_eq!(error.option(), "x5t#S256", "{wrong}");
        }
    }
}
