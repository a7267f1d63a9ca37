//! Measuring contenders against each other.
//!
//! All contenders of a section take turns, a short batch of requests each, in an order that changes
//! from round to round. So whatever else the machine is doing hits all of them alike. Of the rounds
//! the quietest quarter counts: those that took least, all contenders together.

mod contender;
mod table;

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

pub use self::contender::{Contender, MakeRequest};
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
pub struct Section {
    /// What the table is about.
    pub title: &'static str,
    /// The request that everybody gets who has none of its own.
    pub request: MakeRequest,
    /// The first is the bare router, the second the layer that does nothing.
    pub contenders: Vec<Contender>,
    /// Whether one request makes as many allocations as another. Where it waits for a connection, or
    /// where a session may be decoded or not, the number is the mean.
    pub steady: bool,
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
            let requests = contender.requests.as_ref().unwrap_or(&self.request);
            contender.service.serve(runtime, &**requests, count);
            true
        } else {
            false
        }
    }

    /// Nanoseconds for a request by round and contender.
    fn rounds(&mut self, runtime: &Runtime, time: Duration) -> Vec<Vec<f64>> {
        let mut request_alone = Contender::request_alone();
        // The makers of requests; the first is the section's.
        let mut makers = vec![Rc::clone(&self.request)];
        let mut jobs = Vec::new();
        for contender in &mut self.contenders {
            let mut maker = 0;
            if let Some(own) = &contender.requests {
                maker = makers.len();
                makers.push(Rc::clone(own));
            }
            jobs.push((&mut contender.service, maker));
        }
        let (count, all) = (jobs.len(), jobs.len() + makers.len());
        let mut order: Vec<usize> = (0..all).collect();
        let mut shuffle = Shuffle(0x9e37_79b9_7f4a_7c15);
        let mut rounds: Vec<Vec<f64>> = Vec::new();
        let end = Instant::now() + time;
        while rounds.len() < MIN_ROUNDS || Instant::now() < end {
            shuffle.apply(&mut order);
            let mut took = vec![0.0; all];
            for &index in &order {
                let (service, maker) = match jobs.get_mut(index) {
                    Some((service, maker)) => (&mut **service, &makers[*maker]),
                    None => (&mut request_alone.service, &makers[index - count]),
                };
                service.serve(runtime, &**maker, WARM_UP);
                let batch = service.serve(runtime, &**maker, BATCH);
                took[index] = batch.as_secs_f64() * 1e9 / BATCH as f64;
            }
            let alone =
                |(index, (_, maker)): (usize, &(_, usize))| took[index] - took[count + maker];
            rounds.push(jobs.iter().enumerate().map(alone).collect());
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
            let requests = contender.requests.as_ref().unwrap_or(&self.request);
            let mut answer = contender.service.answer(runtime, requests());
            if contender.sets_cookie {
                answer = answer.without_cookie();
            }
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
        let section = Rc::clone(&self.request);
        let steady = self.steady;
        let count = |contender: &mut Contender, request: &MakeRequest| {
            let mut count = |requests| {
                let before = crate::allocations::count();
                contender.service.serve(runtime, &**request, requests);
                crate::allocations::count() - before
            };
            // Whatever is made on first use, or kept at hand only after a while.
            count(if steady { 1 } else { 10_000 });
            if !steady {
                return Ok((count(100) + 50) / 100);
            }
            let (one, many) = (count(1), count(10));
            if many == 10 * one {
                Ok(one)
            } else {
                let name = contender.name;
                Err(format!("`{name}`: {one} allocations, and {many} for ten"))
            }
        };
        let mut counts = Vec::new();
        for contender in &mut self.contenders {
            let request = contender.requests.as_ref().unwrap_or(&section);
            let request = Rc::clone(request);
            let alone = count(&mut Contender::request_alone(), &request)?;
            counts.push(count(contender, &request)? - alone);
        }
        Ok(counts)
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
