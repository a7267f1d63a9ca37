//! The service: [`RefreshTokens`], and how a family begins.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{
    AuthError, AuthErrorKind, CredentialEpoch, Event, EventKind, Events, Identity, ScopeSet,
    SharedClock, SharedRevocations,
};

use super::builder::LookUp;
use super::{
    Family, FamilyId, FamilyState, RefreshGrant, RefreshStore, RefreshToken, RefreshTokensBuilder,
    SCHEME, SharedRefreshStore, TokenPair, could_not_ask,
};
use crate::{AccessTokenRequest, Confirmation, Issuer, TokenVerifier};

/// What [`Jwt`](crate::Jwt) and `Introspection` name those who came with an access token.
const TOKEN_SCHEMES: [&str; 2] = ["bearer", "introspection"];

/// Continues logins by refresh tokens. See the [module docs](super) for an example.
///
/// Cheap to clone. Several instances, in several processes, may share a store, as long as their
/// issuers have the same name and audience. Keep their clocks together (NTP), for two reasons:
///
/// - Clocks that differ by the [replay window](RefreshTokensBuilder::replay_window) or more make two
///   requests at once on two nodes look like theft, which logs the user out. They have to agree to well
///   under it.
/// - [`revoke_user`](Self::revoke_user) takes back what was made until now, by the clock of the node that
///   does it. An access token of no family, made by a node whose clock is ahead, is good all the same if
///   it was made less than that difference before. Tokens of families end by their family, whatever
///   the clocks say.
#[derive(Clone)]
pub struct RefreshTokens {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) issuer: Issuer,
    pub(super) verifier: TokenVerifier,
    pub(super) store: SharedRefreshStore,
    pub(super) revocations: SharedRevocations,
    pub(super) users: Arc<LookUp>,
    pub(super) lifetime: Duration,
    pub(super) idle: Duration,
    pub(super) replay_window: Duration,
    pub(super) max_replays: u32,
    pub(super) max_families: u32,
    pub(super) clock: SharedClock,
    pub(super) events: Events,
}

impl RefreshTokens {
    /// Starts the service: access tokens by `issuer`, families in `store`, and what was taken back in
    /// `revocations`, which the [`Jwt`](crate::Jwt) that verifies these access tokens has to ask too.
    ///
    /// `users` is asked each time that a token is used: it is given who logged in then, and returns
    /// the same principal with the roles, scopes and tenant of today, or `None` for a user who may not
    /// log in any more: disabled, deleted. Then the family ends. If the login had a
    /// [`CredentialEpoch`], what is returned must have the user's current one; a family of an older
    /// epoch ends, and so does one whose user comes without. What `users` is given has no epoch, so
    /// that handing it back does not pass for an answer. An error is answered 503.
    ///
    /// It has the form that session-layer's `RememberMe` asks for, so that one serves both.
    pub fn builder<F, Fut>(
        issuer: Issuer,
        store: impl RefreshStore,
        revocations: impl Into<SharedRevocations>,
        users: F,
    ) -> RefreshTokensBuilder
    where
        F: Fn(Identity) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Identity>, AuthError>> + Send + 'static,
    {
        RefreshTokensBuilder::new(
            issuer,
            SharedRefreshStore::new(store),
            revocations.into(),
            Arc::new(move |login| Box::pin(users(login))),
        )
    }

    pub(super) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Begins a family, after a login.
    ///
    /// # Errors
    ///
    /// Refuses, with 403, the identity of an API key or of an access token: neither is to be changed
    /// for something that outlives it. Refuses, with 403, an identity for whom another issuer vouches:
    /// its subject is not one of ours. Find out which user of yours logged in, and pass that one. Fails
    /// if the store cannot be asked or no token can be made.
    pub async fn begin(&self, grant: &RefreshGrant<'_>) -> Result<TokenPair, AuthError> {
        let inner = &*self.inner;
        let identity = grant.identity;
        // A token may be without an id; a bound one is a token by whatever name.
        if identity.key_id().is_some()
            || identity.token_id().is_some()
            || TOKEN_SCHEMES.contains(&identity.scheme())
            || identity.extra::<Confirmation>().is_some()
        {
            let reason = "tokens_get_no_refresh_tokens";
            return Err(AuthError::new(AuthErrorKind::Forbidden, reason).with_scheme(SCHEME));
        }
        self.check_own(identity)?;
        let now = inner.now();
        let scopes = match &grant.scopes {
            Some(asked) => identity.scopes().intersection(asked),
            None => identity.scopes().clone(),
        };
        let refresh = RefreshToken::generate()?;
        let id = refresh.family();
        let mut family = Family::new(
            id,
            self.login(identity, &scopes, id),
            now,
            now + inner.lifetime,
        );
        inner.issuer.name().clone_into(&mut family.issuer);
        inner.issuer.audience().clone_into(&mut family.audience);
        family.client_id.clone_from(&grant.client_id);
        family.key_thumbprint = grant.key_thumbprint;
        family.user_agent.clone_from(&grant.user_agent);
        family.device.clone_from(&grant.device);

        let access = inner.access_token(&family, identity, scopes)?;
        let expires_at = inner.expires_at(&family, now);
        self.make_room(&family, now).await?;
        let is_bound = family.key_thumbprint.is_some();
        let event = Event::new(EventKind::TokenIssued).with_identity(&family.login);
        let id = id.to_string();
        let event = event.with_object_id(&id);
        let state = FamilyState::new(family.clone(), refresh.digest(), expires_at);
        if !inner.store.insert(state).await.map_err(could_not_ask)? {
            return Err(AuthError::unavailable("refresh_family_taken").with_scheme(SCHEME));
        }
        inner.events.record(&event);
        Ok(TokenPair {
            access,
            refresh,
            refresh_expires_in: expires_at.duration_since(now).unwrap_or_default(),
            is_bound,
        })
    }

    /// What is kept of a login.
    fn login(&self, identity: &Identity, scopes: &ScopeSet, id: FamilyId) -> Identity {
        let mut login = self.principal(identity).scopes(scopes.clone());
        for factor in identity.factors() {
            login = login.factor(*factor);
        }
        if let Some(time) = identity.auth_time() {
            login = login.auth_time(time);
        }
        if let Some(acr) = identity.acr() {
            login = login.acr(acr);
        }
        if let Some(epoch) = identity.extra::<CredentialEpoch>() {
            login = login.extra(*epoch);
        }
        login.session_id(id.to_string()).build()
    }

    /// That it is a user of the issuer's own: in its tokens nobody else's could be told apart from them.
    pub(super) fn check_own(&self, identity: &Identity) -> Result<(), AuthError> {
        let own = self.inner.issuer.name();
        match identity.issuer() {
            Some(issuer) if issuer != own => {
                let reason = "principal_of_another_issuer";
                Err(AuthError::new(AuthErrorKind::Forbidden, reason).with_scheme(SCHEME))
            }
            _ => Ok(()),
        }
    }

    /// Who it is, as families know it: for whom our own access tokens vouch is one of our own users.
    pub(super) fn principal(&self, identity: &Identity) -> auth_layer::IdentityBuilder {
        let mut principal = Identity::builder(SCHEME, identity.subject());
        let own = self.inner.issuer.name();
        if let Some(issuer) = identity.issuer().filter(|issuer| *issuer != own) {
            principal = principal.issuer(issuer);
        }
        if let Some(tenant) = identity.tenant() {
            principal = principal.tenant(tenant);
        }
        principal
    }
}

impl Inner {
    /// The time, to the millisecond, as stores keep it.
    pub(super) fn now(&self) -> SystemTime {
        let since = self.clock.now().duration_since(UNIX_EPOCH);
        let millis = since.unwrap_or_default().as_millis();
        UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default())
    }

    /// When a family that is used at `now` is over unless it is used again.
    pub(super) fn expires_at(&self, family: &Family, now: SystemTime) -> SystemTime {
        family.ends_at.min(now + self.idle)
    }

    /// An access token of the family, about the user as of now: proved is what was proved then.
    pub(super) fn access_token(
        &self,
        family: &Family,
        user: &Identity,
        scopes: ScopeSet,
    ) -> Result<crate::AccessToken, AuthError> {
        let login = &family.login;
        let mut request = AccessTokenRequest::new(login.subject())
            .session_id(family.id.to_string())
            .scopes(scopes)
            .roles(user.roles());
        if let Some(client_id) = &family.client_id {
            request = request.client_id(client_id);
        }
        if let Some(key) = family.key_thumbprint {
            request = request.bound_to(key);
        }
        if let Some(tenant) = login.tenant() {
            request = request.tenant(tenant);
        }
        for factor in login.factors() {
            request = request.factor(*factor);
        }
        if let Some(time) = login.auth_time() {
            request = request.auth_time(time);
        }
        if let Some(acr) = login.acr() {
            request = request.acr(acr);
        }
        self.issuer.issue(&request)
    }
}

impl fmt::Debug for RefreshTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokens")
            .field("issuer", &self.inner.issuer)
            .field("lifetime", &self.inner.lifetime)
            .field("idle", &self.inner.idle)
            .field("replay_window", &self.inner.replay_window)
            .finish_non_exhaustive()
    }
}
