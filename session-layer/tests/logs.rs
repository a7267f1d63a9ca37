//! What is logged.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;

use std::io;
use std::sync::{Arc, Mutex};

use auth_layer::{Events, Identity};
use common::App;
use session_layer::{MemoryRememberStore, RememberMe};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn x_12_no_log_line_holds_a_cookie_or_data() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone())
        .finish();
    let secrets = {
        let _guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
        let users = |login: Identity| async move { Ok(Some(login)) };
        let remember = RememberMe::new(MemoryRememberStore::new(), users);
        let app = App::with(|builder| builder.events(Events::default()).remember_me(remember));
        let mut browser = app.browser();
        assert_eq!(browser.send("POST", "/login?alice").await.status(), 200);
        let mut secrets = vec!["personal-matter".to_owned()];
        for (method, path) in [
            ("POST", "/set?k=personal-matter"),
            ("POST", "/login?alice"),
            ("POST", "/save-now?k=personal-matter"),
            ("POST", "/refresh?alice"),
            ("POST", "/cycle"),
            ("POST", "/login?bob"),
            ("POST", "/login-remembered?bob"),
        ] {
            browser.send(method, path).await;
            secrets.push(browser.secret());
        }
        // Back once, and then with the secret of before.
        let mut thief = browser.clone();
        thief.drop_cookie("__Host-session");
        for seconds in [0, 60] {
            app.clock.set(seconds);
            browser.drop_cookie("__Host-session");
            secrets.extend(browser.cookie("__Host-remember"));
            browser.who().await;
            secrets.extend(browser.cookies.iter().map(|(_, value)| value.clone()));
        }
        assert_eq!(thief.who().await, "nobody");
        app.backend.set_broken(true);
        browser.send("POST", "/save-now?k=personal-matter").await;
        app.backend.set_broken(false);
        browser.send("POST", "/logout").await;
        browser
            .cookies
            .push(("__Host-session".to_owned(), secrets[3].clone()));
        browser.who().await;
        secrets
    };
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for event in ["logged_in", "token_reused"] {
        assert!(log.contains(event), "{event} is not in {log}");
    }
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} was logged");
    }
}
