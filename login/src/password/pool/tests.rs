use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use auth_layer::AuthErrorKind;

use super::*;
use Verification::{Matches, Mismatches};

fn pool(threads: usize, queue: usize) -> HashPool {
    HashPool::builder(PasswordHasher::fast())
        .threads(threads)
        .queue(queue)
        .build()
        .unwrap()
}

/// Runs a future without any runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Asks once, which puts the job into the queue.
pub(in crate::password) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Keeps a thread of the pool busy until the sender is dropped. Returns when the thread has begun.
pub(in crate::password) fn occupy(pool: &HashPool) -> mpsc::Sender<()> {
    let (gate, closed) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let (job, _) = job::job(move |_| {
        begin.send(()).unwrap();
        let _ = closed.recv();
    });
    // Nobody waits for the result: that must not count as cancelled.
    struct Kept(Box<dyn job::Job>);
    impl job::Job for Kept {
        fn is_cancelled(&self) -> bool {
            false
        }
        fn run(self: Box<Self>, memory: &mut Memory) {
            self.0.run(memory);
        }
    }
    pool.owner.queue.push(Box::new(Kept(job))).unwrap();
    begun.recv().unwrap();
    gate
}

#[test]
fn hashes_and_checks_without_a_runtime() {
    let pool = pool(2, 8);
    let hash = block_on(pool.hash("correct horse")).unwrap();
    for (password, outcome) in [
        ("correct horse", Matches),
        ("wrong", Mismatches),
        ("", Mismatches),
    ] {
        assert_eq!(block_on(pool.verify(password, &hash)).unwrap(), outcome);
    }
    let empty = PasswordHash::new("");
    assert_eq!(block_on(pool.verify("", &empty)).unwrap(), Mismatches);
    let unknown = PasswordHash::new("$6$salt$hash");
    let error = block_on(pool.verify("x", &unknown)).unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    assert_eq!(error.reason(), "hash_unsupported");
}

#[test]
fn bas_05_what_is_too_long_is_neither_hashed_nor_right() {
    let pool = pool(1, 8);
    let long = "x".repeat(1_000_000);
    let error = block_on(pool.hash(&long)).unwrap_err();
    assert_eq!(error.reason(), "password_too_long");
    assert_eq!(error.kind(), AuthErrorKind::InvalidRequest);
    let hash = block_on(pool.hash(&long[..1024])).unwrap();
    assert_eq!(
        block_on(pool.verify(&long[..1024], &hash)).unwrap(),
        Matches
    );
    assert_eq!(
        block_on(pool.verify(&long[..1025], &hash)).unwrap(),
        Mismatches
    );
}

#[test]
fn bas_05_a_full_queue_refuses_at_once() {
    let pool = pool(1, 2);
    let hash = block_on(pool.hash("right")).unwrap();
    let gate = occupy(&pool);

    let mut waiting = [
        Box::pin(pool.verify("right", &hash)),
        Box::pin(pool.verify("wrong", &hash)),
    ];
    for future in &mut waiting {
        assert!(poll(future).is_pending());
    }
    for error in [
        block_on(pool.verify("right", &hash)).unwrap_err(),
        block_on(pool.hash("another")).unwrap_err(),
        pool.check_room().unwrap_err(),
    ] {
        assert_eq!(error.kind(), AuthErrorKind::Unavailable);
        assert_eq!(error.reason(), "hashing_busy");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    }

    drop(gate);
    let outcomes = waiting.map(|future| block_on(future).unwrap());
    assert_eq!(outcomes, [Matches, Mismatches]);
    assert!(pool.check_room().is_ok());
}

#[test]
fn a_flood_is_worked_off_or_refused_and_nothing_else() {
    let pool = pool(2, 4);
    let hash = block_on(pool.hash("right")).unwrap();
    let (done, busy) = thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..200).fold((0, 0), |(done, busy), _| {
                        match block_on(pool.verify("right", &hash)) {
                            Ok(outcome) => {
                                assert_eq!(outcome, Matches);
                                (done + 1, busy)
                            }
                            Err(error) => {
                                assert_eq!(error.reason(), "hashing_busy");
                                (done, busy + 1)
                            }
                        }
                    })
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
    });
    assert_eq!(done + busy, 1600);
    assert!(done > 0);
}

#[test]
fn who_has_gone_is_not_worked_for() {
    let pool = pool(1, 2);
    let gate = occupy(&pool);

    let has_run = Arc::new(AtomicBool::new(false));
    for _ in 0..2 {
        let has_run = Arc::clone(&has_run);
        let mut future = Box::pin(pool.run(move |_| has_run.store(true, Ordering::SeqCst)));
        assert!(poll(&mut future).is_pending());
    }
    assert_eq!(pool.owner.queue.len(), 2);
    // Those two have gone, and make room for this one.
    let mut stays = Box::pin(pool.run(|_| "done"));
    assert!(poll(&mut stays).is_pending());
    assert_eq!(pool.owner.queue.len(), 1);

    // This one goes without anybody needing its place.
    let late = Arc::clone(&has_run);
    let mut goes = Box::pin(pool.run(move |_| late.store(true, Ordering::SeqCst)));
    assert!(poll(&mut goes).is_pending());
    drop(goes);

    drop(gate);
    assert_eq!(block_on(stays).unwrap(), "done");
    assert_eq!(block_on(pool.run(|_| "next")).unwrap(), "next");
    assert!(!has_run.load(Ordering::SeqCst));
}

#[test]
fn x_06_a_panic_is_an_error_and_ends_no_thread() {
    let pool = pool(1, 8);
    for _ in 0..3 {
        let error = block_on(pool.run(|memory| -> Verification {
            memory.blocks(8).unwrap()[0].as_mut().fill(7);
            panic!("a job panics")
        }))
        .unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Internal);
        assert_eq!(error.reason(), "hashing_panicked");
    }
    let hash = block_on(pool.hash("right")).unwrap();
    assert_eq!(block_on(pool.verify("right", &hash)).unwrap(), Matches);
    assert_eq!(block_on(pool.verify("wrong", &hash)).unwrap(), Mismatches);
}

#[test]
fn memory_of_a_large_hash_is_given_back() {
    let pool = pool(1, 8);
    block_on(pool.run(|memory| memory.blocks(1000).map(|_| ())))
        .unwrap()
        .unwrap();
    let len = block_on(pool.run(|memory| memory.len())).unwrap();
    assert_eq!(len, pool.hasher().block_count());
}

#[test]
fn threads_stop_with_the_last_clone() {
    let mut pool = pool(3, 8);
    let owner = Arc::get_mut(&mut pool.owner).unwrap();
    let threads = std::mem::take(&mut owner.threads);
    let clone = pool.clone();
    drop(pool);
    block_on(clone.hash("still there")).unwrap();
    drop(clone);
    // Would wait for ever if they did not.
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn x_06_who_waits_when_the_pool_stops_is_not_let_in() {
    let pool = pool(1, 8);
    let hash = block_on(pool.hash("right")).unwrap();
    let gate = occupy(&pool);
    let mut waiting = Box::pin(pool.verify("right", &hash));
    assert!(poll(&mut waiting).is_pending());
    pool.owner.queue.close();
    for error in [
        block_on(waiting).unwrap_err(),
        block_on(pool.verify("right", &hash)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), AuthErrorKind::Unavailable);
        assert_eq!(error.reason(), "hashing_stopped");
    }
    drop(gate);
}

#[test]
fn options_that_cannot_be_meant_are_named() {
    let builder = || HashPool::builder(PasswordHasher::fast());
    for (builder, option) in [
        (builder().threads(0), "threads"),
        (builder().threads(65), "threads"),
        (builder().queue(0), "queue"),
        (builder().queue(65_537), "queue"),
    ] {
        assert_eq!(builder.build().unwrap_err().option(), option);
    }
    let threads = builder().build().unwrap().owner.threads.len();
    assert!((1..=4).contains(&threads), "{threads}");
}

#[test]
fn traits() {
    fn assert<T: Send + Sync + Clone + Unpin + fmt::Debug + 'static>() {}
    fn assert_send<T: Send>(_: T) {}
    assert::<HashPool>();
    assert::<HashPoolBuilder>();
    let pool = pool(1, 1);
    assert_send(pool.hash("x"));
    assert_send(pool.verify("x", &PasswordHash::new("")));
}
