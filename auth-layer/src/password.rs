//! A user name and a password, and who can check them.

use std::fmt;

use zeroize::Zeroizing;

use crate::{AuthError, ClientAddress, Identity, Verdict};

/// A user name and a password, as they were sent.
///
/// Both are byte for byte what the client sent: nothing is trimmed, folded or normalised.
/// The memory is overwritten when the value is dropped, and `Debug` does not show the password.
#[derive(Clone)]
pub struct PasswordCredentials {
    // User name and password, one behind the other: one allocation for both.
    text: Zeroizing<String>,
    username_end: usize,
    password_start: usize,
    client_address: ClientAddress,
}

impl PasswordCredentials {
    /// Credentials from two texts, for example of a login form.
    #[must_use]
    pub fn new(username: &str, password: &str) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(username.len() + password.len()));
        text.push_str(username);
        text.push_str(password);
        Self {
            text,
            username_end: username.len(),
            password_start: username.len(),
            client_address: ClientAddress::unknown(),
        }
    }

    /// Splits `user:password` at its first colon (RFC 7617 section 2); `None` without one.
    #[cfg(feature = "basic")]
    pub(crate) fn from_pair(text: Zeroizing<String>) -> Option<Self> {
        let colon = text.bytes().position(|b| b == b':')?;
        Some(Self {
            text,
            username_end: colon,
            password_start: colon + 1,
            client_address: ClientAddress::unknown(),
        })
    }

    /// Says where they came from, for limits that count by address. Without it they count as from an
    /// address that is not known. The Basic scheme says it by itself.
    #[must_use]
    pub fn with_client_address(mut self, address: ClientAddress) -> Self {
        self.client_address = address;
        self
    }

    /// Where they came from, as far as it is known.
    pub fn client_address(&self) -> ClientAddress {
        self.client_address
    }

    /// The user name.
    pub fn username(&self) -> &str {
        &self.text[..self.username_end]
    }

    /// The password. Hash it or compare its digest; never print it.
    pub fn password(&self) -> &str {
        &self.text[self.password_start..]
    }
}

impl fmt::Debug for PasswordCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordCredentials")
            .field("username", &self.username())
            .field("password", &"[redacted]")
            .field("client_address", &self.client_address)
            .finish()
    }
}

/// Checks a user name and a password: what Basic and login forms ask.
///
/// A closure is one:
///
/// ```
/// use auth_layer::{AuthError, Identity, PasswordCredentials, PasswordVerifier};
///
/// let verifier = |sent: PasswordCredentials| async move {
///     // Ask your user store and your password hash here.
///     # let good = sent.password() == "open sesame";
///     # if !good { return Err(AuthError::invalid("wrong_password")); }
///     Ok(Identity::new("password", sent.username()))
/// };
/// # fn check(_: impl PasswordVerifier) {}
/// # check(verifier);
/// ```
///
/// # Contract
///
/// - An unknown user, a disabled user and a wrong password are one error, of kind
///   [`Invalid`](crate::AuthErrorKind::Invalid), after the same work.
/// - A store that cannot be asked is [`Unavailable`](crate::AuthErrorKind::Unavailable).
/// - Slow hashing happens on threads of its own, never in the future itself. `login` does all three.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not verify passwords",
    note = "use `auth_layer::basic::StaticUsers`, `login::password::PasswordLogin`, or a closure \
            `|sent: PasswordCredentials| async move {{ .. }}` that returns `Result<Identity, AuthError>`"
)]
pub trait PasswordVerifier: Send + Sync + 'static {
    /// What [`verify`](Self::verify) returns.
    type Future: Future<Output = Result<Identity, AuthError>> + Send;

    /// Checks the credentials. The scheme that asked puts its own name on the identity.
    fn verify(&self, credentials: PasswordCredentials) -> Self::Future;

    /// Checks the credentials at once, if nothing has to be waited for; gives them back otherwise,
    /// and [`verify`](Self::verify) is asked. The default gives them back. Both must decide alike.
    fn verify_now(&self, credentials: PasswordCredentials) -> Verdict<PasswordCredentials> {
        Verdict::Wait(credentials)
    }
}

impl<F, Fut> PasswordVerifier for F
where
    F: Fn(PasswordCredentials) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Identity, AuthError>> + Send,
{
    type Future = Fut;

    fn verify(&self, credentials: PasswordCredentials) -> Fut {
        self(credentials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_password() {
        let credentials = PasswordCredentials::new("alice", "hunter2");
        assert_eq!(credentials.username(), "alice");
        assert_eq!(credentials.password(), "hunter2");
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
