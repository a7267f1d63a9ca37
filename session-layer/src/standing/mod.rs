//! Whether what happened to a user has ended what began before.

mod epochs;

use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{
    AuthError, AuthErrorKind, CredentialEpoch, Identity, IssuedToken, Revocations as _,
    SharedRevocations,
};

use self::epochs::DynEpochs;
pub use self::epochs::{CredentialEpochs, EpochLookup};
use crate::backend::could_not_ask;

/// What is asked about users on each request.
#[derive(Clone, Default)]
pub(crate) struct UserStanding {
    pub(crate) revocations: Option<SharedRevocations>,
    epochs: Option<Arc<dyn DynEpochs>>,
}

/// What can be said of a login at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// It is over, for this reason.
    Over(&'static str),
    /// Somebody has to be asked.
    Wait,
}

const CHANGED: &str = "credentials_changed";
const GONE: &str = "user_gone";
const REVOKED: &str = "subject_revoked";

impl UserStanding {
    pub(crate) fn set_epochs(&mut self, epochs: impl CredentialEpochs) {
        self.epochs = Some(Arc::new(epochs));
    }

    pub(crate) const fn knows_epochs(&self) -> bool {
        self.epochs.is_some()
    }

    /// How `login` stands, which began at `since`, if that can be said at once.
    pub(crate) fn check_now(&self, login: &Identity, since: SystemTime) -> Standing {
        let mut standing = Standing::Good;
        if let Some(revocations) = &self.revocations {
            match revocations.check_now(&IssuedToken::of(login, since)) {
                Some(true) => return Standing::Over(REVOKED),
                Some(false) => {}
                None => standing = Standing::Wait,
            }
        }
        if let Some(epochs) = &self.epochs {
            match epochs.epoch_now(login) {
                EpochLookup::Found(current) if is_older(login, current) => {
                    return Standing::Over(CHANGED);
                }
                EpochLookup::Found(_) => {}
                EpochLookup::Gone => return Standing::Over(GONE),
                EpochLookup::Wait => standing = Standing::Wait,
            }
        }
        standing
    }

    /// Why `login` is over, which began at `since`; `None` if it is not.
    pub(crate) async fn check(
        &self,
        login: &Identity,
        since: SystemTime,
    ) -> Result<Option<&'static str>, AuthError> {
        if let Some(revocations) = &self.revocations {
            let token = IssuedToken::of(login, since);
            let revoked = match revocations.check_now(&token) {
                Some(revoked) => revoked,
                None => revocations
                    .is_revoked(&token)
                    .await
                    .map_err(could_not_ask)?,
            };
            if revoked {
                return Ok(Some(REVOKED));
            }
        }
        Ok(match self.current_epoch(login).await? {
            Current::NotAsked => None,
            Current::Gone => Some(GONE),
            Current::Epoch(current) => is_older(login, current).then_some(CHANGED),
        })
    }

    /// What a login has to keep, so that a later change ends it.
    pub(crate) async fn with_epoch(&self, identity: Identity) -> Result<Identity, AuthError> {
        if identity.extra::<CredentialEpoch>().is_some() {
            return Ok(identity);
        }
        match self.current_epoch(&identity).await? {
            Current::NotAsked => Ok(identity),
            Current::Epoch(current) => Ok(identity.to_builder().extra(current).build()),
            Current::Gone => {
                let error = AuthError::new(AuthErrorKind::Forbidden, GONE);
                Err(error.with_scheme(crate::SCHEME))
            }
        }
    }

    async fn current_epoch(&self, user: &Identity) -> Result<Current, AuthError> {
        let Some(epochs) = &self.epochs else {
            return Ok(Current::NotAsked);
        };
        match epochs.epoch_now(user) {
            EpochLookup::Found(epoch) => return Ok(Current::Epoch(epoch)),
            EpochLookup::Gone => return Ok(Current::Gone),
            EpochLookup::Wait => {}
        }
        let epoch = epochs.epoch(user).await.map_err(could_not_ask)?;
        Ok(epoch.map_or(Current::Gone, Current::Epoch))
    }
}

enum Current {
    Epoch(CredentialEpoch),
    Gone,
    NotAsked,
}

/// A login that has kept no epoch began before they were kept: nobody knows what has changed since.
pub(crate) fn is_older(login: &Identity, current: CredentialEpoch) -> bool {
    login.extra::<CredentialEpoch>() < Some(&current)
}
