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
    ///
    /// Give all schemes that know the same users the same issuer, or none: a session without an
    /// issuer and a token with one prove different principals.
    #[default]
    Agree,
    /// The first credential in order decides alone, good or bad; later ones are not checked. One
    /// that counts as not sent, such as a stale cookie, is passed over.
    FirstWins,
    /// A second credential is 401, even if it agrees. One that counts as not sent is none.
    RefuseMultiple,
}
