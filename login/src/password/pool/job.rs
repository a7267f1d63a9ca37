//! What a hashing thread is asked to do.

use std::panic::{AssertUnwindSafe, catch_unwind};

use auth_layer::{AuthError, AuthErrorKind};
use futures_channel::oneshot;

use crate::password::memory::Memory;

/// A piece of work whose result somebody waits for.
pub(super) trait Job: Send {
    /// Whether nobody waits any more.
    fn is_cancelled(&self) -> bool;

    /// Does the work and hands the result over. Never panics.
    fn run(self: Box<Self>, memory: &mut Memory);
}

/// Makes a job of a closure.
pub(super) fn job<T, F>(work: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, AuthError>>)
where
    F: FnOnce(&mut Memory) -> T + Send + 'static,
    T: Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    (Box::new(Task { work, sender }), receiver)
}

struct Task<T, F> {
    work: F,
    sender: oneshot::Sender<Result<T, AuthError>>,
}

impl<T, F> Job for Task<T, F>
where
    F: FnOnce(&mut Memory) -> T + Send,
    T: Send,
{
    fn is_cancelled(&self) -> bool {
        self.sender.is_canceled()
    }

    fn run(self: Box<Self>, memory: &mut Memory) {
        let Self { work, sender } = *self;
        // Argon2 reads nothing from its memory that it has not written: half a hash does no harm.
        let result = catch_unwind(AssertUnwindSafe(|| work(memory)))
            .map_err(|_| AuthError::new(AuthErrorKind::Internal, "hashing_panicked"));
        // Who has gone meanwhile wants no result.
        let _ = sender.send(result);
    }
}
