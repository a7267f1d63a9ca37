//! Requirements as extractors: the guard stands in the handler's signature.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use crate::layer::authenticated;
use crate::{AuthError, Identity, Requirement};

/// A type that stands for a [`Requirement`]; made with [`requirement!`](crate::requirement).
pub trait Requires: Send + Sync + 'static {
    /// What is required.
    fn requirement() -> &'static Requirement;
}

/// An [`Identity`] that meets the requirement `R`; anything else is answered as
/// [`RequireAuth`](crate::RequireAuth) would.
///
/// ```
/// use auth_layer::{Required, Requirement};
///
/// auth_layer::requirement! {
///     /// May read reports.
///     pub ReadReports = Requirement::scope("reports:read")
/// }
///
/// async fn reports(identity: Required<ReadReports>) -> String {
///     format!("reports for {}", identity.subject())
/// }
/// # let _ = axum::Router::<()>::new().route("/reports", axum::routing::get(reports));
/// ```
pub struct Required<R> {
    identity: Identity,
    _requirement: PhantomData<fn() -> R>,
}

impl<R> Required<R> {
    /// The identity.
    pub fn into_identity(self) -> Identity {
        self.identity
    }
}

impl<R> Deref for Required<R> {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl<R> Clone for Required<R> {
    fn clone(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            _requirement: PhantomData,
        }
    }
}

impl<R> fmt::Debug for Required<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Required").field(&self.identity).finish()
    }
}

impl<R: Requires, S: Send + Sync> FromRequestParts<S> for Required<R> {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthError> {
        let (identity, now) = authenticated(&parts.extensions)?;
        R::requirement()
            .check(identity, now())
            .map_err(|error| error.with_address_of(&parts.extensions))?;
        Ok(Self {
            identity: identity.clone(),
            _requirement: PhantomData,
        })
    }
}

/// Names a [`Requirement`] as a type, for [`Required`]. The requirement is built once.
#[macro_export]
macro_rules! requirement {
    ($(#[$attribute:meta])* $visibility:vis $name:ident = $requirement:expr) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        impl $crate::Requires for $name {
            fn requirement() -> &'static $crate::Requirement {
                static REQUIREMENT: ::std::sync::LazyLock<$crate::Requirement> =
                    ::std::sync::LazyLock::new(|| $requirement);
                &REQUIREMENT
            }
        }
    };
}
