//! Which keys are refused when they are loaded.

use auth_layer::SecretSlice;

use super::*;
use crate::Algorithm;
use crate::key::jwk::Jwk;

#[test]
fn jwt_15_weak_and_misused_keys_are_refused() {
    let n = |bytes: usize| PublicMaterial::Rsa {
        n: vec![0xff; bytes],
        e: vec![1, 0, 1],
    };
    assert!(n(256).check(Algorithm::Rs256).is_ok());
    assert!(n(255).check(Algorithm::Rs256).is_err());
    assert!(n(1025).check(Algorithm::Rs256).is_err());
    assert!(n(256).check(Algorithm::Es256).is_err());
    for e in [vec![], vec![0], vec![1], vec![2], vec![0, 3], vec![1; 5]] {
        let key = PublicMaterial::Rsa {
            n: vec![0xff; 256],
            e: e.clone(),
        };
        assert!(key.check(Algorithm::Rs256).is_err(), "{e:?}");
    }
    let point = |curve, len| PublicMaterial::Ec {
        curve,
        point: vec![4; len],
    };
    assert!(point(Curve::P256, 65).check(Algorithm::Es256).is_ok());
    assert!(point(Curve::P256, 64).check(Algorithm::Es256).is_err());
    assert!(point(Curve::P384, 97).check(Algorithm::Es256).is_err());
    // On no curve: the backend says so.
    assert!(Verifier::new(Algorithm::Es256, &point(Curve::P256, 65)).is_err());
    assert!(
        PublicMaterial::Ed { x: vec![0; 31] }
            .check(Algorithm::EdDsa)
            .is_err()
    );
}

#[test]
fn jwt_13_short_secrets_are_refused() {
    for (algorithm, len) in [
        (Algorithm::Hs256, 32),
        (Algorithm::Hs384, 48),
        (Algorithm::Hs512, 64),
    ] {
        for (len, good) in [(0, false), (1, false), (len - 1, false), (len, true)] {
            let secret = PublicMaterial::Symmetric(SecretSlice::from(vec![1; len]));
            assert_eq!(secret.check(algorithm).is_ok(), good, "{algorithm} {len}");
        }
    }
}

#[test]
fn jwt_15_keys_that_say_otherwise_are_refused() {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let good = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}""#);
    let purpose = |more: &str| {
        let jwk = Jwk::parse(&format!("{good}{more}}}")).unwrap();
        jwk.check_purpose(Algorithm::EdDsa)
    };
    for more in [
        "",
        r#","use":"sig""#,
        r#","key_ops":["verify"]"#,
        r#","alg":"Ed25519""#,
    ] {
        assert!(purpose(more).is_ok(), "{more}");
    }
    for more in [
        r#","use":"enc""#,
        r#","key_ops":["sign"]"#,
        r#","key_ops":[]"#,
        r#","alg":"ES256""#,
        r#","d":"AAAA""#,
    ] {
        assert!(purpose(more).is_err(), "{more}");
    }
    let jwk = Jwk::parse(&format!("{good}}}")).unwrap();
    assert!(matches!(jwk.material().unwrap(), PublicMaterial::Ed { x } if x.len() == 32));
}
