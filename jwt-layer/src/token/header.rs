//! The header: what it may say, and the much that is refused.

use std::borrow::Cow;

use auth_layer::AuthError;

use super::json::{Fault, Members};
use crate::Algorithm;

/// The longest `kid` that is looked up.
const MAX_KID_LEN: usize = 256;

/// How deep a header may nest: `jwk` and `x5c` do, and are not read.
const MAX_DEPTH: usize = 4;

/// What of a header counts.
///
/// `jwk`, `jku`, `x5u` and `x5c` are not here: a token does not bring the key that it is checked
/// with. The one exception has a [reader of its own](Self::parse_with_key).
#[derive(Debug)]
pub(crate) struct Header<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<Cow<'a, str>>,
    pub(crate) typ: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, AuthError> {
        Self::read(&members(json)?)
    }

    /// For DPoP proofs alone, which are signed by the key in `jwk` (RFC 9449 section 4.2).
    pub(crate) fn parse_with_key(json: &'a [u8]) -> Result<(Self, &'a str), AuthError> {
        let members = members(json)?;
        let key = members
            .get("jwk")
            .ok_or_else(|| AuthError::malformed("missing_proof_key"))?;
        Ok((Self::read(&members)?, key))
    }

    fn read(members: &Members<'a>) -> Result<Self, AuthError> {
        // Extensions that must be understood (RFC 7515 section 4.1.11) and none of which is; `b64`
        // changes what is signed (RFC 7797), `zip` what is read, `enc` makes it no signed token.
        for name in ["b64", "crit", "enc", "zip"] {
            if members.has(name) {
                return Err(AuthError::malformed("unsupported_header"));
            }
        }
        let text = |name| {
            members
                .string(name)
                .map_err(|_| AuthError::malformed("unreadable_header"))
        };
        let algorithm = text("alg")?
            .and_then(|name| Algorithm::from_name(&name))
            .ok_or_else(|| AuthError::malformed("unknown_algorithm"))?;
        let kid = text("kid")?;
        if let Some(kid) = &kid
            && (kid.len() > MAX_KID_LEN || kid.chars().any(char::is_control))
        {
            return Err(AuthError::malformed("impossible_key_id"));
        }
        Ok(Self {
            algorithm,
            kid,
            typ: text("typ")?,
        })
    }

    /// `typ` without `application/` (RFC 7515 section 4.1.9).
    pub(crate) fn bare_type(&self) -> Option<&str> {
        const PREFIX: &str = "application/";

        let typ = self.typ.as_deref()?;
        Some(match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
            _ => typ,
        })
    }
}

fn members(json: &[u8]) -> Result<Members<'_>, AuthError> {
    Members::parse(json, MAX_DEPTH).map_err(|fault| match fault {
        Fault::Repeated => AuthError::malformed("header_member_twice"),
        _ => AuthError::malformed("unreadable_header"),
    })
}
