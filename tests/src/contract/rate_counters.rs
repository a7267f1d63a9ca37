//! The suite for [`RateCounters`].

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{Charge, MAX_LEEWAY, Rate, RateCounters, RateKey, TakeOutcome};

use super::race::{drop_after, need_threads, race};
use super::{HOUR, SECOND, answer, check, random, this_second};

const ATOMIC: &str = "Of any number of parallel `take`s from a bucket that holds five, on any number of nodes, exactly five are allowed";
const CLOCKS: &str =
    "no more tokens are taken than `count`, and one for each whole interval of the stretch";
const COST: &str = "A charge of several tokens takes all of them or none";
const DROPPED: &str = "Dropped half-way, a `take` may have taken from some of its buckets";
const GIVE_BACK: &str =
    "returns the tokens of each charge to its bucket, and never makes it more than full";
const INSTANT: &str = "A bucket is one instant";
const LOCKED: &str = "Asking an empty bucket does not extend it";
const ORDER: &str =
    "in the order of the charges and stops at the first that has too few. What was taken before it";
const PEEK: &str = "`peek` takes nothing and answers what `take` would";
const TIME: &str = "nobody gets in for it, and nobody waits longer than a period and `MAX_LEEWAY`";

/// Checks [`RateCounters`] against their contract.
///
/// What is checked: how a bucket is emptied and refills, to the microsecond, and that asking an
/// empty one changes nothing; in which order charges are taken; that several tokens are taken at once
/// or not at all; what is given back; that of a hundred
/// parallel takes from a bucket of five exactly five are allowed, also while others give back, and
/// also when some are dropped half-way; that clocks which differ get no more together than one that goes
/// from the earlier to the later; and what a clock does that is set back.
///
/// Time is in the arguments alone and lies within an hour of the system's, so that stores may expire
/// their entries by their own clock, some time after a bucket is full.
///
/// ```
/// use auth_layer::MemoryRateCounters;
/// use auth_test::contract;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::rate_counters(async || MemoryRateCounters::new()).await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the counters break the contract or return an error, and on a runtime with one thread.
pub async fn rate_counters<C: RateCounters>(make: impl AsyncFn() -> C) {
    need_threads();
    let trial = Trial::new(make().await);
    trial.a_bucket_empties_and_refills().await;
    trial.intervals_are_whole_microseconds().await;
    trial.an_empty_bucket_stays_as_it_is().await;
    trial.buckets_are_apart().await;
    trial.charges_are_taken_in_order().await;
    trial.peeking_takes_nothing().await;
    trial.several_tokens_are_taken_at_once_or_not_at_all().await;
    trial.what_is_given_back_is_one_token().await;
    trial.what_is_given_back_is_what_it_cost().await;
    trial.a_clock_may_be_set_back().await;
    trial.two_clocks_take_no_more_than_they_differ().await;
    trial.two_clocks_give_back_what_was_taken().await;
    for _ in 0..10 {
        trial.parallel_takes_are_counted_exactly().await;
        trial.parallel_takes_of_several_are_counted_exactly().await;
        trial.parallel_gifts_are_counted_exactly().await;
    }
    for waits in 0..8 {
        trial.what_is_dropped_took_a_token_at_most(waits).await;
    }
}

struct Trial<C> {
    counters: Arc<C>,
    now: SystemTime,
}

fn rate(text: &str) -> Rate {
    text.parse().expect("a rate")
}

/// A bucket that nobody else has.
fn bucket(rate_text: &str) -> Charge {
    let name: [u8; 16] = random();
    Charge::new(RateKey::new("contract", [name]), rate(rate_text))
}

/// One that costs several.
fn costly(charge: Charge, tokens: u32) -> Charge {
    charge.tokens(tokens).expect("a cost")
}

fn allowed<const N: usize>(remaining: [u32; N]) -> TakeOutcome {
    TakeOutcome::Allowed {
        remaining: remaining.to_vec(),
    }
}

fn refused(charge: usize, retry_after: Duration) -> TakeOutcome {
    TakeOutcome::Refused {
        charge,
        retry_after,
    }
}

impl<C: RateCounters> Trial<C> {
    fn new(counters: C) -> Self {
        Self {
            counters: Arc::new(counters),
            now: this_second(),
        }
    }

    async fn expect(
        &self,
        charges: &[Charge],
        now: SystemTime,
        expected: TakeOutcome,
        line: &'static str,
    ) {
        let found = answer(self.counters.take(charges, now).await);
        check!(line, found == expected, "{found:?}, not {expected:?}");
    }

    async fn expect_peek(&self, charges: &[Charge], now: SystemTime, expected: TakeOutcome) {
        let found = answer(self.counters.peek(charges, now).await);
        check!(PEEK, found == expected, "{found:?}, not {expected:?}");
    }

    /// Takes all that a full bucket holds.
    async fn empty(&self, charge: Charge, now: SystemTime) {
        for remaining in (0..charge.rate().count()).rev() {
            self.expect(&[charge], now, allowed([remaining]), INSTANT)
                .await;
        }
    }

    async fn a_bucket_empties_and_refills(&self) {
        let five = bucket("5/5m");
        self.empty(five, self.now).await;
        for (later, outcome) in [
            (Duration::ZERO, refused(0, 60 * SECOND)),
            (59 * SECOND, refused(0, SECOND)),
            (
                60 * SECOND - Duration::from_micros(1),
                refused(0, Duration::from_micros(1)),
            ),
            (60 * SECOND, allowed([0])),
            (119 * SECOND, refused(0, SECOND)),
            (200 * SECOND, allowed([1])),
            (HOUR, allowed([4])),
            (HOUR, allowed([3])),
        ] {
            self.expect(&[five], self.now + later, outcome, INSTANT)
                .await;
        }
        let one = bucket("1/s");
        self.empty(one, self.now).await;
        self.expect(&[one], self.now, refused(0, SECOND), INSTANT)
            .await;
        self.expect(&[one], self.now + SECOND, allowed([0]), INSTANT)
            .await;
        let none = answer(self.counters.take(&[], self.now).await);
        check!(ORDER, none == allowed([]), "{none:?} without charges");
    }

    /// Seven do not divide a second: stores that calculate otherwise would not count alike.
    async fn intervals_are_whole_microseconds(&self) {
        let seven = bucket("7/s");
        self.empty(seven, self.now).await;
        let interval = Duration::from_micros(142_858);
        self.expect(&[seven], self.now, refused(0, interval), INSTANT)
            .await;
        let early = interval - Duration::from_micros(1);
        let wait = refused(0, Duration::from_micros(1));
        self.expect(&[seven], self.now + early, wait, INSTANT).await;
        self.expect(&[seven], self.now + interval, allowed([0]), INSTANT)
            .await;

        let many = bucket("1000000/366d");
        self.expect(&[many], self.now, allowed([999_999]), INSTANT)
            .await;
        self.expect(&[many], self.now, allowed([999_998]), INSTANT)
            .await;
    }

    async fn an_empty_bucket_stays_as_it_is(&self) {
        let five = bucket("5/5m");
        self.empty(five, self.now).await;
        for second in 0..60 {
            let wait = refused(0, (60 - second) * SECOND);
            self.expect(&[five], self.now + second * SECOND, wait, LOCKED)
                .await;
        }
        self.expect(&[five], self.now + 60 * SECOND, allowed([0]), LOCKED)
            .await;
    }

    async fn buckets_are_apart(&self) {
        let (first, second) = (bucket("1/m"), bucket("1/m"));
        self.empty(first, self.now).await;
        self.expect(&[second], self.now, allowed([0]), INSTANT)
            .await;
        self.expect(&[first], self.now, refused(0, 60 * SECOND), INSTANT)
            .await;
    }

    async fn charges_are_taken_in_order(&self) {
        let (wide, narrow, last) = (bucket("9/m"), bucket("2/m"), bucket("5/m"));
        let all = [wide, narrow, last];
        self.expect(&all, self.now, allowed([8, 1, 4]), ORDER).await;
        self.expect(&all, self.now, allowed([7, 0, 3]), ORDER).await;
        for _ in 0..2 {
            self.expect(&all, self.now, refused(1, 30 * SECOND), ORDER)
                .await;
        }
        // Four from the first, and only two from the last.
        self.expect(&[wide], self.now, allowed([4]), ORDER).await;
        self.expect(&[last], self.now, allowed([2]), ORDER).await;

        // The same bucket twice is two tokens.
        let two = bucket("2/m");
        self.expect(&[two, two], self.now, allowed([1, 0]), ORDER)
            .await;
        let three = bucket("3/m");
        self.expect(&[three, three], self.now, allowed([2, 1]), ORDER)
            .await;
        self.expect(&[three, three], self.now, refused(1, 20 * SECOND), ORDER)
            .await;
    }

    async fn several_tokens_are_taken_at_once_or_not_at_all(&self) {
        let ten = bucket("10/m");
        let (four, all) = (costly(ten, 4), costly(ten, 10));
        self.expect(&[four], self.now, allowed([6]), COST).await;
        self.expect(&[all], self.now, refused(0, 24 * SECOND), COST)
            .await;
        self.expect(&[four], self.now, allowed([2]), COST).await;
        // Two are there: too few for four, and nothing of them is taken.
        for _ in 0..3 {
            self.expect(&[four], self.now, refused(0, 12 * SECOND), COST)
                .await;
        }
        self.expect_peek(&[four], self.now, refused(0, 12 * SECOND))
            .await;
        self.expect_peek(&[ten], self.now, allowed([1])).await;
        self.expect(&[ten], self.now, allowed([1]), COST).await;
        let later = self.now + 18 * SECOND;
        let early = later - Duration::from_micros(1);
        let wait = refused(0, Duration::from_micros(1));
        self.expect(&[four], early, wait, COST).await;
        self.expect_peek(&[four], later, allowed([0])).await;
        self.expect(&[four], later, allowed([0]), COST).await;
        self.expect(&[all], later + HOUR, allowed([0]), COST).await;

        // What comes behind a charge that is refused stays as it is.
        let (wide, narrow) = (bucket("9/m"), bucket("3/m"));
        let charges = [costly(wide, 2), costly(narrow, 2), wide];
        self.expect(&charges, self.now, allowed([7, 1, 6]), COST)
            .await;
        self.expect(&charges, self.now, refused(1, 20 * SECOND), COST)
            .await;
        self.expect(&[wide], self.now, allowed([3]), COST).await;
    }

    async fn what_is_given_back_is_what_it_cost(&self) {
        let ten = bucket("10/m");
        let (four, three) = (costly(ten, 4), costly(ten, 3));
        self.expect(&[four, three], self.now, allowed([6, 3]), GIVE_BACK)
            .await;
        self.give_back(&[three], self.now).await;
        self.expect(&[ten], self.now, allowed([5]), GIVE_BACK).await;
        self.give_back(&[four, ten], self.now).await;
        self.expect(&[three], self.now, allowed([7]), GIVE_BACK)
            .await;
        // Never above full.
        for _ in 0..5 {
            self.give_back(&[four], self.now).await;
        }
        self.empty(ten, self.now).await;
        self.expect(&[ten], self.now, refused(0, 6 * SECOND), GIVE_BACK)
            .await;
    }

    async fn peeking_takes_nothing(&self) {
        let (five, two) = (bucket("5/5m"), bucket("2/m"));
        for _ in 0..10 {
            self.expect_peek(&[five, two], self.now, allowed([4, 1]))
                .await;
        }
        self.empty(two, self.now).await;
        for _ in 0..3 {
            self.expect_peek(&[five, two], self.now, refused(1, 30 * SECOND))
                .await;
        }
        let later = self.now + 30 * SECOND;
        self.expect_peek(&[two], later, allowed([0])).await;
        self.expect(&[two], later, allowed([0]), PEEK).await;
        self.expect(&[five], self.now, allowed([4]), PEEK).await;
        self.expect_peek(&[], self.now, allowed([])).await;
    }

    async fn give_back(&self, charges: &[Charge], now: SystemTime) {
        answer(self.counters.give_back(charges, now).await);
    }

    async fn what_is_given_back_is_one_token(&self) {
        let (five, two) = (bucket("5/5m"), bucket("2/m"));
        let both = [five, two];
        self.expect(&both, self.now, allowed([4, 1]), GIVE_BACK)
            .await;
        self.expect(&both, self.now, allowed([3, 0]), GIVE_BACK)
            .await;
        self.give_back(&both, self.now).await;
        self.expect(&both, self.now, allowed([3, 0]), GIVE_BACK)
            .await;
        self.expect(&both, self.now, refused(1, 30 * SECOND), GIVE_BACK)
            .await;
        // Never above full, neither a bucket that was used nor one that was not.
        for _ in 0..10 {
            self.give_back(&both, self.now).await;
        }
        let new = bucket("1/m");
        self.give_back(&[new], self.now).await;
        for charge in [five, two, new] {
            self.empty(charge, self.now).await;
            let interval = charge.rate().interval();
            self.expect(&[charge], self.now, refused(0, interval), GIVE_BACK)
                .await;
        }
        // One that has refilled by itself gets nothing.
        self.give_back(&[new], self.now + HOUR).await;
        self.empty(new, self.now + HOUR).await;
    }

    async fn a_clock_may_be_set_back(&self) {
        for back in [SECOND, 10 * 60 * SECOND] {
            let five = bucket("5/5m");
            self.empty(five, self.now + back).await;
            let found = answer(self.counters.take(&[five], self.now).await);
            let longest = 300 * SECOND
                + if back <= MAX_LEEWAY {
                    back
                } else {
                    Duration::ZERO
                };
            check!(
                TIME,
                matches!(found, TakeOutcome::Refused { retry_after, .. } if retry_after <= longest),
                "{found:?} when the clock went back by {back:?}"
            );
            // Then it is full.
            let later = self.now + longest;
            self.expect(&[five], later, allowed([4]), TIME).await;
        }
    }

    async fn two_clocks_take_no_more_than_they_differ(&self) {
        for (text, apart) in [
            ("10/m", 7 * SECOND),
            ("5/5m", 65 * SECOND),
            ("5/m", MAX_LEEWAY),
            ("3/h", MAX_LEEWAY),
        ] {
            let charge = bucket(text);
            let clocks = [self.now + apart, self.now];
            let mut allowed = 0;
            for take in 0..200 {
                let found = self.counters.take(&[charge], clocks[take % 2]).await;
                if let TakeOutcome::Allowed { .. } = answer(found) {
                    allowed += 1;
                }
            }
            let (count, interval) = (charge.rate().count(), charge.rate().interval());
            let most = u128::from(count) + apart.as_micros() / interval.as_micros();
            check!(
                CLOCKS,
                allowed <= most,
                "{allowed} of {text}, by clocks that differ by {apart:?}"
            );
            // Once the earlier clock has come as far, the bucket fills as ever.
            let later = self.now + apart + charge.rate().period();
            self.expect(&[charge], later, self::allowed([count - 1]), CLOCKS)
                .await;
        }
    }

    async fn two_clocks_give_back_what_was_taken(&self) {
        for (text, apart) in [("5/5m", 65 * SECOND), ("5/m", MAX_LEEWAY)] {
            let (early, late) = (self.now, self.now + apart);
            // Returned by the earlier clock.
            let charge = bucket(text);
            let interval = charge.rate().interval();
            self.empty(charge, late).await;
            self.give_back(&[charge], early).await;
            self.expect(&[charge], late, allowed([0]), GIVE_BACK).await;
            self.expect(&[charge], late, refused(0, interval), GIVE_BACK)
                .await;
            // Taken and returned by the later one.
            let charge = bucket(text);
            self.empty(charge, early).await;
            let found = answer(self.counters.take(&[charge], late).await);
            if let TakeOutcome::Allowed { .. } = found {
                self.give_back(&[charge], late).await;
            }
            let found = answer(self.counters.take(&[charge], early).await);
            check!(
                GIVE_BACK,
                matches!(found, TakeOutcome::Refused { .. }),
                "{found:?} by the earlier clock, after the later one took a token and gave it back"
            );
        }
    }

    async fn parallel_takes_are_counted_exactly(&self) {
        let (wide, five) = (bucket("1000/h"), bucket("5/h"));
        let now = self.now;
        let outcomes = race((0..100).map(|_| {
            let counters = Arc::clone(&self.counters);
            async move { answer(counters.take(&[wide, five], now).await) }
        }))
        .await;
        let mut left: Vec<u32> = outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                TakeOutcome::Allowed { remaining } => remaining.get(1).copied(),
                TakeOutcome::Refused { .. } => None,
            })
            .collect();
        left.sort_unstable();
        check!(
            ATOMIC,
            left == [0, 1, 2, 3, 4],
            "{} of 100 are allowed, with {left:?} left",
            left.len()
        );
        self.expect(&[wide], now, allowed([899]), ATOMIC).await;
    }

    async fn parallel_takes_of_several_are_counted_exactly(&self) {
        let ten = bucket("10/h");
        let four = costly(ten, 4);
        let now = self.now;
        let outcomes = race((0..40).map(|_| {
            let counters = Arc::clone(&self.counters);
            async move { answer(counters.take(&[four], now).await) }
        }))
        .await;
        let passed = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, TakeOutcome::Allowed { .. }))
            .count();
        check!(COST, passed == 2, "{passed} of 40 take four of ten");
        self.expect(&[ten], now, allowed([1]), COST).await;
    }

    async fn parallel_gifts_are_counted_exactly(&self) {
        let hundred = bucket("100/h");
        let now = self.now;
        self.empty(hundred, now).await;
        race((0..50).map(|_| {
            let counters = Arc::clone(&self.counters);
            async move { answer(counters.give_back(&[hundred], now).await) }
        }))
        .await;
        self.expect(&[hundred], now, allowed([49]), GIVE_BACK).await;
    }

    async fn what_is_dropped_took_a_token_at_most(&self, waits: usize) {
        let five = bucket("5/h");
        let charges = [five];
        let dropped = self.counters.take(&charges, self.now);
        drop_after(waits, dropped).await.map(answer);
        let mut taken = 0;
        while let TakeOutcome::Allowed { .. } = answer(self.counters.take(&[five], self.now).await)
        {
            taken += 1;
            check!(DROPPED, taken <= 5, "a bucket of five gives {taken}");
        }
        check!(
            DROPPED,
            taken >= 4,
            "one call, dropped after {waits} waits, took {}",
            5 - taken
        );
    }
}
