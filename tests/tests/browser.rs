//! The showcase's page in a real Chromium, with scripts and without. Pictures are kept in
//! `target/browser`.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

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
