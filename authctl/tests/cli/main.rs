//! The commands, at the surface of the process.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod config;
mod database;
mod help;
mod key;
mod key_set;
mod keys;
mod password;
mod process;
mod readme;
mod secret;
mod support;
mod token;
