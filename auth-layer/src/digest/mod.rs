//! HTTP Digest authentication (RFC 7616), for clients that know nothing better.
//!
//! Cameras, printers, telephones and other devices log in with Digest where they have no TLS. For
//! everything else choose another scheme: Digest keeps a password off the wire, and pays for it
//! with the way that the password is stored.
//!
//! ```
//! use auth_layer::digest::{Algorithm, Digest, DigestRecord, MemoryDigestStore};
//! use auth_layer::{AuthLayer, Identity};
//! use axum::{Router, routing::get};
//!
//! let users = MemoryDigestStore::new("printers");
//! users.set(
//!     "alice",
//!     DigestRecord::from_password("alice", "printers", "correct horse", [Algorithm::Sha256])
//!         .with_identity(Identity::builder("digest", "user-17").role("operator").build()),
//! );
//! let digest = Digest::builder("printers", users.clone()).build()?;
//! let app: Router = Router::new()
//!     .route("/jobs", get(|| async { "three jobs" }))
//!     .layer(AuthLayer::new(digest));
//! # let _ = app;
//! # Ok::<(), auth_layer::ConfigError>(())
//! ```
//!
//! # How it decides
//!
//! A request without `Authorization: Digest` is none of its business. One with it must pass all of
//! these, in this order:
//!
//! 1. The header is well-formed and at most 8 KiB long: no parameter twice, none missing, the user
//!    name in one form only (`username`, `username*` or a hash). Else it is *malformed*.
//! 2. `qop` is `auth`. Without `qop` it would be RFC 2069, which is refused; `auth-int` is refused
//!    because a layer has no body to check it with (see [`Qop::AuthInt`]).
//! 3. `algorithm` is one that was offered; without it MD5 is meant. The `-sess` variants never are.
//! 4. `realm` is this realm, and `uri` names the request's target to the letter.
//! 5. `nc` is eight hexadecimal digits, `cnonce` is 1 to 256 bytes long, `response` has the length
//!    of the algorithm's output, and a hash of the user name comes only if
//!    [it was asked for](DigestBuilder::offer_userhash).
//! 6. `nonce` was made here, under this key and for this realm: else it is *invalid*. It has not
//!    expired: else it is *stale*, whether or not the password is right. The client then repeats the
//!    request with the new nonce of the challenge, and learns only then whether it is.
//! 7. The user is in the [store](DigestStore), and `response` is what the password makes it. For
//!    unknown users the same is computed over a random value and the same error is returned.
//! 8. `nc` is higher than ever before with this nonce, which the [counters](NonceCounters) find out
//!    and note in one step. Else the request was sent twice: it is *stale* too, so that an honest
//!    client tries again with a new nonce; the log says `nonce_count_replayed`.
//!
//! Everything up to the seventh step is done without asking anybody. All refusals are answered 401;
//! if the store or the counters cannot be asked, or the counters are full, it is 503.
//!
//! # Caveats
//!
//! - **Guesses are not limited here**, and a fast hash makes each of them cheap: whoever knows a name
//!   tries thousands of passwords a second. `login::attempts::AttemptLimits::limit_scheme` limits
//!   them, by the same budgets as a login form.
//! - **What is stored is as good as the password.** [`Ha1`] is a fast hash without salt: whoever
//!   reads the store logs in with it as it is, and guesses most passwords in hours. Over TLS,
//!   `basic` with argon2 behind it is safer; so are bearer tokens and API keys.
//! - **Without TLS only the password is protected**, and only if it is hard to guess: the response
//!   itself and the bodies can be read, and the bodies changed. Somebody in between can take the
//!   Digest challenge out of the answer and ask for Basic.
//! - **MD5 is off.** [`insecure_allow_md5`](DigestBuilder::insecure_allow_md5) is for devices that
//!   know nothing else.
//! - **Requests that overtake each other** (HTTP/2, several connections) arrive with falling `nc`,
//!   and are answered 401 with `stale=true` once. Clients repeat those by themselves; bodies that
//!   cannot be sent twice are better sent after a `GET`.
//! - **Rewritten addresses do not verify.** Put the layer outside `Router::nest` and in front of
//!   whatever changes the URI or the method, or configure
//!   [`request_target`](DigestBuilder::request_target).
//! - **Several nodes** need one [key](DigestBuilder::nonce_key) and
//!   [counters](DigestBuilder::nonce_counters) that they share; each with its own counters would
//!   take the same request once.
//! - **Counters are bounded.** Each nonce that a right password was used with takes a place until it
//!   expires. A user who takes all of them keeps others with new nonces out (503) for that long; put
//!   a limit on requests in front, or give the counters more room.
//! - **Changing a password** means a new [`DigestRecord`]; the next request sees it. The realm is
//!   part of every [`Ha1`], so renaming it means to set all passwords again.
//! - Names and passwords are compared byte by byte. `opaque` and `domain` are not sent, an `opaque`
//!   that comes is ignored, and there is no `Authentication-Info` in answers.

mod algorithm;
mod builder;
mod counter;
mod ha1;
mod header;
mod memory_counters;
mod memory_store;
mod nonce;
mod parameters;
mod response;
mod scheme;
mod store;
mod target;

pub use self::algorithm::Algorithm;
pub use self::builder::DigestBuilder;
pub use self::counter::{NonceCounters, SharedNonceCounters};
pub use self::ha1::{Ha1, UserHash};
pub use self::header::DigestResponse;
pub use self::memory_counters::MemoryNonceCounters;
pub use self::memory_store::MemoryDigestStore;
pub use self::nonce::NonceId;
pub use self::response::{ResponseInput, response};
pub use self::scheme::{Digest, DigestCredentials, Qop};
pub use self::store::{DigestRecord, DigestStore, SharedDigestStore};

/// The name of the scheme in identities, errors and events.
const NAME: &str = "digest";
