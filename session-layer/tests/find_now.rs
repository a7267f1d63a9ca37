//! The tables of other files once more, over a backend that answers at once: requests with a session
//! then take another way through the scheme, and nothing else may be different.
#![allow(
    clippy::duplicate_mod,
    reason = "each file brings what it has in common"
)]

#[path = "cases.rs"]
mod cases;
#[path = "cookie.rs"]
mod cookies;
#[path = "csrf.rs"]
mod csrf;
#[path = "failure.rs"]
mod failure;
#[path = "limits.rs"]
mod limits;
#[path = "login.rs"]
mod login;
#[path = "manage.rs"]
mod manage;
#[path = "refresh.rs"]
mod refresh;
#[path = "remember.rs"]
mod remember;
#[path = "remember_cap.rs"]
mod remember_cap;
#[path = "remember_ends.rs"]
mod remember_ends;
#[path = "remember_standing.rs"]
mod remember_standing;
#[path = "remember_theft.rs"]
mod remember_theft;
#[path = "standing.rs"]
mod standing;
