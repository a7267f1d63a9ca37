//! The application's own user.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::layer::authenticated;
use crate::{AuthError, AuthErrorKind, Identity};

/// A user type that can be loaded for an identity, from the application's state `S`.
///
/// This is where the application's own type enters; no layer knows it.
pub trait FromIdentity<S>: Send + Sync + Sized + 'static {
    /// What is answered if loading fails. [`AuthError`] is one.
    type Rejection: IntoResponse;

    /// Loads the user.
    ///
    /// # Errors
    ///
    /// A user that no longer exists should be an error too: the credential outlived its owner.
    fn from_identity(
        identity: &Identity,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;
}

/// The user behind the identity: loaded when the first extractor asks, and once a request.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Arc;
///
/// use auth_layer::{AuthError, CurrentUser, FromIdentity, Identity};
///
/// struct User {
///     name: String,
/// }
///
/// type Users = Arc<HashMap<String, String>>;
///
/// impl FromIdentity<Users> for User {
///     type Rejection = AuthError;
///
///     async fn from_identity(identity: &Identity, users: &Users) -> Result<Self, AuthError> {
///         let name = users.get(identity.subject()).ok_or(AuthError::invalid("unknown_user"))?;
///         Ok(Self { name: name.clone() })
///     }
/// }
///
/// async fn hello(user: CurrentUser<User>) -> String {
///     format!("hello {}", user.name)
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(hello)).with_state(Users::default());
/// ```
pub struct CurrentUser<U>(Arc<U>);

impl<U> CurrentUser<U> {
    /// The user, shared with whoever else asks during this request.
    pub fn into_inner(self) -> Arc<U> {
        self.0
    }
}

impl<U> Deref for CurrentUser<U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.0
    }
}

impl<U> Clone for CurrentUser<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U: fmt::Debug> fmt::Debug for CurrentUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CurrentUser").field(&self.0).finish()
    }
}

impl<U, S> FromRequestParts<S> for CurrentUser<U>
where
    U: FromIdentity<S>,
    S: Send + Sync,
{
    type Rejection = CurrentUserRejection<U::Rejection>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let (identity, _) = authenticated(&parts.extensions).map_err(CurrentUserRejection::Auth)?;
        if let Some(loaded) = parts.extensions.get::<Loaded<U>>()
            && loaded.identity.is_same_identity(identity)
        {
            return Ok(Self(Arc::clone(&loaded.user)));
        }
        let identity = identity.clone();
        let user = U::from_identity(&identity, state)
            .await
            .map_err(CurrentUserRejection::Load)?;
        let user = Arc::new(user);
        parts.extensions.insert(Loaded {
            identity,
            user: Arc::clone(&user),
        });
        Ok(Self(user))
    }
}

/// `None` if nobody is logged in. A user that cannot be loaded is still refused.
impl<U, S> OptionalFromRequestParts<S> for CurrentUser<U>
where
    U: FromIdentity<S>,
    S: Send + Sync,
{
    type Rejection = CurrentUserRejection<U::Rejection>;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Option<Self>, Self::Rejection> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(user) => Ok(Some(user)),
            Err(CurrentUserRejection::Auth(error)) if error.kind() == AuthErrorKind::Missing => {
                Ok(None)
            }
            Err(rejection) => Err(rejection),
        }
    }
}

/// Why there is no [`CurrentUser`].
#[derive(Debug)]
#[non_exhaustive]
pub enum CurrentUserRejection<R> {
    /// Nobody is logged in (401), or no layer ran (500).
    Auth(AuthError),
    /// [`FromIdentity`] refused.
    Load(R),
}

impl<R: IntoResponse> IntoResponse for CurrentUserRejection<R> {
    fn into_response(self) -> Response {
        match self {
            Self::Auth(error) => error.into_response(),
            Self::Load(rejection) => rejection.into_response(),
        }
    }
}

/// The user that was loaded in this request, and whom for.
struct Loaded<U> {
    identity: Identity,
    user: Arc<U>,
}

impl<U> Clone for Loaded<U> {
    fn clone(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            user: Arc::clone(&self.user),
        }
    }
}
