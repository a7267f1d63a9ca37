//! `cargo run -p bench --release`

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::run(bench::SECTIONS)
}
