//! The faults of session backends, each of which the suite has to find.

use auth_test::contract;

use super::near_cache::{self, NearCache};
use super::sessions::{Fault, Naive};
use super::{assert_found, verdict};

fn try_out(fault: Fault) -> Result<(), String> {
    verdict(contract::session_backend(async || Naive::new(fault)))
}

#[test]
fn x_18_a_backend_without_fault_passes() {
    assert_eq!(try_out(Fault::None), Ok(()));
}

#[test]
fn ses_04_revived_sessions_are_found() {
    for fault in [Fault::UpdateRevives, Fault::TouchRevives] {
        // A rotation is undone, too.
        let lines = ["Dead stays dead", "only if the stored version"];
        assert_found(&fault, try_out(fault), &lines);
    }
}

#[test]
fn ses_19_caps_that_do_not_hold_are_found() {
    for (fault, lines) in [
        (
            Fault::CapBeforeInsert,
            ["How many live sessions", "as a whole"],
        ),
        (
            Fault::ExpiredTakesPlace,
            ["An expired session takes no place", ""],
        ),
        (Fault::EvictNewest, ["not used for longest", ""]),
    ] {
        let lines: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        assert_found(&fault, try_out(fault), &lines);
    }
}

#[test]
fn x_18_lost_updates_are_found() {
    for (fault, line) in [
        (Fault::UpdateUnguarded, "only if the stored version"),
        (Fault::VersionStandsStill, "raises the version by one"),
        (Fault::TouchUndoesUpdate, "forward, never back"),
    ] {
        // A write that is undone is noticed by what was written, or by the version.
        assert_found(
            &fault,
            try_out(fault),
            &[line, "only if the stored version"],
        );
    }
}

#[test]
fn x_21_wrong_times_are_found() {
    for (fault, line) in [
        (Fault::OffByOneSecond, "treat an expired session as gone"),
        (Fault::RotateRevives, "treat an expired session as gone"),
        (Fault::TouchMovesBack, "forward, never back"),
        (Fault::TouchPassesTheEnd, "never past `ends_at`"),
    ] {
        assert_found(&fault, try_out(fault), &[line]);
    }
}

#[test]
fn x_18_halves_are_found() {
    for (fault, lines) in [
        (Fault::IndexAfterwards, &["as a whole"][..]),
        (Fault::RotateCreatesFirst, &["as a whole"]),
        (Fault::RotateDeletesFirst, &["both or neither"]),
        (
            Fault::CollisionOverwrites,
            &["neither its secret nor its id"],
        ),
        (
            Fault::IdCollisionUnnoticed,
            &["neither its secret nor its id"],
        ),
        (Fault::ListForgetsRotated, &["The sessions of a user"]),
        (
            Fault::DeleteByIdOfAnybody,
            &["if this user has none of that id"],
        ),
    ] {
        assert_found(&fault, try_out(fault), lines);
    }
}

#[test]
fn x_18_stale_copies_are_found() {
    use near_cache::Fault;

    let try_out = |fault| verdict(contract::session_backend(async || NearCache::new(fault)));
    assert_eq!(try_out(Fault::None), Ok(()));
    for fault in [
        Fault::EndsLeaveTheCopy,
        Fault::FilledAfterTheEnd,
        Fault::RemembersMissing,
        Fault::WritesLeaveTheCopy,
    ] {
        assert_found(&fault, try_out(fault), &["`find_now` agrees with `find`"]);
    }
}
