//! Everything that is logged, kept to be searched for secrets.

use std::fmt;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// Captures every event and span, of every level, with all fields.
///
/// `tracing` decides once for the whole process which events are wanted, so a capture on one thread
/// can miss events while other tests begin to log on theirs. Put such a test into a test binary of
/// its own, where [`assert_contains`](Self::assert_contains) tells that the capture works.
///
/// ```
/// use auth_test::LogCapture;
///
/// let logs = LogCapture::new();
/// logs.within(|| tracing::trace!(user = "ann", "logged in"));
/// logs.assert_contains("ann");
/// logs.assert_no_secret("hunter2");
/// ```
#[derive(Clone, Debug, Default)]
pub struct LogCapture {
    lines: Arc<Mutex<String>>,
}

impl LogCapture {
    /// A capture that is empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The subscriber that captures; for `tracing::subscriber::set_global_default` in a test binary
    /// whose threads should all be captured.
    pub fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        Registry::default().with(Capture {
            lines: self.clone(),
        })
    }

    /// Captures what `f` logs on this thread.
    pub fn within<T>(&self, f: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(self.subscriber(), f)
    }

    /// All that was captured, a line each.
    pub fn text(&self) -> String {
        self.lock().clone()
    }

    /// Fails the test if `secret` was logged: as it is, percent-encoded, in hexadecimal, or as
    /// `Debug` prints bytes.
    ///
    /// # Panics
    ///
    /// Panics if it was, and if `secret` is too short to be looked for.
    #[track_caller]
    pub fn assert_no_secret(&self, secret: &str) {
        assert!(
            secret.len() >= 6,
            "a secret of {} bytes is found anywhere",
            secret.len()
        );
        let text = self.text();
        for form in [
            secret.to_owned(),
            hex(secret),
            hex(secret).to_uppercase(),
            debug_bytes(secret),
            percent_encoded(secret),
        ] {
            let line = text.lines().find(|line| line.contains(&form));
            assert!(
                line.is_none(),
                "a secret was logged: {}",
                line.unwrap_or_default().replace(&form, "<the secret>")
            );
        }
    }

    /// Fails the test if `text` was not logged: so that a capture that captures nothing is noticed.
    ///
    /// # Panics
    ///
    /// Panics if it was not.
    #[track_caller]
    pub fn assert_contains(&self, text: &str) {
        assert!(
            self.lock().contains(text),
            "`{text}` was not logged:\n{}",
            self.text()
        );
    }

    fn lock(&self) -> MutexGuard<'_, String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// As `{:?}` prints a byte slice.
fn debug_bytes(text: &str) -> String {
    let bytes = format!("{:?}", text.as_bytes());
    bytes.trim_matches(['[', ']']).to_owned()
}

struct Capture {
    lines: LogCapture,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let meta = event.metadata();
        let mut line = format!("{} {}", meta.level(), meta.target());
        event.record(&mut Fields(&mut line));
        self.push(&line);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut line = format!("span {}", attributes.metadata().name());
        attributes.record(&mut Fields(&mut line));
        self.push(&line);
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut line = String::from("record");
        values.record(&mut Fields(&mut line));
        self.push(&line);
    }
}

impl Capture {
    fn push(&self, line: &str) {
        let mut lines = self.lines.lock();
        lines.push_str(line);
        lines.push('\n');
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form() {
        for logged in ["hunter 2!", "68756e7465722032 21", "hunter%202%21"] {
            let logs = LogCapture::new();
            logs.within(|| tracing::trace!(field = logged.replace("32 21", "3221")));
            let found = std::panic::catch_unwind(|| logs.assert_no_secret("hunter 2!"));
            assert!(found.is_err(), "{logged}");
        }
        let logs = LogCapture::new();
        logs.within(|| tracing::trace!(field = ?b"hunter 2!".as_slice()));
        assert!(std::panic::catch_unwind(|| logs.assert_no_secret("hunter 2!")).is_err());
    }

    #[test]
    fn spans_and_all_levels_are_captured() {
        let logs = LogCapture::new();
        logs.within(|| {
            let span = tracing::trace_span!("request", path = "/a");
            let _entered = span.enter();
            tracing::error!("broken");
        });
        logs.assert_contains("path=/a");
        logs.assert_contains("broken");
        logs.assert_no_secret("hunter2");
    }
}
