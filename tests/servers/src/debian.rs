//! Programs from Debian's packages.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `program` is; `package` is installed if it is nowhere.
///
/// # Panics
///
/// Panics if the package cannot be installed.
pub(crate) fn program(program: &str, package: &str) -> PathBuf {
    installed(package, || find(program))
}

/// What `find` finds; `package` is installed if that is nothing.
///
/// # Panics
///
/// Panics if the package cannot be installed.
pub(crate) fn installed(package: &str, find: impl Fn() -> Option<PathBuf>) -> PathBuf {
    if let Some(path) = find() {
        return path;
    }
    // Test programs run side by side, and dpkg lets only one in.
    let lock = env::temp_dir().join("test-servers.install.lock");
    let lock = File::create(&lock).expect("the folder for temporary files can be written to");
    lock.lock().expect("files can be locked");
    if find().is_none() {
        // Without new lists the old ones may do; and somebody else may be fetching them just now.
        let _ = apt(&["update"]);
        let install = ["install", "-y", "--no-install-recommends"];
        // Another program may be installing: wait for it.
        let wait = ["-o", "DPkg::Lock::Timeout=120"];
        let arguments = [&wait[..], &install, &[package]].concat();
        assert!(apt(&arguments), "apt-get {arguments:?} has failed");
    }
    find().unwrap_or_else(|| panic!("{package} was installed and is not where it should be"))
}

/// Where `program` is, if it is installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/bin".into(), "/usr/sbin".into()]);
    folders
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Runs apt-get; false if it fails.
fn apt(arguments: &[&str]) -> bool {
    // Packages of servers start them; these are for tests only.
    let policy = Path::new("/usr/sbin/policy-rc.d");
    let root = is_root();
    let silence = root && !policy.exists();
    if silence {
        let _ = std::fs::write(policy, "#!/bin/sh\nexit 101\n");
        let _ = Command::new("chmod").arg("755").arg(policy).status();
    }
    let mut command = if root {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        sudo
    };
    let status = command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status();
    if silence {
        let _ = std::fs::remove_file(policy);
    }
    status.is_ok_and(|status| status.success())
}

pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
