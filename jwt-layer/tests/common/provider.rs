//! An issuer without a network, which is as slow and as broken as it is told to be.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` is written in place")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_layer::SharedClock;
use bytes::Bytes;
use http::{Request, Response};
use jwt_layer::{
    AccessTokenRequest, Algorithm, HttpClient, HttpError, HttpErrorKind, HttpLimits, Issuer, Jwt,
    RemoteKeys, RemoteKeysBuilder, SigningKey,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::common::{AUDIENCE, ISSUER, NOW, at};

pub(crate) const JWKS: &str = "https://id.example.com/jwks.json";

/// Cheap to clone; clones are the same issuer.
#[derive(Clone)]
pub(crate) struct Provider {
    state: Arc<Mutex<State>>,
}

struct State {
    published: Vec<String>,
    answer: Option<Failure>,
    delay: Duration,
    cache_control: Option<String>,
    asked: Vec<String>,
    running: usize,
    most_running: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The client fails.
    Client(HttpErrorKind),
    /// This status, media type and body.
    Answer(u16, &'static str, String),
}

impl Provider {
    pub(crate) fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                published: Vec::new(),
                answer: None,
                delay: Duration::ZERO,
                cache_control: None,
                asked: Vec::new(),
                running: 0,
                most_running: 0,
            })),
        }
    }

    /// Makes a key, publishes it beside the others, and gives what signs with it.
    pub(crate) fn rotate(&self, kid: &str) -> Signer {
        self.rotate_of(ISSUER, kid)
    }

    /// As [`rotate`](Self::rotate), for another issuer's name.
    pub(crate) fn rotate_of(&self, issuer: &str, kid: &str) -> Signer {
        let signer = Signer::of(issuer, kid);
        self.publish(signer.public.clone());
        signer
    }

    pub(crate) fn publish(&self, jwk: String) {
        self.state.lock().unwrap().published.push(jwk);
    }

    pub(crate) fn withdraw(&self, kid: &str) {
        let id = format!(r#""kid":"{kid}""#);
        let published = &mut self.state.lock().unwrap().published;
        published.retain(|jwk| !jwk.contains(&id));
    }

    pub(crate) fn fail(&self, failure: Failure) {
        self.state.lock().unwrap().answer = Some(failure);
    }

    pub(crate) fn recover(&self) {
        self.state.lock().unwrap().answer = None;
    }

    pub(crate) fn delay(&self, delay: Duration) {
        self.state.lock().unwrap().delay = delay;
    }

    pub(crate) fn cache_control(&self, value: &str) {
        self.state.lock().unwrap().cache_control = Some(value.to_owned());
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked.len()
    }

    /// How many requests there were at most at a time.
    pub(crate) fn most_running(&self) -> usize {
        self.state.lock().unwrap().most_running
    }

    /// How many hold on to it.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.state)
    }

    pub(crate) fn keys(&self) -> RemoteKeysBuilder {
        RemoteKeys::from_url(JWKS)
            .client(self.clone())
            .clock(tokio_clock())
            .events(auth_layer::Events::none())
    }

    pub(crate) fn jwt(&self) -> (RemoteKeys, Jwt) {
        jwt(self.keys())
    }
}

pub(crate) fn jwt(keys: RemoteKeysBuilder) -> (RemoteKeys, Jwt) {
    let keys = keys.build().unwrap();
    let policy = super::common::strict().build().unwrap();
    let jwt = Jwt::new(policy, keys.clone()).clock(tokio_clock());
    (keys, jwt)
}

/// Asked and not answered yet, or given up.
struct Running(Arc<Mutex<State>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().unwrap().running -= 1;
    }
}

impl HttpClient for Provider {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: &HttpLimits,
    ) -> Result<Response<Bytes>, HttpError> {
        let (delay, running) = {
            let mut state = self.state.lock().unwrap();
            state.asked.push(request.uri().to_string());
            state.running += 1;
            state.most_running = state.most_running.max(state.running);
            (state.delay, Running(Arc::clone(&self.state)))
        };
        // What is published now is what is answered, however long that takes.
        let answer = self.answer();
        tokio::time::sleep(delay).await;
        drop(running);
        answer
    }
}

impl Provider {
    fn answer(&self) -> Result<Response<Bytes>, HttpError> {
        let state = self.state.lock().unwrap();
        match &state.answer {
            None => {
                let body = format!(r#"{{"keys":[{}]}}"#, state.published.join(","));
                let mut response = Response::builder().header("content-type", "application/json");
                if let Some(value) = &state.cache_control {
                    response = response.header("cache-control", value);
                }
                Ok(response.body(body.into()).unwrap())
            }
            Some(Failure::Client(kind)) => Err(HttpError::new(*kind)),
            Some(Failure::Answer(status, media_type, body)) => Ok(Response::builder()
                .status(*status)
                .header("content-type", *media_type)
                .body(body.clone().into())
                .unwrap()),
        }
    }
}

/// Signs tokens with one key.
pub(crate) struct Signer {
    issuer: Issuer,
    pub(crate) public: String,
}

impl Signer {
    pub(crate) fn new(kid: &str) -> Self {
        Self::of(ISSUER, kid)
    }

    pub(crate) fn of(issuer: &str, kid: &str) -> Self {
        let key = SigningKey::generate(Algorithm::Es256)
            .unwrap()
            .with_kid(kid);
        let public = key.public_jwk().unwrap();
        let issuer = Issuer::builder(issuer, AUDIENCE, key).clock(tokio_clock());
        let issuer = issuer.build().unwrap();
        Self { issuer, public }
    }

    pub(crate) fn token(&self) -> String {
        let token = self.issuer.issue(&AccessTokenRequest::new("alice"));
        token.unwrap().expose().to_owned()
    }
}

/// `NOW`, and on from there as tokio's clock goes: in step with timers that do not really wait.
pub(crate) fn tokio_clock() -> SharedClock {
    thread_local! {
        static START: std::cell::OnceCell<Instant> = const { std::cell::OnceCell::new() };
    }
    let start = START.with(|start| *start.get_or_init(Instant::now));
    SharedClock::new(move || at(NOW) + start.elapsed())
}

/// A token that names this key and is signed by nobody.
pub(crate) fn unsigned(kid: &str) -> String {
    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid });
    super::common::forge(
        &header.to_string(),
        &super::common::claims().to_string(),
        &[0; 32],
    )
}

/// `jwk` with some members replaced; `null` takes one away.
pub(crate) fn altered(jwk: &str, changes: Value) -> String {
    let mut jwk: Value = serde_json::from_str(jwk).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            jwk.as_object_mut().unwrap().remove(name);
        } else {
            jwk[name] = value.clone();
        }
    }
    jwk.to_string()
}
