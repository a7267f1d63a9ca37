//! `cnf`: what the sender of a token has to prove.

use auth_layer::AuthError;

use super::{CertificateThumbprint, JwkThumbprint};
use crate::token::{Claims, Members};

/// What a token is bound to (`cnf`, RFC 7800). Whoever shows it proves that he has it.
///
/// The [`Identity`](auth_layer::Identity) from a bound token carries it, and it was proved then:
///
/// ```
/// # use auth_layer::Identity;
/// # let identity = Identity::new("bearer", "alice");
/// let is_bound = identity.extra::<jwt_layer::Confirmation>().is_some();
/// # assert!(!is_bound);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    pub(crate) key: Option<JwkThumbprint>,
    pub(crate) certificate: Option<CertificateThumbprint>,
}

impl Confirmation {
    pub(crate) const NONE: Self = Self {
        key: None,
        certificate: None,
    };

    pub(crate) fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// The key of the DPoP proofs (`jkt`, RFC 9449 section 6.1).
    pub fn key(&self) -> Option<&JwkThumbprint> {
        self.key.as_ref()
    }

    /// The client's certificate (`x5t#S256`, RFC 8705 section 3.1).
    pub fn certificate(&self) -> Option<&CertificateThumbprint> {
        self.certificate.as_ref()
    }

    /// Reads `cnf`; `None` for a token that is not bound.
    ///
    /// A way to be bound that is not known here cannot be proved, so a token with one is refused.
    pub(crate) fn read(claims: &Claims<'_>) -> Result<Option<Self>, AuthError> {
        let unknown = || AuthError::invalid("unknown_confirmation");
        let Some(json) = claims.json("cnf") else {
            return Ok(None);
        };
        let members = Members::parse(json.as_bytes(), 1).map_err(|_| unknown())?;
        if members
            .names()
            .any(|name| !matches!(name, "jkt" | "x5t#S256"))
        {
            return Err(unknown());
        }
        let text = |name| members.string(name).map_err(|_| unknown());
        let key = text("jkt")?.map(|text| text.parse().map_err(|_| unknown()));
        let certificate = text("x5t#S256")?.map(|text| text.parse().map_err(|_| unknown()));
        let confirmation = Self {
            key: key.transpose()?,
            certificate: certificate.transpose()?,
        };
        if confirmation.is_none() {
            return Err(unknown());
        }
        Ok(Some(confirmation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dpo_01_a_binding_that_is_not_understood_is_refused() {
        const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        let jkt = format!(r#""jkt":"{JKT}""#);
        let x5t = format!(r#""x5t#S256":"{JKT}""#);
        for (claims, bound) in [
            (r#"{}"#.to_owned(), Ok((false, false))),
            (format!(r#"{{"cnf":{{{jkt}}}}}"#), Ok((true, false))),
            (format!(r#"{{"cnf":{{{x5t}}}}}"#), Ok((false, true))),
            (format!(r#"{{"cnf":{{{x5t},{jkt}}}}}"#), Ok((true, true))),
            (r#"{"cnf":{}}"#.to_owned(), Err(())),
            (r#"{"cnf":null}"#.to_owned(), Err(())),
            (r#"{"cnf":[]}"#.to_owned(), Err(())),
            (format!(r#"{{"cnf":"{JKT}"}}"#), Err(())),
            (r#"{"cnf":{"jkt":7}}"#.to_owned(), Err(())),
            (r#"{"cnf":{"jkt":null}}"#.to_owned(), Err(())),
            (r#"{"cnf":{"jkt":"short"}}"#.to_owned(), Err(())),
            (r#"{"cnf":{"kid":"a"}}"#.to_owned(), Err(())),
            (format!(r#"{{"cnf":{{{jkt},"jwk":{{}}}}}}"#), Err(())),
            (format!(r#"{{"cnf":{{{jkt},"x5t#S256":""}}}}"#), Err(())),
        ] {
            let read = Claims::parse(claims.as_bytes(), 8).unwrap();
            let read = Confirmation::read(&read).map_err(drop).map(|found| {
                let found = found.unwrap_or(Confirmation::NONE);
                (found.key.is_some(), found.certificate.is_some())
            });
            assert_eq!(read, bound, "{claims}");
        }
        assert!(Claims::parse(br#"{"cnf":{"jkt":"a","jkt":"b"}}"#, 8).is_err());
    }
}
