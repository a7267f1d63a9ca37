//! The commands of the README.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::support::Folder;

/// Every block of `sh` runs, from the first to the last, in one folder.
#[test]
fn the_commands_of_the_readme_run() {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```sh\n").skip(1);
    let script: String = blocks
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect();
    assert!(script.contains("authctl secret"), "{script}");

    let folder = Folder::new();
    let program = Path::new(env!("CARGO_BIN_EXE_authctl")).parent().unwrap();
    let path = env::join_paths(
        [program.to_owned()]
            .into_iter()
            .chain(env::split_paths(&env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let output = Command::new("sh")
        .args(["-eux", "-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
