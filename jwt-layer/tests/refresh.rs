//! Refresh tokens at the HTTP surface: REF-01 to REF-11.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;
mod refreshing;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use auth_layer::{
    AuthErrorKind, CredentialEpoch, EventKind, ExposeSecret as _, Factor, FactorKind, Identity,
};
use common::at;
use http::{HeaderMap, StatusCode, header};
use jwt_layer::Revocations as _;
use jwt_layer::refresh::{RefreshGrant, RefreshRequest, RefreshStore as _};
use refreshing::{START, Service, User, thumbprint};
use serde_json::json;

const OK: StatusCode = StatusCode::OK;
const BAD: StatusCode = StatusCode::BAD_REQUEST;

#[tokio::test]
async fn ref_01_a_token_that_comes_back_ends_its_family_and_the_access_tokens() {
    let service = Service::new();
    let first = service.log_in("ann").await;
    let other = service.log_in("ann").await;
    let second = service.refreshed(&first).await;
    let third = service.refreshed(&second).await;
    assert_eq!(service.me(&third).await, OK);
    service.pass(11);

    service.refused(&first, "invalid_grant").await;
    for pair in [&first, &second, &third] {
        assert_eq!(service.me(pair).await, StatusCode::UNAUTHORIZED);
        service.refused(pair, "invalid_grant").await;
    }
    assert_eq!(service.me(&other).await, OK);
    service.refreshed(&other).await;
    let reuse = service.events(EventKind::TokenReused);
    assert_eq!(reuse.len(), 1, "{reuse:?}");
    assert_eq!(reuse[0].subject.as_deref(), Some("ann"));
    assert_eq!(reuse[0].object_id.as_deref(), Some(&*first.family()));
}

#[tokio::test]
async fn ref_01_the_token_used_last_is_theft_after_the_window_too() {
    let service = Service::new();
    let first = service.log_in("ann").await;
    let second = service.refreshed(&first).await;
    service.pass(10);
    service.refused(&first, "invalid_grant").await;
    assert_eq!(service.me(&second).await, StatusCode::UNAUTHORIZED);
    service.refused(&second, "invalid_grant").await;
}

#[tokio::test]
async fn ref_01_what_could_not_be_taken_back_is_when_the_token_comes_again() {
    let service = Service::new();
    let first = service.log_in("ann").await;
    let second = service.refreshed(&first).await;
    service.pass(60);
    service.revocations.set_down(true);
    let res = service.refresh(&first).await;
    assert_eq!(res.status, StatusCode::SERVICE_UNAVAILABLE);
    service.revocations.set_down(false);
    // The family is dead already, its access tokens are not, and nobody was told so.
    assert_eq!(service.me(&second).await, OK);
    service.refused(&second, "invalid_grant").await;
    assert_eq!(service.me(&second).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ref_02_parallel_refreshes_have_one_successor() {
    let service = Service::new();
    let first = service.log_in("ann").await;
    let answers = service.refresh_at_once(&first, 50).await;
    let successor = answers[0].pair().refresh;
    for answer in &answers {
        assert_eq!(answer.status, OK);
        assert_eq!(answer.pair().refresh, successor);
        assert_eq!(service.me(&answer.pair()).await, OK);
    }
    service.refreshed(&answers[7].pair()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ref_02_without_a_window_one_of_parallel_refreshes_wins_and_nobody_is_logged_out() {
    let service = Service::with(|builder| builder.replay_window(Duration::ZERO));
    let first = service.log_in("ann").await;
    let answers = service.refresh_at_once(&first, 50).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == OK);
    assert_eq!(won.len(), 1);
    for answer in lost {
        assert_eq!((answer.status, answer.error()), (BAD, "invalid_grant"));
    }
    let second = service.refreshed(&won[0].pair()).await;
    // What is not parallel any more is theft.
    service.pass(1);
    service.refused(&won[0].pair(), "invalid_grant").await;
    service.refused(&second, "invalid_grant").await;
}

#[tokio::test]
async fn ref_03_another_client_gets_no_successor_and_ends_nothing() {
    let service = Service::new();
    let bound = |grant: RefreshGrant<'static>| {
        grant
            .client_id("app")
            .key_thumbprint(thumbprint("thumb"))
            .user_agent("browser/1")
    };
    let first = service.log_in_as(&service.identity("ann"), bound).await;
    let own = json!({ "client_id": "app", "jkt": "thumb", "agent": "browser/1" });
    let others = [
        json!({}),
        json!({ "client_id": "other", "jkt": "thumb", "agent": "browser/1" }),
        json!({ "client_id": "app", "jkt": "other", "agent": "browser/1" }),
        json!({ "client_id": "app", "jkt": "thumb", "agent": "browser/2" }),
        json!({ "jkt": "thumb", "agent": "browser/1" }),
        json!({ "client_id": "app", "agent": "browser/1" }),
        json!({ "client_id": "app", "jkt": "thumb" }),
        json!({ "client_id": "", "jkt": "", "agent": "" }),
    ];
    for other in &others {
        let answer = service.refresh_with(&first, other).await;
        assert_eq!((answer.status, answer.error()), (BAD, "invalid_grant"));
    }
    let answer = service.refresh_with(&first, &own).await;
    assert_eq!(answer.body["token_type"], "DPoP");
    let second = answer.pair();
    // Within the window.
    for other in &others {
        let answer = service.refresh_with(&first, other).await;
        assert_eq!((answer.status, answer.error()), (BAD, "invalid_grant"));
    }
    let again = service.refresh_with(&first, &own).await.pair();
    assert_eq!(again.refresh, second.refresh);
    assert_eq!(service.refresh_with(&second, &own).await.status, OK);
}

#[tokio::test]
async fn ref_03_a_replay_that_asks_for_something_else_is_refused() {
    let service = Service::new();
    let first = service.log_in("ann").await;
    let narrow = json!({ "scope": "read" });
    let second = service.refresh_with(&first, &narrow).await.pair();
    for other in [
        json!({}),
        json!({ "scope": "write" }),
        json!({ "scope": "read write" }),
    ] {
        let answer = service.refresh_with(&first, &other).await;
        assert_eq!(
            (answer.status, answer.error()),
            (BAD, "invalid_grant"),
            "{other}"
        );
    }
    let again = service.refresh_with(&first, &narrow).await.pair();
    assert_eq!(again.refresh, second.refresh);
    service.refreshed(&second).await;
}

#[tokio::test]
async fn ref_03_a_client_without_a_binding_passes_for_no_other() {
    let service = Service::new();
    let first = service.log_in("ann").await;
    for (client, good) in [("other", false), ("", false), ("first-party", true)] {
        let answer = service
            .refresh_with(&first, &json!({ "client_id": client }))
            .await;
        assert_eq!(answer.status == OK, good, "{client}");
    }
    // Nor does a key that the family is not bound to become one it is.
    let second = service.log_in("ann").await;
    let answer = service
        .refresh_with(&second, &json!({ "jkt": "thumb" }))
        .await;
    assert_eq!((answer.status, answer.error()), (BAD, "invalid_grant"));
}

#[tokio::test]
async fn ref_03_a_replay_by_an_unbound_client_that_says_otherwise_is_refused() {
    for (sent, others) in [
        (
            json!({}),
            [
                json!({ "client_id": "first-party" }),
                json!({ "agent": "a" }),
            ],
        ),
        (
            json!({ "client_id": "first-party", "agent": "a" }),
            [
                json!({ "agent": "a" }),
                json!({ "client_id": "first-party", "agent": "b" }),
            ],
        ),
    ] {
        let service = Service::new();
        let first = service.log_in("ann").await;
        let second = service.refresh_with(&first, &sent).await.pair();
        for other in &others {
            let answer = service.refresh_with(&first, other).await;
            assert_eq!(
                (answer.status, answer.error()),
                (BAD, "invalid_grant"),
                "{other}"
            );
        }
        let again = service.refresh_with(&first, &sent).await.pair();
        assert_eq!(again.refresh, second.refresh);
    }
}

#[tokio::test]
async fn ref_06_a_replay_does_not_say_that_its_token_lives_longer() {
    let service = Service::new();
    let first = service.log_in("ann").await;
    let own = [("origin", "https://app.example.com")];
    for (passed, max_age) in [(0, "Max-Age=1209600;"), (9, "Max-Age=1209591;")] {
        service.pass(passed);
        let answer = service.refresh_by_cookie(&first.refresh, &own).await;
        assert_eq!(answer.status, OK);
        let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains(max_age), "{cookie}");
    }
}

#[tokio::test]
async fn x_16_a_user_has_so_many_families_and_the_one_unused_for_longest_ends() {
    let service = Service::with(|builder| builder.max_families(3));
    let bob = service.log_in("bob").await;
    let mut pairs = Vec::new();
    for _ in 0..3 {
        pairs.push(service.log_in("ann").await);
        service.pass(1);
    }
    pairs[0] = service.refreshed(&pairs[0]).await;
    service.pass(1);
    for _ in 0..2 {
        pairs.push(service.log_in("ann").await);
        service.pass(1);
    }
    let ann = service.identity("ann");
    assert_eq!(service.tokens.list(&ann).await.unwrap().len(), 3);
    for (pair, good) in pairs.iter().zip([true, false, false, true, true]) {
        assert_eq!(service.me(pair).await == OK, good);
        assert_eq!(service.refresh(pair).await.status == OK, good);
    }
    service.refreshed(&bob).await;
    // What could not be ended is not passed over.
    service.revocations.set_down(true);
    let begun = service.tokens.begin(&RefreshGrant::new(&ann)).await;
    assert_eq!(begun.unwrap_err().kind(), AuthErrorKind::Unavailable);
    service.revocations.set_down(false);
    assert_eq!(service.tokens.list(&ann).await.unwrap().len(), 3);
}

#[tokio::test]
async fn ref_04_replays_do_not_lengthen_the_window() {
    let service = Service::new();
    let first = service.log_in("ann").await;
    let second = service.refreshed(&first).await;
    for _ in 0..3 {
        service.pass(3);
        assert_eq!(service.refreshed(&first).await.refresh, second.refresh);
    }
    service.pass(1);
    service.refused(&first, "invalid_grant").await;
    service.refused(&second, "invalid_grant").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ref_04_replays_are_counted_also_when_they_come_at_once() {
    let service = Service::with(|builder| builder.max_replays(8));
    let first = service.log_in("ann").await;
    let answers = service.refresh_at_once(&first, 50).await;
    let good = answers.iter().filter(|answer| answer.status == OK).count();
    assert_eq!(good, 1 + 8);
    let pair = answers.iter().find(|answer| answer.status == OK).unwrap();
    // Too many are refused, and end nothing.
    service.refreshed(&pair.pair()).await;
}

#[tokio::test]
async fn ref_05_a_lost_answer_is_asked_for_again() {
    let service = Service::new();
    let first = service.log_in("ann").await;
    // The store has done it, the client has not heard of it.
    let lost = service.refreshed(&first).await;
    service.pass(9);
    let found = service.refreshed(&first).await;
    assert_eq!(found.refresh, lost.refresh);
    service.refreshed(&found).await;
}

#[tokio::test]
async fn ref_05_whatever_fails_before_leaves_the_token_as_it_was() {
    let service = Service::new();
    let first = service.log_in("ann").await;
    for down in [Service::set_users_down, Service::set_store_down] {
        down(&service, true);
        let answer = service.refresh(&first).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.error(), "temporarily_unavailable");
        down(&service, false);
        service.pass(60);
    }
    service.refreshed(&first).await;
}

#[tokio::test]
async fn ref_06_a_family_ends_however_often_it_is_used() {
    let day = Duration::from_secs(24 * 60 * 60);
    let service = Service::with(|builder| builder.lifetime(3 * day).idle(day));
    let mut pair = service.log_in("ann").await;
    for _ in 0..5 {
        service.pass(day.as_secs() / 2);
        pair = service.refreshed(&pair).await;
    }
    service.pass(day.as_secs() / 2 - 1);
    pair = service.refreshed(&pair).await;
    service.pass(1);
    service.refused(&pair, "invalid_grant").await;

    // And earlier if it is not used.
    let pair = service.log_in("ann").await;
    service.pass(day.as_secs() - 1);
    let pair = service.refreshed(&pair).await;
    service.pass(day.as_secs());
    service.refused(&pair, "invalid_grant").await;
}

#[tokio::test]
async fn ref_07_no_other_text_is_a_token() {
    let service = Service::new();
    let pair = service.log_in("ann").await;
    let text = pair.refresh.as_str();
    for wrong in [
        String::new(),
        pair.family(),
        format!("rt_{}", pair.family()),
        format!("rt_{}.{}", pair.family(), &text[26..]),
        text[..text.len() - 1].to_owned(),
        format!("{text}A"),
        format!(" {text}"),
        text[3..].to_owned(),
        text.to_uppercase(),
    ] {
        let answer = service.refresh_text(&wrong).await;
        assert_eq!(
            (answer.status, answer.error()),
            (BAD, "invalid_grant"),
            "{wrong}"
        );
    }
    // None of that was a use of the token, nor theft.
    service.refreshed(&pair).await;
    assert!(service.events(EventKind::TokenReused).is_empty());
}

#[tokio::test]
async fn ref_08_families_of_users_who_may_not_log_in_are_dead() {
    let changes: [fn(&mut User); 3] = [
        |user| user.disabled = true,
        |user| user.epoch = Some(2),
        |user| user.epoch = None,
    ];
    for change in changes {
        let service = Service::new();
        let pair = service.log_in("ann").await;
        service.change_user(change);
        service.refused(&pair, "invalid_grant").await;
        assert_eq!(service.me(&pair).await, StatusCode::UNAUTHORIZED);
        service.change_user(|user| *user = User::default());
        service.refused(&pair, "invalid_grant").await;
    }
}

#[tokio::test]
async fn ref_08_an_epoch_that_goes_back_or_another_user_ends_nothing() {
    let back: fn(&mut User) = |user| user.epoch = Some(0);
    let another: fn(&mut User) = |user| user.renamed = Some("bob");
    let changes = [
        (back, StatusCode::SERVICE_UNAVAILABLE),
        (another, StatusCode::INTERNAL_SERVER_ERROR),
    ];
    for (change, status) in changes {
        let service = Service::new();
        let pair = service.log_in("ann").await;
        service.change_user(change);
        assert_eq!(service.refresh(&pair).await.status, status);
        service.change_user(|user| *user = User::default());
        assert_eq!(service.me(&pair).await, OK);
        service.refreshed(&pair).await;
    }
}

#[tokio::test]
async fn ref_08_a_login_that_is_handed_back_does_not_vouch_for_its_epoch() {
    let tokens = refreshing::builder().build().unwrap();
    let login = Identity::builder("password", "ann");
    let login = login.extra(CredentialEpoch::new(1)).build();
    let pair = tokens.begin(&RefreshGrant::new(&login)).await.unwrap();
    let text = pair.refresh_token().to_secret_string();
    let request = RefreshRequest::new(text.expose_secret());
    let error = tokens.refresh(&request).await.unwrap_err();
    assert_eq!(error.reason(), "credentials_changed");
}

#[tokio::test]
async fn ref_08_ses_11_log_out_everywhere_ends_all_families_or_all_but_one() {
    for keep in [false, true] {
        let service = Service::new();
        let kept = service.log_in("ann").await;
        let others = [service.log_in("ann").await, service.log_in("ann").await];
        let bob = service.log_in("bob").await;
        let ann = service.identity("ann");
        let except = kept.family().parse().unwrap();
        let except = keep.then_some(&except);
        let ended = service.tokens.revoke_user(&ann, except).await.unwrap();
        assert_eq!(ended, if keep { 2 } else { 3 });
        for other in &others {
            service.refused(other, "invalid_grant").await;
            assert_eq!(service.me(other).await, StatusCode::UNAUTHORIZED);
        }
        let expected = if keep { OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(service.me(&kept).await, expected);
        assert_eq!(service.refresh(&kept).await.status == OK, keep);
        assert_eq!(service.me(&bob).await, OK);
        service.refreshed(&bob).await;
        let listed = service.tokens.list(&ann).await.unwrap();
        assert_eq!(listed.len(), usize::from(keep));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ref_08_no_refresh_that_is_under_way_outlives_the_end() {
    for _ in 0..20 {
        let service = Service::new();
        let pair = service.log_in("ann").await;
        let racing = {
            let (service, pair) = (service.clone(), pair.clone());
            tokio::spawn(async move {
                let mut pair = pair;
                for _ in 0..20 {
                    let answer = service.refresh(&pair).await;
                    if answer.status != OK {
                        break;
                    }
                    pair = answer.pair();
                    tokio::task::yield_now().await;
                }
                pair
            })
        };
        let ann = service.identity("ann");
        service.tokens.revoke_user(&ann, None).await.unwrap();
        let last = racing.await.unwrap();
        service.refused(&last, "invalid_grant").await;
        assert_eq!(service.me(&last).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn ref_08_a_logout_that_could_not_be_stored_is_no_success() {
    let service = Service::new();
    for token in [true, false] {
        let pair = service.log_in("ann").await;
        let text = if token { &pair.refresh } else { &pair.access };
        service.revocations.set_down(true);
        assert_eq!(service.revoke(text).await, StatusCode::SERVICE_UNAVAILABLE);
        service.revocations.set_down(false);
        if token {
            service.set_store_down(true);
            assert_eq!(service.revoke(text).await, StatusCode::SERVICE_UNAVAILABLE);
            service.set_store_down(false);
            service.refreshed(&pair).await;
        }
        assert_eq!(service.revoke(text).await, OK);
        assert_eq!(service.me(&pair).await, StatusCode::UNAUTHORIZED);
        assert_eq!(service.refresh(&pair).await.status == OK, !token);
        // What is gone is gone.
        assert_eq!(service.revoke(text).await, OK);
    }
    for unknown in ["", "rt_", "eyJ.eyJ.x", "whatever"] {
        assert_eq!(service.revoke(unknown).await, OK, "{unknown}");
    }
}

/// Polls a future so many times, with all others in between, and drops it. What was begun may then
/// go on.
async fn dropped_after<F: Future>(polls: usize, future: F) {
    {
        let mut future = pin!(future);
        for _ in 0..polls {
            let poll = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready()));
            if poll.await {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn ref_08_x_08_a_logout_whose_client_hangs_up_is_none_or_whole() {
    let mut whole = 0;
    for polls in 0..16 {
        for way in 0..3 {
            let service = Service::new();
            let ann = service.identity("ann");
            let pairs = [service.log_in("ann").await, service.log_in("ann").await];
            let id = pairs[0].family().parse().unwrap();
            let tokens = &service.tokens;
            match way {
                0 => dropped_after(polls, tokens.revoke_family(&ann, &id)).await,
                1 => dropped_after(polls, tokens.revoke(&pairs[0].refresh)).await,
                _ => dropped_after(polls, tokens.revoke_user(&ann, None)).await,
            }
            let pairs = &pairs[..if way == 2 { 2 } else { 1 }];
            let mut good = Vec::new();
            for pair in pairs {
                good.push(service.me(pair).await == OK);
                good.push(service.refresh(pair).await.status == OK);
            }
            assert!(
                good.iter().all(|it| *it == good[0]),
                "{way} {polls} {good:?}"
            );
            whole += usize::from(!good[0]);
        }
    }
    assert!(whole > 3);
}

#[tokio::test]
async fn ref_01_x_08_a_thief_who_hangs_up_saves_no_access_token() {
    let mut ended = 0;
    for polls in 0..16 {
        let service = Service::new();
        let first = service.log_in("ann").await;
        let second = service.refreshed(&first).await;
        service.pass(60);
        dropped_after(polls, service.refresh(&first)).await;
        let live = service.tokens.list(&service.identity("ann")).await.unwrap();
        let good = service.me(&second).await == OK;
        assert_eq!(good, live.len() == 1, "{polls}");
        ended += usize::from(!good);
    }
    assert!(ended > 0);
}

#[tokio::test]
async fn ref_08_log_out_everywhere_takes_access_tokens_back_first_and_last() {
    let service = Service::new();
    let ann = service.identity("ann");
    let lone = service.lone_token(&ann);
    service.log_in("ann").await;
    // First: families that cannot be ended delay nothing.
    service.set_store_down(true);
    assert_eq!(service.me(&lone).await, OK);
    assert!(service.tokens.revoke_user(&ann, None).await.is_err());
    assert_eq!(service.me(&lone).await, StatusCode::UNAUTHORIZED);
    service.set_store_down(false);

    // Last: nor does it escape what is made meanwhile.
    let made = Arc::new(Mutex::new(None));
    let during = (service.clone(), ann.clone(), Arc::clone(&made));
    service.store.before_end(move || {
        let (service, ann, made) = during;
        service.pass(1);
        *made.lock().unwrap() = Some(service.lone_token(&ann));
    });
    service.tokens.revoke_user(&ann, None).await.unwrap();
    let made = made.lock().unwrap().take().unwrap();
    assert_eq!(service.me(&made).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn ref_08_families_end_side_by_side_and_not_all_at_once() {
    let service = Service::new();
    let ann = service.identity("ann");
    for _ in 0..100 {
        service.log_in("ann").await;
    }
    let ended = service.tokens.revoke_user(&ann, None).await.unwrap();
    assert_eq!(ended, 100);
    let most = service.store.most_at_once.load(Ordering::SeqCst);
    assert!((2..=32).contains(&most), "{most}");
}

#[tokio::test]
async fn ref_08_an_end_lasts_as_long_as_what_it_ends() {
    let service = Service::new();
    let ann = service.identity("ann");
    let lifetime = service.issuer.lifetime();
    service.log_in("ann").await;
    let pair = service.log_in("ann").await;
    service.revoke(&pair.refresh).await;
    service.tokens.revoke_user(&ann, None).await.unwrap();
    let revoked = service.revocations.revoked_until.lock().unwrap().clone();
    assert_eq!(revoked.len(), 4);
    for until in revoked {
        assert!(until >= at(START) + lifetime, "{until:?}");
    }
}

#[tokio::test]
async fn ref_08_log_out_everywhere_is_of_one_user_in_one_tenant() {
    let service = Service::new();
    let [here, there] = ["here", "there"].map(|tenant| {
        let ann = Identity::builder("password", "ann");
        ann.tenant(tenant).build()
    });
    let bob = Identity::builder("password", "bob").tenant("here").build();
    let tokens = [&here, &there, &bob].map(|user| service.lone_token(user));
    let policy = service.issuer.policy().tenant_claim("tenant");
    let jwt = service.jwt(policy.build().unwrap());
    for (user, good) in [(&here, [false, true, true]), (&there, [false, false, true])] {
        service.tokens.revoke_user(user, None).await.unwrap();
        for (token, good) in tokens.iter().zip(good) {
            assert_eq!(jwt.verify_token(&token.access).await.is_ok(), good);
        }
    }
}

#[tokio::test]
async fn ref_08_a_token_of_a_node_whose_clock_is_ahead_is_taken_back() {
    let service = Service::new();
    service.pass(300);
    let lone = service.lone_token(&service.identity("ann"));
    let other = service.lone_token(&service.identity("ann"));
    service.set_back(300);
    assert_eq!(service.me(&lone).await, StatusCode::UNAUTHORIZED);
    assert_eq!(service.revoke(&lone.access).await, OK);
    service.pass(300);
    assert_eq!(service.me(&lone).await, StatusCode::UNAUTHORIZED);
    assert_eq!(service.me(&other).await, OK);
}

#[tokio::test]
async fn ref_08_no_token_of_ours_is_taken_back_without_its_key() {
    let service = Service::new();
    let lone = service.lone_token(&service.identity("ann"));
    let node = service.sharing_store(common::ISSUER, common::AUDIENCE);
    let other = service.sharing_store("https://other.example.com", common::AUDIENCE);
    let unknown = StatusCode::SERVICE_UNAVAILABLE;
    assert_eq!(node.revoke(&lone.access).await, unknown);
    // What is not ours, forged, or over, is no node's any more.
    assert_eq!(other.revoke(&lone.access).await, OK);
    let (signed, _) = lone.access.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(86));
    assert_eq!(service.revoke(&forged).await, OK);
    assert_eq!(service.me(&lone).await, OK);
    node.pass(600);
    assert_eq!(node.revoke(&lone.access).await, unknown);
    node.pass(300);
    assert_eq!(node.revoke(&lone.access).await, OK);
}

#[tokio::test]
async fn ref_09_nothing_grows_and_authority_is_that_of_today() {
    let service = Service::new();
    let grant = |grant: RefreshGrant<'static>| grant.scopes("read admin".parse().unwrap());
    let first = service.log_in_as(&service.identity("ann"), grant).await;
    // `admin` is nothing that the user has.
    assert_eq!(first.scope, "read");
    for wide in ["write", "read write", "admin"] {
        let answer = service
            .refresh_with(&first, &json!({ "scope": wide }))
            .await;
        assert_eq!(
            (answer.status, answer.error()),
            (BAD, "invalid_scope"),
            "{wide}"
        );
    }
    service.change_user(|user| {
        user.roles = vec!["clerk"];
        user.scopes = "read write admin";
    });
    let second = service.refreshed(&first).await;
    assert_eq!(second.scope, "read");
    assert_eq!(service.who(&second).await["roles"], json!(["clerk"]));

    // Fewer for one access token are not fewer for the family.
    let narrow = service.refresh_with(&second, &json!({ "scope": "" })).await;
    assert_eq!(narrow.pair().scope, "");
    let third = service.refreshed(&narrow.pair()).await;
    assert_eq!(third.scope, "read");
    service.change_user(|user| user.scopes = "write");
    assert_eq!(service.refreshed(&third).await.scope, "");
}

#[tokio::test]
async fn ref_09_another_issuer_or_audience_of_the_same_store_is_refused() {
    let service = Service::new();
    let pair = service.log_in("ann").await;
    for (issuer, audience) in [
        ("https://other.example.com", common::AUDIENCE),
        (common::ISSUER, "https://other-api.example.com"),
    ] {
        let other = service.sharing_store(issuer, audience);
        other.refused(&pair, "invalid_grant").await;
    }
    service.refreshed(&pair).await;
}

#[tokio::test]
async fn ref_10_neither_kind_of_token_passes_for_the_other() {
    let service = Service::new();
    let pair = service.log_in("ann").await;
    let answer = service.refresh_text(&pair.access).await;
    assert_eq!((answer.status, answer.error()), (BAD, "invalid_grant"));
    let swapped = pair.with_access(&pair.refresh);
    assert_eq!(service.me(&swapped).await, StatusCode::UNAUTHORIZED);
    service.refreshed(&pair).await;
}

#[tokio::test]
async fn ref_10_no_token_or_key_becomes_a_login() {
    let service = Service::new();
    let bearer = Identity::builder("bearer", "ann").token_id("t").build();
    let renamed = bearer.clone().with_scheme("password");
    let key = Identity::builder("api-key", "ann").key_id("k").build();
    // The issuer of an opaque token need not say its id.
    let introspected = Identity::new("introspection", "ann");
    let without_id = Identity::new("bearer", "ann");
    for identity in [bearer, renamed, key, introspected, without_id] {
        let error = service.tokens.begin(&RefreshGrant::new(&identity)).await;
        assert_eq!(error.unwrap_err().status(), StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn ref_10_nobody_else_s_user_becomes_ours_of_the_same_name() {
    let service = Service::new();
    let ann = service.log_in("ann").await;
    for issuer in ["https://evil.example", ""] {
        let other = Identity::builder("oidc", "ann").issuer(issuer).build();
        let begun = service.tokens.begin(&RefreshGrant::new(&other)).await;
        assert_eq!(begun.unwrap_err().status(), StatusCode::FORBIDDEN);
        // Nor does their logout log ours out.
        let ended = service.tokens.revoke_user(&other, None).await;
        assert_eq!(ended.unwrap_err().status(), StatusCode::FORBIDDEN);
        assert_eq!(service.tokens.list(&other).await.unwrap().len(), 0);
        let id = ann.family().parse().unwrap();
        assert!(!service.tokens.revoke_family(&other, &id).await.unwrap());
    }
    assert_eq!(service.me(&ann).await, OK);
    service.refreshed(&ann).await;
    let own = Identity::builder("password", "ann").issuer(common::ISSUER);
    service.log_in_as(&own.build(), |grant| grant).await;
}

#[tokio::test]
async fn ref_11_a_cookie_is_taken_from_pages_of_the_service_only() {
    let service = Service::new();
    let pair = service.log_in("ann").await;
    let own = [("origin", "https://app.example.com")];
    let cross = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    for headers in [&cross[..], &[]] {
        let answer = service.refresh_by_cookie(&pair.refresh, headers).await;
        assert_eq!((answer.status, answer.error()), (BAD, "invalid_request"));
    }
    let answer = service.refresh_by_cookie(&pair.refresh, &own).await;
    assert_eq!(answer.status, OK);
    assert_eq!(answer.body.get("refresh_token"), None);
    assert_no_store(&answer.headers);
    let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
    let (value, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(
        attributes,
        "Max-Age=1209600; Path=/token; Secure; HttpOnly; SameSite=Strict"
    );
    let next = value.strip_prefix("__Secure-refresh=").unwrap();
    assert_ne!(next, pair.refresh);
    let answer = service.refresh_by_cookie(next, &own).await;
    assert_eq!(answer.status, OK);
}

#[tokio::test]
async fn ref_11_no_answer_with_tokens_is_stored() {
    let service = Service::new();
    let pair = service.log_in("ann").await;
    assert_no_store(&service.refresh(&pair).await.headers);
    assert_no_store(&service.refresh_text("").await.headers);
}

#[tokio::test]
async fn stp_01_refreshing_makes_nothing_fresh() {
    let service = Service::new();
    let identity = Identity::builder("password", "ann")
        .scopes("read".parse().unwrap())
        .factor(Factor::new(FactorKind::Password, at(START - 500)))
        .factor(Factor::new(FactorKind::Otp, at(START - 20)))
        .auth_time(at(START - 20))
        .acr("gold")
        .extra(CredentialEpoch::new(1))
        .build();
    let mut pair = service.log_in_as(&identity, |grant| grant).await;
    let before = service.who(&pair).await;
    assert_eq!(before["auth_time"], START - 20);
    for _ in 0..3 {
        service.pass(300);
        pair = service.refreshed(&pair).await;
        let now = service.who(&pair).await;
        for fact in ["auth_time", "factors", "acr", "session_id"] {
            assert_eq!(now[fact], before[fact], "{fact}");
        }
    }
    assert_eq!(before["session_id"], pair.family());
}

#[tokio::test]
async fn ses_18_a_user_ends_own_families_by_their_public_id_and_no_others() {
    let service = Service::new();
    let (first, second) = (service.log_in("ann").await, service.log_in("ann").await);
    let (ann, bob) = (service.identity("ann"), service.identity("bob"));
    let listed = service.tokens.list(&ann).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(service.tokens.list(&bob).await.unwrap().is_empty());

    let id = first.family().parse().unwrap();
    assert!(!service.tokens.revoke_family(&bob, &id).await.unwrap());
    service.refreshed(&first).await;
    // Whoever is known by an access token is the same user.
    let bearer = service.bearer(&second).await;
    assert_eq!(service.tokens.list(&bearer).await.unwrap().len(), 2);
    assert!(service.tokens.revoke_family(&bearer, &id).await.unwrap());
    assert!(!service.tokens.revoke_family(&bearer, &id).await.unwrap());
    assert_eq!(service.me(&first).await, StatusCode::UNAUTHORIZED);
    assert_eq!(service.me(&second).await, OK);
    assert_eq!(service.tokens.list(&ann).await.unwrap().len(), 1);
}

#[tokio::test]
async fn ref_07_a_store_holds_nothing_that_is_a_token() {
    let service = Service::new();
    let first = service.log_in("ann").await;
    let second = service.refreshed(&first).await;
    let id = first.family().parse().unwrap();
    let state = service.store.find(&id).await.unwrap().unwrap();
    let mut kept = state.family.encode();
    kept.extend(state.current.as_bytes());
    let used = state.used.unwrap();
    kept.extend(used.digest.as_bytes());
    kept.extend(&used.successor);
    for pair in [&first, &second] {
        let parts = pair.refresh.strip_prefix("rt_").unwrap().split('.');
        for part in parts {
            let raw = refreshing::decoded(part);
            assert!(!kept.windows(raw.len()).any(|window| window == raw));
        }
    }
}

#[tokio::test]
async fn x_15_options_that_cannot_work_are_refused_and_named() {
    for (change, option) in [
        (
            (|b: jwt_layer::refresh::RefreshTokensBuilder| b.lifetime(Duration::from_millis(999)))
                as fn(_) -> _,
            "lifetime",
        ),
        (|b| b.idle(Duration::ZERO), "idle"),
        (
            |b| b.replay_window(Duration::from_secs(61)),
            "replay_window",
        ),
        (|b| b.max_replays(1001), "max_replays"),
        (|b| b.max_families(0), "max_families"),
        (|b| b.max_families(10_001), "max_families"),
    ] {
        let error = change(refreshing::builder()).build().unwrap_err();
        assert_eq!(error.option(), option);
    }
}

#[tokio::test]
async fn revocations_of_our_own_tokens_are_those_that_the_layer_asks_for() {
    let service = Service::new();
    let pair = service.log_in("ann").await;
    let bearer = service.bearer(&pair).await;
    let token = jwt_layer::IssuedToken::of(&bearer, at(START));
    assert!(!service.revocations.is_revoked(&token).await.unwrap());
    assert_eq!(service.revoke(&pair.refresh).await, OK);
    assert!(service.revocations.is_revoked(&token).await.unwrap());
}

fn assert_no_store(headers: &HeaderMap) {
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
}
