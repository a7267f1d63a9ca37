//! Turning requests away: [`RequireAuth`] and what it can ask for.

mod layer;
mod login_redirect;
mod requirement;
mod return_to;

pub use self::layer::{Guard, GuardFuture, RequireAuth};
pub use self::login_redirect::LoginRedirect;
pub use self::requirement::Requirement;
pub use self::return_to::ReturnTo;
