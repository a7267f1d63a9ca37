#![doc = include_str!("../README.md")]

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
