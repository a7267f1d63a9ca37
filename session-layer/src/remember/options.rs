//! Options of remember-me: [`RememberMe`].

use std::fmt;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use auth_layer::{
    AuthError, AuthErrorKind, ConfigError, CredentialEpoch, Identity, check_duration,
};

use super::{RememberStore, SharedRememberStore};
use crate::backend::could_not_ask;
use crate::cookie::CookieConfig;

const DAY: u64 = 24 * 60 * 60;

type LookUp = dyn Fn(Identity) -> BoxFuture + Send + Sync;
type BoxFuture = Pin<Box<dyn Future<Output = Result<Option<Identity>, AuthError>> + Send>>;

/// Remembers logins beyond the end of their sessions; see
/// [`SessionLayerBuilder::remember_me`](crate::SessionLayerBuilder::remember_me) and
/// [remember-me](crate#remember-me).
///
/// | option | default | |
/// |---|---|---|
/// | [`lifetime`](Self::lifetime) | 30 days | from the login on, however often it is used |
/// | [`grace`](Self::grace) | 30 seconds | for tabs that send the same secret at once |
/// | [`max_per_user`](Self::max_per_user) | 20 | browsers; the ones remembered first are forgotten |
/// | [`cookie_name`](Self::cookie_name) | `remember` | with the prefix of the session's cookie |
#[derive(Clone)]
#[must_use]
pub struct RememberMe {
    store: SharedRememberStore,
    users: Arc<LookUp>,
    lifetime: Duration,
    grace: Duration,
    max_per_user: u32,
    cookie_name: String,
}

impl RememberMe {
    /// Remembers logins in `store`, and asks `users` for the user as of now each time that a session
    /// is begun from one.
    ///
    /// `users` is given who logged in then, and returns the same principal with the roles, scopes and
    /// claims of today, or `None` for a user who may not log in any more: disabled, deleted. Then the
    /// login is forgotten. If it was kept with a
    /// [`CredentialEpoch`](auth_layer::CredentialEpoch), what is returned must have the user's
    /// current one, unless the layer has
    /// [`credential_epochs`](crate::SessionLayerBuilder::credential_epochs); a login of an older
    /// epoch is forgotten, and so is one whose user comes without. What `users` is given has no
    /// epoch, so that handing it back does not pass for an answer. An error is answered 503.
    ///
    /// ```
    /// # use auth_layer::AuthError;
    /// use auth_layer::{CredentialEpoch, Identity};
    /// use session_layer::{MemoryRememberStore, MemorySessionBackend, RememberMe, SessionLayer};
    ///
    /// # struct User { name: String, roles: Vec<String>, credential_epoch: u64 }
    /// # async fn load_user(name: &str) -> Result<Option<User>, AuthError> { Ok(None) }
    /// let remember = RememberMe::new(MemoryRememberStore::new(), |login: Identity| async move {
    ///     // SELECT name, roles, credential_epoch FROM users WHERE name = $1 AND NOT disabled
    ///     let user = load_user(login.subject()).await?;
    ///     Ok(user.map(|user| {
    ///         let now = Identity::builder("password", user.name).roles(user.roles);
    ///         now.extra(CredentialEpoch::new(user.credential_epoch)).build()
    ///     }))
    /// });
    /// let layer = SessionLayer::builder(MemorySessionBackend::new())
    ///     .remember_me(remember)
    ///     .build()?;
    /// # let _ = layer;
    /// # Ok::<(), auth_layer::ConfigError>(())
    /// ```
    pub fn new<F, Fut>(store: impl RememberStore, users: F) -> Self
    where
        F: Fn(Identity) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Identity>, AuthError>> + Send + 'static,
    {
        Self {
            store: SharedRememberStore::new(store),
            users: Arc::new(move |login| Box::pin(users(login))),
            lifetime: Duration::from_secs(30 * DAY),
            grace: Duration::from_secs(30),
            max_per_user: 20,
            cookie_name: "remember".to_owned(),
        }
    }

    /// How long a login is remembered, however much it is used. At least a minute.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// For how long a secret is accepted again after it was first used; 1 second to 5 minutes.
    ///
    /// Several tabs that are restored together send the same secret, and so does a browser whose
    /// connection broke before the answer. What comes later is taken for theft. Whoever copies a
    /// secret can use it for as long without being noticed, so keep it short.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How many browsers are remembered for one user; those remembered first are forgotten.
    pub fn max_per_user(mut self, max: NonZeroU32) -> Self {
        self.max_per_user = max.get();
        self
    }

    /// The name of the cookie, without the prefix that is put before it.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie_name = name.into();
        self
    }

    /// `cookie` makes the cookie of a name, as the session's is made.
    pub(crate) fn build(
        self,
        session_cookie: &CookieConfig,
        cookie: impl FnOnce(&str) -> Result<CookieConfig, ConfigError>,
    ) -> Result<RememberConfig, ConfigError> {
        const COOKIE_NAME: &str = "remember_me.cookie_name";

        let minute = Duration::from_secs(60);
        if check_duration("remember_me.lifetime", self.lifetime)? < minute {
            let problem = "must be at least one minute";
            return Err(ConfigError::new("remember_me.lifetime", problem));
        }
        if self.grace < Duration::from_secs(1) || self.grace > 5 * minute {
            let problem = "must be from 1 second to 5 minutes";
            return Err(ConfigError::new("remember_me.grace", problem));
        }
        let cookie = cookie(&self.cookie_name)
            .map_err(|error| ConfigError::new(COOKIE_NAME, format!("cannot be used: {error}")))?;
        if !cookie.has_room_for(super::RememberToken::LEN) {
            return Err(ConfigError::new(COOKIE_NAME, "is too long"));
        }
        if cookie.name() == session_cookie.name() {
            return Err(ConfigError::new(COOKIE_NAME, "is that of the session"));
        }
        Ok(RememberConfig {
            store: self.store,
            users: self.users,
            lifetime: self.lifetime,
            grace: self.grace,
            max_per_user: self.max_per_user,
            cookie,
        })
    }
}

impl fmt::Debug for RememberMe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RememberMe")
            .field("lifetime", &self.lifetime)
            .field("grace", &self.grace)
            .field("max_per_user", &self.max_per_user)
            .field("cookie_name", &self.cookie_name)
            .finish_non_exhaustive()
    }
}

/// The options, checked.
pub(crate) struct RememberConfig {
    pub(crate) store: SharedRememberStore,
    users: Arc<LookUp>,
    pub(crate) lifetime: Duration,
    pub(crate) grace: Duration,
    pub(crate) max_per_user: u32,
    pub(crate) cookie: CookieConfig,
}

impl RememberConfig {
    /// The user of a remembered login as of now; `None` if the user may not log in any more.
    pub(crate) async fn user_now(&self, login: &Identity) -> Result<Option<Identity>, AuthError> {
        // Without the epoch of that login: who hands it back would say that nothing has changed.
        let asked = login.to_builder().without_extra::<CredentialEpoch>();
        let user = (self.users)(asked.build()).await.map_err(could_not_ask)?;
        match &user {
            Some(user) if !user.is_same_principal(login) => {
                let error = AuthError::new(AuthErrorKind::Internal, "remembered_as_another");
                Err(error.with_scheme(crate::SCHEME))
            }
            _ => Ok(user),
        }
    }
}
