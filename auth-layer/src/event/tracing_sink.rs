//! Events as `tracing` events.

use super::{Event, EventKind, EventSink};

/// Writes events to `tracing`, target `auth`.
///
/// Success is `DEBUG`, refusals are `INFO`, signs of an attack are `WARN`, and so are keys that outlive
/// their issuer's answers; an unreachable store or issuer is `ERROR`. Text that a client chose is written with `Debug`, so it cannot forge log lines, and cut
/// off after 128 characters.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TracingSink;

impl EventSink for TracingSink {
    fn record(&self, event: &Event<'_>) {
        macro_rules! record {
            ($level:ident) => {
                tracing::event!(
                    target: "auth",
                    tracing::Level::$level,
                    event = event.kind.as_str(),
                    scheme = event.scheme,
                    reason = event.reason,
                    subject = event.identity.map(|identity| tracing::field::debug(identity.subject())),
                    claimed_subject = event.claimed_subject.map(beginning).map(tracing::field::debug),
                    object_id = event.object_id,
                    address = event.address.map(tracing::field::display),
                    error = event.error.map(|error| tracing::field::display(Chain(error))),
                )
            };
        }

        match event.kind {
            EventKind::Authenticated | EventKind::KeysFetched => record!(DEBUG),
            EventKind::Conflict | EventKind::StaleKeysUsed | EventKind::TokenReused => {
                record!(WARN);
            }
            EventKind::KeysFetchFailed | EventKind::Unavailable => record!(ERROR),
            _ => record!(INFO),
        }
    }
}

/// Enough of a text that a client chose to know it again.
fn beginning(text: &str) -> &str {
    match text.char_indices().nth(128) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// An error and what caused it.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
