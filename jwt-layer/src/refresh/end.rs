//! How families end: one of them, or everything of a user.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{
    AuthError, AuthErrorKind, Event, EventKind, Identity, Revocations as _, SubjectRevocation,
    UserKey,
};
use tokio::task::JoinSet;

use super::service::Inner;
use super::{
    Family, FamilyId, FamilyState, RefreshStore as _, RefreshTokens, carried, could_not_ask,
    interrupted,
};

/// How long an exchange that is under way may take to hand out an access token.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// How often the families of a user are looked for anew while others log in.
const ROUNDS: usize = 16;

/// How many families are ended at a time: whoever knows an old password could otherwise begin them
/// faster than they end.
const AT_ONCE: usize = 32;

/// A family, for a list of devices.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FamilyInfo {
    /// What never changes in it.
    pub family: Family,
    /// When a token of it was last used.
    pub last_used_at: SystemTime,
    /// When it is over unless it is used.
    pub expires_at: SystemTime,
}

impl From<FamilyState> for FamilyInfo {
    fn from(state: FamilyState) -> Self {
        Self {
            last_used_at: state.last_used_at(),
            expires_at: state.expires_at,
            family: state.family,
        }
    }
}

impl RefreshTokens {
    /// The families of a user that are live, the one used last first: the list of devices.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be asked.
    pub async fn list(&self, user: &Identity) -> Result<Vec<FamilyInfo>, AuthError> {
        let now = self.inner.now();
        let key = UserKey::from(&self.principal(user).build());
        let all = self.inner.store.list(&key).await.map_err(could_not_ask)?;
        let live = all.into_iter().filter(|state| state.is_live(now));
        let mut live: Vec<FamilyInfo> = live.map(FamilyInfo::from).collect();
        live.sort_by_key(|info| std::cmp::Reverse(info.last_used_at));
        Ok(live)
    }

    /// Ends one family of a user and its access tokens: "log out this device". False if the user has
    /// no such family; nobody ends another's.
    ///
    /// What it has begun it does to its end, also if its future is dropped.
    ///
    /// # Errors
    ///
    /// Fails if it could not be done; try again.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub async fn revoke_family(&self, user: &Identity, id: &FamilyId) -> Result<bool, AuthError> {
        let found = self.inner.store.find(id).await.map_err(could_not_ask)?;
        let user = self.principal(user).build();
        let now = self.inner.now();
        let own = |state: &FamilyState| {
            now < state.expires_at && state.family.login.is_same_principal(&user)
        };
        match found.filter(own) {
            Some(state) => {
                self.end_family(&state.family, "family_revoked").await?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Ends all families of a user but one, with their access tokens, and says how many. Without an
    /// exception it takes back whatever the issuer has made for the user until now, also access tokens
    /// of no family: "log out everywhere", "password changed", "user disabled".
    ///
    /// Change the password, or disable the user, first: then whoever logs in or refreshes meanwhile
    /// does so with what is good now. A family that is kept across a change of the
    /// [`CredentialEpoch`](auth_layer::CredentialEpoch) ends all the same when it is next used, because
    /// it is of the old one: begin a new family for who has just changed the password, and except none.
    ///
    /// Of a user in a tenant, access tokens of no family are found by their tenant, which the
    /// [`Jwt`](crate::Jwt) knows if its policy has
    /// [`tenant_claim("tenant")`](crate::PolicyBuilder::tenant_claim).
    ///
    /// What it has begun it does to its end, also if its future is dropped.
    ///
    /// # Errors
    ///
    /// Refuses, with 403, a user for whom another issuer vouches, who has nothing here. Fails if it
    /// could not all be done; try again.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub async fn revoke_user(
        &self,
        user: &Identity,
        except: Option<&FamilyId>,
    ) -> Result<usize, AuthError> {
        self.check_own(user)?;
        let (inner, except) = (Arc::clone(&self.inner), except.copied());
        let user = self.principal(user).build();
        carried(async move { inner.end_user(&user, except).await }).await
    }

    /// Ends those families of a user, unused for longest, that are too many once `new` is there.
    pub(super) async fn make_room(&self, new: &Family, now: SystemTime) -> Result<(), AuthError> {
        let store = &self.inner.store;
        let mut all = store.list(&new.user()).await.map_err(could_not_ask)?;
        all.retain(|state| now < state.expires_at);
        let kept = usize::try_from(self.inner.max_families).unwrap_or(usize::MAX) - 1;
        let Some(surplus @ 1..) = all.len().checked_sub(kept) else {
            return Ok(());
        };
        // Those that a copied token has ended first.
        all.sort_by_key(|state| (!state.reused, state.last_used_at()));
        all.truncate(surplus);
        let inner = Arc::clone(&self.inner);
        let ended = carried(async move { inner.end_families(all, "too_many_families").await });
        ended.await.map(|_| ())
    }

    /// Ends a family, also if nobody waits for it any more.
    pub(super) async fn end_family(
        &self,
        family: &Family,
        reason: &'static str,
    ) -> Result<(), AuthError> {
        let (inner, family) = (Arc::clone(&self.inner), family.clone());
        carried(async move { inner.end_family(&family, reason).await }).await
    }
}

impl Inner {
    async fn end_user(
        self: &Arc<Self>,
        user: &Identity,
        except: Option<FamilyId>,
    ) -> Result<usize, AuthError> {
        let key = UserKey::from(user);
        let mut ended = 0;
        // However many families there are, no access token is good for as long as they take.
        if except.is_none() {
            self.revoke_access_tokens_of(user).await?;
        }
        for _ in 0..ROUNDS {
            let now = self.now();
            let found = self.store.list(&key).await.map_err(could_not_ask)?;
            let others: Vec<_> = found
                .into_iter()
                .filter(|state| now < state.expires_at && Some(state.family.id) != except)
                .collect();
            if others.is_empty() {
                // What was made meanwhile.
                if except.is_none() {
                    self.revoke_access_tokens_of(user).await?;
                }
                return Ok(ended);
            }
            ended += self.end_families(others, "user_revoked").await?;
        }
        let error = AuthError::new(AuthErrorKind::Unavailable, "refresh_families_keep_coming");
        Err(error.with_scheme(super::SCHEME))
    }

    /// Ends families, some at a time. After a failure no more are begun; they are still listed.
    async fn end_families(
        self: &Arc<Self>,
        families: Vec<FamilyState>,
        reason: &'static str,
    ) -> Result<usize, AuthError> {
        let mut waiting = families.into_iter();
        let mut running = JoinSet::new();
        let (mut ended, mut failed) = (0, None);
        loop {
            while failed.is_none() && running.len() < AT_ONCE {
                let Some(state) = waiting.next() else { break };
                let inner = Arc::clone(self);
                running.spawn(async move { inner.end_family(&state.family, reason).await });
            }
            match running.join_next().await {
                Some(Ok(Ok(()))) => ended += 1,
                Some(Ok(Err(error))) => failed = Some(error),
                Some(Err(error)) => failed = Some(interrupted(error)),
                None => return failed.map_or(Ok(ended), Err),
            }
        }
    }

    /// Ends a family: its access tokens first. If the second step fails, the family is there for the
    /// next attempt to find, and what a refresh in between hands out is revoked already.
    async fn end_family(&self, family: &Family, reason: &'static str) -> Result<(), AuthError> {
        self.revoke_access_tokens(family).await?;
        if self.store.end(&family.id).await.map_err(could_not_ask)? {
            let id = family.id.to_string();
            let event = Event::new(EventKind::Revoked)
                .with_identity(&family.login)
                .with_object_id(&id)
                .with_reason(reason);
            self.events.record(&event);
        }
        Ok(())
    }

    async fn revoke_access_tokens_of(&self, user: &Identity) -> Result<(), AuthError> {
        let lifetime = self.issuer.lifetime();
        let mut everything =
            SubjectRevocation::new(user.subject(), self.now(), lifetime).issuer(self.issuer.name());
        if let Some(tenant) = user.tenant() {
            everything = everything.tenant(tenant);
        }
        let revoked = self.revocations.revoke_subject(&everything).await;
        revoked.map_err(could_not_ask)
    }

    /// Takes back all access tokens of a family, also one that is being made.
    pub(super) async fn revoke_access_tokens(&self, family: &Family) -> Result<(), AuthError> {
        let until = self.now() + self.issuer.lifetime() + UNDER_WAY;
        let id = family.id.to_string();
        let revoked = self.revocations.revoke_token(&family.issuer, &id, until);
        revoked.await.map_err(could_not_ask)
    }
}
