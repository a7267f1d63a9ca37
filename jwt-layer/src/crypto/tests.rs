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
    for e in [
        vec![],
        vec![0],
        vec![1],
        vec![2],
        vec![0, 3],
        vec![1, 0, 0],
        vec![1; 5],
        vec![2, 0, 0, 0, 1], // 2^33 + 1
    ] {
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
    assert!(
        PublicMaterial::Ed { x: vec![0; 31] }
            .check(Algorithm::EdDsa)
            .is_err()
    );
}

/// 65537^128: 2049 bits, odd, and a power of 65537 modulo every prime there is.
fn power_of_65537() -> Vec<u8> {
    let mut number = vec![0; 257];
    number[256] = 1;
    for _ in 0..128 {
        // n + (n << 16), from the lowest byte up.
        let before = number.clone();
        let mut carry = 0;
        for index in (0..257).rev() {
            let shifted = before.get(index + 2).copied().unwrap_or_default();
            let sum = u16::from(before[index]) + u16::from(shifted) + carry;
            number[index] = sum.to_be_bytes()[1];
            carry = sum >> 8;
        }
    }
    number
}

#[test]
fn jwt_15_rsa_keys_of_the_form_of_roca_are_refused() {
    let key = |n: &[u8]| PublicMaterial::Rsa {
        n: n.to_vec(),
        e: vec![1, 0, 1],
    };
    let weak = power_of_65537();
    assert_eq!(weak[0], 1);
    let error = key(&weak).check(Algorithm::Rs256).unwrap_err();
    assert!(error.to_string().contains("ROCA"), "{error}");
    // Odd neighbours are not of this form.
    for step in [2, 4, 6, 8] {
        let mut near = weak.clone();
        near[256] += step;
        assert!(key(&near).check(Algorithm::Rs256).is_ok(), "{step}");
    }
}

#[cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#[test]
fn jwt_15_points_off_their_curve_are_refused_by_every_backend() {
    for (algorithm, curve) in [
        (Algorithm::Es256, Curve::P256),
        (Algorithm::Es384, Curve::P384),
    ] {
        let private = Signer::generate(algorithm).unwrap();
        let (_, public) = Signer::new(algorithm, &private).unwrap();
        let PublicMaterial::Ec { point: good, .. } = &public else {
            panic!("an EC key");
        };
        let half = curve.coordinate_len();
        let mut bad_y = good.clone();
        bad_y[2 * half] ^= 1;
        let mut swapped = good.clone();
        swapped[1..].rotate_left(half);
        let mut too_large = vec![0xff; 1 + 2 * half];
        too_large[0] = 4;
        let mut zero = vec![0; 1 + 2 * half];
        zero[0] = 4;
        for (name, point, is_good) in [
            ("good", good.clone(), true),
            ("another y", bad_y, false),
            ("x and y swapped", swapped, false),
            ("above the prime", too_large, false),
            ("zero", zero, false),
        ] {
            let material = PublicMaterial::Ec { curve, point };
            let loaded = Verifier::new(algorithm, &material).is_ok();
            assert_eq!(loaded, is_good, "{algorithm} {name}");
            #[cfg(all(feature = "aws-lc", feature = "rust-crypto"))]
            {
                let loaded = second::Verifier::new(algorithm, &material).is_ok();
                assert_eq!(loaded, is_good, "{algorithm} {name}, second backend");
            }
        }
    }
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
        let jwk = Jwk::parse(&format!("{good}{more}}}"))?;
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
        r#","d":"AAAA","d":"AAAA""#,
        r#","q":"AAAA""#,
        r#","use":"SIG""#,
        r#","alg":"none""#,
        r#","alg":"EdDSA ""#,
    ] {
        assert!(purpose(more).is_err(), "{more}");
    }
    let jwk = Jwk::parse(&format!("{good}}}")).unwrap();
    assert!(matches!(jwk.material().unwrap(), PublicMaterial::Ed { x } if x.len() == 32));
}
