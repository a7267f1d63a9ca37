//! Sessions that end by what happens to their users.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]
mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_layer::{
    AuthError, CredentialEpoch, Identity, IssuedToken, MemoryRevocations, Revocations,
    SharedRevocations, SubjectRevocation,
};
use common::{App, at, text};
use http::StatusCode;
use session_layer::{CredentialEpochs, EpochLookup, SiteData};

/// The users, at hand or to be asked for.
#[derive(Default)]
struct Epochs {
    users: Mutex<HashMap<String, u64>>,
    at_hand: AtomicBool,
    broken: AtomicBool,
    asked: AtomicUsize,
}

struct Source(Arc<Epochs>);

impl CredentialEpochs for Source {
    fn epoch_now(&self, user: &Identity) -> EpochLookup {
        if !self.0.at_hand.load(Ordering::SeqCst) {
            return EpochLookup::Wait;
        }
        let users = self.0.users.lock().unwrap();
        let found = users.get(user.subject());
        found.map_or(EpochLookup::Gone, |epoch| {
            EpochLookup::Found(CredentialEpoch::new(*epoch))
        })
    }

    async fn epoch(&self, user: &Identity) -> Result<Option<CredentialEpoch>, AuthError> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        if self.0.broken.load(Ordering::SeqCst) {
            return Err(AuthError::absent("lie"));
        }
        let users = self.0.users.lock().unwrap();
        Ok(users.get(user.subject()).copied().map(CredentialEpoch::new))
    }
}

fn with_epochs() -> (App, Arc<Epochs>) {
    let epochs = Arc::new(Epochs::default());
    for user in ["alice", "bob"] {
        epochs.users.lock().unwrap().insert(user.to_owned(), 1);
    }
    let source = Source(Arc::clone(&epochs));
    (
        App::with(|builder| builder.credential_epochs(source)),
        epochs,
    )
}

fn set(epochs: &Epochs, user: &str, epoch: Option<u64>) {
    let mut users = epochs.users.lock().unwrap();
    match epoch {
        Some(epoch) => users.insert(user.to_owned(), epoch),
        None => users.remove(user),
    };
}

#[tokio::test]
async fn ses_11_a_change_of_credentials_ends_the_sessions_before_it() {
    for at_hand in [true, false] {
        let (app, epochs) = with_epochs();
        epochs.at_hand.store(at_hand, Ordering::SeqCst);
        let (mut laptop, mut phone, mut bob) = (app.browser(), app.browser(), app.browser());
        laptop.log_in("alice").await;
        phone.log_in("alice").await;
        bob.log_in("bob").await;
        assert_eq!(
            (laptop.who().await, phone.who().await),
            ("alice".into(), "alice".into())
        );

        set(&epochs, "alice", Some(2));
        app.take_events();
        let res = phone.send("GET", "/who").await;
        assert_eq!(
            (res.status(), text(&res)),
            (StatusCode::OK, "nobody".to_owned())
        );
        assert_eq!(app.take_events(), ["revoked credentials_changed"]);
        assert_eq!(app.backend.memory.len(), 2, "it is still stored");
        assert_eq!(laptop.who().await, "nobody");
        assert_eq!(bob.who().await, "bob");
        // It does not come back with the number.
        set(&epochs, "alice", Some(1));
        assert_eq!(phone.who().await, "nobody");
        set(&epochs, "alice", Some(2));
        // A login after the change is of the new epoch.
        phone.log_in("alice").await;
        assert_eq!(phone.who().await, "alice");
    }
}

#[tokio::test]
async fn ses_11_the_sessions_of_users_who_are_gone_end() {
    for at_hand in [true, false] {
        let (app, epochs) = with_epochs();
        epochs.at_hand.store(at_hand, Ordering::SeqCst);
        let mut browser = app.browser();
        browser.log_in("alice").await;
        set(&epochs, "alice", None);
        app.take_events();
        assert_eq!(browser.who().await, "nobody");
        assert_eq!(app.take_events(), ["revoked user_gone"]);
        assert!(app.backend.memory.is_empty());
        // Nor do they log in again.
        let res = browser.send("POST", "/login?alice").await;
        assert_eq!(res.status(), StatusCode::FORBIDDEN);
        assert!(app.backend.memory.is_empty());
    }
}

#[tokio::test]
async fn ses_11_the_session_that_changed_the_password_goes_on_with_the_new_epoch() {
    let (app, epochs) = with_epochs();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    // A refresh that says nothing of the epoch keeps the old one.
    assert_eq!(
        browser.send("POST", "/refresh?alice+").await.status(),
        StatusCode::OK
    );
    assert_eq!(browser.who().await, "alice");
    set(&epochs, "alice", Some(2));
    assert_eq!(browser.who().await, "nobody");

    let (app, epochs) = with_epochs();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    let changing = Arc::clone(&epochs);
    let service = tower::Layer::layer(
        &app.layer,
        tower::service_fn(move |req: http::Request<()>| {
            set(&changing, "alice", Some(2));
            async move {
                let session = req
                    .extensions()
                    .get::<session_layer::SessionHandle>()
                    .unwrap();
                let identity = session.identity().unwrap().to_builder();
                let identity = identity.extra(CredentialEpoch::new(2)).build();
                session.refresh(identity).await.unwrap();
                Ok::<_, std::convert::Infallible>(http::Response::new(bytes::Bytes::new()))
            }
        }),
    );
    let res = tower::ServiceExt::oneshot(service, browser.request("POST", "/password"));
    for line in common::set_cookies(&res.await.unwrap()) {
        browser.set_cookie(line.name(), line.value());
    }
    assert_eq!(browser.who().await, "alice");
}

#[tokio::test]
async fn ses_11_sessions_that_kept_no_epoch_are_over_once_epochs_are_asked_for() {
    let old = App::new();
    let mut browser = old.browser();
    browser.log_in("alice").await;
    let backend = common::Backend(Arc::clone(&old.backend));
    let layer = session_layer::SessionLayer::builder(backend)
        .limits(session_layer::SessionLimits::STRICT)
        .clock(old.clock.shared())
        .credential_epochs(|_| async { Ok(Some(CredentialEpoch::new(0))) })
        .build()
        .unwrap();
    let service = tower::Layer::layer(
        &layer,
        tower::service_fn(async |req: http::Request<()>| {
            let who = req.extensions().get::<Identity>().map(Identity::subject);
            let body = bytes::Bytes::from(who.unwrap_or("nobody").to_owned());
            Ok::<_, std::convert::Infallible>(http::Response::new(body))
        }),
    );
    let res = tower::ServiceExt::oneshot(service, browser.request("GET", "/")).await;
    assert_eq!(res.unwrap().body(), "nobody");
}

#[tokio::test]
async fn ses_20_epochs_that_cannot_be_asked_for_are_503() {
    let (app, epochs) = with_epochs();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    epochs.broken.store(true, Ordering::SeqCst);
    let res = browser.send("GET", "/who").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    let res = app.browser().send("POST", "/login?bob").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    // Whoever has no session needs nobody.
    let asked = epochs.asked.load(Ordering::SeqCst);
    assert_eq!(app.browser().who().await, "nobody");
    assert_eq!(epochs.asked.load(Ordering::SeqCst), asked);
    epochs.broken.store(false, Ordering::SeqCst);
    assert_eq!(browser.who().await, "alice");
}

/// Asks the memory, or refuses to say it at once.
struct Slow {
    memory: MemoryRevocations,
    broken: AtomicBool,
    finds: AtomicUsize,
}

impl Revocations for Slow {
    async fn is_revoked(&self, token: &IssuedToken<'_>) -> Result<bool, AuthError> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        match self.broken.load(Ordering::SeqCst) {
            true => Err(AuthError::invalid("lie")),
            false => self.memory.is_revoked(token).await,
        }
    }

    async fn revoke_token(
        &self,
        issuer: &str,
        token_id: &str,
        until: std::time::SystemTime,
    ) -> Result<(), AuthError> {
        self.memory.revoke_token(issuer, token_id, until).await
    }

    async fn revoke_subject(&self, revocation: &SubjectRevocation<'_>) -> Result<(), AuthError> {
        self.memory.revoke_subject(revocation).await
    }
}

#[tokio::test]
async fn ses_11_a_revoked_subject_has_no_session_that_began_before() {
    let memory = || SharedRevocations::new(MemoryRevocations::new());
    let slow = Arc::new(Slow {
        memory: MemoryRevocations::new(),
        broken: AtomicBool::new(false),
        finds: AtomicUsize::new(0),
    });
    for revocations in [memory(), SharedRevocations::from(Arc::clone(&slow))] {
        let app = App::with(|builder| builder.revocations(revocations.clone()));
        let mut bob = app.browser();
        bob.log_in("bob").await;
        // Sessions that began before the instant, at it and after it.
        let mut browsers = Vec::new();
        for seconds in [99, 100, 101] {
            app.clock.set(seconds);
            let mut browser = app.browser();
            browser.log_in("alice").await;
            browsers.push(browser);
        }
        // A refresh makes a session no younger.
        let res = browsers[0].send("POST", "/refresh?alice").await;
        assert_eq!(res.status(), StatusCode::OK);
        let lifetime = Duration::from_secs(1_000_000);
        let everything = SubjectRevocation::new("alice", at(100), lifetime);
        revocations.revoke_subject(&everything).await.unwrap();
        let mut who = Vec::new();
        for browser in &mut browsers {
            who.push(browser.who().await);
        }
        assert_eq!(who, ["nobody", "nobody", "alice"]);
        assert_eq!(bob.who().await, "bob");
        assert_eq!(app.backend.memory.len(), 2);
        let events = app.take_events();
        let revoked = events
            .iter()
            .filter(|event| *event == "revoked subject_revoked");
        assert_eq!(revoked.count(), 2, "{events:?}");
    }

    let revocations = SharedRevocations::from(Arc::clone(&slow));
    let app = App::with(|builder| builder.revocations(revocations));
    let mut browser = app.browser();
    app.clock.set(200);
    browser.log_in("alice").await;
    slow.broken.store(true, Ordering::SeqCst);
    let finds = app.backend.finds.load(Ordering::SeqCst);
    let asked = slow.finds.load(Ordering::SeqCst);
    let res = browser.send("GET", "/who").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        app.backend.finds.load(Ordering::SeqCst),
        finds + 1,
        "the backend is asked once"
    );
    assert_eq!(slow.finds.load(Ordering::SeqCst), asked + 1);
    assert_eq!(app.browser().who().await, "nobody");
    slow.broken.store(false, Ordering::SeqCst);
    assert_eq!(browser.who().await, "alice");
}

#[tokio::test]
async fn a_logout_has_the_browser_drop_what_it_has_stored() {
    const HEADER: &str = "clear-site-data";
    let app = App::new();
    let mut browser = app.browser();
    let res = browser.log_in("alice").await;
    assert_eq!(res.headers().get(HEADER), None);
    assert_eq!(
        browser.send("GET", "/who").await.headers().get(HEADER),
        None
    );
    let res = browser.send("POST", "/logout").await;
    assert_eq!(res.headers()[HEADER], "\"cache\", \"storage\"");
    // Who was not logged in has nothing to drop.
    let res = browser.send("POST", "/logout").await;
    assert_eq!(res.headers().get(HEADER), None);

    for (kinds, expected) in [
        (vec![], None),
        (vec![SiteData::Storage], Some("\"storage\"")),
    ] {
        let app = App::with(|builder| builder.clear_site_data(kinds));
        let mut browser = app.browser();
        browser.log_in("alice").await;
        let res = browser.send("POST", "/logout").await;
        let header = res
            .headers()
            .get(HEADER)
            .map(|value| value.to_str().unwrap());
        assert_eq!(header, expected);
    }
}
