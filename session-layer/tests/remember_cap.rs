//! Remember-me where a user may have so many sessions.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;

use std::num::NonZeroU32;

use common::ABSOLUTE;
use common::remembering::{COOKIE, Remembering, alice};
use http::StatusCode;
use session_layer::WhenFull;

fn site(max: u32, when_full: WhenFull) -> Remembering {
    let max = NonZeroU32::new(max).unwrap();
    let cap = |builder: session_layer::SessionLayerBuilder| builder.max_sessions(max, when_full);
    Remembering::below(cap, |remember| remember)
}

#[tokio::test]
async fn ses_19_ses_21_who_comes_back_and_finds_no_room_is_anonymous_and_stays_remembered() {
    let site = site(1, WhenFull::Refuse);
    let before = site.remembered("alice").await;
    site.app.clock.set(ABSOLUTE);
    let mut other = site.app.browser();
    other.log_in("alice").await;
    site.app.take_events();

    for (method, path) in [("GET", "/public"), ("POST", "/set?k=1")] {
        let mut browser = before.clone();
        let res = browser.send(method, path).await;
        assert_eq!(res.status(), StatusCode::OK, "{method} {path}");
        assert_eq!(browser.cookie(COOKIE), before.cookie(COOKIE));
        let events = site.app.take_events();
        assert_eq!(events[0], "limited too_many_sessions", "{events:?}");
    }
    assert_eq!(other.who().await, "alice");

    // Whoever is there now can log in as somebody else, or be forgotten.
    let mut bob = before.clone();
    bob.log_in("bob").await;
    assert_eq!((bob.who().await, bob.cookie(COOKIE)), ("bob".into(), None));
    assert!(site.store.memory.is_empty());
    let mut carol = site.remembered("carol").await;
    carol.drop_cookie("__Host-session");
    site.app.clock.set(2 * ABSOLUTE);
    site.app.browser().log_in("carol").await;
    assert_eq!(carol.send("POST", "/logout").await.status(), StatusCode::OK);
    assert_eq!(carol.cookie(COOKIE), None);
    assert!(site.store.memory.is_empty());

    // And when there is room, the user is back.
    let mut dan = site.remembered("dan").await;
    site.app.clock.set(3 * ABSOLUTE);
    let mut other = site.app.browser();
    other.log_in("dan").await;
    assert_eq!(dan.who().await, "nobody");
    other.send("POST", "/logout").await;
    assert_eq!(dan.who().await, "dan");
}

#[tokio::test]
async fn ses_19_ses_21_who_comes_back_takes_the_place_of_the_own_sessions_first() {
    for when_full in [WhenFull::Refuse, WhenFull::EvictOldest] {
        let site = site(3, when_full);
        let mut browser = site.remembered("alice").await;
        let (mut phone, mut tablet) = (site.app.browser(), site.app.browser());
        phone.log_in("alice").await;
        tablet.log_in("alice").await;
        browser.drop_cookie("__Host-session");
        // The own session is the one that was used last.
        site.app.clock.set(200);
        for tab in 0..4 {
            assert_eq!(browser.clone().who().await, "alice", "{tab} {when_full:?}");
            let sessions = site.app.layer.sessions().list(&alice()).await.unwrap();
            assert_eq!(sessions.len(), 3, "{tab} {when_full:?}");
        }
        assert_eq!(phone.who().await, "alice", "{when_full:?}");
        assert_eq!(tablet.who().await, "alice", "{when_full:?}");
    }
}

#[tokio::test]
async fn ses_19_ses_21_only_as_many_own_sessions_end_as_are_in_the_way() {
    let site = site(3, WhenFull::EvictOldest);
    let mut browser = site.remembered("alice").await;
    browser.drop_cookie("__Host-session");
    let (mut first, mut second) = (browser.clone(), browser.clone());
    site.app.clock.set(1);
    assert_eq!(first.who().await, "alice");
    site.app.clock.set(2);
    assert_eq!(second.who().await, "alice");
    // Of the three the one of the login was not used for longest.
    site.app.clock.set(3);
    assert_eq!(browser.clone().who().await, "alice");
    for own in [&mut first, &mut second] {
        own.drop_cookie(COOKIE);
        assert_eq!(own.who().await, "alice");
    }
}

/// Where the browser has no session to give up, it does as a login does.
#[tokio::test]
async fn ses_19_ses_21_without_own_sessions_the_one_unused_for_longest_ends() {
    let site = site(2, WhenFull::EvictOldest);
    let mut browser = site.remembered("alice").await;
    let (mut phone, mut tablet) = (site.app.browser(), site.app.browser());
    site.app.clock.set(ABSOLUTE);
    phone.log_in("alice").await;
    site.app.clock.set(ABSOLUTE + 1);
    tablet.log_in("alice").await;
    assert_eq!(browser.who().await, "alice");
    assert_eq!(phone.who().await, "nobody");
    assert_eq!(tablet.who().await, "alice");
}
