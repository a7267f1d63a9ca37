//! The threads that hash.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use thread_priority::ThreadPriority;

use super::job::Job;
use super::queue::Queue;
use crate::password::memory::Memory;

/// Starts a thread that works through the queue until it is closed, and keeps `blocks` of memory.
pub(super) fn start(queue: Arc<Queue>, blocks: usize) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("password-hash".to_owned())
        .spawn(move || {
            lower_priority();
            work(&queue, blocks);
        })
}

fn work(queue: &Queue, blocks: usize) {
    let mut memory = Memory::new();
    while let Some(job) = next(queue, &mut memory) {
        if job.is_cancelled() {
            continue;
        }
        job.run(&mut memory);
        // An old hash may have asked for more memory than new ones do.
        memory.shrink_to(blocks);
    }
}

/// The next job; the memory is wiped while there is none.
fn next(queue: &Queue, memory: &mut Memory) -> Option<Box<dyn Job>> {
    queue.try_next().or_else(|| {
        memory.wipe();
        queue.next()
    })
}

/// Lets everything else go first. Hashing works without, if less politely.
fn lower_priority() {
    if let Err(error) = ThreadPriority::Min.set_for_current() {
        super::super::log::priority_not_lowered(&error);
    }
}

#[cfg(test)]
mod tests {
    use super::super::job::job;
    use super::*;

    #[test]
    fn memory_is_wiped_when_nothing_waits() {
        let queue = Queue::new(1);
        let mut memory = Memory::new();
        memory.blocks(8).unwrap()[0].as_mut().fill(7);

        let (waiting, _result) = job(|_| ());
        queue.push(waiting).unwrap();
        assert!(next(&queue, &mut memory).is_some());
        assert!(!memory.is_zero(), "the next hash overwrites it");

        queue.close();
        assert!(next(&queue, &mut memory).is_none());
        assert!(memory.is_zero());
    }
}
