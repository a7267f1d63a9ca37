//! ID tokens (OpenID Connect Core sections 2 and 3.1.3.7).

use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{AuthError, ConfigError};

use super::expected_id_token::ExpectedIdToken;
use super::kind::{Rules, Signed, is_plain};
use super::{PolicyBuilder, VerificationPolicy};
use crate::verifier::{TokenVerifier, VerifiedToken};

/// The longest `sub` (section 2).
const MAX_SUBJECT_LEN: usize = 255;

/// ID tokens: what a client is told about who has logged in.
#[derive(Clone, Debug)]
pub struct IdToken {
    client_id: Box<str>,
    trusted_audiences: Vec<Box<str>>,
    authorized_parties: Vec<Box<str>>,
    client_claim: bool,
    scope: bool,
}

/// What an ID token says of the login.
#[derive(Debug)]
#[allow(unnameable_types, reason = "it is named by a sealed trait")]
pub struct Login {
    auth_time: Option<SystemTime>,
    acr: Option<Box<str>>,
    nonce: Option<Box<str>>,
    session_id: Option<Box<str>>,
}

impl VerificationPolicy<IdToken> {
    /// ID tokens of `issuer` for the client `client_id`.
    ///
    /// `aud` holds the client, and nobody who is not [trusted](PolicyBuilder::trust_audience). An
    /// `azp` is the client, and there if there are several audiences. Tokens of another `typ` are
    /// refused, and those with claims that only access tokens (`client_id`, `scope`, `scp`, `cnf`), security events
    /// (`events`), DPoP proofs (`htm`, `htu`) and introspection answers have.
    ///
    /// A token without `nonce` has nothing that a UserInfo response with times, or a plain access token
    /// without any of these claims, could not have: they are told apart by their audience alone. A
    /// login with a nonce takes neither.
    ///
    /// What one login expects of its token is said when it is
    /// [verified](TokenVerifier::<IdToken>::verify).
    pub fn id_token(
        issuer: impl Into<Arc<str>>,
        client_id: impl Into<Box<str>>,
    ) -> PolicyBuilder<IdToken> {
        let client_id = client_id.into();
        let kind = IdToken {
            client_id: client_id.clone(),
            trusted_audiences: Vec::new(),
            authorized_parties: Vec::new(),
            client_claim: false,
            scope: false,
        };
        PolicyBuilder::new(kind, issuer.into(), Some(client_id)).with_required(&["iat"])
    }
}

impl PolicyBuilder<IdToken> {
    /// Somebody who may be an audience beside this client, with an `azp` that names this client.
    /// Default: nobody.
    pub fn trust_audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.policy.kind.trusted_audiences.push(audience.into());
        self
    }

    /// Another client that may have got the token for this one, such as the app of the same maker on
    /// a phone. Default: none.
    pub fn authorized_party(mut self, client_id: impl Into<Box<str>>) -> Self {
        self.policy.kind.authorized_parties.push(client_id.into());
        self
    }

    /// Accepts ID tokens with `client_id`, which some issuers put into them.
    pub fn accept_client_id(mut self) -> Self {
        self.policy.kind.client_claim = true;
        self
    }

    /// Accepts ID tokens with `scope` or `scp`, which some issuers put into them.
    pub fn accept_scope(mut self) -> Self {
        self.policy.kind.scope = true;
        self
    }
}

impl IdToken {
    fn check_audience(&self, token: &Signed<'_>) -> Result<(), AuthError> {
        let audiences = token.claims.strings("aud")?.unwrap_or_default();
        let own = |name: &str| *self.client_id == *name;
        let known =
            |name: &str| own(name) || self.trusted_audiences.iter().any(|one| **one == *name);
        if !audiences.iter().all(|name| known(name)) {
            return Err(AuthError::invalid("untrusted_audience"));
        }
        match token.claims.string("azp")? {
            Some(party) => {
                let mut others = self.authorized_parties.iter();
                if !own(&party) && !others.any(|one| **one == *party) {
                    return Err(AuthError::invalid("wrong_authorized_party"));
                }
            }
            None if audiences.len() > 1 => {
                return Err(AuthError::invalid("missing_authorized_party"));
            }
            None => {}
        }
        Ok(())
    }
}

impl Rules for IdToken {
    type Proved = Login;

    fn fits(&self, typ: Option<&str>) -> bool {
        is_plain(typ)
    }

    fn check(&self, token: &Signed<'_>) -> Result<Login, AuthError> {
        let claims = token.claims;
        let foreign = ["cnf", "events", "htm", "htu", "token_introspection"];
        let of_access_tokens = (claims.has("client_id") && !self.client_claim)
            || (claims.has_any(&["scope", "scp"]) && !self.scope);
        if claims.has_any(&foreign) || of_access_tokens {
            return Err(AuthError::invalid("not_an_id_token"));
        }
        token.check_named_kind(&["id"])?;
        self.check_audience(token)?;
        if claims.subject()?.len() > MAX_SUBJECT_LEN {
            return Err(AuthError::invalid("subject_too_long"));
        }
        Ok(Login {
            auth_time: token.auth_time()?,
            acr: token.text("acr")?,
            nonce: token.text("nonce")?,
            session_id: token.text("sid")?,
        })
    }

    fn check_options(&self) -> Result<(), ConfigError> {
        let mut names = self
            .trusted_audiences
            .iter()
            .chain(&self.authorized_parties);
        if names.any(|name| name.is_empty()) {
            return Err(ConfigError::new("audience", "must not be empty"));
        }
        Ok(())
    }
}

impl TokenVerifier<IdToken> {
    /// Verifies the ID token of a login. Ready at once unless its key has to be asked for.
    ///
    /// ```
    /// # #[cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
    /// # async fn example(id_token: &str, nonce: &str, access_token: &str) -> Result<(), Box<dyn std::error::Error>> {
    /// use jwt_layer::{Algorithm, ExpectedIdToken, TokenVerifier, VerificationPolicy, VerifyingKey};
    ///
    /// let policy = VerificationPolicy::id_token("https://id.example.com", "client-1");
    /// let key = VerifyingKey::from_secret(Algorithm::Hs256, &[7; 32])?;
    /// let verifier = TokenVerifier::new(policy.build()?, key);
    ///
    /// let expected = ExpectedIdToken::with_nonce(nonce).access_token(access_token);
    /// let verified = verifier.verify(id_token, &expected).await?;
    /// println!("{:?} logged in", verified.subject());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Refuses a token that does not fulfil the policy, or is not the one expected. Fails with
    /// `Unavailable` if its key could not be asked for.
    pub async fn verify(
        &self,
        token: &str,
        expected: &ExpectedIdToken,
    ) -> Result<VerifiedToken<IdToken>, AuthError> {
        let verified = self.verified(token).await?;
        expected.check(&verified, self.now(), self.policy().leeway())?;
        Ok(verified)
    }
}

impl VerifiedToken<IdToken> {
    /// When the user last authenticated actively; never in the future.
    pub fn auth_time(&self) -> Option<SystemTime> {
        self.proved().auth_time
    }

    /// The authentication context class.
    pub fn acr(&self) -> Option<&str> {
        self.proved().acr.as_deref()
    }

    /// `nonce`: what was expected, unless the token is from a refresh.
    pub fn nonce(&self) -> Option<&str> {
        self.proved().nonce.as_deref()
    }

    /// `sid`: the session at the issuer, which its logout tokens name.
    pub fn session_id(&self) -> Option<&str> {
        self.proved().session_id.as_deref()
    }
}
