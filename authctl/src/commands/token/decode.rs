//! `authctl token decode`: what a token says, believed by nobody.

use std::fmt;
use std::time::SystemTime;

use auth_layer::from_unix_seconds;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::display::{pretty, rfc3339};
use crate::input::secret_text;
use crate::report::{Failure, Report};

pub(super) const EXAMPLES: &str = "\
Examples:
  authctl token decode < token.txt
  printf %s \"$TOKEN\" | authctl --json token decode | jq .claims

Nothing is verified: neither the signature nor the time nor the audience. Anybody can have written
what is shown. `authctl token check` verifies.";

const WARNING: &str = "\
NOT VERIFIED: the signature was not checked, and anybody can have written this.\n";

/// `{"verified": false, "header", "claims", "problem"}`; `problem` is null unless this is no token, and
/// then the others are null.
#[derive(Serialize)]
struct Decoded {
    verified: bool,
    header: Option<Value>,
    claims: Option<Value>,
    problem: Option<&'static str>,
}

pub(super) fn run() -> Result<Report, Failure> {
    let token = secret_text("token")?;
    let (decoded, text) = match decode(&token) {
        Ok((header, claims)) => {
            let text = format!(
                "{WARNING}header {}claims {}{}",
                pretty(&header),
                pretty(&claims),
                times(&claims)
            );
            let decoded = Decoded {
                verified: false,
                header: Some(header),
                claims: Some(claims),
                problem: None,
            };
            (decoded, text)
        }
        Err(problem) => {
            let decoded = Decoded {
                verified: false,
                header: None,
                claims: None,
                problem: Some(problem),
            };
            (decoded, format!("not a token: {problem}"))
        }
    };
    let is_token = decoded.problem.is_none();
    Ok(Report::new(&decoded, text)?.good_if(is_token))
}

fn decode(token: &str) -> Result<(Value, Value), &'static str> {
    let parts: Vec<_> = token.trim().split('.').collect();
    match *parts {
        [header, claims, _] => Ok((part(header)?, part(claims)?)),
        [_, _, _, _, _] => Err("it has five parts: it is encrypted (JWE)"),
        _ => Err("it has not the three parts of a signed token"),
    }
}

fn part(text: &str) -> Result<Value, &'static str> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| "a part is not base64url")?;
    let members: Members = serde_json::from_slice(&bytes)
        .map_err(|_| "a part is not a JSON object, or has a member twice")?;
    Ok(Value::Object(members.0))
}

/// An object that says nothing twice: of two members of one name, others might read the one that is not
/// shown.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = map.next_entry()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member twice"));
                    }
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// The times among the claims, for people.
fn times(claims: &Value) -> String {
    let mut text = String::new();
    for name in ["auth_time", "iat", "nbf", "exp"] {
        let time = claims[name].as_u64().and_then(from_unix_seconds);
        if let Some(time) = time {
            let over = name == "exp" && time <= SystemTime::now();
            let note = if over { ", which is over" } else { "" };
            text.push_str(&format!("{name} is {}{note}\n", rfc3339(time)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        format!("{}.{}.c2ln", part(header), part(claims))
    }

    #[test]
    fn what_is_no_token_is_told_from_one() {
        let none = r#"{"alg":"none"}"#;
        for (token, problem) in [
            (token(none, r#"{"sub":"ann"}"#), None),
            (
                token(none, "[]"),
                Some("a part is not a JSON object, or has a member twice"),
            ),
            (
                token(none, r#"{"sub":"ann","sub":"bob"}"#),
                Some("a part is not a JSON object, or has a member twice"),
            ),
            (
                "sk_live_abc".to_owned(),
                Some("it has not the three parts of a signed token"),
            ),
            (
                "a.b.c.d.e".to_owned(),
                Some("it has five parts: it is encrypted (JWE)"),
            ),
            ("e30=.e30.".to_owned(), Some("a part is not base64url")),
            ("é.e30.".to_owned(), Some("a part is not base64url")),
        ] {
            assert_eq!(decode(&token).err(), problem, "{token}");
        }
    }
}
