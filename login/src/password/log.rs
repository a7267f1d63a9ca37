//! What nobody is told about, and the log should know.

use std::fmt;

/// A hashing thread runs at the priority of all others.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(super) fn priority_not_lowered(error: &impl fmt::Debug) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        ?error,
        "password hashing threads run at normal priority and compete with requests"
    );
}

/// A login succeeded, and its outdated hash could not be replaced.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
pub(super) fn not_rehashed(subject: &str, error: &impl fmt::Debug) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        subject,
        ?error,
        "an outdated password hash was not replaced"
    );
}
