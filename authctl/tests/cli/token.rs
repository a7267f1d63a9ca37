//! `authctl token`.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::SystemTime;

use auth_layer::unix_seconds;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jwt_layer::{AccessTokenRequest, Algorithm, Issuer, SigningKey};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};

use crate::support::{Folder, NOWHERE, Run, authctl};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://api.example.com";
/// Long enough for every HMAC.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn issuer() -> Issuer {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    Issuer::builder(ISSUER, AUDIENCE, key).build().unwrap()
}

fn token(issuer: &Issuer) -> String {
    let token = issuer.issue(&AccessTokenRequest::new("user-17")).unwrap();
    token.expose().to_owned()
}

fn check(more: &[&str]) -> Run {
    let policy = [
        "--json",
        "token",
        "check",
        "--issuer",
        ISSUER,
        "--audience",
        AUDIENCE,
    ];
    authctl(&[&policy[..], more].concat())
}

#[test]
fn a_good_token_is_verified_with_the_keys_of_a_file() {
    let (folder, issuer) = (Folder::new(), issuer());
    let jwks = folder.file("jwks.json", &*issuer.jwks());
    let keys = ["--algorithm", "ES256", "--jwks", &jwks];
    let outcome = check(&keys).input(token(&issuer)).ends(0);
    let members = [
        "algorithm",
        "audiences",
        "claims",
        "expires_at",
        "issued_at",
        "issuer",
        "kid",
        "kind",
        "subject",
        "token_id",
        "valid",
    ];
    assert_eq!(outcome.members(), members);
    let json = outcome.json();
    assert_eq!(json["valid"], true);
    assert_eq!(json["subject"], "user-17");
    assert_eq!(json["claims"]["aud"], AUDIENCE);
}

#[test]
fn a_token_that_does_not_fulfil_the_policy_is_invalid_and_says_why() {
    let (folder, other, issuer) = (Folder::new(), issuer(), issuer());
    let jwks = folder.file("jwks.json", &*issuer.jwks());
    let es256 = ["--algorithm", "ES256", "--jwks", &jwks];
    let good = token(&issuer);
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    let none = {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
        format!("{header}.{}.c2ln", good.split('.').nth(1).unwrap())
    };
    let id_token = [&es256[..], &["--kind", "id-token"]].concat();
    for (options, token, problem) in [
        (&es256[..], token(&other), "unknown_key"),
        (&es256, unsigned, "not_a_signed_token"),
        (&es256, none, "unknown_algorithm"),
        (&es256, "sk_live_abc".to_owned(), "not_a_signed_token"),
        (&id_token, good.clone(), "wrong_token_type"),
    ] {
        let outcome = check(options).input(&token).ends(1);
        let json = outcome.json();
        assert_eq!(json["valid"], false);
        assert_eq!(json["problem"], problem, "{token}");
    }
    for (issuer, audience, problem) in [
        ("https://evil.example", AUDIENCE, "wrong_issuer"),
        (ISSUER, "https://other.example", "wrong_audience"),
    ] {
        let policy = ["token", "check", "--issuer", issuer, "--audience", audience];
        let outcome = authctl(&[&policy[..], &es256].concat())
            .input(&good)
            .ends(1);
        assert_eq!(outcome.stdout, format!("invalid: {problem}\n"));
    }
}

#[test]
fn keys_are_fetched_and_an_issuer_that_is_down_makes_no_token_invalid() {
    let issuer = issuer();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let jwks = issuer.jwks();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{jwks}",
            jwks.len()
        )
        .unwrap();
    });
    let fetched = ["--algorithm", "ES256", "--jwks", &url];
    check(&fetched).input(token(&issuer)).ends(0);
    server.join().unwrap();

    let nowhere = format!("http://{NOWHERE}/jwks");
    let down = ["--algorithm", "ES256", "--jwks", &nowhere];
    let outcome = check(&down).input(token(&issuer)).ends(3);
    assert_eq!(outcome.json()["error"]["code"], "unavailable");
    let unsafe_url = [
        "--algorithm",
        "ES256",
        "--jwks",
        "http://id.example.com/jwks",
    ];
    check(&unsafe_url).input(token(&issuer)).ends(2);
}

#[test]
fn a_shared_secret_comes_from_the_environment_or_a_file() {
    let folder = Folder::new();
    let key = SigningKey::from_secret(Algorithm::Hs256, SECRET.as_bytes()).unwrap();
    let issuer = Issuer::builder(ISSUER, AUDIENCE, key).build().unwrap();
    let file = folder.file("secret", format!("{SECRET}\n"));
    let hs256 = ["--algorithm", "HS256"];
    check(&hs256)
        .env("TOKEN_SECRET", SECRET)
        .input(token(&issuer))
        .ends(0);
    let other = SECRET.replace('0', "1");
    check(&hs256)
        .env("TOKEN_SECRET", &other)
        .input(token(&issuer))
        .ends(1);
    check(&hs256)
        .env("TOKEN_SECRET", "short")
        .input(token(&issuer))
        .ends(2);
    let from_file = ["--algorithm", "HS256", "--secret-file", &file];
    check(&from_file).input(token(&issuer)).ends(0);
}

/// A token as an issuer with a shared secret makes it; `changes` are made to header or claims, and null
/// takes one out.
fn signed(changes: &Value) -> String {
    let now = i64::try_from(unix_seconds(SystemTime::now())).unwrap();
    let mut header = json!({"alg": "HS256", "typ": "at+jwt"});
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "user-17", "client_id": "app", "jti": "1",
        "iat": now, "exp": now + 600,
    });
    for (name, value) in changes.as_object().unwrap() {
        let part = match name.as_str() {
            "alg" | "typ" => &mut header,
            _ => &mut claims,
        };
        let value = match value.as_str() {
            // So many seconds from now.
            Some(text) if ["exp", "nbf", "iat"].contains(&name.as_str()) => {
                (now + text.parse::<i64>().unwrap()).into()
            }
            _ => value.clone(),
        };
        let members = part.as_object_mut().unwrap();
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value)),
        }
    }
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let text = format!("{}.{}", part(&header), part(&claims));
    let signature = match header["alg"].as_str() {
        Some("HS512") => mac::<Hmac<Sha512>>(&text),
        _ => mac::<Hmac<Sha256>>(&text),
    };
    format!("{text}.{signature}")
}

fn mac<M: Mac + KeyInit>(text: &str) -> String {
    let mac = <M as KeyInit>::new_from_slice(SECRET.as_bytes()).unwrap();
    let tag = mac.chain_update(text.as_bytes()).finalize();
    URL_SAFE_NO_PAD.encode(tag.into_bytes())
}

/// Nothing, or the problem and the detail.
type Expected = Result<(), (&'static str, Option<&'static str>)>;

/// Every rule by a token that fulfils it and one that differs in nothing else.
#[test]
fn every_rule_of_the_policy_is_applied() {
    let hs512 = &["--algorithm", "HS512"][..];
    let plain = &["--kind", "plain-access-token"][..];
    let id = &["--kind", "id-token"][..];
    let id_claims = json!({"typ": "JWT", "client_id": null, "jti": null});
    let nonce = &["--kind", "id-token", "--nonce", "n-1"][..];
    let with = |more: Value| {
        let mut all = id_claims.clone();
        let members = all.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        all
    };
    let late = "refused_unverified";
    let cases: Vec<(&[&str], Value, Expected)> = vec![
        // None but the algorithms that are given, whatever the secret could verify.
        (&[], json!({}), Ok(())),
        (
            &[],
            json!({"alg": "HS512"}),
            Err(("algorithm_not_allowed", None)),
        ),
        (hs512, json!({"alg": "HS512"}), Ok(())),
        (hs512, json!({}), Err(("algorithm_not_allowed", None))),
        // The kind.
        (&[], json!({"typ": "JWT"}), Err(("wrong_token_type", None))),
        (
            plain,
            json!({"typ": "JWT", "client_id": null, "jti": null}),
            Ok(()),
        ),
        (
            plain,
            json!({"typ": "dpop+jwt"}),
            Err(("wrong_token_type", None)),
        ),
        (id, id_claims.clone(), Ok(())),
        (
            id,
            with(json!({"typ": "at+jwt"})),
            Err(("wrong_token_type", None)),
        ),
        (
            id,
            with(json!({"client_id": "app"})),
            Err(("not_an_id_token", None)),
        ),
        (&[], json!({"jti": null}), Err(("missing_claim", None))),
        (
            &[],
            json!({"client_id": null}),
            Err(("missing_claim", None)),
        ),
        // The nonce.
        (nonce, with(json!({"nonce": "n-1"})), Ok(())),
        (
            nonce,
            with(json!({"nonce": "n-2"})),
            Err(("wrong_nonce", None)),
        ),
        (nonce, id_claims.clone(), Err(("wrong_nonce", None))),
        (
            id,
            with(json!({"nonce": "n-1"})),
            Err(("wrong_nonce", None)),
        ),
        // Tokens that a client got for itself.
        (&[], json!({"sub": "app"}), Err(("client_token", None))),
        (&["--accept-client-tokens"], json!({"sub": "app"}), Ok(())),
        // Times, with a minute of leeway unless another is given.
        (&[], json!({"exp": "-30"}), Ok(())),
        (
            &[],
            json!({"exp": "-90"}),
            Err((late, Some("token_expired"))),
        ),
        (&["--leeway", "2m"], json!({"exp": "-90"}), Ok(())),
        (
            &["--leeway", "0s"],
            json!({"exp": "-30"}),
            Err((late, Some("token_expired"))),
        ),
        (&[], json!({"exp": null}), Err((late, Some("missing_exp")))),
        (&[], json!({"nbf": "30"}), Ok(())),
        (
            &[],
            json!({"nbf": "90"}),
            Err((late, Some("token_not_yet_valid"))),
        ),
        (&["--leeway", "2m"], json!({"nbf": "90"}), Ok(())),
        (
            &[],
            json!({"iat": "90"}),
            Err((late, Some("issued_in_the_future"))),
        ),
        (
            id,
            with(json!({"exp": "-90"})),
            Err((late, Some("token_expired"))),
        ),
        (
            &["--kind", "id-token", "--leeway", "2m"],
            with(json!({"exp": "-90"})),
            Ok(()),
        ),
        // For whom, and by whom.
        (&[], json!({"aud": ["other", AUDIENCE]}), Ok(())),
        (&[], json!({"aud": "other"}), Err(("wrong_audience", None))),
        (&[], json!({"aud": null}), Err(("missing_aud", None))),
        (
            id,
            with(json!({"aud": ["other", AUDIENCE]})),
            Err(("untrusted_audience", None)),
        ),
        (
            &[],
            json!({"iss": "https://evil.example"}),
            Err(("wrong_issuer", None)),
        ),
        (
            &[],
            json!({"iss": format!("{ISSUER}/")}),
            Err(("wrong_issuer", None)),
        ),
    ];
    for (options, changes, expected) in cases {
        let algorithm: &[&str] = match options.contains(&"--algorithm") {
            true => &[],
            false => &["--algorithm", "HS256"],
        };
        let token = signed(&changes);
        let outcome = check(&[algorithm, options].concat())
            .env("TOKEN_SECRET", SECRET)
            .input(&token)
            .run();
        let json = outcome.json();
        let (problem, detail) = expected.err().unzip();
        assert_eq!(
            json["valid"],
            expected.is_ok(),
            "{options:?} {changes}: {outcome:?}"
        );
        assert_eq!(outcome.code, i32::from(expected.is_err()), "{outcome:?}");
        assert_eq!(json["problem"].as_str(), problem, "{options:?} {changes}");
        assert_eq!(
            json["detail"].as_str(),
            detail.flatten(),
            "{options:?} {changes}"
        );
    }
    let expired = signed(&json!({"exp": "-90"}));
    let arguments = ["token", "check", "--issuer", ISSUER, "--audience", AUDIENCE];
    let outcome = authctl(&[&arguments[..], &["--algorithm", "HS256"]].concat())
        .env("TOKEN_SECRET", SECRET)
        .input(expired)
        .ends(1);
    assert_eq!(
        outcome.stdout,
        "invalid: refused_unverified (token_expired)\n"
    );
}

/// The PEM of a P-256 key: its two coordinates behind what every such key begins with.
fn pem(jwk: &str) -> String {
    const BEGINNING: [u8; 27] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ];

    let jwk: Value = serde_json::from_str(jwk).unwrap();
    let mut der = BEGINNING.to_vec();
    for coordinate in ["x", "y"] {
        let text = jwk[coordinate].as_str().unwrap();
        der.extend(URL_SAFE_NO_PAD.decode(text).unwrap());
    }
    let text = STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

#[test]
fn a_public_key_in_pem_verifies_what_its_private_key_signed() {
    let folder = Folder::new();
    let issuer_of = |key| Issuer::builder(ISSUER, AUDIENCE, key).build().unwrap();
    let keys = [(); 2].map(|()| SigningKey::generate(Algorithm::Es256).unwrap());
    let pems = keys.each_ref().map(|key| pem(&key.public_jwk().unwrap()));
    let [own, other] = keys.map(|key| token(&issuer_of(key)));
    let file = folder.file("key.pem", &pems[0]);
    let es256 = ["--algorithm", "ES256", "--pem", &file];
    check(&es256).input(&own).ends(0);
    let refused = check(&es256).input(&other).ends(1);
    assert_eq!(refused.json()["valid"], false);
    // Neither as the secret of an HMAC, nor for several algorithms.
    check(&["--algorithm", "HS256", "--pem", &file])
        .input(&own)
        .ends(2);
    check(&[&es256[..], &["--algorithm", "ES384"]].concat())
        .input(&own)
        .ends(2);
}

#[test]
fn wrong_calls_name_what_is_missing() {
    for (options, problem) in [
        (&["--algorithm", "ES256"][..], "TOKEN_SECRET"),
        (&["--algorithm", "none", "--jwks", "x"], "must be one of"),
        (
            &["--algorithm", "ES256", "--jwks", "/no/such/file"],
            "cannot read the file of --jwks",
        ),
        (&["--jwks", "x"], "--algorithm"),
        (
            &["--algorithm", "ES256", "--discover", "--nonce", "n"],
            "--nonce",
        ),
        (
            &["--algorithm", "ES256", "--discover", "--leeway", "1h"],
            "leeway",
        ),
        (
            &["--algorithm", "ES256", "--discover", "--leeway=-1s"],
            "--leeway",
        ),
    ] {
        let outcome = check(options).input("x").ends(2);
        assert!(outcome.stderr.contains(problem), "{options:?}: {outcome:?}");
    }
}

#[test]
fn decoding_says_that_nothing_was_verified() {
    let token = token(&issuer());
    let outcome = authctl(&["token", "decode"]).input(&token).ends(0);
    assert!(outcome.stdout.starts_with("NOT VERIFIED"), "{outcome:?}");
    assert!(outcome.stdout.contains("exp is 20"), "{outcome:?}");
    let outcome = authctl(&["--json", "token", "decode"])
        .input(&token)
        .ends(0);
    assert_eq!(
        outcome.members(),
        ["claims", "header", "problem", "verified"]
    );
    let json = outcome.json();
    assert_eq!(json["verified"], false);
    assert_eq!(json["header"]["alg"], "ES256");
    assert_eq!(json["claims"]["sub"], "user-17");

    let outcome = authctl(&["--json", "token", "decode"])
        .input("rubbish")
        .ends(1);
    assert_eq!(outcome.json()["claims"], Value::Null);
}

#[test]
fn what_a_token_says_cannot_steer_the_terminal() {
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let claims = "{\"sub\":\"\u{9b}31m\u{202e}\\u001b[2J\"}";
    let token = format!("{}.{}.c2ln", part(r#"{"alg":"none"}"#), part(claims));
    let outcome = authctl(&["token", "decode"]).input(token).ends(0);
    for letter in ['\u{9b}', '\u{202e}', '\u{1b}'] {
        assert!(!outcome.stdout.contains(letter), "{outcome:?}");
    }
}
