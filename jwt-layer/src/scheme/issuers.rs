//! Whose tokens are accepted.

use std::sync::{Arc, Weak};

use crate::TenantIssuers;
use crate::policy::AccessToken;
use crate::tenants::{MAX_DEPTH, MAX_TOKEN_SIZE};
use crate::verifier::Trusted;

/// The issuers that are configured, and those that come and go.
#[derive(Clone, Default)]
pub(super) struct Issuers {
    fixed: Vec<Arc<Trusted<AccessToken>>>,
    tenants: Option<TenantIssuers>,
}

impl Issuers {
    pub(super) fn add(&mut self, trusted: Trusted<AccessToken>) {
        self.fixed.push(Arc::new(trusted));
    }

    pub(super) fn add_tenants(&mut self, tenants: TenantIssuers) {
        self.tenants = Some(tenants);
    }

    pub(super) fn fixed(&self) -> impl Iterator<Item = &str> {
        self.fixed.iter().map(|one| one.policy.issuer())
    }

    /// What is configured goes before what tenants bring.
    pub(super) fn find(&self, issuer: &str) -> Option<Arc<Trusted<AccessToken>>> {
        let mut fixed = self.fixed.iter();
        match fixed.find(|one| one.policy.issuer() == issuer) {
            Some(trusted) => Some(Arc::clone(trusted)),
            None => self.tenants.as_ref()?.get(issuer),
        }
    }

    /// Whether what was trusted is trusted still, and `test` holds for it.
    pub(super) fn are_current(
        &self,
        known: &Weak<Trusted<AccessToken>>,
        issuer: &str,
        test: impl Fn(&Trusted<AccessToken>) -> bool,
    ) -> bool {
        let is_known = |trusted: &&Arc<_>| Arc::as_ptr(trusted) == known.as_ptr();
        match self.fixed.iter().find(is_known) {
            Some(trusted) => test(trusted),
            None => {
                let tenants = self.tenants.as_ref();
                let trusted = tenants.and_then(|tenants| tenants.get(issuer));
                trusted
                    .filter(|one| is_known(&one))
                    .is_some_and(|one| test(&one))
            }
        }
    }

    /// The largest token that any issuer's policy allows.
    pub(super) fn max_token_size(&self) -> usize {
        let sizes = self
            .fixed
            .iter()
            .map(|one| one.policy.common.max_token_size);
        let tenants = self.tenants.as_ref().map(|_| MAX_TOKEN_SIZE);
        sizes.chain(tenants).max().unwrap_or(MAX_TOKEN_SIZE)
    }

    /// The deepest claims that any issuer's policy allows.
    pub(super) fn max_depth(&self) -> usize {
        let depths = self.fixed.iter().map(|one| one.policy.common.max_depth);
        let tenants = self.tenants.as_ref().map(|_| MAX_DEPTH);
        depths.chain(tenants).max().unwrap_or(MAX_DEPTH)
    }
}
