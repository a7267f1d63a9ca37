//! What must hold, and whether it does in this run.

use crate::harness::Measured;
use crate::sections::{anonymous, basic, sessions};

/// Nanoseconds that a layer may take over one that does nothing.
const ANONYMOUS_NS: f64 = 60.0;

/// Allocations of a whole request with a session in memory.
const SESSION_ALLOCATIONS: u64 = 24;

/// Prints the verdicts on the tables. False if an allocation is too many: those are
/// the same in every run, so this may fail a build. Times are for people to judge.
pub(crate) fn print(tables: &[(&str, Vec<Measured>)]) -> bool {
    let row = |title: &str, name: &str| {
        let (_, rows) = tables.iter().find(|table| table.0 == title)?;
        rows.iter().find(|row| row.name == name)
    };
    let anonymous = |name| row(anonymous::TITLE, name);
    let basic = |name| row(basic::TITLE, name);
    let mut lines = Vec::new();
    let mut allocations_hold = true;

    if let (Some(no_op), Some(one), Some(tuple), Some(stack), Some(three)) = (
        anonymous(anonymous::NO_OP),
        anonymous(anonymous::ONE),
        anonymous(anonymous::TUPLE),
        anonymous(anonymous::STACK),
        anonymous(anonymous::THREE),
    ) {
        allocations_hold = one.allocations <= no_op.allocations + 1;
        lines.push((
            "anonymous: at most one allocation over the no-op layer",
            format!("{} and {}", one.allocations, no_op.allocations),
            allocations_hold,
        ));
        lines.push((
            "anonymous: within 60 ns of the no-op layer",
            format!("{:+.0} ns", one.over_no_op),
            one.over_no_op <= ANONYMOUS_NS,
        ));
        lines.push((
            "a tuple of three schemes is cheaper than three layers",
            format!(
                "{:.0} ns; {:.0} stacked, {:.0} apart",
                tuple.ns, stack.ns, three.ns
            ),
            tuple.ns < stack.ns && tuple.ns < three.ns,
        ));
    }
    let by_hand = [basic::VALIDATE, basic::AUTHORIZE, basic::FROM_FN];
    let fastest = by_hand.iter().filter_map(|name| basic(name));
    let fastest = fastest.min_by(|a, b| a.ns.total_cmp(&b.ns));
    if let (Some(ours), Some(fastest)) = (basic(basic::OURS), fastest) {
        lines.push((
            "Basic is not slower than the fastest by hand",
            format!("{:.0} ns; {:.0} by hand", ours.ns, fastest.ns),
            ours.ns <= fastest.ns,
        ));
    }

    if let Some(ours) = row(sessions::TITLE, sessions::ONE) {
        let held = ours.allocations <= SESSION_ALLOCATIONS;
        allocations_hold &= held;
        lines.push((
            "a request with a session makes at most 24 allocations",
            ours.allocations.to_string(),
            held,
        ));
    }

    if !lines.is_empty() {
        println!("\n## What must hold\n\n| what | measured | held |\n|---|---|---|");
    }
    for (what, measured, held) in lines {
        println!(
            "| {what} | {measured} | {} |",
            if held { "yes" } else { "no" }
        );
    }
    allocations_hold
}
