//! Remember-me: what a copied cookie is good for when the theft is noticed, or the password changed.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use auth_layer::{AuthError, CredentialEpoch, Identity, Problem, refusal_response};
use bytes::Bytes;
use common::remembering::{COOKIE, Remembering, Store};
use common::{App, Browser, Service, text};
use http::{Request, Response, StatusCode};
use session_layer::{RememberMe, SessionHandle};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, service_fn};

/// Logs in with the epoch 1, and refreshes with the epoch that is named.
async fn passwords(req: &Request<()>) -> Result<String, AuthError> {
    let session = req.extensions().get::<SessionHandle>().unwrap();
    let with_epoch = |epoch| {
        let user = common::user("alice").to_builder();
        user.extra(CredentialEpoch::new(epoch)).build()
    };
    Ok(match (req.uri().path(), req.uri().query()) {
        ("/in", _) => {
            session.log_in_remembered(with_epoch(1)).await?;
            String::new()
        }
        ("/refresh", Some(epoch)) => {
            session.refresh(with_epoch(epoch.parse().unwrap())).await?;
            let sessions = session.list().await?;
            let own = sessions.iter().find(|session| session.is_current());
            own.unwrap().is_remembered().to_string()
        }
        _ => {
            let identity = session.identity();
            identity.map_or("nobody".to_owned(), |user| user.subject().to_owned())
        }
    })
}

/// `user` is what the application says of its user when asked.
fn site(user: fn(Identity) -> Identity) -> (App, Arc<Store>, Browser) {
    let store = Arc::new(Store::default());
    let users = move |login: Identity| async move { Ok(Some(user(login))) };
    let remember = RememberMe::new(Arc::clone(&store), users);
    let app = App::with(|builder| builder.remember_me(remember));
    let service = app.layer.layer(service_fn(async |req: Request<()>| {
        let res = match passwords(&req).await {
            Ok(body) => Response::new(Bytes::from(body)),
            Err(error) => refusal_response(&Problem, error),
        };
        Ok::<_, Infallible>(res)
    }));
    let service: Service = BoxCloneSyncService::new(service);
    let cookies = Vec::new();
    (app, store, Browser { service, cookies })
}

#[tokio::test]
async fn ses_21_ses_11_the_remembered_login_handed_back_is_no_user_of_now() {
    let (app, store, mut browser) = site(|login| login);
    browser.send("POST", "/in").await;
    browser.drop_cookie("__Host-session");
    app.take_events();
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.cookie(COOKIE), None);
    let events = app.take_events();
    assert!(
        events.contains(&"revoked no_credential_epoch".to_owned()),
        "{events:?}"
    );
    assert!(store.memory.is_empty());
    assert!(app.backend.memory.is_empty());
}

/// Even if the application says, of a copy that lags behind, that nothing has changed.
#[tokio::test]
async fn ses_21_ses_11_a_copied_cookie_does_not_survive_a_change_of_the_password() {
    let (app, store, mut victim) = site(|login| {
        let user = login.to_builder();
        user.extra(CredentialEpoch::new(1)).build()
    });
    victim.send("POST", "/in").await;
    let mut copy = victim.clone();
    copy.drop_cookie("__Host-session");
    let mut thief = copy.clone();
    assert_eq!(thief.who().await, "alice");

    // A refresh of the same epoch leaves all as it is, and one that fails changes no password.
    assert_eq!(text(&victim.send("POST", "/refresh?1").await), "true");
    assert_eq!(thief.who().await, "alice");
    store.broken.store(true, Ordering::SeqCst);
    let res = victim.send("POST", "/refresh?2").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    store.broken.store(false, Ordering::SeqCst);
    assert_eq!(victim.who().await, "alice");
    assert!(victim.cookie(COOKIE).is_some());

    let res = victim.send("POST", "/refresh?2").await;
    assert_eq!(
        (res.status(), text(&res)),
        (StatusCode::OK, "false".to_owned())
    );
    assert_eq!(victim.cookie(COOKIE), None);
    assert_eq!(victim.who().await, "alice");
    assert!(store.memory.is_empty());
    assert_eq!(app.backend.memory.len(), 1);
    for thief in [&mut thief, &mut copy] {
        assert_eq!(thief.who().await, "nobody");
        assert_eq!(thief.cookie(COOKIE), None);
    }
}

/// A site, the victim with the used secret, and the thief with a session and the next one.
async fn stolen() -> (Remembering, Browser, Browser) {
    let site = Remembering::new();
    let mut victim = site.remembered("alice").await;
    let mut thief = victim.clone();
    thief.drop_cookie("__Host-session");
    victim.drop_cookie("__Host-session");
    assert_eq!(thief.who().await, "alice");
    site.app.clock.set(60);
    site.app.take_events();
    (site, victim, thief)
}

#[tokio::test]
async fn ses_21_a_theft_that_was_noticed_half_way_is_noticed_again() {
    for by_the_thief in [false, true] {
        for stop in ["delete", "list", "delete_by_id"] {
            let (site, mut victim, mut thief) = stolen().await;
            let gate = site.app.backend.stop("before", stop);
            let mut dropped = victim.clone();
            let request = tokio::spawn(async move { dropped.who().await });
            gate.entered.notified().await;
            request.abort();
            assert!(request.await.unwrap_err().is_cancelled());

            let mut next = match by_the_thief {
                true => thief.clone(),
                false => victim.clone(),
            };
            next.drop_cookie("__Host-session");
            assert_eq!(next.who().await, "nobody", "{stop} {by_the_thief}");
            assert_eq!(next.cookie(COOKIE), None);
            assert_eq!(thief.who().await, "nobody", "{stop} {by_the_thief}");
            assert_eq!(victim.who().await, "nobody", "{stop} {by_the_thief}");
            assert!(site.store.memory.is_empty());
            assert!(site.app.backend.memory.is_empty());
        }
    }
}

#[tokio::test]
async fn ses_21_ses_20_a_theft_whose_sessions_cannot_be_ended_is_503_and_noticed_again() {
    for is_noted in [true, false] {
        let (site, mut victim, mut thief) = stolen().await;
        site.store.is_full.store(!is_noted, Ordering::SeqCst);
        let gate = site.app.backend.stop("after", "delete");
        let mut first = victim.clone();
        let request = tokio::spawn(async move { (first.send("GET", "/who").await, first) });
        gate.entered.notified().await;
        site.app.backend.set_broken(true);
        gate.go_on.notify_one();
        let (res, first) = request.await.unwrap();
        assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(first.cookie(COOKIE), victim.cookie(COOKIE));
        site.app.backend.set_broken(false);
        let events = site.app.take_events();
        let unfinished = "unavailable remember_theft_unfinished".to_owned();
        assert_eq!(events.contains(&unfinished), !is_noted, "{events:?}");

        assert_eq!(victim.who().await, "nobody");
        assert_eq!(thief.who().await == "nobody", is_noted);
        assert!(site.store.memory.is_empty());
    }
}

/// What is kept of a theft until it is dealt with is nobody's way in.
#[tokio::test]
async fn ses_21_a_series_that_is_ending_lets_nobody_in() {
    let (site, victim, thief) = stolen().await;
    let gate = site.app.backend.stop("before", "list");
    let mut slow = victim.clone();
    let request = tokio::spawn(async move { slow.who().await });
    gate.entered.notified().await;
    assert_eq!(site.store.memory.len(), 1);
    for browser in [&victim, &thief] {
        let mut browser = browser.clone();
        browser.drop_cookie("__Host-session");
        assert_eq!(browser.who().await, "nobody");
    }
    gate.go_on.notify_one();
    assert_eq!(request.await.unwrap(), "nobody");
    assert!(site.store.memory.is_empty());
    assert!(site.app.backend.memory.is_empty());
}
