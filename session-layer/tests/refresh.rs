//! A refresh, and what others do to the session at the same time.

mod common;

use common::{App, Browser, Gate, text};
use http::{Response, StatusCode};
use tokio::task::JoinHandle;

/// Sends a request that has found its session and then waits.
async fn start(
    browser: &Browser,
    method: &str,
    uri: &str,
) -> (Gate, JoinHandle<(Browser, Response<bytes::Bytes>)>) {
    let gate = Gate::default();
    let mut slow = browser.clone();
    let mut req = slow.request(method, uri);
    req.extensions_mut().insert(gate.clone());
    let task = tokio::spawn(async move {
        let res = slow.send_request(req).await;
        (slow, res)
    });
    gate.entered.notified().await;
    (gate, task)
}

async fn refresh(browser: &Browser) -> Browser {
    let mut tab = browser.clone();
    let res = tab.send("POST", "/refresh?alice+").await;
    assert_eq!(res.status(), StatusCode::OK, "{}", text(&res));
    assert_ne!(tab.secret(), browser.secret());
    tab
}

#[tokio::test]
async fn ses_04_a_refresh_in_another_tab_does_not_undo_a_logout() {
    for path in ["/logout", "/flush-quietly", "/save-then-logout?k=1"] {
        let app = App::new();
        let mut browser = app.browser();
        browser.log_in("alice").await;
        let (gate, logout) = start(&browser, "POST", path).await;
        let mut tab = refresh(&browser).await;
        app.take_events();
        gate.go_on.notify_one();
        let (_, res) = logout.await.unwrap();
        assert_eq!(res.status(), StatusCode::OK, "{path}");
        assert_eq!(tab.who().await, "nobody", "{path}");
        assert!(app.backend.memory.is_empty(), "{path}");
        let events = app.take_events();
        let ended = events.iter().filter(|event| *event == "logged_out -");
        assert_eq!(ended.count(), 1, "{path}: {events:?}");
    }
}

#[tokio::test]
async fn ses_04_an_id_that_was_listed_before_a_refresh_still_ends_the_session() {
    let app = App::new();
    let (mut laptop, mut phone) = (app.browser(), app.browser());
    phone.log_in("alice").await;
    let list = phone.get("/sessions").await;
    let id = list.split(' ').next().unwrap().to_owned();
    laptop.log_in("alice").await;
    let mut phone = refresh(&phone).await;
    assert!(phone.get("/sessions").await.contains(&format!("{id} true")));
    let res = laptop.send("DELETE", &format!("/sessions?{id}")).await;
    assert_eq!(text(&res), "true");
    assert_eq!(phone.who().await, "nobody");
}

#[tokio::test]
async fn ses_04_ending_the_others_during_a_refresh_spares_the_own_session() {
    let app = App::new();
    let (mut laptop, mut phone) = (app.browser(), app.browser());
    laptop.log_in("alice").await;
    phone.log_in("alice").await;
    let (gate, others) = start(&laptop, "DELETE", "/sessions").await;
    let mut tab = refresh(&laptop).await;
    gate.go_on.notify_one();
    assert_eq!(text(&others.await.unwrap().1), "1");
    assert_eq!(tab.who().await, "alice");
    assert_eq!(phone.who().await, "nobody");
}

#[tokio::test]
async fn ses_04_a_login_during_a_refresh_ends_the_old_session() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    let (gate, login) = start(&browser, "POST", "/login?bob").await;
    let mut tab = refresh(&browser).await;
    gate.go_on.notify_one();
    let (mut browser, _) = login.await.unwrap();
    assert_eq!(browser.who().await, "bob");
    assert_eq!(tab.who().await, "nobody");
    assert_eq!(app.backend.memory.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ses_04_of_a_parallel_refresh_and_a_logout_nothing_is_left() {
    for round in 0..50 {
        let app = App::new();
        let mut browser = app.browser();
        browser.log_in("alice").await;
        let (go_out, logout) = start(&browser, "POST", "/logout").await;
        let (go_on, refresh) = start(&browser, "POST", "/refresh?alice+").await;
        go_out.go_on.notify_one();
        go_on.go_on.notify_one();
        assert_eq!(logout.await.unwrap().1.status(), StatusCode::OK);
        let (mut tab, res) = refresh.await.unwrap();
        assert!(matches!(res.status().as_u16(), 200 | 401), "round {round}");
        assert_eq!(tab.who().await, "nobody", "round {round}");
        assert!(app.backend.memory.is_empty(), "round {round}");
    }
}

#[tokio::test]
async fn ses_04_after_a_refresh_session_goes_on_with_the_same_session() {
    let app = App::new();
    let mut browser = app.browser();
    browser.log_in("alice").await;
    let id = text(&browser.send("POST", "/set?k=1").await);
    let mut browser = refresh(&browser).await;
    assert_eq!(text(&browser.send("POST", "/set?k=2").await), id);
    assert_eq!(browser.get("/get?k").await, "\"2\"");
    assert_eq!(browser.get("/get?unsaved").await, "1");
    assert_eq!(browser.who().await, "alice");
}
