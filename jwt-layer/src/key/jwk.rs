//! JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037) and their thumbprints (RFC 7638).

use auth_layer::{ConfigError, SecretSlice};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use crate::Algorithm;
use crate::crypto::{Curve, PublicMaterial};
use crate::token::from_object;

/// A key as it stands in a document. A member that occurs twice makes it unreadable.
#[derive(Deserialize)]
pub(crate) struct Jwk {
    kty: String,
    pub(crate) kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    use_: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    k: Option<String>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
}

impl Jwk {
    pub(crate) fn parse(json: &str) -> Result<Self, ConfigError> {
        // What serde_json says may quote the key, and the key may be a secret.
        from_object(json).map_err(|_| refused("is not a JSON Web Key"))
    }

    /// Whether the key says of itself that it may verify `algorithm`.
    pub(crate) fn check_purpose(&self, algorithm: Algorithm) -> Result<(), ConfigError> {
        if let Some(own) = &self.alg
            && Algorithm::from_name(own) != Some(algorithm)
        {
            return Err(refused(format!("is not for {algorithm}, by its `alg`")));
        }
        if self.use_.as_deref().is_some_and(|use_| use_ != "sig") {
            return Err(refused("is not for signatures, by its `use`"));
        }
        if let Some(operations) = &self.key_ops
            && !operations.iter().any(|operation| operation == "verify")
        {
            return Err(refused("is not for verifying, by its `key_ops`"));
        }
        let private = [
            &self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.oth,
        ];
        // `k` is the secret of `oct`, and of nothing else.
        let has_secret = self.k.is_some() && self.kty != "oct";
        if has_secret || private.iter().any(|member| member.is_some()) {
            return Err(refused(
                "is a private key, and verifying takes the public one",
            ));
        }
        Ok(())
    }

    pub(crate) fn material(&self) -> Result<PublicMaterial, ConfigError> {
        Ok(match self.kty.as_str() {
            "EC" => {
                let curve = self.crv.as_deref().and_then(Curve::from_name);
                let curve = curve.ok_or_else(|| refused("is on an unknown curve"))?;
                let (x, y) = (
                    decode("x", self.x.as_deref())?,
                    decode("y", self.y.as_deref())?,
                );
                // Each on its own: x and y of wrong lengths could make up for each other.
                if x.len() != curve.coordinate_len() || y.len() != curve.coordinate_len() {
                    return Err(refused("has coordinates of the wrong length"));
                }
                let point = [&[4], &*x, &*y].concat();
                PublicMaterial::Ec { curve, point }
            }
            "OKP" if self.crv.as_deref() == Some("Ed25519") => PublicMaterial::Ed {
                x: decode("x", self.x.as_deref())?,
            },
            "RSA" => PublicMaterial::Rsa {
                n: decode("n", self.n.as_deref())?,
                e: decode("e", self.e.as_deref())?,
            },
            "oct" => PublicMaterial::Symmetric(SecretSlice::from(decode("k", self.k.as_deref())?)),
            _ => return Err(refused("is of an unknown kind, by its `kty`")),
        })
    }
}

fn decode(member: &str, value: Option<&str>) -> Result<Vec<u8>, ConfigError> {
    let value = value.ok_or_else(|| refused(format!("lacks `{member}`")))?;
    URL_SAFE_NO_PAD
        .decode(value)
        .map_err(|_| refused(format!("has a `{member}` that is not base64url")))
}

fn refused(problem: impl Into<String>) -> ConfigError {
    ConfigError::new("key", problem)
}

/// The required members in alphabetical order, as RFC 7638 hashes them; `None` for secrets, of which
/// not even a hash is given away.
pub(crate) fn required_members(material: &PublicMaterial) -> Option<String> {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Some(match material {
        PublicMaterial::Ec { curve, point } => {
            let (x, y) = point[1..].split_at(curve.coordinate_len());
            format!(
                r#""crv":"{}","kty":"EC","x":"{}","y":"{}""#,
                curve.name(),
                text(x),
                text(y)
            )
        }
        PublicMaterial::Ed { x } => {
            format!(r#""crv":"Ed25519","kty":"OKP","x":"{}""#, text(x))
        }
        PublicMaterial::Rsa { n, e } => {
            format!(r#""e":"{}","kty":"RSA","n":"{}""#, text(e), text(n))
        }
        PublicMaterial::Symmetric(_) => return None,
    })
}

/// The SHA-256 thumbprint of a public key.
pub(crate) fn thumbprint(material: &PublicMaterial) -> Option<String> {
    let members = required_members(material)?;
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{members}}}"))))
}

/// The public key as a JSON Web Key.
pub(crate) fn to_json(
    material: &PublicMaterial,
    algorithm: Algorithm,
    kid: Option<&str>,
) -> Option<String> {
    let members = required_members(material)?;
    // `kid` is the only text in it that is not of our own alphabet.
    let kid = kid
        .and_then(|kid| serde_json::to_string(kid).ok())
        .map(|kid| format!(r#","kid":{kid}"#))
        .unwrap_or_default();
    Some(format!(
        r#"{{{members},"alg":"{algorithm}","use":"sig"{kid}}}"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprints_are_those_of_the_rfcs() {
        let file = include_str!("../../tests/vectors/jwk_thumbprint.json");
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        for vector in file["vectors"].as_array().unwrap() {
            let jwk = Jwk::parse(&vector["jwk"].to_string()).unwrap();
            assert_eq!(
                thumbprint(&jwk.material().unwrap()).as_deref(),
                vector["thumbprint_sha256"].as_str(),
                "{}",
                vector["name"]
            );
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let material = PublicMaterial::Ed { x: vec![9; 32] };
        let json = to_json(&material, Algorithm::EdDsa, Some("a \"b\"")).unwrap();
        let jwk = Jwk::parse(&json).unwrap();
        assert_eq!(jwk.kid.as_deref(), Some("a \"b\""));
        jwk.check_purpose(Algorithm::EdDsa).unwrap();
        assert!(matches!(jwk.material().unwrap(), PublicMaterial::Ed { x } if x == [9; 32]));
    }

    #[test]
    fn secrets_have_no_public_form() {
        let material = PublicMaterial::Symmetric(SecretSlice::from(vec![1; 64]));
        assert_eq!(thumbprint(&material), None);
        assert_eq!(to_json(&material, Algorithm::Hs256, None), None);
    }
}
