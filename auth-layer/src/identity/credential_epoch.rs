//! How often a user's credentials have changed.

/// A number that grows whenever a user's credentials change: a new password, a removed factor, "log
/// out everywhere".
///
/// It is an extra of the identity. A session that keeps it can be told apart from those that began
/// after the change. Replacing an outdated hash of the same password does not raise it.
///
/// ```
/// use auth_layer::{CredentialEpoch, Identity};
///
/// let identity = Identity::builder("password", "user-17")
///     .extra(CredentialEpoch::new(3))
///     .build();
/// assert!(identity.extra::<CredentialEpoch>() < Some(&CredentialEpoch::new(4)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialEpoch(u64);

impl CredentialEpoch {
    /// The epoch of this number.
    #[must_use]
    pub const fn new(epoch: u64) -> Self {
        Self(epoch)
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}
