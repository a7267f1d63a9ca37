//! What must hold, and whether it does in this run.

use jwt_layer::Algorithm;

use crate::harness::Measured;
use crate::sections::{anonymous, basic, jwt, keys, sessions};

/// Nanoseconds that a layer may take over one that does nothing.
const ANONYMOUS_NS: f64 = 60.0;

/// Allocations of a whole request with a session in memory.
const SESSION_ALLOCATIONS: u64 = 24;

/// Allocations of a whole request with a token that was seen before.
const TOKEN_ALLOCATIONS: u64 = 22;

/// Allocations of a whole request with an API key.
const KEY_ALLOCATIONS: u64 = 20;

/// Bytes that an API key takes in memory.
const KEY_BYTES: f64 = 250.0;

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

    for (what, measured, held) in tokens(tables).into_iter().chain(api_keys(tables)) {
        // Only the allocations are the same in every run.
        allocations_hold &= held || !what.contains("allocations");
        lines.push((what, measured, held));
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

/// What must hold for bearer tokens.
fn tokens(tables: &[(&str, Vec<Measured>)]) -> Vec<(&'static str, String, bool)> {
    let rows = |title: &str| {
        let table = tables.iter().find(|table| table.0 == title);
        table.map_or(&[][..], |(_, rows)| rows.as_slice())
    };
    let row = |title: &str, name: &str| rows(title).iter().find(|row| row.name == name);
    let mut lines = Vec::new();

    let first = jwt::title(Algorithm::Rs256);
    if let (Some(ours), Some(signature)) =
        (row(first, jwt::FIRST_SIGHT), row(first, jwt::SIGNATURE))
    {
        let ratio = ours.ns / signature.ns;
        lines.push((
            "RS256 at first sight: at most 1.15 of the signature alone",
            format!("{ratio:.2}"),
            ratio <= 1.15,
        ));
        // The first six are ours and what is written by hand.
        let peers = rows(first).iter().skip(6);
        if let Some(peer) = peers.min_by(|a, b| a.ns.total_cmp(&b.ns)) {
            let ratio = ours.ns / peer.ns;
            lines.push((
                "RS256 at first sight: at most 0.80 of the fastest peer",
                format!("{ratio:.2} of {}", peer.name),
                ratio <= 0.80,
            ));
        }
    }

    let again = rows(jwt::AGAIN);
    if let Some(bare) = again.first() {
        let ours = jwt::AGAIN_ROWS.iter();
        let ours = ours.filter_map(|(_, name)| row(jwt::AGAIN, name));
        let over = ours.clone().map(|row| row.ns - bare.ns).fold(0.0, f64::max);
        lines.push((
            "a token seen before: at most 600 ns over the bare router",
            format!("{over:.0} ns"),
            over <= 600.0,
        ));
        let most = ours.map(|row| row.allocations).max().unwrap_or(0);
        lines.push((
            "a token seen before: at most 22 allocations in all",
            most.to_string(),
            most <= TOKEN_ALLOCATIONS,
        ));
        let [few, many] = jwt::AGAIN_MANY.map(|name| row(jwt::AGAIN, name).map(|row| row.ns));
        if let (Some(few), Some(many)) = (few, many) {
            let (few, many) = (few - bare.ns, many - bare.ns);
            lines.push((
                "a hit among 100,000 tokens: at most 3 times one among 1,000",
                format!("{many:.0} ns and {few:.0} ns over the bare router"),
                many <= 3.0 * few,
            ));
        }
    }

    if let Some(ours) = row(jwt::NO_TOKEN, jwt::NO_TOKEN_ROW) {
        lines.push((
            "no token: within 80 ns of the no-op layer",
            format!("{:+.0} ns", ours.over_no_op),
            ours.over_no_op <= 80.0,
        ));
    }
    let refused = jwt::BAD.iter().filter_map(|title| {
        let bare = rows(title).first()?;
        Some(row(title, jwt::BAD_ROW)?.ns - bare.ns)
    });
    if let Some(most) = refused.max_by(f64::total_cmp) {
        lines.push((
            "a bad token: refused for at most 300 ns over the bare router",
            format!("{most:.0} ns"),
            most <= 300.0,
        ));
    }
    lines
}

/// What must hold for API keys.
fn api_keys(tables: &[(&str, Vec<Measured>)]) -> Vec<(&'static str, String, bool)> {
    let rows = |title: &str| {
        let table = tables.iter().find(|table| table.0 == title);
        table.map_or(&[][..], |(_, rows)| rows.as_slice())
    };
    let row = |title: &str, name: &str| rows(title).iter().find(|row| row.name == name);
    let mut lines = Vec::new();

    let ours = [
        (
            keys::OURS,
            "an API key: not slower than the fastest by hand",
        ),
        (keys::OWNERS, "the same, and its owner is asked for"),
    ];
    for (name, what) in ours {
        let by_hand = keys::BY_HAND.iter();
        let by_hand = by_hand.filter_map(|name| row(keys::VALID, name));
        let fastest = by_hand.min_by(|a, b| a.ns.total_cmp(&b.ns));
        if let (Some(ours), Some(fastest)) = (row(keys::VALID, name), fastest) {
            let ratio = ours.ns / fastest.ns;
            let measured = format!("{ratio:.2} of {}", fastest.name);
            lines.push((what, measured, ratio <= 1.0));
        }
    }
    let allocations = [keys::OURS, keys::OWNERS];
    let allocations = allocations.map(|name| row(keys::VALID, name).map(|row| row.allocations));
    if let Some(most) = allocations.into_iter().flatten().max() {
        lines.push((
            "an API key: at most 20 allocations in all",
            most.to_string(),
            most <= KEY_ALLOCATIONS,
        ));
    }
    for (what, names) in [
        (
            "one of 1,000,000 API keys: within 1.5 of one of 10,000",
            keys::HOT,
        ),
        (
            "1,000,000 API keys in turn: within 1.5 of 10,000 in turn",
            keys::IN_TURN,
        ),
    ] {
        let [few, many] = names.map(|name| row(keys::MANY, name).map(|row| row.ns));
        if let (Some(few), Some(many)) = (few, many) {
            lines.push((
                what,
                format!("{:.2}: {many:.0} ns and {few:.0} ns", many / few),
                many <= 1.5 * few,
            ));
        }
    }
    if !rows(keys::MANY).is_empty()
        && let Some((_, bytes)) = keys::bytes()
    {
        lines.push((
            "an API key: at most 250 bytes in memory",
            format!("{bytes:.0}"),
            bytes <= KEY_BYTES,
        ));
    }
    let refused = row(keys::MALFORMED, keys::REFUSES);
    if let (Some(ours), Some(bare)) = (refused, rows(keys::MALFORMED).first()) {
        lines.push((
            "a malformed API key: refused for at most 300 ns over the bare router",
            format!("{:.0} ns", ours.ns - bare.ns),
            ours.ns - bare.ns <= 300.0,
        ));
    }
    if let Some(ours) = row(keys::NO_KEY, keys::NO_KEY_ROW) {
        lines.push((
            "no API key: within 80 ns of the no-op layer",
            format!("{:+.0} ns", ours.over_no_op),
            ours.over_no_op <= 80.0,
        ));
    }
    lines
}
