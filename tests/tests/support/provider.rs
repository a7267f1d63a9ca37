//! What a client does at an OpenID provider: gets tokens, with a user who signs in or without.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::SET_COOKIE;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use test_servers::OidcProvider;

use super::{Answer, Web};

/// The one resource server, with the scopes `read` and `write`.
pub const API: &str = "https://api.example";
/// One whose access tokens are opaque.
pub const OPAQUE_API: &str = "https://opaque.example";
pub const CLIENT_SECRET: &str = "the-secret-of-both-clients";
const REDIRECT_URI: &str = "https://app.example/callback";

/// A provider with the client `robot`, which acts for itself, the client `web`, whose users sign in,
/// and resource servers beside [`API`], `https://other.example` and [`OPAQUE_API`].
pub fn start() -> OidcProvider {
    let options = json!({
        "clients": [
            {
                "client_id": "robot",
                "client_secret": CLIENT_SECRET,
                "grant_types": ["client_credentials"],
                "redirect_uris": [],
                "response_types": [],
            },
            {
                "client_id": "web",
                "client_secret": CLIENT_SECRET,
                "redirect_uris": [REDIRECT_URI],
            },
        ],
        "resources": {
            API: "read write",
            "https://other.example": "read",
            OPAQUE_API: { "scope": "read write", "format": "opaque" },
        },
    });
    OidcProvider::start(&options.to_string())
}

/// An access token of the client `robot` itself.
pub async fn client_token(provider: &OidcProvider, resource: &str, scope: &str) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "robot"),
        ("client_secret", CLIENT_SECRET),
        ("resource", resource),
        ("scope", scope),
    ];
    let answer = token(provider, &form).await;
    answer["access_token"].as_str().unwrap().to_owned()
}

/// The tokens for `user`, who signs in on the provider's own pages and consents: the answer of the
/// token endpoint, with `access_token` for [`API`] and `id_token`.
pub async fn user_tokens(provider: &OidcProvider, user: &str, scope: &str) -> Value {
    user_tokens_for(provider, API, user, scope).await
}

/// An access token for `user` and [`OPAQUE_API`].
pub async fn opaque_token(provider: &OidcProvider, user: &str, scope: &str) -> String {
    let answer = user_tokens_for(provider, OPAQUE_API, user, scope).await;
    answer["access_token"].as_str().unwrap().to_owned()
}

/// Takes back an access token of the client `web` (RFC 7009).
pub async fn revoke(provider: &OidcProvider, token: &str) {
    let form = [
        ("client_id", "web"),
        ("client_secret", CLIENT_SECRET),
        ("token", token),
    ];
    post(provider, "/token/revocation", &form).await;
}

async fn user_tokens_for(
    provider: &OidcProvider,
    resource: &str,
    user: &str,
    scope: &str,
) -> Value {
    let mut browser = Browser::default();
    let query = form(&[
        ("client_id", "web"),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT_URI),
        ("resource", resource),
        ("scope", &format!("openid {scope}")),
    ]);
    let issuer = provider.issuer();
    let mut page = browser
        .follow("GET", format!("{issuer}/auth?{query}"), "")
        .await;
    for interaction in [
        form(&[("prompt", "login"), ("login", user), ("password", "any")]),
        form(&[("prompt", "consent")]),
    ] {
        page = browser.follow("POST", page, &interaction).await;
    }
    let (_, code) = page.split_once("code=").unwrap();
    let code = code.split('&').next().unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "web"),
        ("client_secret", CLIENT_SECRET),
        ("redirect_uri", REDIRECT_URI),
        ("code", code),
    ];
    token(provider, &form).await
}

/// A token that is none of the provider's: it names a key that there never was.
pub fn with_unknown_key(provider: &OidcProvider) -> String {
    let encode = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = encode(json!({ "alg": "RS256", "typ": "at+jwt", "kid": "nobody's" }));
    let claims = encode(json!({
        "iss": provider.issuer(), "aud": API, "sub": "mallory", "client_id": "web", "jti": "1",
        "iat": 1_700_000_000, "exp": 9_000_000_000_u64,
    }));
    format!("{header}.{claims}.{}", "A".repeat(342))
}

async fn token(provider: &OidcProvider, fields: &[(&str, &str)]) -> Value {
    post(provider, "/token", fields).await.json()
}

async fn post(provider: &OidcProvider, path: &str, fields: &[(&str, &str)]) -> Answer {
    let url = format!("{}{path}", provider.issuer());
    let kind = ["content-type: application/x-www-form-urlencoded".to_owned()];
    let answer = Web::new().send("POST", &url, &kind, &form(fields)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)));
    fields.collect::<Vec<_>>().join("&")
}

/// Follows redirects and keeps cookies, as far as the provider's pages need it.
#[derive(Default)]
struct Browser {
    cookies: Vec<(String, String)>,
}

impl Browser {
    /// Where it ends: at a page, or at the client's redirect URI, which is not asked.
    async fn follow(&mut self, method: &str, mut url: String, body: &str) -> String {
        let mut answer = self.send(method, &url, body).await;
        for _ in 0..10 {
            if answer.status == 200 {
                return url;
            }
            assert!(answer.status.is_redirection(), "{url}: {answer:?}");
            let location = answer.header("location");
            url = if location.starts_with('/') {
                let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
                format!("{origin}{location}")
            } else {
                location.to_owned()
            };
            if url.starts_with(REDIRECT_URI) {
                return url;
            }
            answer = self.send("GET", &url, "").await;
        }
        panic!("redirected without end to {url}");
    }

    async fn send(&mut self, method: &str, url: &str, body: &str) -> Answer {
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let mut headers = vec![format!(
            "cookie: {}",
            cookies.collect::<Vec<_>>().join("; ")
        )];
        if !body.is_empty() {
            headers.push("content-type: application/x-www-form-urlencoded".to_owned());
        }
        let answer = Web::new().send(method, url, &headers, body).await;
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }
}
