//! What the client is given: [`RefreshToken`].

use std::fmt;

use auth_layer::{AuthError, SecretDigest, SecretString, random_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::FamilyId;

/// What stands before the parts of a token when they are hashed, so that no token of another kind is
/// ever one of these.
const SELECTOR_PURPOSE: &[u8] = b"refresh-family\0";
const TOKEN_PURPOSE: &[u8] = b"refresh-token\0";

/// A refresh token: `rt_`, a selector of 128 random bits, which stays with its family, a dot, and a
/// secret of 256 random bits, which is good for one use; both in base64url.
///
/// The selector is no less secret than the rest: a store knows a family by a hash of it
/// ([`FamilyId`]), which access tokens carry, and so nobody can make anything of a family's id. Who
/// presents a selector with a secret that is not, or no longer, right has had a token of that family.
#[derive(Clone)]
pub struct RefreshToken {
    selector: Zeroizing<[u8; 16]>,
    secret: Zeroizing<[u8; 32]>,
}

impl RefreshToken {
    /// What every refresh token begins with, for those who scan for leaked secrets, and for
    /// [`Jwt::leave_prefix`](crate::Jwt::leave_prefix).
    pub const PREFIX: &str = "rt_";

    const SELECTOR: usize = 22;
    const SECRET: usize = 43;

    /// A new family and its first token.
    pub(super) fn generate() -> Result<Self, AuthError> {
        Ok(Self {
            selector: Zeroizing::new(random_bytes()?),
            secret: Zeroizing::new(random_bytes()?),
        })
    }

    /// The next token of the family.
    pub(super) fn next(&self) -> Result<Self, AuthError> {
        Ok(self.with_secret(random_bytes()?))
    }

    /// The token of the family with this secret.
    pub(super) fn with_secret(&self, secret: [u8; 32]) -> Self {
        Self {
            selector: self.selector.clone(),
            secret: Zeroizing::new(secret),
        }
    }

    /// A token that was sent; `None` if it cannot be one of ours. There is one way to write each.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(Self::PREFIX)?;
        let (selector, secret) = text.split_once('.')?;
        if selector.len() != Self::SELECTOR || secret.len() != Self::SECRET {
            return None;
        }
        let mut token = Self {
            selector: Zeroizing::default(),
            secret: Zeroizing::default(),
        };
        let selector = URL_SAFE_NO_PAD.decode_slice(selector, token.selector.as_mut_slice());
        let secret = URL_SAFE_NO_PAD.decode_slice(secret, token.secret.as_mut_slice());
        (selector.ok()? == 16 && secret.ok()? == 32).then_some(token)
    }

    /// The public id of the family.
    pub fn family(&self) -> FamilyId {
        let digest = digest(SELECTOR_PURPOSE, &[self.selector.as_slice()]);
        let mut id = [0; 16];
        id.copy_from_slice(&digest.as_bytes()[..16]);
        FamilyId::from_bytes(id)
    }

    /// What the store knows the token by.
    pub(super) fn digest(&self) -> SecretDigest {
        digest(
            TOKEN_PURPOSE,
            &[self.selector.as_slice(), self.secret.as_slice()],
        )
    }

    /// The part that is replaced.
    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The text, for the client and for nobody else.
    pub fn to_secret_string(&self) -> SecretString {
        let mut text = String::with_capacity(3 + Self::SELECTOR + 1 + Self::SECRET);
        text.push_str(Self::PREFIX);
        URL_SAFE_NO_PAD.encode_string(self.selector.as_slice(), &mut text);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(self.secret.as_slice(), &mut text);
        text.into()
    }
}

fn digest(purpose: &[u8], parts: &[&[u8]]) -> SecretDigest {
    let mut whole = Zeroizing::new(Vec::with_capacity(64));
    whole.extend_from_slice(purpose);
    for part in parts {
        whole.extend_from_slice(part);
    }
    SecretDigest::of(&whole[..])
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken")
            .field("family", &self.family())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use auth_layer::ExposeSecret as _;

    use super::*;

    fn text(token: &RefreshToken) -> String {
        token.to_secret_string().expose_secret().to_owned()
    }

    #[test]
    fn the_family_stays_and_the_secret_does_not() {
        let mut token = RefreshToken::generate().unwrap();
        let family = token.family();
        for _ in 0..20 {
            let next = token.next().unwrap();
            assert_eq!(next.family(), family);
            assert_ne!(next.digest(), token.digest());
            assert_eq!(text(&next)[..25], text(&token)[..25]);
            token = next;
        }
        assert_ne!(RefreshToken::generate().unwrap().family(), family);
    }

    #[test]
    fn ref_07_only_the_whole_text_is_a_token() {
        let token = RefreshToken::generate().unwrap();
        let text = text(&token);
        let again = RefreshToken::parse(&text).unwrap();
        assert_eq!(again.digest(), token.digest());
        let family = token.family().to_string();
        let (head, tail) = text.split_at(text.len() - 1);
        let mut wrong = vec![
            String::new(),
            format!("{text}A"),
            format!(" {text}"),
            format!("{text}\n"),
            family.clone(),
            format!("rt_{family}"),
            format!("rt_{family}."),
            text.replace("rt_", "RT_"),
            text.replace("rt_", ""),
            text.replace('.', ""),
            text.replace('.', "A"),
            format!("{head}="),
            format!("{head}é"),
        ];
        wrong.extend((0..text.len()).map(|end| text[..end].to_owned()));
        // The last character has two bits to spare; only zeros are ours.
        wrong.extend(
            ('A'..='Z')
                .filter(|c| !tail.contains(*c) && !"AEIMQUYcgkosw048".contains(*c))
                .map(|c| format!("{head}{c}")),
        );
        for wrong in wrong {
            assert!(RefreshToken::parse(&wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn ref_07_an_id_is_not_half_of_a_token() {
        let token = RefreshToken::generate().unwrap();
        let made_up = format!("rt_{}.{}", token.family(), &text(&token)[26..]);
        let made_up = RefreshToken::parse(&made_up).unwrap();
        assert_ne!(made_up.family(), token.family());
        assert_ne!(made_up.digest(), token.digest());
    }

    #[test]
    fn ref_07_nothing_of_it_is_printed() {
        let token = RefreshToken::generate().unwrap();
        let printed = format!("{token:?}");
        assert!(printed.contains(&token.family().to_string()), "{printed}");
        assert!(!printed.contains(&text(&token)[3..25]));
    }
}
