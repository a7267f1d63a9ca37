//! The showcase's page in a real Chromium, with scripts and without. Pictures are kept in
//! `target/browser`.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use support::Running;
use support::showcase::{PASSWORD, start};
use support::webdriver::{Browser, Kind};
use test_servers::ChromeDriver;

const DESK: Kind = Kind {
    scripts: true,
    user_agent: None,
    size: (900, 1000),
};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

async fn sign_in(browser: &Browser, name: &str, password: &str) {
    browser.fill("User name", name).await;
    browser.fill("Password", password).await;
    browser.press("", "Sign in").await;
}

/// Two browsers, one person: what each sees.
async fn a_person_signs_in_and_ends_another_device(driver: &ChromeDriver, scripts: bool) {
    let showcase = start();
    let here = Browser::start(driver, Kind { scripts, ..DESK }).await;
    let phone = Kind {
        scripts,
        user_agent: Some(FIREFOX),
        size: (420, 900),
    };
    let there = Browser::start(driver, phone).await;
    let picture = |name: &str| format!("{name}-{}", if scripts { "scripts" } else { "plain" });

    here.go("data:text/html,<title>off</title><script>document.title='on'</script>")
        .await;
    assert_eq!(here.title().await, if scripts { "on" } else { "off" });

    // A wrong password is told, and the name need not be typed again.
    here.go(&showcase.url).await;
    here.screenshot(&picture("1-sign-in")).await;
    sign_in(&here, "alice", "not the password").await;
    here.wait_for("The name or the password is wrong.").await;
    let told = here.announced().await.unwrap();
    assert_eq!(told.0, "alert");
    assert_eq!(here.filled("User name").await, "alice");
    assert_eq!(here.filled("Password").await, "");
    here.screenshot(&picture("2-wrong-password")).await;

    sign_in(&here, "alice", PASSWORD).await;
    let text = here.wait_for("Who I am").await;
    for part in [
        "user-alice",
        "admin",
        "reports:read",
        "Chrome on Linux",
        "This device",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("Firefox on Linux"), "{text}");

    // Another device is listed, and ended from here.
    there.go(&showcase.url).await;
    sign_in(&there, "alice", PASSWORD).await;
    there.wait_for("Firefox on Linux").await;
    there.screenshot(&picture("3-phone")).await;
    here.go(&showcase.url).await;
    here.wait_for("Firefox on Linux").await;
    here.screenshot(&picture("4-two-devices")).await;
    here.press(
        "//li[contains(., 'Firefox on Linux')]",
        "Sign out this device",
    )
    .await;
    let text = here.wait_for("That session has ended.").await;
    assert!(!text.contains("Firefox on Linux"), "{text}");
    assert_eq!(here.announced().await.unwrap().0, "status");
    here.screenshot(&picture("5-ended")).await;

    // Its next click, whichever it is, finds it signed out.
    there.press("", "Sign out this device").await;
    let text = there.wait_for("You are signed out.").await;
    assert!(!text.contains("user-alice"), "{text}");
    there.screenshot(&picture("6-signed-out")).await;

    // Whoever sits down here next sees nothing by going back.
    here.press("", "Sign out").await;
    here.wait_for("You are signed out.").await;
    for _ in 0..2 {
        here.back().await;
        here.wait_for("Sign in").await;
        let source = here.source().await;
        for private in ["user-alice", "My sessions", "Who I am"] {
            assert!(!source.contains(private), "{private} in {source}");
        }
    }
    here.screenshot(&picture("7-back")).await;

    for browser in [here, there] {
        assert_eq!(browser.complaints().await, Vec::<String>::new());
        browser.close().await;
    }
}

#[tokio::test]
async fn ses_24_the_page_works_and_the_back_button_shows_nothing_private() {
    let driver = ChromeDriver::start();
    a_person_signs_in_and_ends_another_device(&driver, true).await;
}

#[tokio::test]
async fn the_page_works_without_scripts() {
    let driver = ChromeDriver::start();
    a_person_signs_in_and_ends_another_device(&driver, false).await;
}

/// The new key that is shown; as a header.
async fn shown_key(browser: &Browser, showcase: &Running) -> String {
    browser.wait_for("it is shown this once").await;
    let key = browser.filled("Key").await;
    assert!(key.starts_with("showcase_live_"), "no key");
    showcase.secret(&key);
    format!("x-api-key: {key}")
}

async fn statuses(showcase: &Running, keys: [&String; 2]) -> [u16; 2] {
    let mut statuses = [0; 2];
    for (status, key) in statuses.iter_mut().zip(keys) {
        *status = showcase
            .get("/reports", std::slice::from_ref(key))
            .await
            .status
            .as_u16();
    }
    statuses
}

/// A key from its making to its end.
async fn a_person_makes_replaces_and_revokes_a_key(driver: &ChromeDriver, scripts: bool) {
    let showcase = start();
    let browser = Browser::start(driver, Kind { scripts, ..DESK }).await;
    let picture = |name: &str| format!("keys-{name}-{}", if scripts { "scripts" } else { "plain" });
    browser.go(&showcase.url).await;
    sign_in(&browser, "alice", PASSWORD).await;
    browser.wait_for("You have none.").await;

    // What cannot be is told.
    browser.fill("Name", "nightly build").await;
    browser.fill("Scopes", "reports:write").await;
    browser.press("", "Make the key").await;
    browser
        .wait_for("A key can have no scope that you have not.")
        .await;
    assert_eq!(browser.announced().await.unwrap().0, "alert");

    browser.fill("Name", "nightly build").await;
    browser.fill("Only from", "127.0.0.0/8").await;
    browser.press("", "Make the key").await;
    let first = shown_key(&browser, &showcase).await;
    browser.screenshot(&picture("1-new")).await;
    assert_eq!(statuses(&showcase, [&first, &first]).await, [200, 200]);
    if scripts {
        browser.press("", "Copy").await;
        browser.wait_for("Copied.").await;
    }

    // It is gone with the page, and loading that again makes no other.
    browser.reload().await;
    let text = browser.wait_for("That form was sent before.").await;
    assert_eq!(text.matches("Replace").count(), 1, "{text}");
    let secret = first.strip_prefix("x-api-key: ").unwrap();
    assert!(!browser.source().await.contains(secret));
    if scripts {
        browser.paste("Name").await;
        assert_eq!(browser.filled("Name").await, secret);
    }
    browser.screenshot(&picture("2-list")).await;

    // Both secrets are good for a while.
    let entry = "//li[contains(., 'nightly build')]";
    browser.choose(entry, "a day more").await;
    browser.press(entry, "Replace").await;
    let second = shown_key(&browser, &showcase).await;
    assert_ne!(first, second);
    assert_eq!(statuses(&showcase, [&first, &second]).await, [200, 200]);
    browser.reload().await;
    browser
        .wait_for("The secret before this one is good until")
        .await;
    assert_eq!(statuses(&showcase, [&first, &second]).await, [200, 200]);
    browser.choose(entry, "no longer").await;
    browser.press(entry, "Replace").await;
    let third = shown_key(&browser, &showcase).await;
    assert_eq!(statuses(&showcase, [&second, &third]).await, [401, 200]);
    browser.go(&showcase.url).await;
    browser.wait_for("My API keys").await;

    browser.press(entry, "Revoke").await;
    let text = browser.wait_for("That key has been revoked.").await;
    assert!(!text.contains("Replace"), "{text}");
    assert_eq!(statuses(&showcase, [&first, &third]).await, [401, 401]);
    browser.screenshot(&picture("3-revoked")).await;

    // Whoever sits down here next finds none of them by going back.
    browser.press("", "Sign out").await;
    browser.wait_for("You are signed out.").await;
    for _ in 0..6 {
        browser.back().await;
        let source = browser.source().await;
        for key in [&first, &second, &third] {
            let secret = key.strip_prefix("x-api-key: ").unwrap();
            assert!(!source.contains(secret), "a key in {source}");
        }
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn apk_03_a_key_is_shown_once_copied_replaced_and_revoked_on_the_page() {
    let driver = ChromeDriver::start();
    a_person_makes_replaces_and_revokes_a_key(&driver, true).await;
}

#[tokio::test]
async fn apk_03_a_key_is_shown_once_on_the_page_without_scripts() {
    let driver = ChromeDriver::start();
    a_person_makes_replaces_and_revokes_a_key(&driver, false).await;
}
