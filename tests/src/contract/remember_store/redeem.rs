//! What becomes of each secret.

use session_layer::{RedeemOutcome, RememberStore};

use super::DEAD;
use super::trial::{
    GRACE, LIFETIME, Trial, digest, is_repeated, is_reused, is_rotated, is_unknown, same,
};
use crate::contract::check;

const GRACE_LINE: &str = "redeem: `now` is less than `grace` away from when it was replaced";
const OVER: &str = "A series is over at its `ends_at`";
const REPEATED: &str = "redeem: nothing changes, and so the time does not begin again";
const REUSED: &str = "redeem: not, or no longer, a secret of this series: the series is removed";
const ROTATED: &str = "redeem: `presented` is the current secret: `next` becomes the current one";
const UNKNOWN: &str = "redeem: There is no such series";

pub(super) async fn check_all<S: RememberStore>(trial: &Trial<S>) {
    each_secret_replaces_the_one_before(trial).await;
    the_secret_before_is_good_for_a_moment(trial).await;
    repeating_lengthens_nothing(trial).await;
    any_other_secret_ends_the_series(trial).await;
    a_series_ends_at_its_end(trial).await;
    an_unknown_series_is_not_made(trial).await;
}

async fn each_secret_replaces_the_one_before<S: RememberStore>(trial: &Trial<S>) {
    let user = trial.user();
    let (series, other) = (trial.inserted(&user).await, trial.inserted(&user).await);
    let mut secret = series.secret;
    for round in 0..5 {
        let next = digest();
        let outcome = trial.redeem(&series, secret, next, round * 100).await;
        let RedeemOutcome::Rotated(login) = &outcome else {
            panic!("contract broken: \"{ROTATED}\": {outcome:?} in round {round}");
        };
        check!(ROTATED, same(login, &series.login), "{login:?}");
        secret = next;
    }
    let outcome = trial.redeem(&other, other.secret, digest(), 500).await;
    check!(
        ROTATED,
        is_rotated(&outcome),
        "{outcome:?} for another series of the user"
    );
}

async fn the_secret_before_is_good_for_a_moment<S: RememberStore>(trial: &Trial<S>) {
    // Replaced at 100; a clock may be behind the one that wrote that.
    for (seconds, good) in [
        (100, true),
        (100 + GRACE - 1, true),
        (100 + GRACE, false),
        (100 + GRACE + 1, false),
        (100 - GRACE + 1, true),
        (100 - GRACE, false),
        (100 - GRACE - 1, false),
    ] {
        let series = trial.inserted(&trial.user()).await;
        let next = digest();
        let rotated = trial.redeem(&series, series.secret, next, 100).await;
        check!(ROTATED, is_rotated(&rotated), "{rotated:?}");
        let outcome = trial
            .redeem(&series, series.secret, digest(), seconds)
            .await;
        let right = if good {
            is_repeated(&outcome)
        } else {
            is_reused(&outcome)
        };
        check!(
            GRACE_LINE,
            right,
            "{outcome:?} at {seconds}, replaced at 100, grace {GRACE}"
        );
        let (RedeemOutcome::Repeated(login) | RedeemOutcome::Reused(login)) = &outcome else {
            continue;
        };
        check!(GRACE_LINE, same(login, &series.login), "{login:?}");
        let found = trial.is_found(&series).await;
        check!(REUSED, found == good, "is it there at {seconds}: {found}");
        let outcome = trial.redeem(&series, next, digest(), seconds + 1).await;
        let right = if good {
            is_rotated(&outcome)
        } else {
            is_unknown(&outcome)
        };
        check!(
            DEAD,
            right,
            "{outcome:?} for the current secret after {seconds}"
        );
    }
}

async fn repeating_lengthens_nothing<S: RememberStore>(trial: &Trial<S>) {
    let series = trial.inserted(&trial.user()).await;
    let next = digest();
    let rotated = trial.redeem(&series, series.secret, next, 0).await;
    check!(ROTATED, is_rotated(&rotated), "{rotated:?}");
    for seconds in [GRACE / 3, 2 * GRACE / 3, GRACE - 1] {
        let outcome = trial
            .redeem(&series, series.secret, digest(), seconds)
            .await;
        check!(REPEATED, is_repeated(&outcome), "{outcome:?} at {seconds}");
    }
    let outcome = trial.redeem(&series, series.secret, digest(), GRACE).await;
    check!(
        REPEATED,
        is_reused(&outcome),
        "{outcome:?} at {GRACE}, repeated until then"
    );

    // What a repetition brought as the next secret is none.
    let series = trial.inserted(&trial.user()).await;
    let (next, not_next) = (digest(), digest());
    trial_rotates(trial, &series, next).await;
    let outcome = trial.redeem(&series, series.secret, not_next, 1).await;
    check!(REPEATED, is_repeated(&outcome), "{outcome:?}");
    let outcome = trial.redeem(&series, next, digest(), 2).await;
    check!(
        REPEATED,
        is_rotated(&outcome),
        "{outcome:?} for the current secret"
    );
    let outcome = trial.redeem(&series, not_next, digest(), 3).await;
    check!(
        REPEATED,
        is_reused(&outcome),
        "{outcome:?} for a secret that never was one"
    );
}

async fn any_other_secret_ends_the_series<S: RememberStore>(trial: &Trial<S>) {
    for replaced_before in [false, true] {
        let user = trial.user();
        let (series, other) = (trial.inserted(&user).await, trial.inserted(&user).await);
        let (second, third) = (digest(), digest());
        let wrong = if replaced_before {
            trial_rotates(trial, &series, second).await;
            let outcome = trial.redeem(&series, second, third, 1).await;
            check!(ROTATED, is_rotated(&outcome), "{outcome:?}");
            // Two secrets ago, although that is but a moment.
            series.secret
        } else {
            digest()
        };
        let outcome = trial.redeem(&series, wrong, digest(), 2).await;
        check!(REUSED, is_reused(&outcome), "{outcome:?}");
        check!(REUSED, !trial.is_found(&series).await, "it is still there");
        for presented in [third, second, series.secret, wrong] {
            let outcome = trial.redeem(&series, presented, digest(), 3).await;
            check!(DEAD, is_unknown(&outcome), "{outcome:?} after a reuse");
        }
        check!(
            REUSED,
            trial.is_found(&other).await,
            "another series has ended"
        );
        let ended = trial.delete_all(&user, None).await;
        check!(
            REUSED,
            ended == 1,
            "{ended} series in the index instead of 1"
        );
    }
}

async fn a_series_ends_at_its_end<S: RememberStore>(trial: &Trial<S>) {
    for (seconds, live) in [
        (LIFETIME - 1, true),
        (LIFETIME, false),
        (LIFETIME + 1, false),
    ] {
        let series = trial.inserted(&trial.user()).await;
        let outcome = trial
            .redeem(&series, series.secret, digest(), seconds)
            .await;
        let right = if live {
            is_rotated(&outcome)
        } else {
            is_unknown(&outcome)
        };
        check!(
            OVER,
            right,
            "{outcome:?} {seconds} s on; it ends at {LIFETIME}"
        );

        // A wrong secret is no theft of what is over, and using it moves no end.
        let series = trial.inserted(&trial.user()).await;
        let next = digest();
        trial_rotates(trial, &series, next).await;
        let outcome = trial.redeem(&series, digest(), digest(), seconds).await;
        let right = if live {
            is_reused(&outcome)
        } else {
            is_unknown(&outcome)
        };
        check!(OVER, right, "{outcome:?} for a wrong secret {seconds} s on");
    }
}

async fn an_unknown_series_is_not_made<S: RememberStore>(trial: &Trial<S>) {
    let user = trial.user();
    let never = trial.series(&user, 0, 1);
    let outcome = trial.redeem(&never, never.secret, digest(), 1).await;
    check!(UNKNOWN, is_unknown(&outcome), "{outcome:?}");
    check!(UNKNOWN, !trial.is_found(&never).await, "it was made");
    let ended = trial.delete_all(&user, None).await;
    check!(UNKNOWN, ended == 0, "{ended} in the index");
}

async fn trial_rotates<S: RememberStore>(
    trial: &Trial<S>,
    series: &session_layer::NewSeries,
    next: auth_layer::SecretDigest,
) {
    let outcome = trial.redeem(series, series.secret, next, 0).await;
    check!(ROTATED, is_rotated(&outcome), "{outcome:?}");
}
