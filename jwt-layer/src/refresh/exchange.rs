//! A refresh token is exchanged for the next.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{
    AuthError, AuthErrorKind, CredentialEpoch, Event, EventKind, ExposeSecret as _, Identity,
    SealingKeys,
};

use super::service::Inner;
use super::state::Standing;
use super::{
    Family, FamilyState, RefreshError, RefreshRequest, RefreshStore as _, RefreshToken,
    RefreshTokens, RotateOutcome, Rotation, SCHEME, TokenPair, carried, could_not_ask,
};
use crate::AccessToken;

/// What a replayed token is answered with is sealed for this.
const SUCCESSOR: &str = "refresh successor";

/// How near to its first use a token that is used again is that of a parallel request, where there is
/// no window.
const PARALLEL: Duration = Duration::from_secs(1);

impl RefreshTokens {
    /// Exchanges a refresh token for an access token and the next refresh token.
    ///
    /// All that can fail is done before the token is used up, in one step of the store: whoever is
    /// answered 503 tries again with the same token. See the [module docs](super) for how a token is
    /// judged.
    ///
    /// # Errors
    ///
    /// As RFC 6749 section 5.2 has them; see [`RefreshErrorKind`](super::RefreshErrorKind).
    pub async fn refresh(&self, request: &RefreshRequest<'_>) -> Result<TokenPair, RefreshError> {
        let result = self.exchange(request).await;
        if let Err(error) = &result {
            let mut event = Event::refused(error.as_auth_error());
            event.address = request.address;
            self.inner.events.record(&event);
        }
        result
    }

    async fn exchange(&self, request: &RefreshRequest<'_>) -> Result<TokenPair, RefreshError> {
        let inner = &*self.inner;
        let Some(token) = RefreshToken::parse(request.token) else {
            return Err(RefreshError::invalid_grant("not_a_refresh_token"));
        };
        let id = token.family();
        let now = inner.now();
        let state = inner.store.find(&id).await.map_err(could_not_ask)?;
        let Some(state) = state.filter(|state| now < state.expires_at) else {
            return Err(RefreshError::invalid_grant("unknown_refresh_token"));
        };
        // The longer of the two, so that the store does not take a parallel request for theft.
        let window = inner.replay_window.max(PARALLEL);
        let standing = state.standing(&token.digest(), now, window);
        if standing == Standing::Reused {
            // What is once reused stays it, so nothing is given out here, and nobody asked.
            return self.reused(&state, &token, request, now).await;
        }

        let family = &state.family;
        self.check_client(family, request)?;
        let access = self.new_access_token(family, request).await?;
        let next = token.next()?;
        let successor = match inner.replay_window.is_zero() {
            true => Vec::new(),
            false => seal(&token, family, request, &next)?,
        };
        let expires_at = inner.expires_at(family, now);
        let rotation = Rotation::new(token.digest(), next.digest(), now, expires_at).replayable(
            window,
            inner.max_replays,
            successor,
        );
        match self.rotate(family, rotation, request).await? {
            RotateOutcome::Rotated => {
                self.record_refreshed(family, None, request);
                Ok(pair(family, access, next, expires_at, now))
            }
            RotateOutcome::Repeated(sealed) => {
                let Some(next) = open(&token, family, request, &sealed) else {
                    let reason = if inner.replay_window.is_zero() {
                        "refresh_token_just_used"
                    } else {
                        "refresh_token_replayed_otherwise"
                    };
                    return Err(RefreshError::invalid_grant(reason));
                };
                self.record_refreshed(family, Some("replayed"), request);
                // The successor ends when it was to end as it was made: a replay does not lengthen it.
                // One that was current a moment ago was exchanged in this moment.
                let expires_at = match standing {
                    Standing::JustUsed => state.expires_at,
                    Standing::Current | Standing::Reused => expires_at,
                };
                Ok(pair(family, access, next, expires_at, now))
            }
            RotateOutcome::Exhausted => Err(RefreshError::invalid_grant(
                "refresh_token_replayed_too_often",
            )),
            RotateOutcome::Reused => Err(RefreshError::invalid_grant("refresh_token_reused")),
            RotateOutcome::Unknown => Err(RefreshError::invalid_grant("unknown_refresh_token")),
        }
    }

    /// A token that has been copied: the family ends first, so that nobody gets any further with it,
    /// and then its access tokens. If that fails, whoever sends a token of it again gets here again.
    async fn reused(
        &self,
        state: &FamilyState,
        token: &RefreshToken,
        request: &RefreshRequest<'_>,
        now: SystemTime,
    ) -> Result<TokenPair, RefreshError> {
        let inner = &*self.inner;
        let next = token.next()?.digest();
        let rotation = Rotation::new(token.digest(), next, now, state.expires_at);
        let rotation = rotation.replayable(inner.replay_window.max(PARALLEL), 0, Vec::new());
        match self.rotate(&state.family, rotation, request).await? {
            RotateOutcome::Reused => Err(RefreshError::invalid_grant("refresh_token_reused")),
            RotateOutcome::Unknown => {
                let (inner, family) = (Arc::clone(&self.inner), state.family.clone());
                let address = request.address;
                carried(async move { inner.end_reused(&family, address).await }).await?;
                Err(RefreshError::invalid_grant("refresh_token_reused"))
            }
            // A store that goes back in time, as after a restore: nobody knows this token's successor.
            RotateOutcome::Exhausted | RotateOutcome::Repeated(_) | RotateOutcome::Rotated => {
                Err(AuthError::unavailable("refresh_store_went_back").into())
            }
        }
    }

    /// Uses a token up. If it was copied, that and its consequence are one piece of work, which is
    /// done to its end, also if nobody waits for it any more.
    async fn rotate(
        &self,
        family: &Family,
        rotation: Rotation,
        request: &RefreshRequest<'_>,
    ) -> Result<RotateOutcome, AuthError> {
        let (inner, family) = (Arc::clone(&self.inner), family.clone());
        let address = request.address;
        carried(async move {
            let outcome = inner.store.rotate(&family.id, rotation).await;
            let outcome = outcome.map_err(could_not_ask)?;
            if outcome == RotateOutcome::Reused {
                inner.end_reused(&family, address).await?;
            }
            Ok(outcome)
        })
        .await
    }

    /// Whether those who send a token are those whom it was given to. Nothing has changed yet, and
    /// nothing does if not.
    fn check_client(
        &self,
        family: &Family,
        request: &RefreshRequest<'_>,
    ) -> Result<(), RefreshError> {
        let issuer = &self.inner.issuer;
        if family.issuer != issuer.name() || family.audience != issuer.audience() {
            return Err(RefreshError::invalid_grant(
                "refresh_token_of_another_issuer",
            ));
        }
        let bound = |own: &Option<String>, sent: Option<&str>| match own {
            Some(own) => sent == Some(own),
            None => true,
        };
        // A client that was not bound is the issuer's own, and no other may claim it.
        let same_client = match (&family.client_id, request.client_id) {
            (Some(own), Some(sent)) => own == sent,
            (Some(_), None) => false,
            (None, None) => true,
            (None, Some(sent)) => sent == issuer.client_id(),
        };
        if !same_client
            || family.key_thumbprint != request.key_thumbprint
            || !bound(&family.user_agent, request.user_agent)
        {
            return Err(RefreshError::invalid_grant(
                "refresh_token_of_another_client",
            ));
        }
        match request.scopes {
            Some(asked) if !family.login.scopes().is_superset(asked) => {
                Err(RefreshError::invalid_scope())
            }
            _ => Ok(()),
        }
    }

    async fn new_access_token(
        &self,
        family: &Family,
        request: &RefreshRequest<'_>,
    ) -> Result<AccessToken, RefreshError> {
        let Some(user) = self.inner.user_now(&family.login).await? else {
            self.end_family(family, "user_may_not_log_in").await?;
            return Err(RefreshError::invalid_grant("user_may_not_log_in"));
        };
        let kept = family.login.extra::<CredentialEpoch>();
        let current = user.extra::<CredentialEpoch>();
        match (kept, current) {
            (None, _) => {}
            (Some(kept), Some(current)) if kept == current => {}
            (Some(kept), Some(current)) if kept > current => {
                // It never goes back: what was read is older than what was read at the login.
                return Err(AuthError::unavailable("credential_epoch_went_back").into());
            }
            (Some(_), _) => {
                self.end_family(family, "credentials_changed").await?;
                return Err(RefreshError::invalid_grant("credentials_changed"));
            }
        }
        let granted = family.login.scopes();
        let scopes = request.scopes.unwrap_or(granted).intersection(granted);
        let scopes = scopes.intersection(user.scopes());
        Ok(self.inner.access_token(family, &user, scopes)?)
    }

    fn record_refreshed(
        &self,
        family: &Family,
        reason: Option<&'static str>,
        request: &RefreshRequest<'_>,
    ) {
        let id = family.id.to_string();
        let mut event = Event::new(EventKind::TokenRefreshed)
            .with_identity(&family.login)
            .with_object_id(&id);
        event.reason = reason;
        event.address = request.address;
        self.inner.events.record(&event);
    }
}

impl Inner {
    async fn end_reused(&self, family: &Family, address: Option<IpAddr>) -> Result<(), AuthError> {
        let id = family.id.to_string();
        let mut event = Event::new(EventKind::TokenReused)
            .with_identity(&family.login)
            .with_object_id(&id)
            .with_reason("refresh_token_reused");
        event.address = address;
        self.events.record(&event);
        self.revoke_access_tokens(family).await?;
        // It is dead; what is left of it is only a note, which ends by itself.
        drop(self.store.end(&family.id).await);
        Ok(())
    }

    /// The user of a family as of now; `None` if the user may not log in any more.
    async fn user_now(&self, login: &Identity) -> Result<Option<Identity>, AuthError> {
        // Without the epoch of that login: who hands it back would say that nothing has changed.
        let asked = login.to_builder().without_extra::<CredentialEpoch>();
        let user = (self.users)(asked.build()).await.map_err(could_not_ask)?;
        match &user {
            Some(user) if !user.is_same_principal(login) => {
                let error = AuthError::new(AuthErrorKind::Internal, "refreshed_as_another");
                Err(error.with_scheme(SCHEME))
            }
            _ => Ok(user),
        }
    }
}

fn pair(
    family: &Family,
    access: AccessToken,
    refresh: RefreshToken,
    expires_at: SystemTime,
    now: SystemTime,
) -> TokenPair {
    TokenPair {
        access,
        refresh,
        refresh_expires_in: expires_at.duration_since(now).unwrap_or_default(),
        is_bound: family.key_thumbprint.is_some(),
    }
}

/// Whoever does not present the token does not open what it has sealed.
fn sealing_keys(token: &RefreshToken) -> SealingKeys {
    SealingKeys::derive(token.secret(), SUCCESSOR)
}

/// What has to be the same for a replay to be answered.
fn context(family: &Family, request: &RefreshRequest<'_>) -> [Vec<u8>; 5] {
    let part = |text: Option<&str>| match text {
        Some(text) => [b"+", text.as_bytes()].concat(),
        None => Vec::new(),
    };
    let scopes = request.scopes.map(ToString::to_string);
    let thumbprint = request.key_thumbprint.map(|own| own.to_string());
    [
        family.id.as_bytes().to_vec(),
        part(request.client_id),
        part(thumbprint.as_deref()),
        part(request.user_agent),
        part(scopes.as_deref()),
    ]
}

fn open(
    token: &RefreshToken,
    family: &Family,
    request: &RefreshRequest<'_>,
    sealed: &[u8],
) -> Option<RefreshToken> {
    let context = context(family, request);
    let opened = sealing_keys(token).open(&context.each_ref().map(Vec::as_slice), sealed)?;
    let secret = opened.expose_secret().try_into().ok()?;
    Some(token.with_secret(secret))
}

fn seal(
    token: &RefreshToken,
    family: &Family,
    request: &RefreshRequest<'_>,
    next: &RefreshToken,
) -> Result<Vec<u8>, AuthError> {
    let context = context(family, request);
    sealing_keys(token).seal(&context.each_ref().map(Vec::as_slice), next.secret())
}
