//! Schemes: how one kind of credential is found, checked and asked for.

mod closure;
mod conflict;
mod future;
mod tuple;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

pub use self::closure::{SchemeFn, scheme_fn};
pub use self::conflict::ConflictPolicy;
pub use self::future::VerifyFuture;
pub(crate) use self::tuple::{check_agreement, multiple_credentials};
use crate::{AuthError, Challenges, Identity, ResponseHeaders};

/// One way to authenticate a request.
///
/// A scheme finds its own credential, checks it, and says how to ask for it. It never answers a
/// request and never looks at the route: [`AuthLayer`](crate::AuthLayer) does the first for all
/// schemes alike, [`RequireAuth`](crate::RequireAuth) the second.
///
/// | what came | what the scheme returns | what the layer does |
/// |---|---|---|
/// | nothing of this scheme | `extract` → `Ok(None)` | passes the request on, anonymous |
/// | a good credential | `verify` → `Ok(identity)` | passes the request on with the identity |
/// | a bad credential | `Err` from either | answers 401 (or what the error's kind says) |
/// | could not be checked | `Err` of kind [`Unavailable`](crate::AuthErrorKind::Unavailable) | answers 503 |
///
/// A tuple of schemes is a scheme: `AuthLayer::new((jwt, api_keys, basic))`.
///
/// # Example: a scheme of one's own
///
/// ```
/// use std::future::{Ready, ready};
///
/// use auth_layer::{AuthError, Challenge, Challenges, Identity, Scheme, SecretDigest};
/// use http::request::Parts;
///
/// /// `Authorization: Robot <secret>`, for one robot.
/// struct Robot(SecretDigest);
///
/// impl Scheme for Robot {
///     type Credential = SecretDigest;
///     type Future = Ready<Result<Identity, AuthError>>;
///     fn name(&self) -> &'static str {
///         "robot"
///     }
///     fn extract(&self, parts: &Parts) -> Result<Option<SecretDigest>, AuthError> {
///         Ok(auth_layer::authorization(&parts.headers, "Robot").map(SecretDigest::of))
///     }
///     fn verify(&self, sent: SecretDigest) -> Self::Future {
///         let good = Ok(Identity::new("robot", "r2d2"));
///         ready(if sent == self.0 { good } else { Err(AuthError::invalid("wrong_secret")) })
///     }
///     fn challenge(&self, _: Option<&AuthError>) -> Challenges { Challenge::new("Robot").into() }
/// }
///
/// # let layer = auth_layer::AuthLayer::new(Robot(SecretDigest::of("beep")));
/// # use http::{Request, Response, StatusCode, header};
/// # use tower::{ServiceBuilder, ServiceExt};
/// # let service = ServiceBuilder::new().layer(layer).service_fn(|req: Request<()>| async move {
/// #     let name = req.extensions().get::<Identity>().map(|id| id.subject().to_owned());
/// #     Ok::<_, std::convert::Infallible>(Response::new(bytes::Bytes::from(name.unwrap_or_default())))
/// # });
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # for (value, status, body) in [("robot beep", 200, "r2d2"), ("Robot boop", 401, ""), ("Other x", 200, "")] {
/// #     let req = Request::builder().header(header::AUTHORIZATION, value).body(())?;
/// #     let res = service.clone().oneshot(req).await?;
/// #     assert_eq!(res.status().as_u16(), status);
/// #     if status == 200 { assert_eq!(res.body(), body); } else { assert_eq!(res.headers()["www-authenticate"], "Robot"); }
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// For less ceremony, [`scheme_fn`] makes a scheme from a closure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an authentication scheme",
    note = "implement `auth_layer::Scheme`, or make one from a closure with `auth_layer::scheme_fn`",
    note = "tuples of up to six schemes are schemes"
)]
pub trait Scheme: Send + Sync + 'static {
    /// What [`extract`](Self::extract) found, parsed but not yet checked.
    type Credential: Send + 'static;

    /// What [`verify`](Self::verify) returns.
    ///
    /// Use [`std::future::Ready`] where nothing is waited for, a boxed future where a store is
    /// asked: the box is nothing beside the trip.
    type Future: Future<Output = Result<Identity, AuthError>> + Send;

    /// The name in events, metrics and [`Identity::scheme`]: a short, fixed, lower-case word.
    fn name(&self) -> &'static str;

    /// Finds this scheme's credential in a request.
    ///
    /// Runs for every request, so it should look before it parses, and not allocate when there is
    /// nothing to find.
    ///
    /// # Errors
    ///
    /// An error means that a credential of this scheme was sent and cannot be good.
    fn extract(&self, parts: &Parts) -> Result<Option<Self::Credential>, AuthError>;

    /// Checks a credential.
    ///
    /// The future is dropped when the client goes away; it must leave nothing half done.
    fn verify(&self, credential: Self::Credential) -> Self::Future;

    /// Checks a credential at once, if nothing has to be waited for; gives it back otherwise, and
    /// [`verify`](Self::verify) is asked. The default gives it back.
    ///
    /// Worth implementing where the future would be ready: the layer then keeps neither the request
    /// nor a clone of the service. Both must decide alike, so let one call the other.
    fn verify_now(&self, credential: Self::Credential) -> Verdict<Self::Credential> {
        Verdict::Wait(credential)
    }

    /// How to ask for this scheme's credential.
    ///
    /// `error` is there only if a credential of this scheme was sent and refused, or if an identity
    /// of this scheme was not enough; RFC 6750 allows its `error=` only then.
    fn challenge(&self, error: Option<&AuthError>) -> Challenges {
        let _ = error;
        Challenges::none()
    }

    /// Headers for the response to a request whose credential of this scheme was good, such as the
    /// nonce for the next one. Default: none.
    ///
    /// They are asked for before the request is passed on, and written whatever the status of the
    /// response. `identity` is what [`verify`](Self::verify) returned, so that is where to leave what
    /// they say. If a tuple found several credentials, the first that was good is asked. Headers of a
    /// refusal go with the error: [`AuthError::with_headers`].
    fn response_headers(&self, identity: &Identity) -> ResponseHeaders {
        let _ = identity;
        ResponseHeaders::none()
    }

    /// Whether [`challenge`](Self::challenge) says which scope is missing, as RFC 6750 section 3.1
    /// does. Only then is it asked for a 403; a 403 has no challenge otherwise. Default: false.
    fn explains_missing_scope(&self) -> bool {
        false
    }

    /// Marks the headers that carry this scheme's credential as sensitive, so that no layer
    /// further in prints them. `Authorization`, unless overridden.
    fn conceal(&self, headers: &mut HeaderMap) {
        if let Some(value) = headers.get_mut(AUTHORIZATION) {
            value.set_sensitive(true);
        }
    }

    /// Whether this credential came from the `Authorization` header. Default: true.
    ///
    /// Override it if it came from elsewhere: then
    /// [`refuse_unclaimed`](crate::AuthLayer::refuse_unclaimed) knows that nobody has looked at an
    /// `Authorization` header beside it.
    fn claims_authorization(&self, credential: &Self::Credential) -> bool {
        let _ = credential;
        true
    }

    /// Whether errors that name `scheme` are about this scheme; tuples answer for their members.
    fn answers_for(&self, scheme: &str) -> bool {
        self.name() == scheme
    }

    /// [`verify`](Self::verify) under a policy for conflicts; only tuples have a use for it.
    fn verify_under(&self, credential: Self::Credential, policy: ConflictPolicy) -> Self::Future {
        let _ = policy;
        self.verify(credential)
    }
}

/// What [`Scheme::verify_now`] and
/// [`PasswordVerifier::verify_now`](crate::PasswordVerifier::verify_now) answer.
#[derive(Debug)]
#[must_use]
pub enum Verdict<C> {
    /// The check is over.
    Now(Result<Identity, AuthError>),
    /// It takes time; here is the credential again.
    Wait(C),
}

impl<C> Verdict<C> {
    /// Changes the credential that is given back.
    pub fn map_wait<D>(self, wrap: impl FnOnce(C) -> D) -> Verdict<D> {
        match self {
            Self::Now(result) => Verdict::Now(result),
            Self::Wait(credential) => Verdict::Wait(wrap(credential)),
        }
    }
}
