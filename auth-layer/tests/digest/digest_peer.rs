//! Another implementation of Digest as the client: the crate `digest_auth`.

use auth_layer::digest::{Algorithm, Digest, DigestRecord, MemoryDigestStore};
use digest_auth::{AuthContext, WwwAuthenticateHeader};

use crate::site::{challenges, get, is_stale, refusal, send};

const REALM: &str = "api@example.org";

fn respond(prompt: &mut WwwAuthenticateHeader, user: &str, password: &str, uri: &str) -> String {
    let context = AuthContext::new(user, password, uri);
    prompt.respond(&context).unwrap().to_header_string()
}

#[tokio::test]
async fn dig_01_another_implementation_logs_in_with_everything_on_offer() {
    let all = [Algorithm::Sha256, Algorithm::Sha512_256, Algorithm::Md5];
    let accounts = [
        ("alice", "correct horse"),
        ("Jäsøn Doe", "Secret, or not?"),
        (r#"a "quoted\" name"#, r#"pass:"word\"#),
        ("日本語", ""),
    ];
    let users = MemoryDigestStore::new(REALM);
    for (user, password) in accounts {
        users.set(
            user,
            DigestRecord::from_password(user, REALM, password, all),
        );
    }
    for userhash in [false, true] {
        let builder = Digest::builder(REALM, users.clone())
            .algorithms([Algorithm::Sha256, Algorithm::Sha512_256])
            .insecure_allow_md5();
        let builder = if userhash {
            builder.offer_userhash()
        } else {
            builder
        };
        let digest = builder.build().unwrap();
        for (offer, _) in all.iter().enumerate() {
            for (user, password) in accounts {
                let row = format!("{offer} {user} userhash={userhash}");
                let challenge = &challenges(&digest).await[offer];
                let mut prompt = digest_auth::parse(challenge).unwrap();
                assert_eq!(prompt.userhash, userhash);

                // It counts the uses of a nonce by itself.
                for uri in ["/doe.json", "/doe.json", "/?q=a%20b&c=%22"] {
                    let header = respond(&mut prompt, user, password, uri);
                    let res = send(&digest, get(uri, &header)).await;
                    assert_eq!(res.status(), 200, "{row} {uri}");
                    assert_eq!(res.body(), user, "{row}");
                    let again = send(&digest, get(uri, &header)).await;
                    assert!(is_stale(&again), "{row}");
                }

                let header = respond(&mut prompt, user, "wrong", "/");
                let res = send(&digest, get("/", &header)).await;
                assert_eq!(refusal(&res).1, "wrong_response", "{row}");
            }
        }
    }
}

#[tokio::test]
async fn dig_02_another_implementation_is_refused_what_was_not_offered() {
    let users = MemoryDigestStore::new(REALM);
    let record = DigestRecord::from_password("alice", REALM, "pw", [Algorithm::Sha256]);
    users.set("alice", record);
    let digest = Digest::builder(REALM, users).build().unwrap();
    for (change, expected) in [
        ("", None),
        ("-sess", Some("algorithm_not_offered")),
        ("qop", Some("qop_missing")),
        ("userhash", Some("userhash_not_offered")),
    ] {
        let mut prompt = digest_auth::parse(&challenges(&digest).await[0]).unwrap();
        match change {
            "-sess" => prompt.algorithm.sess = true,
            "qop" => prompt.qop = None,
            "userhash" => prompt.userhash = true,
            _ => {}
        }
        let header = respond(&mut prompt, "alice", "pw", "/");
        let res = send(&digest, get("/", &header)).await;
        match expected {
            None => assert_eq!(res.status(), 200),
            Some(reason) => assert_eq!(refusal(&res).1, reason),
        }
    }
}
