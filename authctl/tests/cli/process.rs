//! What holds for every command: secrets stay where they are, pipes may be closed.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::process::{Command, Stdio};

use crate::support::{Folder, NOWHERE, authctl};

#[test]
fn x_12_no_secret_is_repeated_whatever_goes_wrong() {
    const SECRET: &str = "hunter2-hunter2-hunter2-hunter2-hunter2";

    let folder = Folder::new();
    let url = folder.migrated();
    let file = folder.file("secret", SECRET);
    let with_password = format!("postgres://app:{SECRET}@{NOWHERE}/auth");
    let in_query = format!("postgres://app@{NOWHERE}/auth?password={SECRET}");
    let not_a_url = format!("mysql://app:{SECRET}@db/auth");
    let url_file = folder.file("url", &with_password);
    let policy = ["--issuer", "a", "--audience", "b", "--algorithm", "HS256"];
    let cases: [(&[&str], i32); 14] = [
        // Given as arguments, where they do not belong.
        (&["password", "hash", SECRET], 2),
        (&["token", "decode", SECRET], 2),
        (&["key", "check", "--prefix", "sk", SECRET], 2),
        (&["secret", SECRET], 2),
        (&["database", "status", "--database", &with_password], 2),
        (&["database", "status", "--database", &in_query], 2),
        (&["database", "status", "--database", &not_a_url], 2),
        // Given as they should be, to commands that fail.
        (&["database", "status", "--database-file", &url_file], 3),
        (&["key", "check", "--prefix", "sk"], 1),
        (&["token", "decode"], 1),
        (
            &[
                "token", "check", policy[0], "a", policy[2], "b", policy[4], "HS256",
            ],
            1,
        ),
        (&["password", "verify"], 3),
        (
            &[
                "key-set",
                "show",
                "--database",
                &url,
                "--secret-file",
                &file,
            ],
            1,
        ),
        (
            &[
                "key-set",
                "show",
                "--database",
                &not_a_url,
                "--secret-file",
                &file,
            ],
            2,
        ),
    ];
    for (arguments, code) in cases {
        for json in [&[][..], &["--json"]] {
            let outcome = authctl(&[json, arguments].concat())
                .env("TOKEN_SECRET", SECRET)
                .env("PASSWORD_HASH", SECRET)
                .input(SECRET)
                .ends(code);
            let said = outcome.stdout.clone() + &outcome.stderr;
            assert!(!said.contains("hunter2"), "{arguments:?}: {outcome:?}");
        }
    }
    // Not UTF-8, or too long: as before.
    for input in [&b"hunter2\xff"[..], &b"hunter2".repeat(20_000)] {
        let outcome = authctl(&["token", "decode"]).input(input).ends(2);
        assert!(!outcome.stderr.contains("hunter2"), "{outcome:?}");
    }
}

#[test]
fn errors_are_on_standard_error_and_with_json_also_an_object() {
    let plain = authctl(&["database", "status"]).ends(2);
    assert_eq!(plain.stdout, "");
    assert!(plain.stderr.starts_with("error: "), "{plain:?}");
    let json = authctl(&["database", "status", "--json"]).ends(2);
    assert_eq!(json.stderr, plain.stderr);
    assert_eq!(json.members(), ["error"]);
    assert_eq!(json.json()["error"]["code"], "usage");
}

#[test]
fn a_closed_pipe_is_no_failure_and_a_full_disk_is() {
    let program = env!("CARGO_BIN_EXE_authctl");
    for arguments in [
        &["secret"][..],
        &["--help"],
        &["key", "scan", "--prefix", "acme"],
    ] {
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
        assert_eq!(stderr, "", "{arguments:?}");
    }
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let outcome = Command::new(program)
        .arg("secret")
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(outcome.status.code(), Some(3));
    assert!(!outcome.stderr.is_empty());
}
