//! How proxies write a certificate into a header.

use auth_layer::ConfigError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode;

use super::ClientCertificate;

/// The longest value that is read.
const MAX_LEN: usize = 16 * 1024;

/// The header in which a proxy passes the client's certificate on, and its form.
#[derive(Clone, Debug)]
pub struct CertificateHeader {
    pub(super) name: HeaderName,
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    ByteSequence,
    EscapedPem,
}

impl CertificateHeader {
    /// `Client-Cert` as RFC 9440 has it: DER in base64 between colons.
    #[must_use]
    pub fn client_cert() -> Self {
        Self {
            name: HeaderName::from_static("client-cert"),
            form: Form::ByteSequence,
        }
    }

    /// One certificate in PEM, percent-encoded, as nginx writes `$ssl_client_escaped_cert`.
    ///
    /// # Errors
    ///
    /// Refuses what is not the name of a header.
    pub fn escaped_pem(name: &str) -> Result<Self, ConfigError> {
        let wrong = |_| ConfigError::new("CertificateHeader", "is not the name of a header");
        Ok(Self {
            name: HeaderName::from_bytes(name.as_bytes()).map_err(wrong)?,
            form: Form::EscapedPem,
        })
    }

    /// The one certificate in the headers; `None` also if there are several, or it cannot be read.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<ClientCertificate> {
        let mut values = headers.get_all(&self.name).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let value = value.as_bytes();
        if value.len() > MAX_LEN {
            return None;
        }
        let der = match self.form {
            Form::ByteSequence => {
                let inside = value.trim_ascii().strip_prefix(b":")?.strip_suffix(b":")?;
                STANDARD.decode(inside).ok()?
            }
            Form::EscapedPem => {
                let pem = percent_decode(value).decode_utf8().ok()?;
                let text = pem.trim();
                let text = text.strip_prefix("-----BEGIN CERTIFICATE-----")?;
                let text = text.strip_suffix("-----END CERTIFICATE-----")?;
                // A second certificate would bring dashes, which are no base64.
                let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
                STANDARD.decode(text).ok()?
            }
        };
        is_one_sequence(&der).then(|| ClientCertificate::of_der(&der))
    }

    /// Whether a header has this name for a server that folds underscores.
    pub(super) fn is_like(&self, name: &HeaderName) -> bool {
        let fold = |byte: u8| if byte == b'_' { b'-' } else { byte };
        let (own, other) = (self.name.as_str().bytes(), name.as_str().bytes());
        own.map(fold).eq(other.map(fold))
    }
}

/// Whether this is one DER sequence and nothing behind it. A certificate is, and what is in it was
/// judged by whoever has verified it.
fn is_one_sequence(der: &[u8]) -> bool {
    let (Some(0x30), Some(first)) = (der.first(), der.get(1)) else {
        return false;
    };
    let (len, head) = match first {
        0..=0x7f => (usize::from(*first), 2),
        0x81..=0x83 => {
            let octets = usize::from(first & 0x7f);
            let Some(len) = der.get(2..2 + octets) else {
                return false;
            };
            let len = len
                .iter()
                .fold(0, |len, byte| len << 8 | usize::from(*byte));
            (len, 2 + octets)
        }
        _ => return false,
    };
    der.len() == head + len
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(header: &CertificateHeader, values: &[&str]) -> Option<ClientCertificate> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&header.name, HeaderValue::from_str(value).unwrap());
        }
        header.read(&headers)
    }

    #[test]
    fn mtl_01_one_certificate_is_read_and_nothing_else() {
        let der = [&[0x30, 0x81, 200][..], &[7; 200]].concat();
        let base64 = STANDARD.encode(&der);
        let certificate = Some(ClientCertificate::of_der(&der));
        let standard = CertificateHeader::client_cert();
        let good = format!(":{base64}:");
        let cut = STANDARD.encode(&der[..100]);
        let longer = STANDARD.encode([&der[..], &[0]].concat());
        for (values, expected) in [
            (&[&*good][..], certificate),
            (&[&good, &good], None),
            (&[&format!("{good}, {good}")], None),
            (&[&base64], None),
            (&[&format!(":{cut}:")], None),
            (&[&format!(":{longer}:")], None),
            (&["::"], None),
            (&[":"], None),
            (&[""], None),
            (&[&format!(":{}:", "A".repeat(MAX_LEN))], None),
            (&[], None),
        ] {
            assert_eq!(read(&standard, values), expected, "{values:?}");
        }

        let nginx = CertificateHeader::escaped_pem("X-SSL-Client-Cert").unwrap();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        let escape = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        for (text, expected) in [
            (escape(&pem), certificate),
            (escape(&pem.repeat(2)), None),
            (escape(&base64), None),
            (escape(&pem.replace("CERTIFICATE", "PRIVATE KEY")), None),
            ("%".to_owned(), None),
            ("%ff".to_owned(), None),
        ] {
            assert_eq!(read(&nginx, &[&text]), expected, "{text}");
        }
        assert!(CertificateHeader::escaped_pem("a b").is_err());
    }
}
