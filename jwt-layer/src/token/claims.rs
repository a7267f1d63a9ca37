//! The claims (RFC 7519 section 4), each of the type it must have.

use std::borrow::Cow;
use std::time::SystemTime;

use auth_layer::{AuthError, ScopeSet};

use super::json::{Fault, Members};

/// Deeper than any policy allows.
const MAX_NESTING: usize = 32;

/// The claims of a token: well-formed, and not yet checked.
pub(crate) struct Claims<'a> {
    members: Members<'a>,
}

impl<'a> Claims<'a> {
    pub(crate) fn parse(json: &'a [u8], max_depth: usize) -> Result<Self, AuthError> {
        match Members::parse(json, max_depth) {
            Ok(members) => Ok(Self { members }),
            Err(Fault::Repeated) => Err(AuthError::malformed("claim_twice")),
            Err(_) => Err(AuthError::malformed("unreadable_claims")),
        }
    }

    /// Reads claims once more whose depth was checked.
    pub(crate) fn parse_checked(json: &'a [u8]) -> Result<Self, AuthError> {
        Self::parse(json, MAX_NESTING)
    }

    /// The JSON of a claim, if it is there.
    pub(crate) fn json(&self, name: &str) -> Option<&'a str> {
        self.members.get(name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.has(name)
    }

    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    /// The JSON of a member of a claim that is an object, if both are there.
    pub(crate) fn member_of(&self, name: &str, member: &str) -> Result<Option<&'a str>, AuthError> {
        let Some(json) = self.members.get(name) else {
            return Ok(None);
        };
        // How deep it goes was checked with the claims.
        let nested = Members::parse(json.as_bytes(), MAX_NESTING).map_err(ill_typed)?;
        Ok(nested.get(member))
    }

    /// `iss`, which is there and one string.
    pub(crate) fn issuer(&self) -> Result<Cow<'a, str>, AuthError> {
        self.string("iss")?
            .ok_or_else(|| AuthError::invalid("missing_iss"))
    }

    /// `sub`, which is there and not empty.
    pub(crate) fn subject(&self) -> Result<Cow<'a, str>, AuthError> {
        self.string("sub")?
            .filter(|subject| !subject.is_empty())
            .ok_or_else(|| AuthError::invalid("missing_sub"))
    }

    /// A claim that is a string, if it is there.
    pub(crate) fn string(&self, name: &str) -> Result<Option<Cow<'a, str>>, AuthError> {
        self.members.string(name).map_err(ill_typed)
    }

    /// A claim that is a string or an array of strings, if it is there.
    pub(crate) fn strings(&self, name: &str) -> Result<Option<Vec<Cow<'a, str>>>, AuthError> {
        self.members.strings(name).map_err(ill_typed)
    }

    /// Strings in a claim that may be nested; none if it is missing.
    pub(crate) fn strings_at(
        &self,
        path: &[Box<str>],
        max_depth: usize,
    ) -> Result<Vec<Cow<'a, str>>, AuthError> {
        let Some((name, parents)) = path.split_last() else {
            return Ok(Vec::new());
        };
        let mut nested = None;
        for parent in parents {
            let members = nested.as_ref().unwrap_or(&self.members);
            let Some(json) = members.get(parent) else {
                return Ok(Vec::new());
            };
            nested = Some(Members::parse(json.as_bytes(), max_depth).map_err(ill_typed)?);
        }
        let members = nested.as_ref().unwrap_or(&self.members);
        Ok(members
            .strings(name)
            .map_err(ill_typed)?
            .unwrap_or_default())
    }

    /// A claim that is a time, if it is there.
    pub(crate) fn time(&self, name: &str) -> Result<Option<SystemTime>, AuthError> {
        self.members.time(name).map_err(ill_typed)
    }

    /// Scopes; none if the claim is missing.
    pub(crate) fn scopes(&self, name: &str) -> Result<ScopeSet, AuthError> {
        Ok(self
            .members
            .read::<ScopeSet>(name)
            .map_err(ill_typed)?
            .unwrap_or_default())
    }

    /// A claim of some other type, if it is there.
    pub(crate) fn read<T: serde::Deserialize<'a>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, AuthError> {
        self.members.read(name).map_err(ill_typed)
    }
}

fn ill_typed(_: Fault) -> AuthError {
    AuthError::malformed("ill_typed_claim")
}
