//! The suites for [`Revocations`].

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{Clock as _, Identity, IssuedToken, MAX_LEEWAY, Revocations, SubjectRevocation};

use super::race::{need_threads, race};
use super::{HOUR, SECOND, answer, check, this_second, unique};
use crate::ManualClock;

const FORWARD: &str =
    "A subject's instant only moves forward, whatever order revocations arrive in";
const INSTANT: &str = "A token issued at the instant itself counts as issued before it";
const KEPT: &str = "An entry may be forgotten `MAX_LEEWAY` after `until` and not before";
const TENANT: &str =
    "one tenant, or, without a tenant, for the subject in every tenant and in none";
const NOW: &str = "check_now: The answer, if it can be given without waiting";
const SEEN: &str = "A revocation that returned `Ok` is seen by every later question";
const SUBJECT: &str = "revoke_subject: Takes back everything of a subject that was issued at `issued_until` or earlier";
const SESSION: &str = "A token is revoked if its id was taken back, or the id of its session";
const TOKEN: &str = "revoke_token: Takes back one token";

/// The shortest step between instants: that of a token's `iat_ms`.
const STEP: Duration = Duration::from_millis(1);

/// Checks [`Revocations`] against their contract, as far as it does not take time.
///
/// What is checked: what is revoked and, as much, what is not: other issuers and tenants, other
/// subjects, other ids, other sessions, names whose parts only look alike when they are joined, tokens without an id; the instant of
/// a subject, to the millisecond before, at and after it; that it only moves forward, also when fifty
/// revocations come at once; that a revocation which returned is seen by all tasks; and that
/// `check_now` never says anything else than `is_revoked`.
///
/// Stores with a clock that can be set pass [`revocations_over_time`] too.
///
/// ```
/// use auth_layer::MemoryRevocations;
/// use auth_test::contract;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::revocations(async || MemoryRevocations::new()).await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the store breaks the contract or returns an error, and on a runtime with one thread.
pub async fn revocations<R: Revocations>(make: impl AsyncFn() -> R) {
    need_threads();
    let trial = Trial::new(make().await, this_second());
    trial.one_token_is_taken_back().await;
    trial.all_tokens_of_a_session_are_taken_back().await;
    trial.joined_names_do_not_meet().await;
    trial.everything_up_to_the_instant_is_taken_back().await;
    trial.a_subject_is_one_of_an_issuer_and_a_tenant().await;
    trial.the_instant_moves_forward().await;
    for _ in 0..10 {
        trial.the_latest_of_parallel_instants_stays().await;
        trial.no_parallel_revocation_is_lost().await;
    }
}

/// Checks [`Revocations`] that go by a clock which can be set: that nothing is forgotten before
/// `MAX_LEEWAY` after `until`, though thousands of other entries end meanwhile, and that `until` only moves forward
/// (X-21).
///
/// ```
/// use auth_layer::MemoryRevocations;
/// use auth_test::contract;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::revocations_over_time(async |clock| MemoryRevocations::new().clock(clock)).await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the store breaks the contract or returns an error.
pub async fn revocations_over_time<R: Revocations>(make: impl AsyncFn(ManualClock) -> R) {
    let clock = ManualClock::new();
    let trial = Trial::new(make(clock.clone()).await, clock.now());
    let Trial {
        store,
        issuer,
        start,
    } = &trial;
    let (soon, end) = (*start + HOUR, *start + 3 * HOUR);

    // The longer time counts, whichever comes first.
    for (name, untils) in [
        ("first", [end, soon]),
        ("second", [soon, end]),
        ("third", [end, end]),
    ] {
        for until in untils {
            answer(store.revoke_token(issuer, name, until).await);
            // The later instant comes with either time.
            let instant = if until == untils[0] {
                *start
            } else {
                *start - SECOND
            };
            answer(
                store
                    .revoke_subject(&subject(issuer, name, instant, until))
                    .await,
            );
        }
    }
    for hour in 0..3 {
        clock.set(*start + hour * HOUR);
        for n in 0..2_000u32 {
            let until = clock.now() + SECOND * (n % 60);
            answer(
                store
                    .revoke_token(issuer, &format!("{hour} {n}"), until)
                    .await,
            );
        }
        for n in 0..200u32 {
            let until = clock.now() + SECOND * (n % 60);
            let name = format!("{hour} {n}");
            let others = subject(issuer, &name, *start, until);
            answer(store.revoke_subject(&others).await);
        }
        trial.lasting_are_revoked().await;
    }
    clock.set(end - SECOND);
    answer(store.revoke_token(issuer, "one more", end).await);
    trial.lasting_are_revoked().await;
    // Verifiers whose clocks differ accept it for a while yet.
    for clock_says in [end, end + SECOND, end + MAX_LEEWAY - SECOND] {
        clock.set(clock_says);
        for n in 0..3_000u32 {
            let name = format!("{clock_says:?} {n}");
            answer(store.revoke_token(issuer, &name, *start).await);
        }
        trial.lasting_are_revoked().await;
    }
}

/// Everything of a subject up to `instant`, to be kept for `until`.
fn subject<'a>(
    issuer: &'a str,
    subject: &'a str,
    instant: SystemTime,
    until: SystemTime,
) -> SubjectRevocation<'a> {
    let mut revocation = SubjectRevocation::new(subject, instant, HOUR).issuer(issuer);
    revocation.until = until;
    revocation
}

struct Trial<R> {
    store: Arc<R>,
    issuer: String,
    start: SystemTime,
}

impl<R: Revocations> Trial<R> {
    fn new(store: R, start: SystemTime) -> Self {
        Self {
            store: Arc::new(store),
            issuer: unique("https://id.example/a:b"),
            start,
        }
    }

    async fn expect(&self, token: &IssuedToken<'_>, revoked: bool, line: &str) {
        let found = is_revoked(&*self.store, token).await;
        check!(
            line,
            found == revoked,
            "is_revoked is {found} for {token:?}"
        );
    }

    fn token<'a>(&'a self, subject: &'a str, id: &'a str) -> IssuedToken<'a> {
        IssuedToken::new(&self.issuer, subject, Some(id), self.start)
    }

    fn until(&self) -> SystemTime {
        self.start + HOUR
    }

    async fn one_token_is_taken_back(&self) {
        let (id, subject) = (unique("token"), unique("subject"));
        let (issuer, until) = (&*self.issuer, self.until());
        self.expect(&self.token(&subject, &id), false, TOKEN).await;
        answer(self.store.revoke_token(issuer, &id, until).await);
        // The same again changes nothing.
        answer(self.store.revoke_token(issuer, &id, until).await);
        for issued_at in [UNIX_EPOCH, self.start, until - SECOND] {
            let token = IssuedToken::new(issuer, &subject, Some(&id), issued_at);
            self.expect(&token, true, SEEN).await;
        }
        let upper = id.to_uppercase();
        for id in [
            &subject,
            &upper,
            &id[1..],
            &id[..id.len() - 1],
            "",
            "%",
            "*",
        ] {
            self.expect(&self.token(&subject, id), false, TOKEN).await;
        }
        for other in ["", "https://other.example", &issuer[1..]] {
            let token = IssuedToken::new(other, &subject, Some(&id), self.start);
            self.expect(&token, false, "revoke_token: one issuer's")
                .await;
        }
        // A subject of that name has nothing to do with it, and neither has a token without an id.
        let namesake = IssuedToken::new(issuer, &id, None, self.start);
        self.expect(&namesake, false, TOKEN).await;
        answer(self.store.revoke_token(issuer, "", until).await);
        self.expect(&namesake, false, TOKEN).await;
    }

    async fn all_tokens_of_a_session_are_taken_back(&self) {
        let (session, other) = (unique("session"), unique("session"));
        let (subject, issuer) = (unique("subject"), &*self.issuer);
        let id = unique("token");
        let tokens =
            [None, Some(&*id)].map(|id| IssuedToken::new(issuer, &subject, id, self.start));
        for token in tokens {
            self.expect(&token.of_session(&session), false, SESSION)
                .await;
        }
        answer(
            self.store
                .revoke_token(issuer, &session, self.until())
                .await,
        );
        for token in tokens {
            for (token, revoked) in [
                (token, false),
                (token.of_session(&session), true),
                (token.of_session(&other), false),
            ] {
                self.expect(&token, revoked, SESSION).await;
            }
            let elsewhere = IssuedToken::new("https://other.example", &subject, None, self.start);
            let elsewhere = elsewhere.of_session(&session);
            self.expect(&elsewhere, false, "revoke_token: one issuer's")
                .await;
        }
        // Its own id counts beside that of a session that goes on.
        answer(self.store.revoke_token(issuer, &id, self.until()).await);
        for (token, revoked) in tokens.into_iter().zip([false, true]) {
            self.expect(&token.of_session(&other), revoked, SESSION)
                .await;
        }
    }

    /// `a:b` and `c` are not `a` and `b:c`.
    async fn joined_names_do_not_meet(&self) {
        let until = self.until();
        for joint in [":", "/", "|", " ", "\0", "::", "\u{1f}"] {
            let (left, right) = (unique("left"), unique("right"));
            let long = format!("{left}{joint}middle");
            answer(self.store.revoke_token(&long, &right, until).await);
            let revocation = subject(&long, &right, self.start, until);
            answer(self.store.revoke_subject(&revocation).await);
            let tail = format!("middle{joint}{right}");
            let token = IssuedToken::new(&left, &tail, Some(&tail), self.start);
            self.expect(&token, false, "issuer and name are two things")
                .await;
            let token = IssuedToken::new(&long, &right, None, self.start);
            self.expect(&token, true, SUBJECT).await;
        }
    }

    async fn everything_up_to_the_instant_is_taken_back(&self) {
        let (name, other) = (unique("subject"), unique("subject"));
        let issuer = &*self.issuer;
        let instant = self.start + Duration::from_millis(400);
        let revocation = subject(issuer, &name, instant, self.until());
        answer(self.store.revoke_subject(&revocation).await);
        for (issued_at, revoked, line) in [
            (UNIX_EPOCH, true, SUBJECT),
            (instant - HOUR, true, SUBJECT),
            (instant - STEP, true, SUBJECT),
            (instant, true, INSTANT),
            (instant + STEP, false, SUBJECT),
            (instant + HOUR, false, SUBJECT),
        ] {
            for id in [None, Some("t1")] {
                let token = IssuedToken::new(issuer, &name, id, issued_at);
                self.expect(&token, revoked, line).await;
            }
            let token = IssuedToken::new(issuer, &other, Some(&name), issued_at);
            self.expect(&token, false, SUBJECT).await;
            let token = IssuedToken::new("https://other.example", &name, None, issued_at);
            self.expect(&token, false, SUBJECT).await;
        }
    }

    /// Whom it is about is what an identity says: issuer or none, tenant or none.
    async fn a_subject_is_one_of_an_issuer_and_a_tenant(&self) {
        let name = unique("subject");
        let mut all = Vec::new();
        for issuer in [None, Some(&*self.issuer)] {
            for tenant in [None, Some("acme"), Some("acme2")] {
                let mut identity = Identity::builder("contract", name.as_str());
                if let Some(issuer) = issuer {
                    identity = identity.issuer(issuer);
                }
                if let Some(tenant) = tenant {
                    identity = identity.tenant(tenant);
                }
                all.push(identity.build());
            }
        }
        // Each is revoked a second later than the one before it, those of a tenant first.
        let order = [1, 2, 0, 4, 5, 3].map(|index| &all[index]);
        let mut done: Vec<SubjectRevocation<'_>> = Vec::new();
        for (seconds, identity) in (0..).zip(order) {
            let instant = self.start + SECOND * seconds;
            let revocation = SubjectRevocation::of(identity, instant, HOUR);
            answer(self.store.revoke_subject(&revocation).await);
            done.push(revocation);
            for identity in &all {
                for seconds in 0..7 {
                    let token = IssuedToken::of(identity, self.start + SECOND * seconds);
                    let revoked = done.iter().any(|revocation| revocation.ends(&token));
                    self.expect(&token, revoked, TENANT).await;
                }
            }
        }
    }

    async fn the_instant_moves_forward(&self) {
        let (name, issuer) = (unique("subject"), &*self.issuer);
        let at = |seconds: u64| self.start + Duration::from_secs(seconds);
        for (instant, until, latest) in [
            (50, 7_200, 50),
            (20, 3_600, 50),
            (60, 3_600, 60),
            (0, 7_200, 60),
        ] {
            let revocation = subject(issuer, &name, at(instant), at(until));
            answer(self.store.revoke_subject(&revocation).await);
            for (seconds, revoked) in [(latest - 1, true), (latest, true), (latest + 1, false)] {
                let token = IssuedToken::new(issuer, &name, None, at(seconds));
                self.expect(&token, revoked, FORWARD).await;
            }
        }
    }

    async fn the_latest_of_parallel_instants_stays(&self) {
        let name = unique("subject");
        let instant = |n: u64| self.start + Duration::from_secs(n * 7 % 50);
        race((0..50).map(|n| {
            let (store, issuer, name) =
                (Arc::clone(&self.store), self.issuer.clone(), name.clone());
            let (instant, until) = (instant(n), self.until());
            async move {
                let revocation = subject(&issuer, &name, instant, until);
                answer(store.revoke_subject(&revocation).await);
                let token = IssuedToken::new(&issuer, &name, None, instant);
                let revoked = is_revoked(&*store, &token).await;
                check!(SEEN, revoked, "an instant that was just set is not seen");
            }
        }))
        .await;
        let latest = self.start + Duration::from_secs(49);
        for (issued_at, revoked) in [(latest, true), (latest + STEP, false)] {
            let token = IssuedToken::new(&self.issuer, &name, None, issued_at);
            self.expect(&token, revoked, FORWARD).await;
        }
    }

    async fn no_parallel_revocation_is_lost(&self) {
        let names: Vec<_> = (0..50).map(|_| unique("name")).collect();
        race(names.iter().cloned().enumerate().map(|(n, name)| {
            let (store, issuer) = (Arc::clone(&self.store), self.issuer.clone());
            let (start, until) = (self.start, self.until());
            async move {
                if n % 2 == 0 {
                    answer(store.revoke_token(&issuer, &name, until).await);
                } else {
                    let revocation = subject(&issuer, &name, start, until);
                    answer(store.revoke_subject(&revocation).await);
                }
            }
        }))
        .await;
        for (n, name) in names.iter().enumerate() {
            let by_id = IssuedToken::new(&self.issuer, "somebody", Some(name), self.start);
            let by_subject = IssuedToken::new(&self.issuer, name, None, self.start);
            self.expect(&by_id, n % 2 == 0, SEEN).await;
            self.expect(&by_subject, n % 2 == 1, SEEN).await;
        }
    }

    async fn lasting_are_revoked(&self) {
        for name in ["first", "second", "third"] {
            let by_id = IssuedToken::new(&self.issuer, "somebody", Some(name), self.start);
            self.expect(&by_id, true, KEPT).await;
            let by_subject = IssuedToken::new(&self.issuer, name, None, self.start);
            self.expect(&by_subject, true, KEPT).await;
        }
    }
}

/// What both ways to ask answer.
async fn is_revoked<R: Revocations>(store: &R, token: &IssuedToken<'_>) -> bool {
    let at_once = store.check_now(token);
    let found = answer(store.is_revoked(token).await);
    if let Some(at_once) = at_once {
        check!(
            NOW,
            at_once == found,
            "{at_once}, and is_revoked says {found}, for {token:?}"
        );
    }
    found
}
