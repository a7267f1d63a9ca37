//! What the readers of shape, header and claims let through.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;

fn header(json: &str) -> Result<Header<'_>, &'static str> {
    Header::parse(json.as_bytes()).map_err(|error| error.reason())
}

fn claims(json: &str) -> Result<Claims<'_>, &'static str> {
    Claims::parse(json.as_bytes(), 4).map_err(|error| error.reason())
}

#[test]
fn a_token_has_three_parts_and_a_signature() {
    for (token, good) in [
        ("a.b.c", true),
        ("a..c", true),
        ("", false),
        (".", false),
        ("..", false),
        ("a.b", false),
        ("a.b.", false),
        (".b.c", false),
        ("a.b.c.d", false),
        ("a.b.c.d.e", false),
    ] {
        assert_eq!(
            Compact::split(token.as_bytes(), 100).is_ok(),
            good,
            "{token}"
        );
    }
}

#[test]
fn whatever_may_precede_an_object_passes_the_first_letter() {
    for before in ["", " ", "\t", "\n", "\r", " \n\t"] {
        let json = format!(r#"{before}{{"alg":"HS256"}}"#);
        assert!(header(&json).is_ok(), "{json:?}");
        let token = format!("{}.b.c", URL_SAFE_NO_PAD.encode(&json));
        let token = Compact::split(token.as_bytes(), 100).unwrap();
        assert!(token.may_have_object(), "{json:?}");
    }
    for json in ["[]", "null", "1", "\u{feff}{}", "\0{}"] {
        let token = format!("{}.b.c", URL_SAFE_NO_PAD.encode(json));
        let token = Compact::split(token.as_bytes(), 100).unwrap();
        assert!(
            !token.may_have_object() && header(json).is_err(),
            "{json:?}"
        );
    }
}

#[test]
fn parts_are_strict_base64url() {
    for (part, good) in [
        ("YWI", true),
        ("YWJj", true),
        ("YWI=", false),
        ("YW J", false),
        ("YWJ", false), // bits left over
        ("YWJ+", false),
        ("Y", false),
        ("YWJ\n", false),
    ] {
        let token = format!("{part}.{part}.{part}");
        let token = Compact::split(token.as_bytes(), 100).unwrap();
        assert_eq!(token.header().is_ok(), good, "{part}");
        assert_eq!(token.payload().is_ok(), good, "{part}");
        assert_eq!(token.signature().is_ok(), good, "{part}");
    }
}

#[test]
fn jwt_17_members_that_occur_twice_are_refused_at_any_depth() {
    for json in [
        r#"{"a":1,"a":1}"#,
        r#"{"aud":"x","\u0061ud":"y"}"#,
        r#"{"x":{"a":1,"b":2,"a":3}}"#,
        r#"{"x":[[{"a":1,"a":1}]]}"#,
    ] {
        assert!(claims(json).is_err(), "{json}");
    }
    assert!(claims(r#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#).is_ok());
}

#[test]
fn jwt_07_depth_and_number_of_claims_are_bounded() {
    assert!(claims(r#"{"a":[[[1]]]}"#).is_ok());
    assert!(claims(r#"{"a":[[[[1]]]]}"#).is_err());
    assert!(claims(&format!(r#"{{"a":{}}}"#, "[".repeat(4000))).is_err());
    let many = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!("\"{n}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(claims(&many(128)).is_ok());
    assert!(claims(&many(129)).is_err());
}

#[test]
fn claims_are_one_object_in_utf8_without_a_mark() {
    for json in [
        "",
        "[]",
        "1",
        "null",
        "\"x\"",
        "{} {}",
        "{},",
        "\u{feff}{}",
        "{\"a\":1e999}x",
        "{\"a\":1e999}",
        "{\"a\":[1e999]}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":[\"\\ud800\"]}",
    ] {
        assert!(claims(json).is_err(), "{json:?}");
    }
    assert!(Claims::parse(b"{\"a\":\"\xff\"}", 4).is_err());
    assert!(claims(" { } ").is_ok());
}

#[test]
fn jwt_08_times_are_numbers_in_range() {
    for (json, seconds) in [
        ("0", Some(0)),
        ("1700000000", Some(1_700_000_000)),
        ("1700000000.75", Some(1_700_000_000)),
        ("1.7e9", Some(1_700_000_000)),
        ("253402300799", Some(253_402_300_799)),
        ("253402300800", None),
        ("-1", None),
        ("-0.5", None),
        ("1e400", None),
        ("18446744073709551616", None),
        ("\"1700000000\"", None),
        ("true", None),
        ("null", None),
        ("[1700000000]", None),
        ("{}", None),
    ] {
        let text = format!("{{\"exp\":{json}}}");
        let time = claims(&text).and_then(|claims| {
            let time = claims.time("exp").map_err(|error| error.reason())?;
            Ok(time.map(auth_layer::unix_seconds))
        });
        assert_eq!(time.ok().flatten(), seconds, "{json}");
    }
}

#[test]
fn jwt_04_jwt_16_headers_that_change_the_rules_are_refused() {
    for json in [
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":true}"#,
        r#"{"alg":"HS256","b64":false}"#,
        r#"{"alg":"HS256","zip":"DEF"}"#,
        r#"{"alg":"dir","enc":"A256GCM"}"#,
        r#"{"alg":"RSA1_5"}"#,
        r#"{"alg":"PBES2-HS256+A128KW","p2c":2147483648}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","typ":1}"#,
        r#"{"alg":"HS256","kid":["a"]}"#,
    ] {
        assert!(header(json).is_err(), "{json}");
    }
}

#[test]
fn the_type_is_read_without_its_prefix() {
    for (typ, bare) in [
        ("at+jwt", "at+jwt"),
        ("AT+JWT", "AT+JWT"),
        ("application/at+jwt", "at+jwt"),
        ("Application/AT+jwt", "AT+jwt"),
        ("application/application/jwt", "application/jwt"),
        ("applicatio/at+jwt", "applicatio/at+jwt"),
        ("applicatión/at+jwt", "applicatión/at+jwt"),
        ("application/", ""),
        ("", ""),
    ] {
        let json = format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#);
        assert_eq!(header(&json).unwrap().bare_type(), Some(bare), "{typ}");
    }
    assert_eq!(header(r#"{"alg":"HS256"}"#).unwrap().bare_type(), None);
}

/// JSON with more in it than serde_json writes: white space, escapes, members twice, odd numbers.
fn json_text() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "alg",
        "typ",
        "kid",
        "iss",
        "aud",
        "sub",
        "exp",
        "a",
        "\\u0061lg",
        "\\u0061",
    ]);
    let leaf = prop::sample::select(vec![
        "null",
        "true",
        "0",
        "-1",
        "1700000000",
        "1.5e9",
        "1e400",
        "-0.0",
        "\"x\"",
        "\"HS256\"",
        "\"\\u0048S256\"",
        "\"none\"",
        "\"\\ud800\"",
        "\"\"",
        "\u{feff}",
        "01",
        "nul",
    ]);
    let object = |name, value| {
        let member = (name, value).prop_map(|(name, value)| format!("\"{name}\": {value}"));
        let members = prop::collection::vec(member, 0..4);
        members.prop_map(|members| format!("{{{}}}", members.join(" ,")))
    };
    let nested_name = name.clone();
    let value = leaf
        .prop_map(str::to_owned)
        .prop_recursive(6, 24, 4, move |inner| {
            let array = prop::collection::vec(inner.clone(), 0..4);
            prop_oneof![
                array.prop_map(|items| format!("[{}]", items.join(" ,"))),
                object(nested_name.clone(), inner.boxed()),
            ]
        });
    // Half of them name an algorithm, so that many are headers.
    let around = prop::sample::select(vec!["", "", " ", "\n", "\u{feff}", "x"]);
    (object(name, value.boxed()), any::<bool>(), around).prop_map(|(object, named, around)| {
        let object = if named && object != "{}" {
            object.replacen('{', "{\"alg\":\"HS256\",", 1)
        } else {
            object
        };
        format!("{around}{object}{around}")
    })
}

/// How deep a value nests.
fn depth(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        serde_json::Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(token) = Compact::split(&bytes, 8192) {
            let _ = token.header();
            let _ = token.payload();
            let _ = token.signature();
        }
        let _ = Header::parse(&bytes);
        let _ = Claims::parse(&bytes, 8);
    }

    /// A token that is split is the only text for its parts.
    #[test]
    fn what_is_accepted_is_canonical(
        token in r"[A-Za-z0-9_=-]{0,24}(\.[A-Za-z0-9_=-]{0,24}){1,3}",
    ) {
        if let Ok(compact) = Compact::split(token.as_bytes(), 8192)
            && let (Ok(header), Ok(payload), Ok(signature)) =
                (compact.header(), compact.payload(), compact.signature())
        {
            let parts = [&*header, &payload, signature.as_bytes()];
            let again = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
            prop_assert_eq!(again, token);
        }
    }

    /// What is read is what another reader reads, and could not be read in another way.
    #[test]
    fn jwt_17_what_is_accepted_has_one_meaning(text in json_text()) {
        let other = serde_json::from_str::<serde_json::Value>(&text);
        if let Ok(header) = Header::parse(text.as_bytes()) {
            let other = other.as_ref().unwrap();
            prop_assert_eq!(Some(header.algorithm.as_str()), other["alg"].as_str());
            prop_assert_eq!(header.typ.as_deref(), other["typ"].as_str());
            prop_assert_eq!(header.kid.as_deref(), other["kid"].as_str());
            prop_assert!(depth(other) <= 4);
        }
        if let Ok(claims) = Claims::parse(text.as_bytes(), 4) {
            let other = other.as_ref().unwrap();
            prop_assert!(depth(other) <= 4);
            // serde_json keeps one of two: as many are left as there were.
            let names = ["alg", "typ", "kid", "iss", "aud", "sub", "exp", "a"];
            let held = names.iter().filter(|name| claims.has(name)).count();
            prop_assert_eq!(held, other.as_object().unwrap().len());
            for name in ["iss", "sub", "a"] {
                if let Ok(text) = claims.string(name) {
                    prop_assert_eq!(text.as_deref(), other[name].as_str());
                }
            }
            if let Ok(time) = claims.time("exp") {
                let seconds = time.map(auth_layer::unix_seconds);
                // Whole seconds of a number that is not negative.
                let number = other["exp"].as_f64().map(|number| number.trunc().to_string());
                prop_assert_eq!(seconds.map(|seconds| seconds.to_string()), number.map(|text| text.replace("-0", "0")));
            }
        }
    }

    #[test]
    fn any_json_text_is_read_without_panic(
        json in r#"\{("[a-z]{1,3}":("[a-z]{0,4}"|-?[0-9]{1,25}(\.[0-9])?|\[1\]|null),?){0,5}\}"#
    ) {
        let _ = Header::parse(json.as_bytes());
        if let Ok(claims) = Claims::parse(json.as_bytes(), 8) {
            for name in ["exp", "iss", "aud", "a", "b"] {
                let _ = claims.time(name);
                let _ = claims.string(name);
                let _ = claims.strings(name);
                let _ = claims.scopes(name);
            }
        }
    }
}
