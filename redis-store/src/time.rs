//! Times as Redis keeps them: the caller's, in milliseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::MAX_LEEWAY;

/// The largest number that Lua counts to exactly.
const LARGEST: u64 = (1 << 53) - 1;

/// Milliseconds since 1970, as far as Lua can count.
pub(crate) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).map_or(LARGEST, |millis| millis.min(LARGEST))
}

pub(crate) fn time(millis: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

/// For how many milliseconds to keep what ends at `end`, seen from `now`.
///
/// Redis counts from when it hears it, by its own clock; nothing is compared with that clock. It is
/// kept longer by [`MAX_LEEWAY`], so that it is never gone before callers, whose clocks may differ,
/// call it ended.
pub(crate) fn keep(now: SystemTime, end: SystemTime) -> u64 {
    let margin = u64::try_from(MAX_LEEWAY.as_millis()).unwrap_or(0);
    millis(end).saturating_sub(millis(now)) + margin
}
