//! The published vectors. Their nonces are foreign, so they test the computation and the parser.

use auth_layer::digest::{Algorithm, DigestResponse, Ha1, ResponseInput, UserHash, response};
use serde_json::Value;

#[test]
fn published_responses_are_computed() {
    let file: Value = serde_json::from_str(include_str!("../vectors/digest.json")).unwrap();
    let mut computed = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let text = |field: &str| {
            let value = vector[field].as_str();
            value.unwrap_or_else(|| panic!("{name} has no {field}"))
        };

        // The `-sess` variants hash nonce and cnonce into H(A1); they are neither offered nor
        // accepted, so nothing here computes them.
        let Some(algorithm) = Algorithm::from_name(text("algorithm")) else {
            assert!(text("algorithm").ends_with("-sess"), "{name}");
            continue;
        };
        // RFC 2069 hashes neither nc nor cnonce; it is read, and refused for want of a qop.
        let Some(qop) = vector["qop"].as_str() else {
            let header = text("authorization").strip_prefix("Digest ").unwrap();
            assert_eq!(
                DigestResponse::parse(header.as_bytes()).unwrap().qop(),
                None
            );
            continue;
        };

        let (username, realm) = (text("username"), text("realm"));
        let input = ResponseInput {
            method: text("method"),
            uri: text("uri"),
            nonce: text("nonce"),
            nc: text("nc"),
            cnonce: text("cnonce"),
            body: (qop == "auth-int").then(|| text("body").as_bytes()),
        };
        let ha1 = Ha1::from_password(algorithm, username, realm, text("password"));
        // The one that is `invalid` is SHA-512 cut short, as RFC 7616 misprints (erratum 4897).
        let valid = text("expected") == "valid";
        assert_eq!(response(&ha1, &input) == text("response"), valid, "{name}");
        let hash = UserHash::of(algorithm, username, realm);
        if let Some(expected) = vector["userhash"].as_str() {
            assert_eq!(hash.to_hex() == expected, valid, "{name}");
        }
        computed += 1;

        let Some(header) = vector["authorization"].as_str() else {
            continue;
        };
        let header = header.strip_prefix("Digest ").unwrap();
        let sent = DigestResponse::parse(header.as_bytes()).unwrap();
        let userhash = vector["userhash"].as_str();
        assert_eq!(sent.username(), userhash.unwrap_or(username), "{name}");
        assert_eq!(sent.is_userhash(), userhash.is_some(), "{name}");
        assert_eq!(sent.realm(), realm, "{name}");
        assert_eq!(sent.nonce(), input.nonce, "{name}");
        assert_eq!(sent.uri(), input.uri, "{name}");
        assert_eq!(sent.nc(), Some(input.nc), "{name}");
        assert_eq!(sent.cnonce(), Some(input.cnonce), "{name}");
        assert_eq!(sent.qop(), Some(qop), "{name}");
        assert_eq!(sent.response(), text("response"), "{name}");
    }
    assert_eq!(computed, 8);
}
