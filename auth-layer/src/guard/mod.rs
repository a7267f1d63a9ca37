//! Turning requests away: [`RequireAuth`] and what it can ask for.

mod future;
mod layer;
mod login_redirect;
mod requirement;
mod return_to;
mod tenant;
mod waiting;

pub use self::future::GuardFuture;
pub use self::layer::{Guard, RequireAuth};
pub use self::login_redirect::LoginRedirect;
pub use self::requirement::Requirement;
pub use self::return_to::ReturnTo;
pub use self::tenant::request_host;
pub use self::waiting::{Decision, WaitingGuardFuture};
