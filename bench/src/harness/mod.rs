//! Measuring contenders against each other.
//!
//! All contenders of a section take turns, a short batch of requests each, in an order that changes
//! from round to round. So whatever else the machine is doing hits all of them alike. Of the rounds
//! the quietest quarter counts: those that took least, all contenders together.

mod contender;
mod table;

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

pub(crate) use self::contender::{Contender, MakeRequest};
pub(crate) use self::table::print;

/// Requests that one contender serves before it is the next one's turn.
const BATCH: usize = 100;
/// Requests before each batch that are not timed: the one before has filled the caches.
const WARM_UP: usize = 20;
/// At least so many rounds, however short the time.
const MIN_ROUNDS: usize = 40;
/// One round of so many counts.
const QUIETEST: usize = 4;

/// Contenders that get the same request and give the same answer.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) request: MakeRequest,
    /// The first is the bare router, the second the layer that does nothing.
    pub(crate) contenders: Vec<Contender>,
}

/// What a contender took. The making of the request is left out.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    /// Nanoseconds for a request: the median over the rounds that count.
    pub(crate) ns: f64,
    /// The median of what it took more than the no-op layer in the same round.
    pub(crate) over_no_op: f64,
    /// The median ratio to the bare router in the same round.
    pub(crate) to_bare: f64,
    pub(crate) allocations: u64,
}

impl Section {
    /// Checks the answers, then measures for about `time`.
    pub(crate) fn measure(
        &mut self,
        runtime: &Runtime,
        time: Duration,
    ) -> Result<Vec<Measured>, String> {
        self.check_answers(runtime)?;
        let allocations = self.count_allocations(runtime)?;
        let rounds = self.rounds(runtime, time);
        let median_of = |of: &dyn Fn(&[f64]) -> f64| median(rounds.iter().map(|r| of(r)).collect());
        Ok(self
            .contenders
            .iter()
            .zip(allocations)
            .enumerate()
            .map(|(index, (contender, allocations))| Measured {
                name: contender.name,
                ns: median_of(&|round| round[index]),
                over_no_op: median_of(&|round| round[index] - round[1]),
                to_bare: median_of(&|round| round[index] / round[0]),
                allocations,
            })
            .collect())
    }

    /// Serves `count` requests with one contender and nothing else, for a profiler.
    pub(crate) fn serve_alone(&mut self, runtime: &Runtime, name: &str, count: usize) -> bool {
        let mut request_alone = Contender::request_alone();
        let found = self
            .contenders
            .iter_mut()
            .chain([&mut request_alone])
            .find(|contender| contender.name == name);
        if let Some(contender) = found {
            contender.service.serve(runtime, self.request, count);
            true
        } else {
            false
        }
    }

    /// Nanoseconds for a request by round and contender.
    fn rounds(&mut self, runtime: &Runtime, time: Duration) -> Vec<Vec<f64>> {
        let mut request_alone = Contender::request_alone();
        let mut contenders: Vec<_> = self.contenders.iter_mut().collect();
        contenders.push(&mut request_alone);
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        let mut shuffle = Shuffle(0x9e37_79b9_7f4a_7c15);
        let mut rounds: Vec<Vec<f64>> = Vec::new();
        let end = Instant::now() + time;
        while rounds.len() < MIN_ROUNDS || Instant::now() < end {
            shuffle.apply(&mut order);
            let mut round = vec![0.0; order.len()];
            for &index in &order {
                let service = &mut contenders[index].service;
                service.serve(runtime, self.request, WARM_UP);
                let took = service.serve(runtime, self.request, BATCH);
                round[index] = took.as_secs_f64() * 1e9 / BATCH as f64;
            }
            let alone = round.pop().unwrap_or_default();
            rounds.push(round.iter().map(|ns| ns - alone).collect());
        }
        let total = |round: &Vec<f64>| round.iter().sum::<f64>();
        rounds.sort_by(|a, b| total(a).total_cmp(&total(b)));
        rounds.truncate(rounds.len() / QUIETEST);
        rounds
    }

    /// Every contender has to give the answer of the first.
    fn check_answers(&mut self, runtime: &Runtime) -> Result<(), String> {
        let mut expected = None;
        for contender in &mut self.contenders {
            let answer = contender.service.answer(runtime, (self.request)());
            let expected = expected.get_or_insert_with(|| answer.clone());
            if answer != *expected {
                return Err(format!(
                    "{}: `{}` answers\n{answer}instead of\n{expected}",
                    self.title, contender.name
                ));
            }
        }
        Ok(())
    }

    fn count_allocations(&mut self, runtime: &Runtime) -> Result<Vec<u64>, String> {
        let request = self.request;
        let count = |contender: &mut Contender| {
            let mut count = |requests| {
                let before = crate::allocations::count();
                contender.service.serve(runtime, request, requests);
                crate::allocations::count() - before
            };
            count(1); // Whatever is made on first use.
            let (one, many) = (count(1), count(10));
            if many == 10 * one {
                Ok(one)
            } else {
                let name = contender.name;
                Err(format!("`{name}`: {one} allocations, and {many} for ten"))
            }
        };
        let alone = count(&mut Contender::request_alone())?;
        self.contenders
            .iter_mut()
            .map(|contender| Ok(count(contender)? - alone))
            .collect()
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Xorshift and Fisher-Yates: the same orders in every run.
struct Shuffle(u64);

impl Shuffle {
    fn apply(&mut self, order: &mut [usize]) {
        for last in (1..order.len()).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let other = self.0 % (last as u64 + 1);
            order.swap(last, usize::try_from(other).unwrap_or(0));
        }
    }
}
