//! Making a policy, with everything checked at the end.

use std::sync::Arc;
use std::time::Duration;

use auth_layer::{ConfigError, MAX_LEEWAY, check_duration};

use super::common::Common;
use super::{AccessToken, DAY, MINUTE, TokenKind, VerificationPolicy};
use crate::Algorithm;

/// Makes a [`VerificationPolicy`]. See its presets. Which options there are depends on the kind of
/// token.
#[derive(Clone, Debug)]
#[must_use]
pub struct PolicyBuilder<K = AccessToken> {
    pub(super) policy: VerificationPolicy<K>,
}

impl<K> PolicyBuilder<K> {
    /// Without an audience, `aud` is not asked for.
    pub(super) fn new(kind: K, issuer: Arc<str>, audience: Option<Box<str>>) -> Self {
        Self {
            policy: VerificationPolicy {
                common: Common {
                    issuer,
                    max_token_size: 8 * 1024,
                    max_depth: 8,
                    audiences: audience.into_iter().collect(),
                    algorithms: None,
                    leeway: MINUTE,
                    max_lifetime: DAY,
                    max_age: None,
                    must_expire: true,
                    required: Vec::new(),
                },
                kind,
            },
        }
    }

    pub(super) fn with_required(mut self, names: &[&str]) -> Self {
        let names = names.iter().copied().map(Box::from);
        self.policy.common.required.extend(names);
        self
    }

    /// Only these algorithms. Default: whatever the keys are for, each for one.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.policy.common.algorithms = Some(algorithms.into_iter().collect());
        self
    }

    /// How far clocks may differ. Default: 60 seconds; at most 5 minutes.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.policy.common.leeway = leeway;
        self
    }

    /// The longest that a token may be, in bytes. Default: 8 KiB; 256 bytes to 64 KiB.
    pub fn max_token_size(mut self, bytes: usize) -> Self {
        self.policy.common.max_token_size = bytes;
        self
    }

    /// How deep claims may nest, the claims set being the first level. Default: 8; 1 to 32.
    pub fn max_depth(mut self, levels: usize) -> Self {
        self.policy.common.max_depth = levels;
        self
    }

    /// A claim that must be there, whatever its value.
    pub fn require_claim(mut self, name: impl Into<Box<str>>) -> Self {
        self.policy.common.required.push(name.into());
        self
    }
}

impl<K: TokenKind> PolicyBuilder<K> {
    /// The longest time from `iat` to `exp`, or from now to `exp` if there is no `iat`. The default
    /// depends on the kind of token: see the [presets](VerificationPolicy).
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.policy.common.max_lifetime = lifetime;
        self
    }

    /// The finished policy.
    ///
    /// # Errors
    ///
    /// Names the option that cannot work: an empty issuer, audience, claim name or list, a leeway
    /// above 5 minutes, a size, depth, age or lifetime out of range.
    pub fn build(self) -> Result<VerificationPolicy<K>, ConfigError> {
        let refuse = |option, problem: &str| Err(ConfigError::new(option, problem));
        let common = &self.policy.common;
        if common.issuer.is_empty() {
            return refuse("issuer", "must not be empty");
        }
        if common.audiences.iter().any(|audience| audience.is_empty()) {
            return refuse("audience", "must not be empty");
        }
        common.check_options()?;
        self.policy.kind.check_options()?;
        Ok(self.policy)
    }
}

impl Common {
    /// The options that do not depend on there being an issuer.
    pub(super) fn check_options(&self) -> Result<(), ConfigError> {
        let refuse = |option, problem: &str| Err(ConfigError::new(option, problem));
        if self.algorithms.as_ref().is_some_and(Vec::is_empty) {
            return refuse("algorithms", "must name at least one");
        }
        if self.leeway > MAX_LEEWAY {
            return refuse("leeway", "must be at most 5 minutes");
        }
        if !(256..=64 * 1024).contains(&self.max_token_size) {
            return refuse("max_token_size", "must be 256 bytes to 64 KiB");
        }
        if !(1..=32).contains(&self.max_depth) {
            return refuse("max_depth", "must be 1 to 32");
        }
        check_duration("max_lifetime", self.max_lifetime)?;
        if let Some(max_age) = self.max_age {
            check_duration("max_age", max_age)?;
        }
        if self.required.iter().any(|name| name.is_empty()) {
            return refuse("claim", "names must not be empty");
        }
        Ok(())
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
