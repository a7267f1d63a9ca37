//! Prepares the workspace's README to be tested: its shell commands are indented, and rustdoc takes
//! whatever is indented for Rust.

use std::path::Path;
use std::{env, fs, io};

const README: &str = "../README.md";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={README}");
    // It is not there when this package is built outside of the workspace.
    let readme = fs::read_to_string(README).unwrap_or_default();
    let mut fenced = false;
    let prepared: String = readme
        .lines()
        .map(|line| {
            fenced ^= line.starts_with("```");
            let is_command = !fenced && line.starts_with("    ");
            if is_command {
                "\n".to_owned()
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&out).join("workspace_readme.md"), prepared)
}
