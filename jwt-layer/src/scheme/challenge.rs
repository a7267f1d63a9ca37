//! `WWW-Authenticate: Bearer` (RFC 6750 section 3, RFC 9470, RFC 9728).

use std::time::SystemTime;

use auth_layer::{AuthError, AuthErrorKind, Challenge, Challenges, Needed};

use super::{BEARER, DPOP, SCHEME};
use crate::{Dpop, dpop};

/// Makes challenges; the two that are always the same are made once.
#[derive(Clone)]
pub(crate) struct Challenger {
    realm: Box<str>,
    resource_metadata: Option<Box<str>>,
    plain: Challenges,
    invalid_token: Challenges,
}

impl Challenger {
    pub(crate) fn new() -> Self {
        Self {
            realm: Box::from("api"),
            resource_metadata: None,
            plain: Challenges::none(),
            invalid_token: Challenges::none(),
        }
        .prepare()
    }

    pub(crate) fn realm(mut self, realm: Box<str>) -> Self {
        self.realm = realm;
        self.prepare()
    }

    pub(super) fn resource_metadata(mut self, url: Box<str>) -> Self {
        self.resource_metadata = Some(url);
        self.prepare()
    }

    fn prepare(mut self) -> Self {
        self.plain = self.describe(BEARER, None).into();
        self.invalid_token = self.bearer_error("invalid_token").into();
        self
    }

    /// The challenge of one scheme, with what was wrong or is lacking.
    fn describe(&self, scheme: &str, error: Option<(&str, &Needed)>) -> Challenge {
        let mut challenge = Challenge::new(scheme).param("realm", &self.realm);
        if let Some(url) = &self.resource_metadata {
            challenge = challenge.param("resource_metadata", url);
        }
        let Some((code, needed)) = error else {
            return challenge;
        };
        challenge = challenge.param("error", code);
        if !needed.scopes.is_empty() {
            challenge = challenge.param("scope", &needed.scopes.to_string());
        }
        if let Some(max_age) = needed.max_age {
            challenge = challenge.param("max_age", &max_age.to_string());
        }
        if !needed.acr_values.is_empty() {
            challenge = challenge.param("acr_values", &needed.acr_values.join(" "));
        }
        challenge
    }

    fn bearer_error(&self, code: &str) -> Challenge {
        self.describe(BEARER, Some((code, &Needed::default())))
    }

    /// `error=` only if a token was sent and refused, or was not enough.
    pub(crate) fn challenge(&self, error: Option<&AuthError>) -> Challenges {
        let Some(error) = error else {
            return self.plain.clone();
        };
        match lack(error) {
            Some(code) => self.describe(BEARER, Some((code, error.needed()))).into(),
            None if error.kind().is_bad_credential() => self.invalid_token.clone(),
            None => self.plain.clone(),
        }
    }

    /// The challenges for both ways to send a token. What was wrong with one is told by the way it came;
    /// what an identity lacks, by both.
    pub(super) fn challenge_both(
        &self,
        dpop: &Dpop,
        error: Option<&AuthError>,
        now: SystemTime,
    ) -> Challenges {
        let proved = |error: &AuthError| error.scheme() == Some(SCHEME);
        let told = error.and_then(|error| {
            let own = proved(error) || dpop.is_required();
            let code = lack(error).or_else(|| dpop::code(error).filter(|_| own))?;
            Some((code, error.needed()))
        });
        let own = self.describe(DPOP, told);
        let own = dpop.complete(own, told.map(|(code, _)| code), now);
        if dpop.is_required() {
            return own;
        }
        let mut challenges = self.challenge(error.filter(|error| !proved(error)));
        challenges.append(own);
        challenges
    }
}

/// The code for an identity that is known and not enough.
fn lack(error: &AuthError) -> Option<&'static str> {
    match error.kind() {
        AuthErrorKind::InsufficientScope => Some("insufficient_scope"),
        AuthErrorKind::InsufficientAuthentication => Some("insufficient_user_authentication"),
        _ => None,
    }
}
