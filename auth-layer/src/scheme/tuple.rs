//! Tuples of schemes: several schemes in one layer, with the rules for conflicts in one place.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::HeaderMap;
use http::request::Parts;
use pin_project_lite::pin_project;

use super::{ConflictPolicy, Scheme, Verdict};
use crate::{AuthError, AuthErrorKind, Challenges, Identity, ResponseHeaders};

/// What has been proved so far, and what that means for the credentials that are left.
#[derive(Debug)]
struct Proved {
    identity: Option<Identity>,
    policy: ConflictPolicy,
}

impl Proved {
    fn is_decided(&self) -> bool {
        self.policy == ConflictPolicy::FirstWins && self.identity.is_some()
    }

    fn add(&mut self, result: Result<Identity, AuthError>) -> Result<(), AuthError> {
        match (result, &self.identity) {
            // A stale cookie counts as not sent.
            (Err(error), _) if error.kind() == AuthErrorKind::Absent => {}
            (Ok(identity), None) => self.identity = Some(identity),
            (Ok(_), Some(_)) if self.policy == ConflictPolicy::RefuseMultiple => {
                return Err(multiple_credentials());
            }
            (Ok(second), Some(first)) => check_agreement(first, &second)?,
            (Err(error), _) => return Err(error),
        }
        Ok(())
    }
}

/// Two credentials on one request must prove the same principal.
pub(crate) fn check_agreement(first: &Identity, second: &Identity) -> Result<(), AuthError> {
    if first.is_same_principal(second) {
        return Ok(());
    }
    let who = |identity: &Identity| format!("{:?} by {}", identity.subject(), identity.scheme());
    let error = AuthError::new(AuthErrorKind::Conflict, "different_principals");
    Err(error.with_source(format!("{} and {}", who(first), who(second))))
}

/// More than one credential where the policy allows one.
pub(crate) fn multiple_credentials() -> AuthError {
    AuthError::new(AuthErrorKind::Conflict, "multiple_credentials")
}

pin_project! {
    /// One member's verification: not needed or over, refused already, or under way.
    #[project = SlotProj]
    #[derive(Debug)]
    enum Slot<F> {
        Empty,
        Malformed {
            error: Option<AuthError>,
        },
        Pending {
            #[pin]
            future: F,
            scheme: &'static str,
        },
    }
}

impl<F: Future<Output = Result<Identity, AuthError>>> Slot<F> {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        proved: &mut Proved,
    ) -> Poll<Result<(), AuthError>> {
        let result = match self.as_mut().project() {
            SlotProj::Empty => return Poll::Ready(Ok(())),
            SlotProj::Malformed { error } => match error.take() {
                Some(error) => Err(error),
                None => return Poll::Ready(Ok(())),
            },
            SlotProj::Pending { future, scheme } => {
                ready!(future.poll(cx)).map_err(|error| error.with_scheme(scheme))
            }
        };
        self.set(Self::Empty);
        Poll::Ready(proved.add(result))
    }
}

macro_rules! tuple_scheme {
    ($future:ident; $($scheme:ident $slot:ident $index:tt),+) => {
        pin_project! {
            /// Verifies the credentials that the members of a tuple found, one after the other.
            #[derive(Debug)]
            pub struct $future<$($scheme),+> {
                $(#[pin] $slot: Slot<$scheme>,)+
                proved: Proved,
            }
        }

        impl<$($scheme),+> Future for $future<$($scheme),+>
        where
            $($scheme: Future<Output = Result<Identity, AuthError>>,)+
        {
            type Output = Result<Identity, AuthError>;

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                let this = self.project();
                $(
                    if !this.proved.is_decided()
                        && let Err(error) = ready!(this.$slot.poll(cx, this.proved))
                    {
                        return Poll::Ready(Err(error));
                    }
                )+
                Poll::Ready(match this.proved.identity.take() {
                    Some(identity) => Ok(identity),
                    None => Err(AuthError::absent("no_live_credential")),
                })
            }
        }

        impl<$($scheme: Scheme),+> Scheme for ($($scheme,)+) {
            type Credential = ($(Option<Result<$scheme::Credential, AuthError>>,)+);
            type Future = $future<$($scheme::Future),+>;

            fn name(&self) -> &'static str {
                "any"
            }

            fn extract(&self, parts: &Parts) -> Result<Option<Self::Credential>, AuthError> {
                let mut found = false;
                let credentials = ($(
                    match self.$index.extract(parts) {
                        Ok(credential) => {
                            found |= credential.is_some();
                            credential.map(Ok)
                        }
                        Err(error) if error.kind() == AuthErrorKind::Absent => None,
                        Err(error) => {
                            let error = error.with_scheme(self.$index.name());
                            // Behind another credential it depends on the policy what this means.
                            if !found {
                                return Err(error);
                            }
                            Some(Err(error))
                        }
                    },
                )+);
                Ok(found.then_some(credentials))
            }

            fn verify(&self, credential: Self::Credential) -> Self::Future {
                self.verify_under(credential, ConflictPolicy::default())
            }

            fn verify_now(&self, mut credential: Self::Credential) -> Verdict<Self::Credential> {
                let found = [$(credential.$index.is_some()),+];
                // Where there are several, they are judged together.
                if found.iter().filter(|found| **found).count() != 1 {
                    return Verdict::Wait(credential);
                }
                $(
                    if let Some(found) = credential.$index.take() {
                        return match found {
                            Ok(found) => match self.$index.verify_now(found) {
                                Verdict::Now(result) => Verdict::Now(
                                    result.map_err(|error| error.with_scheme(self.$index.name())),
                                ),
                                Verdict::Wait(found) => {
                                    credential.$index = Some(Ok(found));
                                    Verdict::Wait(credential)
                                }
                            },
                            Err(error) => Verdict::Now(Err(error)),
                        };
                    }
                )+
                Verdict::Wait(credential)
            }

            fn verify_under(
                &self,
                mut credential: Self::Credential,
                policy: ConflictPolicy,
            ) -> Self::Future {
                // Where all must be good, one that cannot be spares the work for the others.
                if policy != ConflictPolicy::FirstWins {
                    let malformed = [$(matches!(credential.$index, Some(Err(_)))),+];
                    if let Some(malformed) = malformed.iter().position(|malformed| *malformed) {
                        $(
                            if malformed != $index {
                                credential.$index = None;
                            }
                        )+
                    }
                }
                $future {
                    $($slot: match credential.$index {
                        Some(Ok(credential)) => Slot::Pending {
                            future: self.$index.verify_under(credential, policy),
                            scheme: self.$index.name(),
                        },
                        Some(Err(error)) => Slot::Malformed { error: Some(error) },
                        None => Slot::Empty,
                    },)+
                    proved: Proved { identity: None, policy },
                }
            }

            fn challenge(&self, error: Option<&AuthError>) -> Challenges {
                let mut challenges = Challenges::none();
                // What is missing of an identity is told by the member that it came by alone.
                let by_one = error.is_some_and(|error| {
                    error.kind() == AuthErrorKind::InsufficientScope
                });
                $(
                    let own = error.filter(|error| {
                        error.scheme().is_some_and(|scheme| self.$index.answers_for(scheme))
                    });
                    if !by_one || (own.is_some() && self.$index.explains_missing_scope()) {
                        challenges.append(self.$index.challenge(own));
                    }
                )+
                challenges
            }

            fn response_headers(&self, identity: &Identity) -> ResponseHeaders {
                let mut headers = ResponseHeaders::none();
                $(
                    if headers.is_empty() && self.$index.answers_for(identity.scheme()) {
                        headers = self.$index.response_headers(identity);
                    }
                )+
                headers
            }

            fn explains_missing_scope(&self) -> bool {
                $(self.$index.explains_missing_scope())||+
            }

            fn conceal(&self, headers: &mut HeaderMap) {
                $(self.$index.conceal(headers);)+
            }

            fn claims_authorization(&self, credential: &Self::Credential) -> bool {
                $(
                    credential.$index.as_ref().is_some_and(|credential| match credential {
                        Ok(credential) => self.$index.claims_authorization(credential),
                        Err(_) => true,
                    })
                )||+
            }

            fn answers_for(&self, scheme: &str) -> bool {
                $(self.$index.answers_for(scheme))||+
            }
        }
    };
}

tuple_scheme!(VerifyTwo; A a 0, B b 1);
tuple_scheme!(VerifyThree; A a 0, B b 1, C c 2);
tuple_scheme!(VerifyFour; A a 0, B b 1, C c 2, D d 3);
tuple_scheme!(VerifyFive; A a 0, B b 1, C c 2, D d 3, E e 4);
tuple_scheme!(VerifySix; A a 0, B b 1, C c 2, D d 3, E e 4, F f 5);
