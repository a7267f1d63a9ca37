//! What the kinds of tokens have in common: [`TokenKind`].
#![allow(unnameable_types, reason = "they seal `TokenKind`")]

use std::fmt;
use std::time::SystemTime;

use auth_layer::{AuthError, ConfigError};

use super::common::{Common, Times};
use crate::token::Claims;

/// A kind of token that a [`VerificationPolicy`](crate::VerificationPolicy) is for, such as
/// [`AccessToken`](crate::kind::AccessToken).
///
/// Kinds exclude each other: a token of one kind is refused by the policy of every other, and what
/// is made for one kind does not take the policy of another. The trait is sealed.
///
/// Three kinds have no `typ` of their own and need not have a claim of their own: plain access tokens
/// without `client_id` and scopes, ID tokens without `nonce` and hashes, and UserInfo responses with
/// times. Nothing but the audience tells these apart. So give no service the name of a client, send a
/// `nonce` with every login, and take access tokens of RFC 9068 where there is the choice.
pub trait TokenKind: Rules {}

impl<K: Rules> TokenKind for K {}

/// A token whose signature holds; its issuer and its times have been checked.
#[derive(Clone, Copy)]
pub struct Signed<'s> {
    pub(crate) common: &'s Common,
    pub(crate) claims: &'s Claims<'s>,
    pub(crate) times: Times,
    pub(crate) now: SystemTime,
}

/// The rules of one kind. Public because [`TokenKind`] is, and not to be named.
pub trait Rules: Clone + fmt::Debug + Send + Sync + 'static {
    /// What the rules read out of a token beyond what every kind has.
    type Proved: fmt::Debug + Send + Sync + 'static;

    /// Whether a token with this `typ`, without `application/`, can be one of this kind.
    fn fits(&self, typ: Option<&str>) -> bool;

    /// Everything that only this kind asks for. Audience and required claims were checked before.
    ///
    /// # Errors
    ///
    /// Refuses what is another kind of token, or not a good one of this.
    fn check(&self, token: &Signed<'_>) -> Result<Self::Proved, AuthError>;

    /// The options that only this kind has.
    ///
    /// # Errors
    ///
    /// Names the option that cannot work.
    fn check_options(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

impl fmt::Debug for Signed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").finish_non_exhaustive()
    }
}

impl Signed<'_> {
    /// A claim that is a string, if it is there.
    pub(super) fn text(&self, name: &str) -> Result<Option<Box<str>>, AuthError> {
        Ok(self.claims.string(name)?.map(Into::into))
    }

    /// That no claim says that it is another kind of token: some issuers write it into `token_use` or
    /// `typ`, and the same `typ` into the header of all of them. Words that are not theirs say nothing.
    pub(super) fn check_named_kind(&self, own: &[&str]) -> Result<(), AuthError> {
        const WORDS: [&str; 7] = [
            "access", "bearer", "dpop", "id", "logout", "offline", "refresh",
        ];

        for name in ["token_use", "typ"] {
            // A claim of another type is somebody else's.
            let Ok(Some(word)) = self.claims.string(name) else {
                continue;
            };
            let is = |known: &&&str| word.eq_ignore_ascii_case(known);
            if WORDS.iter().any(|known| is(&known)) && !own.iter().any(|known| is(&known)) {
                return Err(AuthError::invalid("says_another_kind"));
            }
        }
        Ok(())
    }

    /// That nobody else is an audience, in whatever form.
    pub(super) fn check_sole_audience(&self) -> Result<(), AuthError> {
        let audiences = self.claims.strings("aud")?.unwrap_or_default();
        if audiences.iter().all(|named| self.common.is_audience(named)) {
            Ok(())
        } else {
            Err(AuthError::invalid("untrusted_audience"))
        }
    }

    /// `auth_time`, which is not to come.
    pub(super) fn auth_time(&self) -> Result<Option<SystemTime>, AuthError> {
        let time = self.claims.time("auth_time")?;
        if time.is_some_and(|time| time > self.now + self.common.leeway) {
            return Err(AuthError::invalid("authenticated_in_the_future"));
        }
        Ok(time)
    }
}

/// Whether `typ` is this media type, without regard to case (RFC 7515 section 4.1.9).
pub(super) fn is_type(typ: Option<&str>, media_type: &str) -> bool {
    typ.is_some_and(|typ| typ.eq_ignore_ascii_case(media_type))
}

/// Whether `typ` says no more than that it is a JWT (RFC 7519 section 5.1).
pub(super) fn is_plain(typ: Option<&str>) -> bool {
    typ.is_none() || is_type(typ, "jwt")
}
