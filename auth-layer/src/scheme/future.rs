//! The future of schemes that may not have to wait.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{AuthError, Identity};

/// What [`Scheme::verify`](crate::Scheme::verify) returns where the answer is often known at once:
/// then nothing is boxed.
///
/// ```
/// use auth_layer::{Identity, VerifyFuture};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// assert_eq!(VerifyFuture::ready(Ok(Identity::new("x", "ann"))).await?.subject(), "ann");
/// let asked = async { Ok(Identity::new("x", "bob")) };
/// assert_eq!(VerifyFuture::waiting(asked).await?.subject(), "bob");
/// # Ok::<_, auth_layer::AuthError>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct VerifyFuture {
    state: State,
}

type Verified = Result<Identity, AuthError>;

enum State {
    Ready(Option<Verified>),
    Waiting(Pin<Box<dyn Future<Output = Verified> + Send>>),
}

impl VerifyFuture {
    /// The answer is known.
    pub fn ready(verified: Verified) -> Self {
        Self {
            state: State::Ready(Some(verified)),
        }
    }

    /// Something has to be asked, in one box.
    pub fn waiting(future: impl Future<Output = Verified> + Send + 'static) -> Self {
        Self {
            state: State::Waiting(Box::pin(future)),
        }
    }
}

impl Future for VerifyFuture {
    type Output = Verified;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verified> {
        match &mut self.state {
            State::Ready(verified) => {
                Poll::Ready(verified.take().expect("polled after completion"))
            }
            State::Waiting(future) => future.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for VerifyFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyFuture").finish_non_exhaustive()
    }
}
