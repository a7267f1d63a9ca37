//! Making a policy, with everything checked at the end.

use std::sync::Arc;
use std::time::Duration;

use auth_layer::{ConfigError, MAX_LEEWAY, check_duration};

use super::{Profile, VerificationPolicy};
use crate::Algorithm;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes a [`VerificationPolicy`]. See its presets.
#[derive(Clone, Debug)]
#[must_use]
pub struct PolicyBuilder {
    policy: VerificationPolicy,
}

impl PolicyBuilder {
    pub(super) fn new(profile: Profile, issuer: Arc<str>, audience: Box<str>) -> Self {
        let (required, max_lifetime): (&[&str], _) = match profile {
            Profile::AccessToken => (&["iat", "jti", "client_id"], DAY),
            Profile::PlainAccessToken => (&[], 7 * DAY),
        };
        Self {
            policy: VerificationPolicy {
                issuer,
                max_token_size: 8 * 1024,
                profile,
                audiences: vec![audience],
                algorithms: None,
                leeway: MINUTE,
                max_lifetime,
                max_depth: 8,
                required: required.iter().copied().map(Box::from).collect(),
                scope_claim: Box::from("scope"),
                roles_path: vec![Box::from("roles")],
                tenant_claim: None,
                client_tokens: false,
                nonce: false,
            },
        }
    }

    /// Another audience that counts as this service.
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.policy.audiences.push(audience.into());
        self
    }

    /// Only these algorithms. Default: whatever the keys are for, each for one.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.policy.algorithms = Some(algorithms.into_iter().collect());
        self
    }

    /// How far clocks may differ. Default: 60 seconds; at most 5 minutes.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.policy.leeway = leeway;
        self
    }

    /// The longest that a token may be, in bytes. Default: 8 KiB; 256 bytes to 64 KiB.
    pub fn max_token_size(mut self, bytes: usize) -> Self {
        self.policy.max_token_size = bytes;
        self
    }

    /// The longest time from `iat` to `exp`, or from now to `exp` if there is no `iat`. Default: a
    /// day for [`access_token`](VerificationPolicy::access_token), 7 days otherwise.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.policy.max_lifetime = lifetime;
        self
    }

    /// How deep claims may nest, the claims set being the first level. Default: 8; 1 to 32.
    pub fn max_depth(mut self, levels: usize) -> Self {
        self.policy.max_depth = levels;
        self
    }

    /// A claim that must be there, whatever its value.
    pub fn require_claim(mut self, name: impl Into<Box<str>>) -> Self {
        self.policy.required.push(name.into());
        self
    }

    /// The claim with the scopes. Default: `scope`; some issuers use `scp`.
    pub fn scope_claim(mut self, name: impl Into<Box<str>>) -> Self {
        self.policy.scope_claim = name.into();
        self
    }

    /// The claim with the roles, a string or an array of strings. Default: `roles`.
    pub fn roles_claim(self, name: impl Into<Box<str>>) -> Self {
        self.roles_path([name])
    }

    /// Where the roles are if they are nested: `["realm_access", "roles"]`.
    pub fn roles_path<N: Into<Box<str>>>(mut self, path: impl IntoIterator<Item = N>) -> Self {
        self.policy.roles_path = path.into_iter().map(Into::into).collect();
        self
    }

    /// The claim with the tenant. Default: none, and identities have no tenant.
    pub fn tenant_claim(mut self, name: impl Into<Box<str>>) -> Self {
        self.policy.tenant_claim = Some(name.into());
        self
    }

    /// Accepts tokens that a client got for itself, by client credentials: those whose `sub` is the
    /// client's own id.
    ///
    /// Default: refused, because whoever may choose the id of a client could choose that of a user
    /// (RFC 9700 section 4.15). Identities from such tokens carry [`ClientToken`](crate::ClientToken).
    pub fn accept_client_tokens(mut self) -> Self {
        self.policy.client_tokens = true;
        self
    }

    /// Accepts plain access tokens with a `nonce`, which some issuers put into them.
    pub fn accept_nonce(mut self) -> Self {
        self.policy.nonce = true;
        self
    }

    /// The finished policy.
    ///
    /// # Errors
    ///
    /// Names the option that cannot work: an empty issuer, audience, claim name or list, a leeway
    /// above 5 minutes, a size, depth or lifetime out of range.
    pub fn build(self) -> Result<VerificationPolicy, ConfigError> {
        let policy = self.policy;
        let refuse = |option, problem: &str| Err(ConfigError::new(option, problem));
        if policy.issuer.is_empty() {
            return refuse("issuer", "must not be empty");
        }
        if policy.audiences.iter().any(|audience| audience.is_empty()) {
            return refuse("audience", "must not be empty");
        }
        if policy.algorithms.as_ref().is_some_and(Vec::is_empty) {
            return refuse("algorithms", "must name at least one");
        }
        if policy.leeway > MAX_LEEWAY {
            return refuse("leeway", "must be at most 5 minutes");
        }
        if !(256..=64 * 1024).contains(&policy.max_token_size) {
            return refuse("max_token_size", "must be 256 bytes to 64 KiB");
        }
        if !(1..=32).contains(&policy.max_depth) {
            return refuse("max_depth", "must be 1 to 32");
        }
        check_duration("max_lifetime", policy.max_lifetime)?;
        let names = policy.required.iter().chain(&policy.roles_path);
        let names = names.chain(&policy.tenant_claim).map(AsRef::as_ref);
        let mut names: Vec<&str> = names.collect();
        names.push(&policy.scope_claim);
        if policy.roles_path.is_empty() || names.contains(&"") {
            return refuse("claim", "names must not be empty");
        }
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        type Change = fn(PolicyBuilder) -> PolicyBuilder;
        let cases: [(&str, Change); 9] = [
            ("audience", |policy| policy.audience("")),
            ("algorithms", |policy| policy.algorithms([])),
            ("leeway", |policy| policy.leeway(Duration::from_secs(301))),
            ("max_token_size", |policy| policy.max_token_size(0)),
            ("max_depth", |policy| policy.max_depth(0)),
            ("max_lifetime", |policy| policy.max_lifetime(Duration::ZERO)),
            ("claim", |policy| policy.roles_path::<&str>([])),
            ("claim", |policy| policy.require_claim("")),
            ("claim", |policy| policy.tenant_claim("")),
        ];
        for (option, change) in cases {
            let builder = VerificationPolicy::access_token("https://id.example", "api");
            assert_eq!(change(builder).build().unwrap_err().option(), option);
        }
        let error = VerificationPolicy::access_token("", "api").build();
        assert_eq!(error.unwrap_err().option(), "issuer");
    }
}
