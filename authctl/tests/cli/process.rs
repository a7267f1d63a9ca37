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

/// Whatever is given in a wrong place may be a secret.
#[test]
fn x_12_no_argument_is_repeated_by_an_error() {
    const KEY: &str = "acme_live_8Zk2mWq4Lx0PbT6vNc1RyDs9HgJfUa3EoQiKtYw73Cixfe";
    const TYPED: &str = "hunter2hunter2==";

    let folder = Folder::new();
    let url = folder.migrated();
    let with_password = format!("postgres://app:{TYPED}@db.example/auth");
    let odd_line = folder.file("app.env", format!("ACCESS_TTL=1m\n{TYPED}\n"));
    let as_json = format!("--json={TYPED}");
    let as_option = format!("--{TYPED}");
    let database = ["--database", &url];
    let check = ["token", "check", "--issuer", "a", "--audience", "b"];
    let es256 = ["--algorithm", "ES256"];
    let cases: Vec<Vec<&str>> = vec![
        vec![TYPED],
        vec!["password", TYPED],
        vec!["token", TYPED],
        vec!["keys", TYPED],
        vec!["database", TYPED],
        vec!["secret", TYPED],
        vec!["secret", &as_json],
        vec!["secret", &as_option],
        vec!["secret", "-x", TYPED],
        vec!["secret", "--bytes", TYPED],
        vec!["secret", "--bytes", "1234567"],
        vec!["secret", "--encoding", TYPED],
        vec!["key", "new", "--prefix", TYPED],
        vec!["key", "new", "--prefix", "sk", "--env", TYPED],
        vec!["keys", "show", KEY],
        vec!["keys", "revoke", KEY],
        vec!["keys", "disable", "000000000000", KEY],
        vec!["keys", "list", "--after", KEY],
        vec!["keys", "list", "--limit", TYPED],
        vec!["keys", "list", "--limit", "1234567"],
        vec!["password", "hash", "--iterations", TYPED],
        vec!["password", "hash", "--memory-kib", "1234567890123"],
        vec![
            "password",
            "hash",
            "--pepper-id",
            "a",
            "--pepper-file",
            TYPED,
        ],
        vec!["password", "verify", "--hash-file", TYPED],
        vec!["database", "status", "--database", TYPED],
        vec!["database", "status", "--database", &with_password],
        vec!["database", "status", "--database-file", &with_password],
        [&check[..], &["--algorithm", TYPED]].concat(),
        [
            &check[..],
            &["--algorithm", "HS256", "--secret-file", TYPED],
        ]
        .concat(),
        [&check[..], &es256, &["--pem", TYPED]].concat(),
        [&check[..], &es256, &["--jwks", TYPED]].concat(),
        [&check[..], &es256, &["--discover", "--kind", TYPED]].concat(),
        [&check[..], &es256, &["--discover", "--leeway", TYPED]].concat(),
        [
            &["key-set", "show"],
            &database[..],
            &["--secret-file", TYPED],
        ]
        .concat(),
        [
            &["key-set", "create"],
            &database[..],
            &["--algorithm", TYPED],
        ]
        .concat(),
        [
            &["key-set", "create"],
            &database[..],
            &es256,
            &["--publish-ahead", TYPED],
        ]
        .concat(),
        vec!["config", "check", "--file", TYPED],
        vec!["config", "check", "--file", &odd_line, "--strict"],
        vec!["config", TYPED],
    ];
    for arguments in cases {
        for json in [&[][..], &["--json"]] {
            let outcome = authctl(&[json, &arguments].concat()).run();
            assert!(matches!(outcome.code, 1 | 2), "{arguments:?}: {outcome:?}");
            let said = outcome.stdout.clone() + &outcome.stderr;
            for secret in ["hunter2", "8Zk2mWq4Lx0PbT6v", "1234567"] {
                assert!(!said.contains(secret), "{arguments:?}: {outcome:?}");
            }
        }
    }
    // A file that is there is named, and so are options.
    let outcome = authctl(&["config", "check", "--file", &odd_line, "--strict"]).ends(1);
    assert!(outcome.stdout.contains("line 2: "), "{outcome:?}");
    let outcome = authctl(&[
        "password",
        "verify",
        "--hash-file",
        folder.path().to_str().unwrap(),
    ]);
    let outcome = outcome.ends(2);
    assert!(
        outcome.stderr.contains(folder.path().to_str().unwrap()),
        "{outcome:?}"
    );
    let outcome = authctl(&["secret", "--bytes", TYPED]).ends(2);
    assert!(outcome.stderr.contains("--bytes"), "{outcome:?}");
}

#[test]
fn with_json_wrong_arguments_are_an_object_too() {
    for (arguments, part) in [
        (&["nonsense"][..], "unrecognized subcommand"),
        (&[], "command"),
        (&["keys"], "command"),
        (&["keys", "show"], "<ID>"),
        (&["keys", "list", "--limit", "0"], "1 to 10000"),
        (&["keys", "list", "--nonsense"], "unexpected argument"),
        (&["secret", "stray"], "an argument too many"),
        (&["key", "new"], "--prefix"),
    ] {
        for arguments in [
            [&["--json"], arguments].concat(),
            [arguments, &["--json"]].concat(),
        ] {
            let outcome = authctl(&arguments).ends(2);
            assert_eq!(outcome.members(), ["error"]);
            let error = outcome.json()["error"].clone();
            assert_eq!(error["code"], "usage");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(part), "{arguments:?}: {message}");
            assert_ne!(outcome.stderr, "");
        }
        assert_eq!(authctl(arguments).ends(2).stdout, "");
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
