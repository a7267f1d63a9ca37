//! The schemes, put together.

use std::error::Error;

use apikey_layer::{ApiKeys, KeyFormat, SharedKeyOwners};
use auth_layer::basic::Basic;
use auth_layer::digest::{Algorithm, Digest, DigestCredentials};
use auth_layer::{AuthLayer, ConfigError, Events};
use jwt_layer::Jwt;
use login::attempts::LimitedScheme;
use login::password::PasswordLogin;
use session_layer::SessionLayer;
use tower::util::Either;

use crate::config::Settings;
use crate::state::AppState;
use crate::stores::Stores;
use crate::users::{REALM, Users};

/// Cookie sessions. They log in and out, so they are a layer of their own.
pub(crate) fn sessions(
    settings: &Settings,
    stores: &Stores,
    users: &Users,
    events: &Events,
) -> Result<SessionLayer, ConfigError> {
    let builder = SessionLayer::builder(stores.sessions.clone())
        .limits(settings.session_limits)
        .events(events.clone());
    // A login that began before a password was changed ends with it, however long it takes.
    let builder = if stores.has_epochs {
        builder.credential_epochs(users.clone())
    } else {
        builder
    };
    let origin = settings.public_url.to_string();
    let builder = if settings.public_url.is_https() {
        builder.public_origin(origin)
    } else {
        builder.insecure_http_on_loopback(origin)
    };
    builder.build()
}

/// Keys look like `showcase_live_…`, so that scanners find those that leak.
pub(crate) fn key_format() -> Result<KeyFormat, ConfigError> {
    KeyFormat::live("showcase")
}

/// Everything that a request can carry besides a cookie.
pub(crate) type Credentials = AuthLayer<(Jwt, ApiKeys, Basic<PasswordLogin>)>;

/// Bearer tokens, API keys and Basic, in one layer. Whatever else is in `Authorization` is 401.
pub(crate) fn credentials(state: &AppState) -> Result<Credentials, Box<dyn Error>> {
    let mut jwt = Jwt::new(
        state.tokens.issuer.policy().build()?,
        state.tokens.issuer.verifying_keys(),
    )
    .revocations(state.stores.revocations.clone())
    .realm(REALM)
    .leave_prefix(key_format()?.prefix())?;
    if let Some(trusted) = state.trusted_issuer.clone() {
        jwt = jwt.trust(trusted.policy, trusted.keys)?;
    }
    let owners = SharedKeyOwners::new(state.users.clone());
    let api_keys = ApiKeys::new(key_format()?, state.stores.api_keys.clone(), owners)
        .realm(REALM)
        .own_issuer(state.users.issuer())
        .quota(state.stores.key_uses.clone())
        .last_uses(&state.last_uses)
        .events(state.events.clone());
    let basic = Basic::new(REALM, state.login.clone());
    Ok(AuthLayer::new((jwt, api_keys, basic))
        .refuse_unclaimed()
        .events(state.events.clone()))
}

/// With the limit for attempts, or without one.
pub(crate) type DigestLayer = Either<AuthLayer<LimitedScheme<Digest>>, AuthLayer<Digest>>;

/// Digest, for the one route that needs it. Its guesses cost what those of a login form do.
pub(crate) fn digest(state: &AppState) -> Result<DigestLayer, Box<dyn Error>> {
    let digest = Digest::builder(REALM, state.stores.users.digests())
        .algorithms([Algorithm::Sha256])
        .insecure_allow_md5()
        .build()?;
    let events = state.events.clone();
    Ok(match &state.login_limits {
        Some(limits) => {
            let digest = limits.limit_scheme(digest, DigestCredentials::username);
            Either::Left(AuthLayer::new(digest).refuse_unclaimed().events(events))
        }
        None => Either::Right(AuthLayer::new(digest).refuse_unclaimed().events(events)),
    })
}
