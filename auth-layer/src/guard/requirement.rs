//! What a route asks of an identity.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::{
    AuthError, AuthErrorKind, FactorKind, Identity, InvalidScope, Needed, ScopeSet, check_duration,
};

/// How far into the future the time of a proof may lie and still count: clocks of two servers are
/// never quite equal.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// What a route asks of an identity; `and`, [`or`](Self::or) and [`not`](Self::not) combine.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use auth_layer::{FactorKind, Identity, Requirement};
///
/// let requirement = Requirement::role("admin")
///     .and(Requirement::factor_within(FactorKind::Otp, Duration::from_secs(300))
///         .or(Requirement::factor_within(FactorKind::Passkey, Duration::from_secs(300))));
///
/// let admin = Identity::builder("session", "ann").role("admin").build();
/// let error = requirement.check(&admin, SystemTime::now()).unwrap_err();
/// assert_eq!(error.code(), "insufficient_user_authentication"); // prove yourself again, Ann
/// ```
///
/// If it is not met, the error says what would help most: proving oneself again, if that is all
/// that is missing, then a scope, and plain 403 otherwise.
#[derive(Clone)]
#[must_use]
pub struct Requirement {
    node: Arc<Node>,
}

type Predicate = dyn Fn(&Identity) -> bool + Send + Sync;

enum Node {
    Authenticated,
    Scope(ScopeSet),
    Role(Box<str>),
    Factor { kind: FactorKind, within: Duration },
    MaxAge(Duration),
    Acr(Vec<String>),
    Scheme(&'static str),
    Predicate(&'static str, Box<Predicate>),
    And(Requirement, Requirement),
    Or(Requirement, Requirement),
    Not(Requirement),
}

impl Requirement {
    fn new(node: Node) -> Self {
        Self {
            node: Arc::new(node),
        }
    }

    /// Any identity at all.
    pub fn authenticated() -> Self {
        Self::new(Node::Authenticated)
    }

    /// Every scope in a space-separated list: `Requirement::scope("reports:read reports:write")`.
    ///
    /// # Panics
    ///
    /// Panics if the text is empty or not a list of scopes: requirements are written by the
    /// programmer. [`try_scope`](Self::try_scope) is for scopes from a configuration.
    pub fn scope(scopes: &str) -> Self {
        match Self::try_scope(scopes) {
            Ok(requirement) => requirement,
            Err(error) => panic!("`{scopes}`: {error}"),
        }
    }

    /// Every scope in a space-separated list.
    ///
    /// # Errors
    ///
    /// Refuses a text that is empty or not a list of scopes.
    pub fn try_scope(scopes: &str) -> Result<Self, InvalidScope> {
        let scopes: ScopeSet = scopes.parse()?;
        if scopes.is_empty() {
            return Err(InvalidScope::new());
        }
        Ok(Self::new(Node::Scope(scopes)))
    }

    /// Exactly this role.
    pub fn role(role: impl Into<Box<str>>) -> Self {
        Self::new(Node::Role(role.into()))
    }

    /// A factor that was proved at most so long ago, counted from the proof itself and not from the
    /// start of the session. A proof in the future does not count.
    ///
    /// # Panics
    ///
    /// Panics if the duration is zero, which nobody meets, or above ten years.
    pub fn factor_within(kind: FactorKind, within: Duration) -> Self {
        let within = checked("factor_within", within);
        Self::new(Node::Factor { kind, within })
    }

    /// An active authentication at most so long ago (OpenID Connect `max_age`). An identity that
    /// does not say when it authenticated, such as an API key, does not meet it.
    ///
    /// # Panics
    ///
    /// Panics if the duration is zero, which nobody meets, or above ten years.
    pub fn max_age(age: Duration) -> Self {
        Self::new(Node::MaxAge(checked("max_age", age)))
    }

    /// One of these authentication context classes (OpenID Connect `acr`).
    pub fn acr<A: Into<String>>(classes: impl IntoIterator<Item = A>) -> Self {
        Self::new(Node::Acr(classes.into_iter().map(Into::into).collect()))
    }

    /// An identity that was proved by this scheme.
    pub fn scheme(scheme: &'static str) -> Self {
        Self::new(Node::Scheme(scheme))
    }

    /// Your own rule. `name` is the reason that the log gives for a refusal.
    pub fn when(
        name: &'static str,
        predicate: impl Fn(&Identity) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::new(Node::Predicate(name, Box::new(predicate)))
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        Self::new(Node::And(self, other))
    }

    /// At least one of both.
    pub fn or(self, other: Self) -> Self {
        Self::new(Node::Or(self, other))
    }

    /// An identity that does not meet this.
    #[expect(clippy::should_implement_trait, reason = "reads like `and` and `or`")]
    pub fn not(self) -> Self {
        Self::new(Node::Not(self))
    }

    /// Whether `identity` meets it at the time `now`.
    ///
    /// # Errors
    ///
    /// Says what is missing; the error names the identity's scheme.
    pub fn check(&self, identity: &Identity, now: SystemTime) -> Result<(), AuthError> {
        self.node
            .check(identity, now)
            .map_err(|unmet| unmet.into_error().with_scheme(identity.scheme()))
    }
}

/// Requirements are written by the programmer, so that a wrong one is a panic at start.
#[track_caller]
fn checked(option: &'static str, duration: Duration) -> Duration {
    match check_duration(option, duration) {
        Ok(duration) => duration,
        Err(error) => panic!("{error}"),
    }
}

/// What was missing. Two of them merge into what would help most.
enum Unmet {
    Authentication(Needed),
    Scope(Needed),
    Forbidden(&'static str),
}

impl Unmet {
    fn into_error(self) -> AuthError {
        match self {
            Self::Authentication(needed) => AuthError::new(
                AuthErrorKind::InsufficientAuthentication,
                "insufficient_user_authentication",
            )
            .with_needed(needed),
            Self::Scope(needed) => {
                AuthError::new(AuthErrorKind::InsufficientScope, "insufficient_scope")
                    .with_needed(needed)
            }
            Self::Forbidden(reason) => AuthError::new(AuthErrorKind::Forbidden, reason),
        }
    }

    /// The easier of two ways in.
    fn easier(self, other: Self) -> Self {
        match (self, other) {
            (Self::Authentication(needed), _) | (_, Self::Authentication(needed)) => {
                Self::Authentication(needed)
            }
            (Self::Scope(needed), _) | (_, Self::Scope(needed)) => Self::Scope(needed),
            (forbidden, _) => forbidden,
        }
    }

    /// The harder of two hurdles: nobody should log in again only to be told that it is forbidden.
    fn harder(self, other: Self) -> Self {
        match (self, other) {
            (Self::Forbidden(reason), _) | (_, Self::Forbidden(reason)) => Self::Forbidden(reason),
            (Self::Scope(mut needed), Self::Scope(also)) => {
                needed.scopes = needed.scopes.union(&also.scopes);
                Self::Scope(needed)
            }
            (Self::Scope(needed), _) | (_, Self::Scope(needed)) => Self::Scope(needed),
            (Self::Authentication(mut needed), Self::Authentication(also)) => {
                needed.max_age = match (needed.max_age, also.max_age) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                if needed.acr_values.is_empty() {
                    needed.acr_values = also.acr_values;
                }
                Self::Authentication(needed)
            }
        }
    }
}

impl Node {
    fn check(&self, identity: &Identity, now: SystemTime) -> Result<(), Unmet> {
        let met = |met: bool, unmet: fn() -> Unmet| if met { Ok(()) } else { Err(unmet()) };
        match self {
            Self::Authenticated => Ok(()),
            Self::Scope(scopes) => {
                if identity.scopes().is_superset(scopes) {
                    return Ok(());
                }
                Err(Unmet::Scope(Needed {
                    scopes: scopes.clone(),
                    ..Needed::default()
                }))
            }
            Self::Role(role) => met(identity.has_role(role), || Unmet::Forbidden("missing_role")),
            Self::Factor { kind, within } => {
                check_age(identity.factor_proved_at(*kind), *within, now)
            }
            Self::MaxAge(age) => check_age(identity.auth_time(), *age, now),
            Self::Acr(classes) => {
                if let Some(acr) = identity.acr()
                    && classes.iter().any(|class| class == acr)
                {
                    return Ok(());
                }
                Err(Unmet::Authentication(Needed {
                    acr_values: classes.clone(),
                    ..Needed::default()
                }))
            }
            Self::Scheme(scheme) => met(identity.scheme() == *scheme, || {
                Unmet::Forbidden("wrong_scheme")
            }),
            Self::Predicate(name, predicate) => {
                if predicate(identity) {
                    return Ok(());
                }
                Err(Unmet::Forbidden(name))
            }
            Self::And(a, b) => match (a.node.check(identity, now), b.node.check(identity, now)) {
                (Ok(()), result) | (result, Ok(())) => result,
                (Err(a), Err(b)) => Err(a.harder(b)),
            },
            Self::Or(a, b) => match (a.node.check(identity, now), b.node.check(identity, now)) {
                (Ok(()), _) | (_, Ok(())) => Ok(()),
                (Err(a), Err(b)) => Err(a.easier(b)),
            },
            Self::Not(node) => match node.node.check(identity, now) {
                Ok(()) => Err(Unmet::Forbidden("excluded")),
                Err(_) => Ok(()),
            },
        }
    }
}

fn check_age(
    proved_at: Option<SystemTime>,
    within: Duration,
    now: SystemTime,
) -> Result<(), Unmet> {
    let fresh = proved_at.is_some_and(|at| match now.duration_since(at) {
        Ok(age) => age <= within,
        Err(ahead) => ahead.duration() <= CLOCK_TOLERANCE,
    });
    if fresh {
        return Ok(());
    }
    Err(Unmet::Authentication(Needed {
        max_age: Some(within.as_secs()),
        ..Needed::default()
    }))
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.node {
            Node::Authenticated => f.write_str("authenticated"),
            Node::Scope(scopes) => write!(f, "scope({scopes})"),
            Node::Role(role) => write!(f, "role({role})"),
            Node::Factor { kind, within } => write!(f, "factor({kind:?} within {within:?})"),
            Node::MaxAge(age) => write!(f, "max_age({age:?})"),
            Node::Acr(classes) => write!(f, "acr({})", classes.join(" ")),
            Node::Scheme(scheme) => write!(f, "scheme({scheme})"),
            Node::Predicate(name, _) => write!(f, "when({name})"),
            Node::And(a, b) => write!(f, "({a:?} and {b:?})"),
            Node::Or(a, b) => write!(f, "({a:?} or {b:?})"),
            Node::Not(node) => write!(f, "not {node:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::Factor;

    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn ann() -> Identity {
        Identity::builder("session", "ann")
            .scopes("read:all".parse().unwrap())
            .role("editor")
            .factor(Factor::new(FactorKind::Password, at(1_000)))
            .factor(Factor::new(FactorKind::Otp, at(500)))
            .auth_time(at(1_000))
            .acr("urn:silver")
            .build()
    }

    fn code(requirement: &Requirement, now: u64) -> &'static str {
        match requirement.check(&ann(), at(now)) {
            Ok(()) => "met",
            Err(error) => error.code(),
        }
    }

    #[test]
    fn each_requirement_says_what_is_missing() {
        type R = Requirement;
        let step_up = "insufficient_user_authentication";
        for (requirement, now, expected) in [
            (R::authenticated(), 0, "met"),
            (R::scope("read:all"), 0, "met"),
            (R::scope("read"), 0, "insufficient_scope"),
            (R::scope("read:all write"), 0, "insufficient_scope"),
            (R::role("editor"), 0, "met"),
            (R::role("Editor"), 0, "forbidden"),
            (R::acr(["urn:gold", "urn:silver"]), 0, "met"),
            (R::acr(["urn:gold"]), 0, step_up),
            (R::scheme("session"), 0, "met"),
            (R::scheme("bearer"), 0, "forbidden"),
            (R::when("is_ann", |id| id.subject() == "ann"), 0, "met"),
            (
                R::when("is_bob", |id| id.subject() == "bob"),
                0,
                "forbidden",
            ),
            (R::max_age(Duration::from_secs(10)), 1_010, "met"),
            (R::max_age(Duration::from_secs(10)), 1_011, step_up),
        ] {
            assert_eq!(code(&requirement, now), expected, "{requirement:?}");
        }
    }

    #[test]
    fn combinations_report_what_helps_most() {
        type R = Requirement;
        let no_role = || R::role("admin");
        let no_scope = || R::scope("write");
        let no_acr = || R::acr(["urn:gold"]);
        let yes = R::authenticated;
        for (requirement, expected) in [
            (yes().and(yes()), "met"),
            (yes().and(no_role()), "forbidden"),
            (no_acr().and(no_role()), "forbidden"),
            (no_acr().and(no_scope()), "insufficient_scope"),
            (no_role().or(yes()), "met"),
            (no_role().or(no_scope()), "insufficient_scope"),
            (no_scope().or(no_acr()), "insufficient_user_authentication"),
            (no_role().not(), "met"),
            (yes().not(), "forbidden"),
            (no_role().or(no_role()).not().and(yes()), "met"),
        ] {
            assert_eq!(code(&requirement, 0), expected, "{requirement:?}");
        }
    }

    #[test]
    fn both_missing_scopes_are_named() {
        let requirement = Requirement::scope("write").and(Requirement::scope("delete"));
        let error = requirement.check(&ann(), at(0)).unwrap_err();
        assert_eq!(error.needed().scopes.to_string(), "delete write");
        assert_eq!(error.scheme(), Some("session"));
    }

    #[test]
    fn stp_01_freshness_counts_from_the_proof_of_that_factor() {
        let within = |kind| Requirement::factor_within(kind, Duration::from_secs(100));
        for (kind, now, met) in [
            (FactorKind::Password, 1_099, true),
            (FactorKind::Password, 1_100, true),
            (FactorKind::Password, 1_101, false),
            (FactorKind::Otp, 600, true),
            (FactorKind::Otp, 601, false),
            (FactorKind::Passkey, 1_000, false),
        ] {
            let result = within(kind).check(&ann(), at(now));
            assert_eq!(result.is_ok(), met, "{kind:?} at {now}");
        }
    }

    #[test]
    fn stp_04_a_proof_in_the_future_is_not_fresh() {
        let fresh = Requirement::factor_within(FactorKind::Password, Duration::from_secs(600))
            .and(Requirement::max_age(Duration::from_secs(600)));
        for (now, met) in [(1_000, true), (995, true), (994, false), (0, false)] {
            assert_eq!(fresh.check(&ann(), at(now)).is_ok(), met, "{now}");
        }
    }

    #[test]
    fn a_key_or_token_without_factors_is_never_fresh() {
        let key = Identity::builder("api-key", "ann").build();
        for requirement in [
            Requirement::max_age(YEAR),
            Requirement::factor_within(FactorKind::Password, YEAR),
        ] {
            assert!(requirement.check(&key, at(0)).is_err(), "{requirement:?}");
        }
    }

    #[test]
    fn x_15_a_duration_that_cannot_be_meant_is_a_mistake() {
        for age in [Duration::ZERO, YEAR * 11, Duration::MAX] {
            let max_age = std::panic::catch_unwind(|| Requirement::max_age(age));
            let factor =
                std::panic::catch_unwind(|| Requirement::factor_within(FactorKind::Password, age));
            assert!(max_age.is_err() && factor.is_err(), "{age:?}");
        }
    }

    #[test]
    #[should_panic(expected = "a scope is printable ASCII")]
    fn a_scope_that_asks_for_nothing_is_a_mistake() {
        let _ = Requirement::scope(" ");
    }
}
