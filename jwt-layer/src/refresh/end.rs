//! How families end: logout, revocation (RFC 7009), and everything of a user.

use std::time::{Duration, SystemTime};

use auth_layer::{
    AuthError, AuthErrorKind, Event, EventKind, Identity, Revocations as _, SubjectRevocation,
    UserKey,
};

use super::service::Inner;
use super::{
    Family, FamilyId, FamilyState, RefreshStore as _, RefreshToken, RefreshTokens, could_not_ask,
};

/// How long an exchange that is under way may take to hand out an access token.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// How often the families of a user are looked for anew while others log in.
const ROUNDS: usize = 16;

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
    /// Takes back a token, as RFC 7009 has it: a refresh token with its family and the access tokens
    /// of it, or one access token of the issuer's. A token that is unknown, over or not ours is as good
    /// as taken back. Whoever holds a token may end it, so no more is asked.
    ///
    /// # Errors
    ///
    /// Fails if it could not be done. Then answer 5xx and never 200: the client has to try again. An
    /// access token that is bound to a key is an invalid request, `unsupported_token_type`: its refresh
    /// token ends it.
    pub async fn revoke(&self, token: &str) -> Result<(), AuthError> {
        let inner = &*self.inner;
        if let Some(token) = RefreshToken::parse(token) {
            let found = inner.store.find(&token.family()).await;
            return match found.map_err(could_not_ask)? {
                Some(state) => self.end_family(&state.family, "token_revoked").await,
                None => Ok(()),
            };
        }
        let identity = match inner.verifier.verify(token).await {
            Ok(verified) => verified.into_identity().build(),
            // It is good, and is not taken back by its text alone.
            Err(error) if error.reason() == "sender_constrained_token" => {
                let kind = AuthErrorKind::InvalidRequest;
                return Err(AuthError::new(kind, "unsupported_token_type").with_source(error));
            }
            Err(error) if error.kind().is_bad_credential() => return Ok(()),
            Err(error) => return Err(could_not_ask(error)),
        };
        let (Some(token_id), Some(until)) = (identity.token_id(), identity.expires_at()) else {
            return Ok(());
        };
        let name = inner.issuer.name();
        let revoked = inner.revocations.revoke_token(name, token_id, until).await;
        revoked.map_err(could_not_ask)?;
        let event = Event::new(EventKind::Revoked).with_identity(&identity);
        let event = event.with_object_id(token_id).with_reason("token_revoked");
        inner.events.record(&event);
        Ok(())
    }

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
    /// # Errors
    ///
    /// Fails if it could not be done; try again.
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
    /// does so with what is good now.
    ///
    /// # Errors
    ///
    /// Refuses, with 403, a user for whom another issuer vouches, who has nothing here. Fails if it
    /// could not all be done; try again.
    pub async fn revoke_user(
        &self,
        user: &Identity,
        except: Option<&FamilyId>,
    ) -> Result<usize, AuthError> {
        self.check_own(user)?;
        let inner = &*self.inner;
        let user = self.principal(user).build();
        let key = UserKey::from(&user);
        let mut ended = 0;
        for _ in 0..ROUNDS {
            let now = inner.now();
            let found = inner.store.list(&key).await.map_err(could_not_ask)?;
            let others: Vec<_> = found
                .into_iter()
                .filter(|state| now < state.expires_at && Some(&state.family.id) != except)
                .collect();
            if others.is_empty() {
                if except.is_none() {
                    self.revoke_access_tokens_of(&user).await?;
                }
                return Ok(ended);
            }
            // Each is ended after its access tokens were: if that fails, it is still listed.
            for state in others {
                self.end_family(&state.family, "user_revoked").await?;
                ended += 1;
            }
        }
        let error = AuthError::new(AuthErrorKind::Unavailable, "refresh_families_keep_coming");
        Err(error.with_scheme(super::SCHEME))
    }

    async fn revoke_access_tokens_of(&self, user: &Identity) -> Result<(), AuthError> {
        let inner = &*self.inner;
        let lifetime = inner.issuer.lifetime();
        let mut everything = SubjectRevocation::new(user.subject(), inner.now(), lifetime)
            .issuer(inner.issuer.name());
        if let Some(tenant) = user.tenant() {
            everything = everything.tenant(tenant);
        }
        let revoked = inner.revocations.revoke_subject(&everything).await;
        revoked.map_err(could_not_ask)
    }

    /// Ends a family: its access tokens first. If the second step fails, the family is there for the
    /// next attempt to find, and what a refresh in between hands out is revoked already.
    pub(super) async fn end_family(
        &self,
        family: &Family,
        reason: &'static str,
    ) -> Result<(), AuthError> {
        self.inner.revoke_access_tokens(family).await?;
        let ended = self.inner.store.end(&family.id).await;
        if ended.map_err(could_not_ask)? {
            let id = family.id.to_string();
            let event = Event::new(EventKind::Revoked)
                .with_identity(&family.login)
                .with_object_id(&id)
                .with_reason(reason);
            self.inner.events.record(&event);
        }
        Ok(())
    }
}

impl Inner {
    /// Takes back all access tokens of a family, also one that is being made.
    pub(super) async fn revoke_access_tokens(&self, family: &Family) -> Result<(), AuthError> {
        let until = self.now() + self.issuer.lifetime() + UNDER_WAY;
        let id = family.id.to_string();
        let revoked = self.revocations.revoke_token(&family.issuer, &id, until);
        revoked.await.map_err(could_not_ask)
    }
}
