//! Issuers that come and go at run time.
#![cfg(all(feature = "remote", any(feature = "aws-lc", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;
#[path = "common/provider.rs"]
mod provider;

use std::time::Duration;

use common::{AUDIENCE, ISSUER, claims, clock, key, plain, refusal, token};
use jwt_layer::{
    Addresses, Algorithm, HttpLimits, Jwt, MemoryRevocations, PolicyBuilder, RemoteKeys,
    SharedRevocations, TenantIssuers, VerificationPolicy, VerifyingKey,
};
use provider::{Provider, Signer, tokio_clock};
use tokio::time::{advance, sleep};

const ACME: &str = "https://id.acme.example";
const BETA: &str = "https://id.beta.example";
const COOLED: Duration = Duration::from_secs(31);

fn policy(issuer: &str) -> PolicyBuilder {
    VerificationPolicy::access_token(issuer, AUDIENCE)
}

fn tenants() -> (TenantIssuers, Jwt) {
    let tenants = TenantIssuers::new(10).unwrap();
    let jwt = Jwt::for_tenants(tenants.clone()).clock(tokio_clock());
    (tenants, jwt)
}

/// Adds a tenant with an issuer of its own, which has a key of this name.
fn join(tenants: &TenantIssuers, issuer: &str, tenant: &str, kid: &str) -> (Provider, Signer) {
    let provider = Provider::new();
    let signer = provider.rotate_of(issuer, kid);
    let policy = policy(issuer).tenant(tenant).build().unwrap();
    let keys = provider.keys().build().unwrap();
    tenants.insert(policy, keys).unwrap();
    (provider, signer)
}

#[tokio::test(start_paused = true)]
async fn jwt_23_an_issuer_that_is_not_in_the_list_has_nothing_asked() {
    let (tenants, jwt) = tenants();
    let (acme, of_acme) = join(&tenants, ACME, "acme", "k");
    for issuer in [
        "https://id.evil.example",
        "https://id.acme.example/",
        "HTTPS://id.acme.example",
        "https://id.acme.example.evil.example",
        "http://169.254.169.254/latest",
    ] {
        let stranger = Signer::of(issuer, "k");
        assert_eq!(
            refusal(&jwt, &stranger.token()).await,
            "wrong_issuer",
            "{issuer}"
        );
    }
    assert_eq!(acme.asked(), 0);
    let identity = jwt.verify_token(&of_acme.token()).await.unwrap();
    assert_eq!(identity.tenant(), Some("acme"));
    assert_eq!(identity.issuer(), Some(ACME));
    assert_eq!(acme.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn jwt_10_tenants_with_keys_of_one_name_stay_apart() {
    let (tenants, jwt) = tenants();
    let (_, of_acme) = join(&tenants, ACME, "acme", "k");
    let (_, of_beta) = join(&tenants, BETA, "beta", "k");
    assert!(jwt.verify_token(&of_acme.token()).await.is_ok());
    assert!(jwt.verify_token(&of_beta.token()).await.is_ok());
    // Beta's name, signed with a key that is called as Beta's is, by somebody else.
    let forger = Signer::of(BETA, "k");
    assert_eq!(refusal(&jwt, &forger.token()).await, "bad_signature");
}

#[tokio::test(start_paused = true)]
async fn key_01_each_tenant_has_a_cooldown_of_its_own() {
    let (tenants, jwt) = tenants();
    let (acme, _) = join(&tenants, ACME, "acme", "k");
    let (beta, of_beta) = join(&tenants, BETA, "beta", "k");
    for kid in ["a", "b", "c"] {
        let invented = Signer::of(ACME, kid);
        assert_eq!(refusal(&jwt, &invented.token()).await, "unknown_key");
    }
    assert!(jwt.verify_token(&of_beta.token()).await.is_ok());
    assert_eq!((acme.asked(), beta.asked()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_removed_is_refused_from_the_next_token_on() {
    let (tenants, jwt) = tenants();
    let (acme, of_acme) = join(&tenants, ACME, "acme", "k");
    let token = of_acme.token();
    for _ in 0..2 {
        assert!(jwt.verify_token(&token).await.is_ok());
    }
    assert_eq!(jwt.cached_tokens(), 1);
    assert!(tenants.remove(ACME));
    assert!(!tenants.remove(ACME));
    assert_eq!(refusal(&jwt, &token).await, "wrong_issuer");

    // Its keys are not kept fresh any more, though a verified token may still be remembered.
    let asked = acme.asked();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!((acme.asked(), acme.holders()), (asked, 1));
}

#[tokio::test(start_paused = true)]
async fn an_issuer_with_another_policy_has_its_tokens_verified_anew() {
    let (tenants, jwt) = tenants();
    let (acme, of_acme) = join(&tenants, ACME, "acme", "k");
    let token = of_acme.token();
    assert!(jwt.verify_token(&token).await.is_ok());

    let other = VerificationPolicy::access_token(ACME, "https://other.example.com");
    let keys = acme.keys().build().unwrap();
    tenants.replace(other.build().unwrap(), keys).unwrap();
    assert_eq!(refusal(&jwt, &token).await, "wrong_audience");

    // The other keys of another place.
    let moved = Provider::new();
    let new = moved.rotate_of(ACME, "k");
    let keys = moved.keys().build().unwrap();
    let policy = policy(ACME).tenant("acme").build().unwrap();
    tenants.replace(policy, keys).unwrap();
    assert_eq!(refusal(&jwt, &token).await, "bad_signature");
    assert!(jwt.verify_token(&new.token()).await.is_ok());
}

#[tokio::test]
async fn jwt_21_what_another_policy_has_admitted_is_not_served_again() {
    let tenants = TenantIssuers::new(1).unwrap();
    let jwt = Jwt::for_tenants(tenants.clone()).clock(clock());
    tenants.insert(plain().build().unwrap(), key()).unwrap();
    let token = token(&claims());
    assert!(jwt.verify_token(&token).await.is_ok());

    // The key stays the same: nothing but the policy tells that the token is refused now.
    let other = VerificationPolicy::plain_access_token(ISSUER, "https://other.example.com");
    tenants.replace(other.build().unwrap(), key()).unwrap();
    assert_eq!(refusal(&jwt, &token).await, "wrong_audience");

    let tenant = plain().tenant("acme").build().unwrap();
    tenants.replace(tenant, key()).unwrap();
    let identity = jwt.verify_token(&token).await.unwrap();
    assert_eq!(identity.tenant(), Some("acme"));
}

#[tokio::test(start_paused = true)]
async fn jwt_10_no_tenant_takes_an_issuer_over() {
    let (tenants, _) = tenants();
    let (_, of_acme) = join(&tenants, ACME, "acme", "k");
    let evil = Provider::new();
    let forger = evil.rotate_of(ACME, "k");
    let keys = || evil.keys().build().unwrap();
    let again = tenants.insert(policy(ACME).tenant("evil").build().unwrap(), keys());
    assert_eq!(again.unwrap_err().option(), "issuer");

    // Nor one that is configured.
    let own = Provider::new();
    let of_own = own.rotate("k");
    let own = own.keys().build().unwrap();
    let jwt = Jwt::new(common::strict().build().unwrap(), own)
        .trust_tenants(tenants.clone())
        .clock(tokio_clock());
    tenants
        .insert(policy(ISSUER).build().unwrap(), keys())
        .unwrap();
    assert!(jwt.verify_token(&of_own.token()).await.is_ok());
    assert!(jwt.verify_token(&of_acme.token()).await.is_ok());
    assert_eq!(refusal(&jwt, &forger.token()).await, "bad_signature");
    let forged = evil.rotate("evil");
    advance(COOLED).await;
    assert_eq!(refusal(&jwt, &forged.token()).await, "unknown_key");
    assert_eq!(evil.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn key_06_a_tenant_s_keys_come_from_public_addresses_only() {
    // `ServiceClient` and the like cannot check addresses, and say so.
    let limits = HttpLimits::new().with_addresses(Addresses::Public);
    let (tenants, jwt) = tenants();
    let keys = RemoteKeys::from_url("http://127.0.0.1:1/jwks").limits(limits);
    let keys = keys.client(Provider::new()).build().unwrap();
    tenants
        .insert(policy(ACME).build().unwrap(), keys.clone())
        .unwrap();
    let token = Signer::of(ACME, "k").token();
    assert_eq!(refusal(&jwt, &token).await, "http_address_refused");
    assert!(keys.ready().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_tenant_s_token_can_be_taken_back() {
    let (tenants, jwt) = tenants();
    let (_, of_acme) = join(&tenants, ACME, "acme", "k");
    let jwt = jwt.revocations(SharedRevocations::new(MemoryRevocations::new()));
    let token = of_acme.token();
    let identity = jwt.verify_token(&token).await.unwrap();
    jwt.revoke(&identity).await.unwrap();
    assert_eq!(refusal(&jwt, &token).await, "token_revoked");
    tenants.remove(ACME);
    assert!(jwt.revoke(&identity).await.is_err());
}

#[test]
fn a_list_is_bounded_and_takes_no_policy_that_a_tenant_could_abuse() {
    for capacity in [0, 100_001] {
        let error = TenantIssuers::new(capacity).unwrap_err();
        assert_eq!(error.option(), "capacity");
    }
    let tenants = TenantIssuers::new(1).unwrap();
    let key = || VerifyingKey::from_secret(Algorithm::Hs256, &[7; 32]).unwrap();
    let refused =
        |builder: PolicyBuilder| tenants.insert(builder.build().unwrap(), key()).unwrap_err();
    assert_eq!(
        refused(policy(ACME).tenant_claim("org")).option(),
        "tenant_claim"
    );
    assert_eq!(refused(policy(ACME).max_depth(9)).option(), "max_depth");
    let large = policy(ACME).max_token_size(8193);
    assert_eq!(refused(large).option(), "max_token_size");
    let unknown = tenants.replace(policy(ACME).build().unwrap(), key());
    assert_eq!(unknown.unwrap_err().option(), "issuer");
    assert!(tenants.is_empty());

    tenants
        .insert(policy(ACME).build().unwrap(), key())
        .unwrap();
    assert_eq!(refused(policy(BETA)).option(), "capacity");
    assert_eq!(refused(policy(ACME)).option(), "issuer");
    assert!(tenants.contains(ACME) && !tenants.contains(BETA));
    assert_eq!(tenants.len(), 1);

    let both = policy(ACME).tenant("acme").tenant_claim("org").build();
    assert_eq!(both.unwrap_err().option(), "tenant");
    assert_eq!(
        policy(ACME).tenant("").build().unwrap_err().option(),
        "tenant"
    );
}
