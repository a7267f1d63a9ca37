#![cfg_attr(
    all(feature = "apikey", feature = "login", feature = "session"),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(feature = "apikey", feature = "login", feature = "session")),
    doc = "A kit for the tests of services that use the auth layers. The guide is in the README and in the documentation with all features."
)]

mod client;
mod clock;
pub mod contract;
mod faults;
mod log_capture;
mod logged_in;

pub use self::client::{TestClient, TestRequest, TestResponse};
pub use self::clock::ManualClock;
pub use self::faults::{Faults, Faulty};
pub use self::log_capture::LogCapture;
pub use self::logged_in::{FixedIdentity, anonymous, with_identity};

/// The examples of the workspace's README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct WorkspaceReadme;
