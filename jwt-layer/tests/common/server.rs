//! A server on the loopback interface that answers as it is told to.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use bytes::Bytes;
use http::header::IF_NONE_MATCH;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A body of JSON.
    Json(String),
    /// This status, these headers, this body.
    Plain(u16, Vec<(&'static str, String)>, String),
    /// A body of JSON with this tag, and `304` for whoever names the tag.
    Tagged(&'static str, String),
    /// This many bytes, in pieces, without saying how many.
    Endless(usize),
    /// The head of an answer, and then the connection breaks.
    Break,
    /// Nothing, ever.
    Hang,
    /// A body of JSON, after a while.
    Late(Duration, String),
}

pub(crate) struct Server {
    pub(crate) url: String,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    answers: VecDeque<Answer>,
    always: Answer,
    seen: Vec<Seen>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Server {
    /// Starts a server that always gives this answer.
    pub(crate) async fn start(always: Answer) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), always).await
    }

    pub(crate) async fn start_at(address: SocketAddr, always: Answer) -> Self {
        let shared = Arc::new(Mutex::new(Shared {
            answers: VecDeque::new(),
            always,
            seen: Vec::new(),
        }));
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let own = Arc::clone(&shared);
        let app = Router::new().fallback(async move |request: Request| {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
            let answer = own.lock().unwrap().next(&head, body);
            give(answer).await
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    /// From now on always gives this answer.
    pub(crate) fn always(&self, answer: Answer) {
        self.shared.lock().unwrap().always = answer;
    }

    /// Gives this answer once, before it goes on with the usual one.
    pub(crate) fn once(&self, answer: Answer) {
        self.shared.lock().unwrap().answers.push_back(answer);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.lock().unwrap().seen.clone()
    }

    pub(crate) fn hits(&self) -> usize {
        self.shared.lock().unwrap().seen.len()
    }
}

impl Shared {
    fn next(&mut self, head: &Parts, body: Bytes) -> Answer {
        self.seen.push(Seen {
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            headers: head.headers.clone(),
            body,
        });
        let next = self.answers.pop_front();
        match next.unwrap_or_else(|| self.always.clone()) {
            Answer::Tagged(tag, body) => {
                let is_known = head.headers.get(IF_NONE_MATCH);
                let is_known = is_known.is_some_and(|named| named == tag);
                let kind = ("content-type", "application/json".to_owned());
                let headers = vec![kind, ("etag", tag.to_owned())];
                if is_known {
                    Answer::Plain(304, headers, String::new())
                } else {
                    Answer::Plain(200, headers, body)
                }
            }
            answer => answer,
        }
    }
}

async fn give(answer: Answer) -> Response<Body> {
    match answer {
        Answer::Json(body) => json(body),
        Answer::Tagged(..) => unreachable!("became a plain one"),
        Answer::Plain(status, headers, body) => {
            let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Answer::Endless(len) => {
            let piece = Bytes::from(vec![b' '; 64 * 1024]);
            let pieces = (0..len / piece.len())
                .map(move |_| Ok::<_, Infallible>(http_body::Frame::data(piece.clone())));
            stream(pieces)
        }
        Answer::Break => stream(
            [
                Ok(http_body::Frame::data(Bytes::from_static(b"{\"keys\":["))),
                Err(std::io::Error::other("broken on purpose")),
            ]
            .into_iter(),
        ),
        Answer::Hang => std::future::pending().await,
        Answer::Late(delay, body) => {
            tokio::time::sleep(delay).await;
            json(body)
        }
    }
}

fn json(body: String) -> Response<Body> {
    Response::builder()
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap()
}

fn stream<E>(
    frames: impl Iterator<Item = Result<http_body::Frame<Bytes>, E>> + Send + 'static,
) -> Response<Body>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let body = StreamBody::new(futures_util::stream::iter(frames));
    Response::builder()
        .header("content-type", "application/json")
        .body(Body::new(UnsyncBoxBody::new(body)))
        .unwrap()
}
