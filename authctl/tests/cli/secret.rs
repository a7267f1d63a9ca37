//! `authctl secret`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::support::authctl;

#[test]
fn a_secret_has_as_many_bytes_as_were_asked_for() {
    for bytes in ["16", "32", "256"] {
        let number: usize = bytes.parse().unwrap();
        let run = |encoding| {
            let arguments = ["secret", "--bytes", bytes, "--encoding", encoding];
            authctl(&arguments).ends(0).stdout.trim_end().to_owned()
        };
        assert_eq!(STANDARD.decode(run("base64")).unwrap().len(), number);
        assert_eq!(
            URL_SAFE_NO_PAD.decode(run("base64url")).unwrap().len(),
            number
        );
        assert_eq!(run("hex").len(), number * 2);
    }
    let one = authctl(&["secret"]).ends(0).stdout;
    assert_ne!(one, authctl(&["secret"]).ends(0).stdout);
    assert!(
        one.trim_end().len() >= 32,
        "the sealing of keys takes no less"
    );
}

#[test]
fn json_has_the_secret_and_how_it_is_written() {
    let outcome = authctl(&["--json", "secret"]).ends(0);
    assert_eq!(outcome.members(), ["bytes", "encoding", "secret"]);
    assert_eq!(outcome.json()["bytes"], 32);
    assert_eq!(outcome.json()["encoding"], "base64url");
}

#[test]
fn too_few_and_too_many_bytes_are_refused() {
    for bytes in ["0", "15", "257", "-1", "many", ""] {
        let outcome = authctl(&["secret", &format!("--bytes={bytes}")]).ends(2);
        assert!(outcome.stderr.contains("--bytes"), "{outcome:?}");
    }
}
