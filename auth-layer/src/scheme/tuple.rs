//! Tuples of schemes: several schemes in one layer, with the rules for conflicts in one place.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::HeaderMap;
use http::request::Parts;
use pin_project_lite::pin_project;

use super::{ConflictPolicy, Scheme};
use crate::{AuthError, AuthErrorKind, Challenges, Identity};

/// What has been proved so far.
#[derive(Debug)]
struct Proved {
    identity: Option<Identity>,
    refused: bool,
}

impl Proved {
    /// A second credential where there may be one only is refused before any is checked.
    fn start(policy: ConflictPolicy, credentials: usize) -> Self {
        Self {
            identity: None,
            refused: policy == ConflictPolicy::RefuseMultiple && credentials > 1,
        }
    }

    fn add(&mut self, result: Result<Identity, AuthError>) -> Result<(), AuthError> {
        match (result, &self.identity) {
            (Ok(identity), None) => self.identity = Some(identity),
            (Ok(second), Some(first)) => check_agreement(first, &second)?,
            // A stale cookie counts as not sent.
            (Err(error), _) if error.kind() == AuthErrorKind::Absent => {}
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
    Err(AuthError::new(
        AuthErrorKind::Conflict,
        "different_principals",
    ))
}

/// More than one credential where the policy allows one.
pub(crate) fn multiple_credentials() -> AuthError {
    AuthError::new(AuthErrorKind::Conflict, "multiple_credentials")
}

pin_project! {
    /// One member's verification: not needed, under way, or over.
    #[project = SlotProj]
    #[derive(Debug)]
    enum Slot<F> {
        Empty,
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
                if this.proved.refused {
                    return Poll::Ready(Err(multiple_credentials()));
                }
                $(
                    if let Err(error) = ready!(this.$slot.poll(cx, this.proved)) {
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
            type Credential = ($(Option<$scheme::Credential>,)+);
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
                            credential
                        }
                        Err(error) if error.kind() == AuthErrorKind::Absent => None,
                        Err(error) => return Err(error.with_scheme(self.$index.name())),
                    },
                )+);
                Ok(found.then_some(credentials))
            }

            fn verify(&self, credential: Self::Credential) -> Self::Future {
                self.verify_under(credential, ConflictPolicy::default())
            }

            fn verify_under(
                &self,
                mut credential: Self::Credential,
                policy: ConflictPolicy,
            ) -> Self::Future {
                let credentials = [$(credential.$index.is_some()),+];
                if policy == ConflictPolicy::FirstWins {
                    let first = credentials.iter().position(|found| *found);
                    $(
                        if first != Some($index) {
                            credential.$index = None;
                        }
                    )+
                }
                $future {
                    $($slot: match credential.$index {
                        Some(credential) => Slot::Pending {
                            future: self.$index.verify_under(credential, policy),
                            scheme: self.$index.name(),
                        },
                        None => Slot::Empty,
                    },)+
                    proved: Proved::start(policy, credentials.iter().filter(|found| **found).count()),
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
                        challenges.extend(self.$index.challenge(own));
                    }
                )+
                challenges
            }

            fn explains_missing_scope(&self) -> bool {
                $(self.$index.explains_missing_scope())||+
            }

            fn conceal(&self, headers: &mut HeaderMap) {
                $(self.$index.conceal(headers);)+
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
