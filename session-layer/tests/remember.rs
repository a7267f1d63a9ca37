//! Remember-me.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]
mod common;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_layer::{AuthError, AuthLayer, CredentialEpoch, Identity, SecretDigest, scheme_fn};
use common::{ABSOLUTE, App, Browser, Gate, IDLE, at, set_cookies, text};
use cookie::SameSite;
use cookie::time::Duration as CookieDuration;
use http::StatusCode;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use session_layer::{
    MemoryRememberStore, MemorySessionBackend, NewSeries, RedeemOutcome, Redemption, RememberMe,
    RememberStore, RememberedLogin, SessionLayer, UserKey,
};
use tower::{Layer as _, ServiceExt as _};

const COOKIE: &str = "__Host-remember";
/// An epoch that the application says nothing of.
const LOST: u64 = u64::MAX;
const DAY: u64 = 24 * 60 * 60;

/// What the application says of its users.
#[derive(Default)]
struct Users {
    gone: AtomicBool,
    broken: AtomicBool,
    epoch: AtomicU64,
    role: Mutex<Option<&'static str>>,
}

struct Remembering {
    app: App,
    store: Arc<Store>,
    users: Arc<Users>,
}

impl Remembering {
    fn new() -> Self {
        Self::with(|remember| remember)
    }

    fn with(options: impl FnOnce(RememberMe) -> RememberMe) -> Self {
        let (store, users) = (Arc::new(Store::default()), Arc::new(Users::default()));
        let asked = Arc::clone(&users);
        let remember = RememberMe::new(Arc::clone(&store), move |login: Identity| {
            let users = Arc::clone(&asked);
            async move { users.find(&login) }
        });
        let app = App::with(|builder| builder.remember_me(options(remember)));
        Self { app, store, users }
    }

    async fn remembered(&self, user: &str) -> Browser {
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
struct Store {
    memory: MemoryRememberStore,
    broken: AtomicBool,
    calls: AtomicU64,
    /// Where the next redemption stops, before it is done.
    stop: Mutex<Option<Gate>>,
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

fn alice() -> UserKey {
    UserKey::new(None, None, "alice")
}

#[tokio::test]
async fn ses_21_ses_14_the_cookie_has_the_attributes_of_the_session_cookie() {
    let site = Remembering::new();
    let mut browser = site.app.browser();
    let res = browser.send("POST", "/login-remembered?alice").await;
    let lines = set_cookies(&res);
    let line = lines.iter().find(|line| line.name() == COOKIE).unwrap();
    assert_eq!(line.value().len(), 65);
    assert_eq!(line.max_age(), Some(CookieDuration::days(30)));
    let removal = browser.send("POST", "/logout").await;
    let removals = set_cookies(&removal);
    let removal = removals.iter().find(|line| line.name() == COOKIE).unwrap();
    assert_eq!(
        (removal.value(), removal.max_age()),
        ("", Some(CookieDuration::ZERO))
    );
    for line in [line, removal] {
        assert_eq!(line.path(), Some("/"));
        assert_eq!(line.domain(), None);
        assert_eq!(line.same_site(), Some(SameSite::Lax));
        assert_eq!((line.secure(), line.http_only()), (Some(true), Some(true)));
    }
}

#[tokio::test]
async fn ses_21_a_remembered_user_comes_back_with_a_new_session_and_a_new_secret() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    let first = browser.clone();
    // While the session is live nobody asks for the cookie.
    let calls = site.store.calls.load(Ordering::SeqCst);
    assert_eq!(browser.who().await, "alice");
    assert_eq!(site.store.calls.load(Ordering::SeqCst), calls);
    assert_eq!(browser.cookie(COOKIE), first.cookie(COOKIE));

    let mut now = 0;
    for (index, forget) in [false, true, false].into_iter().enumerate() {
        now += ABSOLUTE;
        site.app.clock.set(now);
        if forget {
            browser.drop_cookie("__Host-session");
        }
        let before = browser.clone();
        let res = browser.send("GET", "/who").await;
        assert_eq!(text(&res), "alice", "{index}");
        assert_eq!(res.headers()[CACHE_CONTROL], "no-store");
        assert_ne!(browser.cookie(COOKIE), before.cookie(COOKIE));
        assert_ne!(Some(browser.secret()), first.cookie("__Host-session"));
        // The selector stays.
        let selector = |browser: &Browser| browser.cookie(COOKIE).unwrap()[..22].to_owned();
        assert_eq!(selector(&browser), selector(&before));
        // The session goes on by itself.
        let calls = site.store.calls.load(Ordering::SeqCst);
        assert_eq!(browser.who().await, "alice");
        assert_eq!(site.store.calls.load(Ordering::SeqCst), calls);
    }
    let events = site.app.take_events();
    let remembered = events
        .iter()
        .filter(|event| *event == "logged_in remembered");
    assert_eq!(remembered.count(), 3, "{events:?}");
}

#[tokio::test]
async fn ses_21_without_being_asked_nobody_is_remembered() {
    let site = Remembering::new();
    let mut browser = site.app.browser();
    browser.log_in("alice").await;
    assert_eq!(browser.cookie(COOKIE), None);
    assert!(site.store.memory.is_empty());
    // And a layer that cannot remember says so, rather than seem to.
    let app = App::new();
    let res = app.browser().send("POST", "/login-remembered?alice").await;
    assert_eq!(res.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(app.backend.memory.is_empty());
}

#[tokio::test]
async fn ses_21_a_used_secret_that_comes_again_is_theft() {
    let site = Remembering::new();
    let mut victim = site.remembered("alice").await;
    let mut other_device = site.app.browser();
    other_device.log_in("alice").await;
    let mut thief = victim.clone();
    victim.drop_cookie("__Host-session");
    thief.drop_cookie("__Host-session");

    site.app.clock.set(10);
    assert_eq!(thief.who().await, "alice");
    site.app.clock.set(40);
    site.app.take_events();
    let res = victim.send("GET", "/who").await;
    assert_eq!(
        (res.status(), text(&res)),
        (StatusCode::OK, "nobody".to_owned())
    );
    assert_eq!(victim.cookie(COOKIE), None, "the cookie stays");
    let events = site.app.take_events();
    assert_eq!(
        events,
        [
            "token_reused remember_secret_reused",
            "revoked remember_secret_reused",
            "revoked remember_secret_reused",
        ]
    );
    // The thief's session is over, and so is the series; what began with a password is not.
    assert_eq!(thief.who().await, "nobody");
    thief.drop_cookie("__Host-session");
    assert_eq!(thief.who().await, "nobody");
    assert_eq!(other_device.who().await, "alice");
    assert!(site.store.memory.is_empty());
    assert_eq!(site.app.backend.memory.len(), 1);
}

#[tokio::test]
async fn ses_21_the_grace_for_tabs_is_short_and_does_not_slide() {
    for (second, good) in [(29, true), (30, false), (31, false)] {
        let site = Remembering::new();
        let mut first = site.remembered("alice").await;
        first.drop_cookie("__Host-session");
        let second_tab = first.clone();
        assert_eq!(first.who().await, "alice");
        for seconds in [0, 10, 20] {
            site.app.clock.set(seconds);
            let mut tab = second_tab.clone();
            assert_eq!(tab.who().await, "alice");
            assert_eq!(
                tab.cookie(COOKIE),
                second_tab.cookie(COOKIE),
                "the cookie is left alone"
            );
            assert!(tab.cookie("__Host-session").is_some());
        }
        site.app.clock.set(second);
        let who = second_tab.clone().who().await;
        assert_eq!(who, if good { "alice" } else { "nobody" }, "{second}");
        assert_eq!(first.who().await, if good { "alice" } else { "nobody" });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ses_21_tabs_that_are_restored_together_are_no_theft() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    browser.drop_cookie("__Host-session");
    let tabs = (0..16).map(|_| {
        let mut tab = browser.clone();
        tokio::spawn(async move { (tab.who().await, tab) })
    });
    let mut rotated = 0;
    for tab in tabs.collect::<Vec<_>>() {
        let (who, tab) = tab.await.unwrap();
        assert_eq!(who, "alice");
        rotated += usize::from(tab.cookie(COOKIE) != browser.cookie(COOKIE));
    }
    assert_eq!(rotated, 1, "one tab gets the next secret");
    // A logout in one of them ends them all.
    let mut tab = browser.clone();
    assert_eq!(tab.who().await, "alice");
    tab.send("POST", "/logout").await;
    let sessions = site.app.layer.sessions();
    let left = sessions.list(&alice()).await.unwrap();
    assert!(
        left.iter().all(|session| !session.is_remembered()),
        "{left:?}"
    );
    assert!(site.store.memory.is_empty());
}

#[tokio::test]
async fn ses_21_a_login_is_remembered_until_its_end_and_no_longer() {
    for (seconds, good) in [
        (30 * DAY - 1, true),
        (30 * DAY, false),
        (30 * DAY + 1, false),
    ] {
        let site = Remembering::new();
        let mut browser = site.remembered("alice").await;
        // Using it does not make it last longer.
        for day in [10, 20, 29] {
            site.app.clock.set(day * DAY);
            let res = browser.send("GET", "/who").await;
            assert_eq!(text(&res), "alice", "{day}");
            let lines = set_cookies(&res);
            let line = lines.iter().find(|line| line.name() == COOKIE).unwrap();
            let left = i64::try_from(30 - day).unwrap();
            assert_eq!(line.max_age(), Some(CookieDuration::days(left)));
        }
        site.app.clock.set(seconds);
        let res = browser.send("GET", "/who").await;
        assert_eq!(text(&res) == "alice", good, "{seconds}");
        if good {
            // Nor does the session that came from it.
            let lines = set_cookies(&res);
            assert!(
                lines
                    .iter()
                    .all(|line| line.max_age() == Some(CookieDuration::seconds(1)))
            );
        } else {
            assert_eq!(browser.cookie(COOKIE), None);
        }
        assert!(site.store.memory.len() <= 1);
    }
}

#[tokio::test]
async fn mfa_06_stp_01_who_is_remembered_has_proved_nothing_since() {
    let site = Remembering::new();
    site.app.clock.set(60);
    let mut browser = site.remembered("alice+").await;
    browser.drop_cookie("__Host-session");
    site.app.clock.set(DAY);
    let details = browser.get("/details").await;
    for part in [
        format!("Password, proved_at: {:?}", at(0)),
        format!("Otp, proved_at: {:?}", at(60)),
        format!("Some({:?})", at(60)), // auth_time
        "admin".to_owned(),
        "reports:read".to_owned(),
    ] {
        assert!(details.contains(&part), "{part} is not in {details}");
    }
    assert!(
        !details.contains("Some(\"1\")"),
        "it has kept acr: {details}"
    );
    let guard = auth_layer::Requirement::max_age(Duration::from_secs(DAY - 61))
        .or(auth_layer::Requirement::factor_within(
            auth_layer::FactorKind::Otp,
            Duration::from_secs(DAY - 61),
        ))
        .or(auth_layer::Requirement::acr(["1"]));
    let service = site
        .app
        .layer
        .layer(auth_layer::RequireAuth::new(guard).layer(tower::service_fn(
            async |_: http::Request<()>| {
                Ok::<_, std::convert::Infallible>(http::Response::new(bytes::Bytes::new()))
            },
        )));
    browser.drop_cookie("__Host-session");
    let res = service.oneshot(browser.request("GET", "/")).await.unwrap();
    assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn ses_21_the_user_is_asked_for_as_of_now() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    browser.drop_cookie("__Host-session");
    *site.users.role.lock().unwrap() = Some("auditor");
    assert!(browser.get("/details").await.contains("auditor"));

    // Could not be asked: 503, and the secret is not used up.
    let before = browser.clone();
    browser.drop_cookie("__Host-session");
    site.users.broken.store(true, Ordering::SeqCst);
    let res = browser.send("GET", "/who").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(res.headers().get(SET_COOKIE), None);
    site.users.broken.store(false, Ordering::SeqCst);
    site.app.clock.set(3_600);
    assert_eq!(browser.who().await, "alice");
    assert_ne!(browser.cookie(COOKIE), before.cookie(COOKIE));

    // Gone: for good.
    site.users.gone.store(true, Ordering::SeqCst);
    browser.drop_cookie("__Host-session");
    site.app.take_events();
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.cookie(COOKIE), None);
    assert!(site.store.memory.is_empty());
    assert!(
        site.app
            .take_events()
            .contains(&"revoked user_gone".to_owned())
    );
    assert_eq!(
        before.clone().who().await,
        "nobody",
        "a session of it lives on"
    );
}

#[tokio::test]
async fn ses_21_ses_11_a_password_change_forgets_the_login() {
    // By the epoch that comes with the user.
    for (kept, now, good) in [
        (1, 1, true),
        (1, 2, false),
        (0, 0, true),
        (0, 1, false),
        // `users` has lost it: nobody knows whether it is still the same.
        (1, LOST, false),
        (0, LOST, true),
    ] {
        let site = Remembering::new();
        let service = site.app.layer.layer(tower::service_fn(
            move |req: http::Request<()>| async move {
                let session = req
                    .extensions()
                    .get::<session_layer::SessionHandle>()
                    .unwrap();
                let mut user = common::user("alice").to_builder();
                if kept > 0 {
                    user = user.extra(CredentialEpoch::new(kept));
                }
                session.log_in_remembered(user.build()).await.unwrap();
                Ok::<_, std::convert::Infallible>(http::Response::new(bytes::Bytes::new()))
            },
        ));
        let mut browser = site.app.browser();
        let res = service.oneshot(browser.request("POST", "/")).await.unwrap();
        for line in set_cookies(&res) {
            browser.set_cookie(line.name(), line.value());
        }
        browser.drop_cookie("__Host-session");
        site.users.epoch.store(now, Ordering::SeqCst);
        let who = browser.who().await;
        assert_eq!(who == "alice", good, "{kept} {now}");
        assert_eq!(site.store.memory.is_empty(), !good);
    }

    // By `revoke_all`, which ends what is remembered everywhere.
    let site = Remembering::new();
    let mut browsers = [
        site.remembered("alice").await,
        site.remembered("alice").await,
    ];
    site.app
        .layer
        .sessions()
        .revoke_all(&alice())
        .await
        .unwrap();
    assert!(site.store.memory.is_empty());
    for browser in &mut browsers {
        assert_eq!(browser.who().await, "nobody");
    }
}

#[tokio::test]
async fn ses_21_a_logout_forgets_the_login() {
    for with_session in [true, false] {
        for path in ["/logout", "/flush"] {
            let site = Remembering::new();
            let mut browser = site.remembered("alice").await;
            if !with_session {
                site.app.clock.set(ABSOLUTE);
            }
            let thief = browser.clone();
            let res = browser.send("POST", path).await;
            assert_eq!(res.status(), StatusCode::OK, "{path}");
            assert!(browser.cookies.is_empty(), "{path}: {:?}", browser.cookies);
            assert!(site.store.memory.is_empty(), "{path} {with_session}");
            for drop in [false, true] {
                let mut thief = thief.clone();
                if drop {
                    thief.drop_cookie("__Host-session");
                }
                assert_eq!(thief.who().await, "nobody", "{path}");
            }
        }
    }
}

#[tokio::test]
async fn ses_21_a_device_that_is_revoked_does_not_come_back() {
    let site = Remembering::new();
    let (mut laptop, mut phone) = (
        site.remembered("alice").await,
        site.remembered("alice").await,
    );
    // The phone's session came from the cookie.
    phone.drop_cookie("__Host-session");
    assert_eq!(phone.who().await, "alice");
    let sessions = site.app.layer.sessions();
    assert!(
        sessions
            .list(&alice())
            .await
            .unwrap()
            .iter()
            .all(|session| session.is_remembered())
    );
    let list = phone.get("/sessions").await;
    let own = list.lines().find(|line| line.contains(" true ")).unwrap();
    let id = own.split(' ').next().unwrap().to_owned();

    let res = laptop.send("DELETE", &format!("/sessions?{id}")).await;
    assert_eq!(text(&res), "true");
    assert_eq!(phone.who().await, "nobody");
    assert_eq!(phone.cookie(COOKIE), None);
    assert_eq!(site.store.memory.len(), 1);

    // All others: the own one stays remembered.
    let mut tablet = site.remembered("alice").await;
    laptop.send("DELETE", "/sessions").await;
    assert_eq!(tablet.who().await, "nobody");
    laptop.drop_cookie("__Host-session");
    assert_eq!(laptop.who().await, "alice");
    assert_eq!(site.store.memory.len(), 1);
}

#[tokio::test]
async fn ses_21_ses_23_a_new_login_ends_what_was_remembered() {
    for (path, remembered) in [
        ("/login?bob", 0),
        ("/login?alice", 0),
        ("/login-remembered?bob", 1),
        ("/login-remembered?alice", 1),
    ] {
        for with_session in [true, false] {
            let site = Remembering::new();
            let mut browser = site.remembered("alice").await;
            if !with_session {
                // As when the users of a shared computer follow each other.
                site.users.gone.store(true, Ordering::SeqCst);
                browser.drop_cookie("__Host-session");
            }
            let before = browser.clone();
            let res = browser.send("POST", path).await;
            assert_eq!(res.status(), StatusCode::OK);
            site.users.gone.store(false, Ordering::SeqCst);
            assert_eq!(site.store.memory.len(), remembered, "{path}");
            assert_eq!(browser.cookie(COOKIE).is_some(), remembered == 1, "{path}");
            for drop in [false, true] {
                let mut old = before.clone();
                if drop {
                    old.drop_cookie("__Host-session");
                }
                assert_eq!(old.who().await, "nobody", "{path}");
            }
            let user = path.split('?').nth(1).unwrap();
            assert_eq!(browser.who().await, user, "{path}");
        }
    }
}

#[tokio::test]
async fn ses_20_a_store_that_fails_is_503_for_those_who_need_it() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    site.store.broken.store(true, Ordering::SeqCst);
    // Not for those who have a session, or nothing.
    assert_eq!(browser.who().await, "alice");
    assert_eq!(site.app.browser().who().await, "nobody");
    let mut back = browser.clone();
    back.drop_cookie("__Host-session");
    let res = back.send("GET", "/who").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(res.headers().get(SET_COOKIE), None);
    // Who cannot be remembered is not logged in, and who cannot be forgotten not logged out.
    let res = site
        .app
        .browser()
        .send("POST", "/login-remembered?bob")
        .await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    let res = browser.send("POST", "/logout").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    site.store.broken.store(false, Ordering::SeqCst);
    assert_eq!(back.who().await, "alice");
    assert_eq!(browser.who().await, "alice");
    let browser = back;

    // The backend fails: the secret is not used up.
    site.app.clock.set(ABSOLUTE);
    let before = browser.clone();
    let stop = site.app.backend.stop("before", "create");
    let mut back = browser.clone();
    let request = tokio::spawn(async move { back.send("GET", "/who").await.status() });
    stop.entered.notified().await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    site.app.clock.set(ABSOLUTE + IDLE);
    assert_eq!(before.clone().who().await, "alice");
}

#[tokio::test]
async fn csr_01_another_site_cannot_have_a_user_remembered() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    browser.drop_cookie("__Host-session");
    for (method, fetch_site, status) in [
        ("POST", Some("cross-site"), StatusCode::FORBIDDEN),
        ("POST", Some("same-site"), StatusCode::FORBIDDEN),
        ("POST", None, StatusCode::FORBIDDEN),
        ("GET", Some("cross-site"), StatusCode::OK),
        ("POST", Some("same-origin"), StatusCode::OK),
    ] {
        let mut browser = browser.clone();
        let calls = site.store.calls.load(Ordering::SeqCst);
        let mut req = browser.request(method, "/who");
        req.headers_mut().remove("sec-fetch-site");
        if let Some(value) = fetch_site {
            let value = http::HeaderValue::from_static(value);
            req.headers_mut().insert("sec-fetch-site", value);
        }
        let res = browser.send_request(req).await;
        assert_eq!(res.status(), status, "{method} {fetch_site:?}");
        let asked = site.store.calls.load(Ordering::SeqCst) > calls;
        assert_eq!(asked, status == StatusCode::OK);
    }
}

#[tokio::test]
async fn ses_12_ses_13_ses_07_only_one_cookie_of_the_very_name_counts() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    browser.drop_cookie("__Host-session");
    let good = browser.cookie(COOKIE).unwrap();
    let calls = site.store.calls.load(Ordering::SeqCst);

    let mut two = browser.clone();
    two.cookies.push((COOKIE.to_owned(), "A".repeat(65)));
    assert_eq!(
        two.send("GET", "/who").await.status(),
        StatusCode::BAD_REQUEST
    );
    for (name, value) in [
        ("__hOsT-remember", good.clone()),
        ("remember", good.clone()),
        ("__%48ost-remember", good.clone()),
        ("__Host-session", good.clone()),
        ("__Host-session", good[22..].to_owned()),
        (COOKIE, good[..64].to_owned()),
        (COOKIE, format!("{good}A")),
        (COOKIE, good.replace(|c: char| c.is_ascii_alphabetic(), "%")),
    ] {
        let mut other = site.app.browser();
        other.set_cookie(name, &value);
        assert_eq!(other.who().await, "nobody", "{name} {value}");
    }
    assert_eq!(
        site.store.calls.load(Ordering::SeqCst),
        calls,
        "asked for what is no token"
    );

    // A secret of a session is no token, and an unknown selector nobody's.
    let mut unknown = site.app.browser();
    unknown.set_cookie(COOKIE, &"A".repeat(65));
    assert_eq!(unknown.who().await, "nobody");
    assert_eq!(unknown.cookie(COOKIE), None, "the dead cookie stays");
    assert_eq!(browser.who().await, "alice");
}

#[tokio::test]
async fn ses_21_beside_another_identity_the_secret_is_not_spent() {
    let site = Remembering::new();
    let mut browser = site.remembered("alice").await;
    browser.drop_cookie("__Host-session");
    let bearer = AuthLayer::new(scheme_fn(
        "bearer",
        |parts| Ok(parts.headers.get("authorization").cloned()),
        |_token| async { Ok(Identity::new("bearer", "bob")) },
    ));
    let service = bearer.layer(site.app.service.clone());
    let mut req = browser.request("GET", "/who");
    let token = "Bearer x".parse().unwrap();
    req.headers_mut().insert("authorization", token);
    let res = service.oneshot(req).await.unwrap();
    assert_eq!(text(&res), "bob");
    assert_eq!(res.headers().get(SET_COOKIE), None);
    assert_eq!(browser.who().await, "alice");
}

/// A logout, or a theft that is noticed, between the session's making and the secret's use.
#[tokio::test]
async fn ses_04_nothing_comes_back_while_the_login_is_forgotten() {
    for by_revocation in [false, true] {
        let site = Remembering::new();
        let mut browser = site.remembered("alice").await;
        let mut slow = browser.clone();
        slow.drop_cookie("__Host-session");
        let gate = Gate::default();
        *site.store.stop.lock().unwrap() = Some(gate.clone());
        let request = tokio::spawn(async move { (slow.who().await, slow) });
        gate.entered.notified().await;
        if by_revocation {
            let sessions = site.app.layer.sessions();
            sessions.revoke_all(&alice()).await.unwrap();
        } else {
            browser.send("POST", "/logout").await;
        }
        gate.go_on.notify_one();
        let (who, mut slow) = request.await.unwrap();
        assert_eq!(who, "nobody");
        assert!(slow.cookies.is_empty(), "{:?}", slow.cookies);
        assert_eq!(slow.who().await, "nobody");
        assert!(site.app.backend.memory.is_empty());
        assert!(site.store.memory.is_empty());
    }
}

#[tokio::test]
async fn ses_17_the_store_sees_no_secret() {
    let site = Remembering::new();
    let browser = site.remembered("alice").await;
    let token = browser.cookie(COOKIE).unwrap();
    for part in [&token[..], &token[..22], &token[22..]] {
        let digest = SecretDigest::of(part);
        assert!(site.store.memory.find(&digest).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_user_is_remembered_in_so_many_browsers() {
    let site = Remembering::with(|remember| remember.max_per_user(NonZeroU32::new(2).unwrap()));
    let mut browsers = Vec::new();
    for seconds in 0..3 {
        site.app.clock.set(seconds);
        browsers.push(site.remembered("alice").await);
    }
    site.app.clock.set(ABSOLUTE + 3);
    let mut who = Vec::new();
    for browser in &mut browsers {
        who.push(browser.who().await);
    }
    assert_eq!(who, ["nobody", "alice", "alice"]);
}

#[test]
fn x_15_wrong_options_fail_when_built_and_are_named() {
    type Change = fn(RememberMe) -> RememberMe;
    let cases: [(&str, Change); 7] = [
        ("remember_me.lifetime", |r| r.lifetime(Duration::ZERO)),
        ("remember_me.lifetime", |r| {
            r.lifetime(Duration::from_secs(59))
        }),
        ("remember_me.lifetime", |r| r.lifetime(Duration::MAX)),
        ("remember_me.grace", |r| r.grace(Duration::ZERO)),
        ("remember_me.grace", |r| r.grace(Duration::from_secs(301))),
        ("remember_me.cookie_name", |r| r.cookie_name("a b")),
        ("remember_me.cookie_name", |r| r.cookie_name("session")),
    ];
    for (option, change) in cases {
        let users = |login: Identity| async move { Ok(Some(login)) };
        let remember = change(RememberMe::new(MemoryRememberStore::new(), users));
        let builder = SessionLayer::builder(MemorySessionBackend::new());
        let error = builder.remember_me(remember).build().unwrap_err();
        assert_eq!(error.option(), option);
    }
}
