//! What is logged of stores that fail. A test binary of its own, because `tracing` decides once for
//! the whole process which events are wanted.

#[allow(dead_code, reason = "this test uses a part of it")]
mod protected;

use auth_test::LogCapture;
use http::StatusCode;
use protected::{PASSWORD, Protected};

/// The log says which scheme failed and why; the client learns neither.
#[tokio::test]
async fn x_06_x_12_the_log_has_the_reason_and_no_secret() {
    let logs = LogCapture::new();
    let _guard = tracing::subscriber::set_default(logs.subscriber());
    for app in Protected::all().await {
        app.faults.fail();
        let res = app.get("/me").await;
        assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!res.text().contains("injected_fault"));
    }
    logs.assert_contains("injected_fault");
    for scheme in ["session", "bearer", "api-key", "basic", "digest"] {
        logs.assert_contains(scheme);
    }
    logs.assert_no_secret(PASSWORD);
    logs.assert_no_secret("YW5uOmNvcnJlY3QgaG9yc2U=");
}
