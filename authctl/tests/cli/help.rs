//! What `--help` says.

use crate::support::authctl;

/// Every command that does something, with options that its help has to name.
const COMMANDS: &[(&[&str], &[&str])] = &[
    (&["secret"], &["--bytes", "--encoding"]),
    (
        &["password", "hash"],
        &["--memory-kib", "--iterations", "--pepper-id"],
    ),
    (&["password", "verify"], &["--hash-file", "PASSWORD_HASH"]),
    (&["key", "new"], &["--prefix", "--env"]),
    (&["key", "check"], &["--prefix", "--env"]),
    (&["key", "scan"], &["--prefix", "--format"]),
    (
        &["keys", "list"],
        &["--owner", "--issuer", "--tenant", "--after", "--limit"],
    ),
    (&["keys", "show"], &["<ID>", "--database"]),
    (&["keys", "revoke"], &["--all-of", "--issuer"]),
    (&["keys", "disable"], &["<ID>...", "DATABASE_URL"]),
    (&["keys", "enable"], &["<ID>...", "DATABASE_URL"]),
    (&["token", "decode"], &["Nothing is verified"]),
    (
        &["token", "check"],
        &[
            "--issuer",
            "--audience",
            "--algorithm",
            "--jwks",
            "--discover",
            "TOKEN_SECRET",
        ],
    ),
    (
        &["key-set", "show"],
        &["--name", "--secret-file", "--jwks", "DATABASE_URL"],
    ),
    (
        &["key-set", "create"],
        &["--algorithm", "--secret-file", "SIGNING_KEY_SECRET"],
    ),
    (
        &["key-set", "rotate"],
        &["--algorithm", "--publish-ahead", "--token-lifetime"],
    ),
    (&["key-set", "revoke"], &["--kid"]),
    (
        &["database", "migrate"],
        &["--database", "--database-file", "DATABASE_URL"],
    ),
    (&["database", "status"], &["--database"]),
    (
        &["database", "sweep"],
        &["--database", "--keep-ended-keys", "30d"],
    ),
    (&["config", "check"], &["--file", "--strict", "--connect"]),
];

fn help(command: &[&str], option: &str) -> String {
    let outcome = authctl(&[command, &[option]].concat()).ends(0);
    assert_eq!(outcome.stderr, "");
    for line in outcome.stdout.lines() {
        assert!(line.chars().count() <= 100, "{command:?}: {line}");
    }
    outcome.stdout
}

#[test]
fn every_command_explains_itself_with_examples_within_100_columns() {
    for (command, options) in COMMANDS {
        for option in ["-h", "--help"] {
            let text = help(command, option);
            for part in *options {
                assert!(text.contains(part), "{command:?} {option}: {part}\n{text}");
            }
            for part in ["Usage: authctl", "--json", "Examples:\n  "] {
                assert!(text.contains(part), "{command:?} {option}: {part}\n{text}");
            }
        }
    }
}

/// The commands that a help lists.
fn listed(command: &[&str]) -> Vec<String> {
    let text = help(command, "--help");
    let rest = text.split_once("Commands:\n").unwrap().1;
    let lines = rest.lines().take_while(|line| !line.is_empty());
    let first = |line: &str| {
        line.split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    // Continued descriptions are further in.
    let named = lines.filter(|line| !line.starts_with("   "));
    named.map(first).collect()
}

#[test]
fn no_command_is_missing_here() {
    let mut found = Vec::new();
    for group in listed(&[]) {
        if group == "secret" {
            found.push(vec![group]);
            continue;
        }
        for command in listed(&[&group]) {
            found.push(vec![group.clone(), command]);
        }
    }
    let known: Vec<Vec<String>> = COMMANDS
        .iter()
        .map(|(command, _)| command.iter().map(|&word| word.to_owned()).collect())
        .collect();
    found.sort();
    let mut sorted = known;
    sorted.sort();
    assert_eq!(found, sorted);
}

#[test]
fn the_first_page_tells_the_exit_codes_and_where_secrets_come_from() {
    let text = help(&[], "--help");
    for part in [
        "Exit codes:",
        "  0  ",
        "  1  ",
        "  2  ",
        "  3  ",
        "standard input",
        "--json",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(authctl(&[]).run().code, 2);
    let version = authctl(&["--version"]).ends(0).stdout;
    assert_eq!(
        version.trim_end(),
        concat!("authctl ", env!("CARGO_PKG_VERSION"))
    );
}
