//! An application that remembers logins, its users, and a store that can be broken.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use auth_layer::{AuthError, CredentialEpoch, Identity, SecretDigest};
use http::StatusCode;
use session_layer::{
    MemoryRememberStore, NewSeries, RedeemOutcome, Redemption, RememberMe, RememberStore,
    RememberedLogin, SessionLayerBuilder, UserKey,
};

use super::{App, Browser, Gate, text};

pub const COOKIE: &str = "__Host-remember";
/// An epoch that the application says nothing of.
pub const LOST: u64 = u64::MAX;
pub const DAY: u64 = 24 * 60 * 60;

/// What the application says of its users.
#[derive(Default)]
pub struct Users {
    pub gone: AtomicBool,
    pub broken: AtomicBool,
    pub epoch: AtomicU64,
    pub role: Mutex<Option<&'static str>>,
}

pub struct Remembering {
    pub app: App,
    pub store: Arc<Store>,
    pub users: Arc<Users>,
}

impl Remembering {
    pub fn new() -> Self {
        Self::with(|remember| remember)
    }

    pub fn with(options: impl FnOnce(RememberMe) -> RememberMe) -> Self {
        Self::below(|builder| builder, options)
    }

    /// With options of the layer too.
    pub fn below(
        layer: impl FnOnce(SessionLayerBuilder) -> SessionLayerBuilder,
        options: impl FnOnce(RememberMe) -> RememberMe,
    ) -> Self {
        let (store, users) = (Arc::new(Store::default()), Arc::new(Users::default()));
        let asked = Arc::clone(&users);
        let remember = RememberMe::new(Arc::clone(&store), move |login: Identity| {
            let users = Arc::clone(&asked);
            async move { users.find(&login) }
        });
        let app = App::with(|builder| layer(builder.remember_me(options(remember))));
        Self { app, store, users }
    }

    pub async fn remembered(&self, user: &str) -> Browser {
        let mut browser = self.app.browser();
        let path = format!("/login-remembered?{user}");
        let res = browser.send("POST", &path).await;
        assert_eq!(res.status(), StatusCode::OK, "{}", text(&res));
        browser
    }
}

impl Users {
    fn find(&self, login: &Identity) -> Result<Option<Identity>, AuthError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(AuthError::invalid("not_a_server_error"));
        }
        if self.gone.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let epoch = self.epoch.load(Ordering::SeqCst);
        if epoch == LOST {
            return Ok(Some(Identity::new("password", login.subject())));
        }
        let mut user = login.to_builder();
        if epoch > 0 {
            user = user.extra(CredentialEpoch::new(epoch));
        }
        if let Some(role) = *self.role.lock().unwrap() {
            user = user.role(role);
        }
        Ok(Some(user.build()))
    }
}

/// The memory store, with a switch that breaks it and calls counted.
#[derive(Default)]
pub struct Store {
    pub memory: MemoryRememberStore,
    pub broken: AtomicBool,
    /// Only new series fail.
    pub is_full: AtomicBool,
    pub calls: AtomicU64,
    /// Where the next redemption stops, before it is done.
    pub stop: Mutex<Option<Gate>>,
}

impl Store {
    fn check(&self) -> Result<(), AuthError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.broken.load(Ordering::SeqCst) {
            true => Err(AuthError::absent("lie")),
            false => Ok(()),
        }
    }
}

impl RememberStore for Store {
    async fn insert(&self, series: NewSeries) -> Result<bool, AuthError> {
        self.check()?;
        if self.is_full.load(Ordering::SeqCst) {
            return Err(AuthError::unavailable("full_on_purpose"));
        }
        self.memory.insert(series).await
    }

    async fn find(&self, series: &SecretDigest) -> Result<Option<RememberedLogin>, AuthError> {
        self.check()?;
        self.memory.find(series).await
    }

    async fn redeem(
        &self,
        series: &SecretDigest,
        redemption: Redemption,
    ) -> Result<RedeemOutcome, AuthError> {
        let gate = self.stop.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.entered.notify_one();
            gate.go_on.notified().await;
        }
        self.check()?;
        self.memory.redeem(series, redemption).await
    }

    async fn delete(&self, series: &SecretDigest) -> Result<bool, AuthError> {
        self.check()?;
        self.memory.delete(series).await
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SecretDigest>,
    ) -> Result<usize, AuthError> {
        self.check()?;
        self.memory.delete_all(user, except).await
    }
}

pub fn alice() -> UserKey {
    UserKey::new(None, None, "alice")
}
