//! Refresh tokens on two nodes that share their stores; for the tests of those stores.

use std::time::Duration;

use auth_layer::{AuthErrorKind, ExposeSecret as _, Identity, SharedRevocations};
use auth_test::ManualClock;
use jwt_layer::refresh::{
    RefreshErrorKind, RefreshGrant, RefreshRequest, RefreshTokens, SharedRefreshStore, TokenPair,
};
use jwt_layer::{Algorithm, Issuer, Jwt, SigningKey, SigningKeys};

#[derive(Clone)]
struct Node {
    tokens: RefreshTokens,
    jwt: Jwt,
}

impl Node {
    async fn refresh(&self, pair: &TokenPair) -> Result<TokenPair, RefreshErrorKind> {
        let token = pair.refresh_token().to_secret_string();
        let request = RefreshRequest::new(token.expose_secret());
        let refreshed = self.tokens.refresh(&request).await;
        refreshed.map_err(|error| error.kind())
    }

    async fn is_revoked(&self, pair: &TokenPair) -> bool {
        match self.jwt.verify_token(pair.access_token().expose()).await {
            Ok(_) => false,
            Err(error) => {
                assert_eq!(error.kind(), AuthErrorKind::Revoked, "{error:?}");
                true
            }
        }
    }
}

fn nodes(
    store: &SharedRefreshStore,
    revocations: &SharedRevocations,
    clock: &ManualClock,
) -> [Node; 2] {
    let keys = SigningKeys::from(SigningKey::generate(Algorithm::Es256).unwrap());
    [0, 1].map(|_| {
        let issuer = Issuer::builder(
            "https://id.example.com",
            "https://api.example.com",
            keys.clone(),
        )
        .clock(clock.clone())
        .build()
        .unwrap();
        let jwt = Jwt::new(issuer.policy().build().unwrap(), issuer.verifying_keys())
            .clock(clock.clone())
            .revocations(revocations.clone());
        let users = |login: Identity| async move { Ok(Some(login)) };
        let tokens = RefreshTokens::builder(issuer, store.clone(), revocations.clone(), users);
        let tokens = tokens.clock(clock.clone()).build().unwrap();
        Node { tokens, jwt }
    })
}

fn text(pair: &TokenPair) -> String {
    let text = pair.refresh_token().to_secret_string();
    text.expose_secret().to_owned()
}

/// Fifty refreshes of one token at once have one successor, and a replay after the window ends the
/// family and its access tokens on both nodes.
pub(crate) async fn two_nodes(store: SharedRefreshStore, revocations: SharedRevocations) {
    let clock = ManualClock::new();
    let [here, there] = nodes(&store, &revocations, &clock);
    let ann = Identity::new("password", "ann");
    let first = here.tokens.begin(&RefreshGrant::new(&ann)).await.unwrap();
    let other = there.tokens.begin(&RefreshGrant::new(&ann)).await.unwrap();

    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let node = if n % 2 == 0 { &here } else { &there };
            let (node, first) = (node.clone(), first.clone());
            tokio::spawn(async move { node.refresh(&first).await })
        })
        .collect();
    let mut second = Vec::new();
    for task in tasks {
        second.push(task.await.unwrap().unwrap());
    }
    for pair in &second {
        assert_eq!(text(pair), text(&second[0]));
        assert!(!there.is_revoked(pair).await);
    }
    let third = there.refresh(&second[0]).await.unwrap();
    assert_eq!(here.tokens.list(&ann).await.unwrap().len(), 2);

    clock.advance(Duration::from_secs(11));
    let replayed = here.refresh(&second[0]).await;
    assert_eq!(replayed.unwrap_err(), RefreshErrorKind::InvalidGrant);
    for node in [&here, &there] {
        let refused = node.refresh(&third).await;
        assert_eq!(refused.unwrap_err(), RefreshErrorKind::InvalidGrant);
        for pair in second.iter().chain([&first, &third]) {
            assert!(node.is_revoked(pair).await);
        }
        assert!(!node.is_revoked(&other).await);
        assert_eq!(node.tokens.list(&ann).await.unwrap().len(), 1);
    }
    // "Log out everywhere" on one node is one on the other.
    assert_eq!(here.tokens.revoke_user(&ann, None).await.unwrap(), 1);
    assert!(there.is_revoked(&other).await);
    let refused = there.refresh(&other).await;
    assert_eq!(refused.unwrap_err(), RefreshErrorKind::InvalidGrant);
}
