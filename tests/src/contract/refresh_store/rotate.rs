//! What becomes of each token.

use jwt_layer::refresh::{FamilyState, RefreshStore, RotateOutcome};

use super::DEAD;
use super::trial::{IDLE, LIFETIME, Trial, WINDOW, digest, same, successor};
use crate::contract::{answer, check};

const COUNTED: &str =
    "rotate: if it has been replayed less than `max_replays` times, that is counted";
const OVER: &str = "A family is over at its `expires_at`";
const REPEATED: &str = "rotate: with the successor that was stored then";
const REUSED: &str =
    "rotate: no longer, or never, a token of this family, which is marked as ended";
const ROTATED: &str = "rotate: `presented` is the current token: `next` becomes the current one";
const UNKNOWN: &str = "rotate: There is no such family";
const WITHIN: &str = "rotate: `now` is less than `window` away from when it was used first";

pub(super) async fn check_all<S: RefreshStore>(trial: &Trial<S>) {
    each_token_replaces_the_one_before(trial).await;
    the_token_used_last_is_good_for_a_moment(trial).await;
    replaying_lengthens_nothing(trial).await;
    replays_are_counted(trial).await;
    any_other_token_ends_the_family(trial).await;
    a_family_is_over_at_its_end(trial).await;
    an_unknown_family_is_not_made(trial).await;
}

/// Rotates the current token of a new family at `seconds`; the next one.
async fn rotated<S: RefreshStore>(
    trial: &Trial<S>,
    family: &FamilyState,
    seconds: u64,
) -> auth_layer::SecretDigest {
    let next = digest();
    let outcome = trial.rotate(family, family.current, next, seconds).await;
    check!(ROTATED, outcome == RotateOutcome::Rotated, "{outcome:?}");
    next
}

async fn each_token_replaces_the_one_before<S: RefreshStore>(trial: &Trial<S>) {
    let user = trial.user();
    let mut family = trial.inserted(&user).await;
    let other = trial.inserted(&user).await;
    for round in 0..5 {
        let rotation = trial.rotation(family.current, digest(), round * 100);
        let outcome = answer(
            trial
                .store
                .rotate(&family.family.id, rotation.clone())
                .await,
        );
        check!(
            ROTATED,
            outcome == RotateOutcome::Rotated,
            "{outcome:?} in round {round}"
        );
        let expected = family.rotate(&rotation);
        debug_assert_eq!(expected, RotateOutcome::Rotated);
        let found = trial.find(&family).await;
        let whole = found.as_ref().is_some_and(|found| same(found, &family));
        check!(ROTATED, whole, "{found:?} instead of {family:?}");
    }
    rotated(trial, &other, 500).await;
}

async fn the_token_used_last_is_good_for_a_moment<S: RefreshStore>(trial: &Trial<S>) {
    // Used at 100; a clock may be behind the one that wrote that.
    for (seconds, good) in [
        (100, true),
        (100 + WINDOW - 1, true),
        (100 + WINDOW, false),
        (100 + WINDOW + 1, false),
        (100 - WINDOW + 1, true),
        (100 - WINDOW, false),
        (100 - WINDOW - 1, false),
    ] {
        let family = trial.inserted(&trial.user()).await;
        let next = rotated(trial, &family, 100).await;
        let expected = match good {
            true => RotateOutcome::Repeated(successor(&next)),
            false => RotateOutcome::Reused,
        };
        let outcome = trial
            .rotate(&family, family.current, digest(), seconds)
            .await;
        check!(
            WITHIN,
            outcome == expected,
            "{outcome:?} at {seconds}, used at 100, window {WINDOW}"
        );
        let expected = match good {
            true => RotateOutcome::Rotated,
            false => RotateOutcome::Reused,
        };
        let outcome = trial.rotate(&family, next, digest(), seconds + 1).await;
        check!(
            DEAD,
            outcome == expected,
            "{outcome:?} for the current token after {seconds}"
        );
    }
}

async fn replaying_lengthens_nothing<S: RefreshStore>(trial: &Trial<S>) {
    let family = trial.inserted(&trial.user()).await;
    let next = rotated(trial, &family, 0).await;
    for seconds in [WINDOW / 3, 2 * WINDOW / 3, WINDOW - 1] {
        let outcome = trial
            .rotate(&family, family.current, digest(), seconds)
            .await;
        check!(
            REPEATED,
            outcome == RotateOutcome::Repeated(successor(&next)),
            "{outcome:?} at {seconds}"
        );
    }
    let found = trial.find(&family).await;
    let replays = found.and_then(|state| state.used.map(|used| (used.at, used.replays)));
    check!(
        COUNTED,
        replays == Some((trial.at(0), 3)),
        "{replays:?} after 3"
    );
    let outcome = trial
        .rotate(&family, family.current, digest(), WINDOW)
        .await;
    check!(
        WITHIN,
        outcome == RotateOutcome::Reused,
        "{outcome:?} at {WINDOW}, replayed until then"
    );

    // What a replay brought as the next token is none.
    let family = trial.inserted(&trial.user()).await;
    let (next, not_next) = (rotated(trial, &family, 0).await, digest());
    let outcome = trial.rotate(&family, family.current, not_next, 1).await;
    check!(
        REPEATED,
        outcome == RotateOutcome::Repeated(successor(&next)),
        "{outcome:?}"
    );
    let outcome = trial.rotate(&family, next, digest(), 2).await;
    check!(
        REPEATED,
        outcome == RotateOutcome::Rotated,
        "{outcome:?} for the current token"
    );
    let outcome = trial.rotate(&family, not_next, digest(), 3).await;
    check!(
        REPEATED,
        outcome == RotateOutcome::Reused,
        "{outcome:?} for a token that never was one"
    );
}

async fn replays_are_counted<S: RefreshStore>(trial: &Trial<S>) {
    for max in [0, 1, 3] {
        let family = trial.inserted(&trial.user()).await;
        let next = rotated(trial, &family, 0).await;
        for replay in 0..max + 2 {
            let mut again = trial.rotation(family.current, digest(), 1);
            again.max_replays = max;
            let outcome = answer(trial.store.rotate(&family.family.id, again).await);
            let expected = match replay < max {
                true => RotateOutcome::Repeated(successor(&next)),
                false => RotateOutcome::Exhausted,
            };
            check!(
                COUNTED,
                outcome == expected,
                "{outcome:?} for replay {replay} of {max}"
            );
        }
        // It was too often, and not theft; and the next token counts from nothing.
        let third = digest();
        let outcome = trial.rotate(&family, next, third, 2).await;
        check!(COUNTED, outcome == RotateOutcome::Rotated, "{outcome:?}");
        let mut again = trial.rotation(next, digest(), 3);
        again.max_replays = 1;
        let outcome = answer(trial.store.rotate(&family.family.id, again).await);
        check!(
            COUNTED,
            outcome == RotateOutcome::Repeated(successor(&third)),
            "{outcome:?} for the next token"
        );
    }
}

async fn any_other_token_ends_the_family<S: RefreshStore>(trial: &Trial<S>) {
    for used_before in [false, true] {
        let user = trial.user();
        let (family, other) = (trial.inserted(&user).await, trial.inserted(&user).await);
        let second = rotated(trial, &family, 0).await;
        let third = digest();
        let wrong = if used_before {
            let outcome = trial.rotate(&family, second, third, 1).await;
            check!(ROTATED, outcome == RotateOutcome::Rotated, "{outcome:?}");
            // Two tokens ago, although that is but a moment.
            family.current
        } else {
            digest()
        };
        for presented in [wrong, wrong, third, second, family.current, digest()] {
            let outcome = trial.rotate(&family, presented, digest(), 2).await;
            check!(REUSED, outcome == RotateOutcome::Reused, "{outcome:?}");
            let found = trial.find(&family).await;
            let marked = found.as_ref().is_none_or(|found| found.reused);
            check!(REUSED, marked, "it is not marked: {found:?}");
            check!(REUSED, found.is_some(), "nothing is left to tell of it");
        }
        let outcome = trial.rotate(&family, third, digest(), IDLE + 2).await;
        check!(OVER, outcome == RotateOutcome::Unknown, "{outcome:?}");
        let found = trial.find(&other).await;
        let whole = found.as_ref().is_some_and(|found| same(found, &other));
        check!(REUSED, whole, "another family is now {found:?}");
        let ended = answer(trial.store.end(&family.family.id).await);
        check!(REUSED, ended, "there was nothing left to remove");
        let outcome = trial.rotate(&family, third, digest(), 3).await;
        check!(DEAD, outcome == RotateOutcome::Unknown, "{outcome:?}");
    }
}

async fn a_family_is_over_at_its_end<S: RefreshStore>(trial: &Trial<S>) {
    for (seconds, live) in [(IDLE - 1, true), (IDLE, false), (IDLE + 1, false)] {
        let family = trial.inserted(&trial.user()).await;
        let outcome = trial.rotate(&family, digest(), digest(), IDLE).await;
        check!(
            OVER,
            outcome == RotateOutcome::Unknown,
            "{outcome:?} for a wrong token of a family that is over"
        );
        let next = digest();
        let outcome = trial.rotate(&family, family.current, next, seconds).await;
        let expected = match live {
            true => RotateOutcome::Rotated,
            false => RotateOutcome::Unknown,
        };
        check!(
            OVER,
            outcome == expected,
            "{outcome:?} {seconds} s on; it is over at {IDLE}"
        );
        if !live {
            let found = trial.find(&family).await;
            let same = found.as_ref().is_none_or(|found| same(found, &family));
            check!(UNKNOWN, same, "it has changed: {found:?}");
            continue;
        }
        // A use has moved the end on.
        let outcome = trial.rotate(&family, next, digest(), seconds + IDLE).await;
        check!(OVER, outcome == RotateOutcome::Unknown, "{outcome:?}");
        let outcome = trial
            .rotate(&family, next, digest(), seconds + IDLE - 1)
            .await;
        check!(OVER, outcome == RotateOutcome::Rotated, "{outcome:?}");
    }
    // To the millisecond of the last end.
    let mut family = trial.family(&trial.user());
    family.expires_at = trial.at(LIFETIME);
    let stored = answer(trial.store.insert(family.clone()).await);
    check!(OVER, stored, "false for an id that is free");
    let mut late = trial.rotation(family.current, digest(), LIFETIME);
    let outcome = answer(trial.store.rotate(&family.family.id, late.clone()).await);
    check!(OVER, outcome == RotateOutcome::Unknown, "{outcome:?}");
    late.now -= std::time::Duration::from_millis(1);
    let outcome = answer(trial.store.rotate(&family.family.id, late).await);
    check!(OVER, outcome == RotateOutcome::Rotated, "{outcome:?}");
}

async fn an_unknown_family_is_not_made<S: RefreshStore>(trial: &Trial<S>) {
    let user = trial.user();
    let never = trial.family(&user);
    let outcome = trial.rotate(&never, never.current, digest(), 1).await;
    check!(UNKNOWN, outcome == RotateOutcome::Unknown, "{outcome:?}");
    check!(UNKNOWN, trial.find(&never).await.is_none(), "it was made");
    let listed = trial.listed(&user).await;
    check!(UNKNOWN, listed.is_empty(), "{listed:?} is listed");
}
