//! Events as counters.

use super::{Event, EventSink};

/// Counts events with the `metrics` crate, as `auth_events_total{event, scheme, reason}`.
///
/// All three labels come from fixed sets, so the number of series is bounded.
#[derive(Clone, Copy, Debug, Default)]
pub struct MetricsSink {
    _private: (),
}

impl MetricsSink {
    /// A sink that counts with the recorder that is installed.
    #[must_use]
    pub const fn new() -> Self {
        Self { _private: () }
    }
}

impl EventSink for MetricsSink {
    fn record(&self, event: &Event<'_>) {
        metrics::counter!(
            "auth_events_total",
            "event" => event.kind.as_str(),
            "scheme" => event.scheme.unwrap_or("none"),
            "reason" => event.reason.unwrap_or("none"),
        )
        .increment(1);
    }
}
