//! What happens when one request carries several credentials.

/// What to do with a request that carries more than one credential.
///
/// An attacker who can add a credential to somebody's request, or keep a stale one beside it, wins
/// wherever two layers disagree about who is asking. So disagreement is refused unless you decide
/// otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConflictPolicy {
    /// All credentials must be good and prove the same principal (issuer, tenant, subject); the
    /// first one in order gives the identity. Anything else is 401. The default.
    #[default]
    Agree,
    /// The first scheme in order that finds a credential decides alone; the others are not looked
    /// at. A bad credential of that scheme is still 401.
    FirstWins,
    /// A second credential is 401, even if it agrees.
    RefuseMultiple,
}
