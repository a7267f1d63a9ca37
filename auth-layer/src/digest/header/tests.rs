use proptest::prelude::*;

use super::*;

const REST: &str = r#", realm="r", nonce="n", uri="/u", response="00""#;

fn reason(header: &[u8]) -> Option<&'static str> {
    DigestResponse::parse(header).err().map(|error| {
        assert_eq!(error.kind(), crate::AuthErrorKind::Malformed);
        error.reason()
    })
}

#[test]
fn dig_03_malformed_headers_are_refused_with_a_reason() {
    let with = |user: &str| format!("{user}{REST}").into_bytes();
    for (header, expected) in [
        (with(r#"username="a""#), None),
        (with(r#"USERNAME="a", unknown=1, unknown="x,y""#), None),
        (with(",, \t,username = \"a\" , ,"), None),
        (with(r#"username="a", qop="auth", nc="00000001""#), None),
        (
            with(r#"username="a", realm="r""#),
            Some("duplicate_parameter"),
        ),
        (
            with(r#"username="a", Username="a""#),
            Some("duplicate_parameter"),
        ),
        (
            with(r#"username="a", opaque="", opaque="""#),
            Some("duplicate_parameter"),
        ),
        (
            with(r#"username*=UTF-8''a, username="a""#),
            Some("ambiguous_username"),
        ),
        (
            with(r#"username*=UTF-8''a, userhash=true"#),
            Some("ambiguous_username"),
        ),
        (
            with(r#"username="a", userhash=maybe"#),
            Some("bad_userhash"),
        ),
        (with("username=\"a\\\tb\""), Some("bad_username")),
        (with("username*=ISO-8859-1'en'%E4"), Some("bad_username")),
        (with("username*=UTF-8''%E4"), Some("bad_username")),
        (with("username*=UTF-8''%4"), Some("bad_username")),
        (with("username*=UTF-8''%0a"), Some("bad_username")),
        (with("username*=UTF-8'a"), Some("bad_username")),
        (with("username*=UTF-8''a'b"), Some("bad_username")),
        (with(r#"username="a"#), Some("bad_parameter")),
        (with(r#"username="a"b"#), Some("bad_parameter")),
        (with(r#"username="a" x=y"#), Some("bad_parameter")),
        (with("username="), Some("bad_parameter")),
        (with("username"), Some("bad_parameter")),
        (with("=a"), Some("bad_parameter")),
        (with("username=\"a\nb\""), Some("bad_parameter")),
        (with("username=\"a\\\nb\""), Some("bad_parameter")),
        (with("username=\"a\x7fb\""), Some("bad_parameter")),
        (with("user(name)=a"), Some("bad_parameter")),
        (b"".to_vec(), Some("missing_parameter")),
        (REST.into(), Some("missing_parameter")),
        (
            br#"username="a", realm="r""#.to_vec(),
            Some("missing_parameter"),
        ),
        (b"dG9rZW42OA==".to_vec(), Some("bad_parameter")),
        (b"username=\"\xff\"".to_vec(), Some("header_not_utf8")),
        (br#"username="a\"#.to_vec(), Some("bad_parameter")),
    ] {
        let shown = String::from_utf8_lossy(&header);
        assert_eq!(reason(&header), expected, "{shown}");
    }
}

#[test]
fn dig_03_long_headers_are_refused_unread_and_full_ones_are_read() {
    let fill = |len: usize| {
        let head = format!("username=\"a\"{REST}, x=\"");
        let fill = "\\\"".repeat(len); // as many escapes as fit
        format!("{head}{}\"", &fill[..(len - head.len() - 1) & !1])
    };
    assert_eq!(reason(fill(DigestResponse::MAX_LEN).as_bytes()), None);
    for len in [DigestResponse::MAX_LEN + 2, 100 * 1024] {
        assert_eq!(
            reason(fill(len).as_bytes()),
            Some("header_too_long"),
            "{len}"
        );
    }
    assert_eq!(reason(&vec![b','; 100 * 1024]), Some("header_too_long"));
    assert_eq!(
        reason(&vec![b','; DigestResponse::MAX_LEN]),
        Some("missing_parameter")
    );
}

#[test]
fn user_names_beyond_ascii_come_plain_or_extended() {
    for user in [
        r#"username="Jäsøn Doe""#,
        "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe",
        "username*=utf-8'en'J%c3%a4s%c3%b8n%20Doe",
    ] {
        let header = format!("{user}{REST}");
        let sent = DigestResponse::parse(header.as_bytes()).unwrap();
        assert_eq!(sent.username(), "Jäsøn Doe", "{user}");
    }
}

#[test]
fn values_without_escapes_are_borrowed() {
    let header = format!("username=\"a, b=c\"{REST}, cnonce=\"\\x\"");
    let sent = DigestResponse::parse(header.as_bytes()).unwrap();
    assert!(matches!(sent.username, Cow::Borrowed("a, b=c")));
    assert!(matches!(&sent.cnonce, Some(Cow::Owned(cnonce)) if cnonce == "x"));
}

#[test]
fn debug_shows_neither_response_nor_address() {
    let header =
        br#"username="a", realm="r", nonce="NNN", uri="/UUU", response="RRR", cnonce="CCC""#;
    let shown = format!("{:?}", DigestResponse::parse(header).unwrap());
    for hidden in ["NNN", "UUU", "RRR", "CCC"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

proptest! {
    #[test]
    fn dig_03_no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = DigestResponse::parse(&bytes);
    }

    #[test]
    fn dig_03_no_header_like_text_makes_it_panic(
        text in r#"((username|username\*|realm|nc|x)[= ]{0,2}("|\\|,|'|%|é|[a-f0-9]){0,9},?){0,12}"#,
    ) {
        let _ = DigestResponse::parse(text.as_bytes());
    }

    #[test]
    fn dig_03_what_is_quoted_comes_back(
        values in prop::array::uniform5("[^\\p{Cc}]{0,40}"),
        qop in prop::option::of("[!-~&&[^\"(),/:;<=>?@\\[\\\\\\]{}]]{1,9}"),
    ) {
        let [username, realm, nonce, uri, cnonce] = values.each_ref().map(|value| quote(value));
        let mut header = format!(
            "username={username},realm={realm} ,\tnonce={nonce}, uri={uri}, response=\"\", cnonce={cnonce}"
        );
        if let Some(qop) = &qop {
            header += &format!(", qop={qop}");
        }
        let sent = DigestResponse::parse(header.as_bytes()).unwrap();
        prop_assert_eq!(sent.username(), &values[0]);
        prop_assert_eq!(sent.realm(), &values[1]);
        prop_assert_eq!(sent.nonce(), &values[2]);
        prop_assert_eq!(sent.uri(), &values[3]);
        prop_assert_eq!(sent.cnonce(), Some(&*values[4]));
        prop_assert_eq!(sent.qop(), qop.as_deref());
    }
}
