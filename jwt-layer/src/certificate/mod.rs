//! The certificate that a client has proved to TLS (RFC 8705), and who may say which it was.

mod header;
mod layer;

pub use self::header::CertificateHeader;
pub use self::layer::{ClientCertificateLayer, ClientCertificateService};
use crate::binding::CertificateThumbprint;

/// In the extensions of a request: the certificate of the client, whose key he has proved to have.
///
/// Where TLS ends in this program, the acceptor's connection knows it; put it into the extensions of
/// the connection's requests. Where TLS ends in a proxy, [`ClientCertificateLayer`] does. Nothing else
/// may.
///
/// ```
/// # let der = b"0";
/// let certificate = jwt_layer::ClientCertificate::of_der(der);
/// let mut req = http::Request::new(());
/// req.extensions_mut().insert(certificate);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    thumbprint: CertificateThumbprint,
}

impl ClientCertificate {
    /// The client's own certificate in DER, without those of its issuers.
    #[must_use]
    pub fn of_der(certificate: &[u8]) -> Self {
        Self {
            thumbprint: CertificateThumbprint::of_der(certificate),
        }
    }

    /// What tokens name it by.
    pub fn thumbprint(&self) -> &CertificateThumbprint {
        &self.thumbprint
    }
}
