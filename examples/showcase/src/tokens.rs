//! The tokens that this program issues: the keys that sign them, and the logins that refresh tokens
//! continue.

use auth_layer::{
    AuthError, ConfigError, CredentialEpoch, Events, ExposeSecret as _, Identity, ScopeSet,
    SealingKeys,
};
use jwt_layer::refresh::{RefreshGrant, RefreshTokens, TokenPair};
use jwt_layer::{Issuer, KeyRing, KeyRingBuilder, KeyRingError};

use crate::config::{Settings, WrongVariable};
use crate::stores::Stores;
use crate::users::Users;

/// Issues tokens. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) issuer: Issuer,
    pub(crate) refresh: RefreshTokens,
    has_epochs: bool,
}

impl Tokens {
    /// Loads the signing keys, or makes them, and keeps them fresh from then on.
    pub(crate) async fn open(
        settings: &Settings,
        stores: &Stores,
        users: &Users,
        events: &Events,
    ) -> Result<Self, WrongVariable> {
        let ring = signing_keys(settings, stores, events).await?;
        tokio::spawn(ring.run());
        let issuer = Issuer::builder(&settings.jwt_issuer, &settings.jwt_audience, ring)
            .lifetime(settings.access_ttl)
            .events(events.clone())
            .build()
            .map_err(|error| WrongVariable::new("ACCESS_TTL", error))?;

        // Who it is that comes again: roles, scopes and the epoch of the password are those of today.
        let users = users.clone();
        let current = move |login| {
            let users = users.clone();
            async move { users.current(&login).await }
        };
        let store = stores.refresh.clone();
        let refresh =
            RefreshTokens::builder(issuer.clone(), store, stores.revocations.clone(), current)
                .lifetime(settings.refresh_ttl)
                .events(events.clone())
                .build()
                .map_err(|error| WrongVariable::new("REFRESH_TTL", error))?;
        Ok(Self {
            issuer,
            refresh,
            has_epochs: stores.has_epochs,
        })
    }

    /// The tokens of a user whose password was proved just now. `scopes` are those that were asked
    /// for, of which there is what the user has; `None` is all of them.
    pub(crate) async fn begin(
        &self,
        user: &Identity,
        scopes: Option<ScopeSet>,
    ) -> Result<TokenPair, AuthError> {
        let user = if self.has_epochs {
            user.clone()
        } else {
            user.to_builder().without_extra::<CredentialEpoch>().build()
        };
        let mut grant = RefreshGrant::new(&user);
        if let Some(scopes) = scopes {
            grant = grant.scopes(scopes);
        }
        self.refresh.begin(&grant).await
    }
}

async fn signing_keys(
    settings: &Settings,
    stores: &Stores,
    events: &Events,
) -> Result<KeyRing, WrongVariable> {
    let ring = KeyRing::builder(settings.jwt_algorithm, stores.signing_keys.clone())
        // Who changes the algorithm wants it to be used, and not when the next key is due.
        .name(settings.jwt_algorithm.as_str())
        .events(events.clone());
    let ring = seal(ring, settings, stores)
        .map_err(|error| WrongVariable::new("SIGNING_KEY_SECRET", error))?;
    ring.open().await.map_err(|error| {
        let variable = match &error {
            KeyRingError::Config(_) => "JWT_ALGORITHM",
            KeyRingError::Store(error) if is_unreadable(error) => "SIGNING_KEY_SECRET",
            _ if settings.database_url.is_some() => "DATABASE_URL",
            _ => "REDIS_URL",
        };
        WrongVariable::new(variable, error)
    })
}

/// Encrypts the keys where they are kept, if there is a secret to do it with.
fn seal(
    ring: KeyRingBuilder,
    settings: &Settings,
    stores: &Stores,
) -> Result<KeyRingBuilder, ConfigError> {
    if let Some(secret) = &settings.signing_key_secret {
        let keys = SealingKeys::new(secret.expose_secret().as_bytes())?;
        return Ok(ring.sealed_with(keys));
    }
    if stores.keep_keys {
        eprintln!(
            "signing keys are stored unencrypted: whoever reads the store can make tokens; \
             set SIGNING_KEY_SECRET to 32 random bytes or more"
        );
    }
    Ok(ring.insecure_plain())
}

/// Whether the keys are there, and sealed with another secret or none.
fn is_unreadable(error: &AuthError) -> bool {
    [
        "signing_keys_not_opened",
        "signing_keys_sealed_otherwise",
        "signing_keys_unreadable",
    ]
    .contains(&error.reason())
}
