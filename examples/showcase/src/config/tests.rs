//! What the environment may say.

use super::*;

fn read(name: &'static str, value: &str) -> Result<Config, String> {
    Config::read(|asked| Ok((asked == name).then(|| value.to_owned())))
        .map_err(|error| error.to_string())
}

#[test]
fn nothing_needs_to_be_configured() {
    let config = Config::read(|_| Ok(None)).unwrap();
    assert_eq!(config.listen, "127.0.0.1:3000");
    assert_eq!(config.access_ttl, Duration::from_secs(600));
    let limit = config.login_limit.unwrap().to_string();
    assert_eq!(limit, "10/m/ip,5/5m/account");
}

#[test]
fn x_14_x_15_what_is_wrong_stops_the_start_and_names_the_variable() {
    for (name, value) in [
        ("PUBLIC_URL", "http://example.com"),
        ("PUBLIC_URL", "http://localhost:80@evil.example"),
        ("PUBLIC_URL", "http://localhost.evil.example"),
        ("PUBLIC_URL", "https://good@evil.example"),
        ("PUBLIC_URL", "https://example.com/path"),
        ("PUBLIC_URL", "example.com"),
        ("ACCESS_TTL", "0s"),
        ("ACCESS_TTL", "10"),
        ("ACCESS_TTL", "9999999999999999d"),
        ("SESSION_IDLE", "13h"),
        ("SESSION_IDLE", "0m"),
        ("SESSION_ABSOLUTE", "0d"),
        ("TRUSTED_PROXIES", "everybody"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("LOGIN_LIMIT", "on"),
        ("LOGIN_LIMIT", "0"),
        ("LOGIN_LIMIT", "10/m/user"),
        ("LOGIN_LIMIT", "10/m/ip,0/m/account"),
        ("OIDC_ISSUER", "https://id.example.com"),
        ("JWT_ALGORITHM", "none"),
        ("TRUST_JWKS", "/keys.json"),
        ("TRUST_AUDIENCE", "api"),
    ] {
        let problem = read(name, value).unwrap_err();
        assert!(
            problem.starts_with(&format!("{name}: ")),
            "{value}: {problem}"
        );
        assert_eq!(problem.lines().count(), 1, "{problem}");
    }
    for (name, value) in [
        ("PUBLIC_URL", "https://example.com"),
        ("PUBLIC_URL", "http://127.0.0.1:3000"),
        ("PUBLIC_URL", "http://localhost"),
        ("ACCESS_TTL", "30s"),
        ("SESSION_IDLE", "10m"),
        ("SESSION_ABSOLUTE", "30d"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::1"),
        ("LOGIN_LIMIT", "off"),
        ("LOGIN_LIMIT", "3/10s/ip+account"),
        ("LOGIN_LIMIT", ""),
    ] {
        assert!(read(name, value).is_ok(), "{name}={value}");
    }
}

#[test]
fn key_06_keys_of_another_issuer_are_fetched_from_safe_places_only() {
    for (jwks, is_good) in [
        ("https://id.example.com/keys", true),
        ("http://127.0.0.1:9000/keys", true),
        ("http://localhost/keys", true),
        ("http://id.example.com/keys", false),
        ("http://127.0.0.1.example.com/keys", false),
        ("https://user:password@id.example.com/keys", false),
        ("/there/is/no/such/file.json", false),
    ] {
        let config = Config::read(|asked| {
            let value = match asked {
                "TRUST_ISSUER" => "https://id.example.com",
                "TRUST_AUDIENCE" => "api",
                "TRUST_ALGORITHMS" => "RS256, ES256",
                "TRUST_JWKS" => jwks,
                _ => return Ok(None),
            };
            Ok(Some(value.to_owned()))
        });
        assert_eq!(config.is_ok(), is_good, "{jwks}");
        if let Err(error) = config {
            assert!(error.to_string().starts_with("TRUST_JWKS: "), "{error}");
        }
    }
}
