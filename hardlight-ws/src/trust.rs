//! Whom a client trusts, and a server that asks clients for certificates.

use std::{
    fmt, fs,
    path::Path,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{Certificate, Identity, TrustError, tls};

/// The certificates that a client trusts, or a server that asks its clients for theirs ([`ClientAuth`](crate::ClientAuth)).
///
/// A server must show a certificate that is valid today, made for the name in the URL, and either one of these or
/// signed, over any intermediates, by one of these. There is no way to accept just anything.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Trust(Arc<RootCertStore>);

impl Trust {
    /// The certificates that this machine trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` override them). They are read
    /// once and kept for the life of the process.
    ///
    /// # Errors
    ///
    /// [`TrustError::NoSystemCertificates`] if none could be read. If some could not, that is logged.
    pub fn system() -> Result<Self, TrustError> {
        static SYSTEM: OnceLock<Trust> = OnceLock::new();
        if let Some(trust) = SYSTEM.get() {
            return Ok(trust.clone());
        }
        let trust = load_system()?;
        Ok(SYSTEM.get_or_init(|| trust).clone())
    }

    /// Exactly this certificate and no other: a server's own self-signed one, or that of a CA.
    pub fn certificate(certificate: Certificate) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(certificate.into_der())
            .expect("a Certificate was parsed in the same way when it was made");
        Self(Arc::new(roots))
    }

    /// Exactly the certificates in this PEM file.
    ///
    /// # Errors
    ///
    /// [`TrustError::Read`] with the path if it cannot be read, else as [`pem`](Self::pem).
    pub fn pem_file(path: impl AsRef<Path>) -> Result<Self, TrustError> {
        let path = path.as_ref();
        let text =
            fs::read(path).map_err(|source| TrustError::Read { path: path.to_owned(), source })?;
        Self::pem(&text).map_err(|error| error.in_file(path))
    }

    /// Exactly the certificates in this PEM text.
    ///
    /// # Errors
    ///
    /// [`TrustError::NoCertificate`] if it holds none, [`TrustError::MalformedPem`] or [`TrustError::Malformed`] if
    /// one of them cannot be read.
    pub fn pem(text: &[u8]) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text) {
            roots
                .add(certificate.map_err(TrustError::pem)?)
                .map_err(|error| TrustError::Malformed(error.into()))?;
        }
        if roots.is_empty() { Err(TrustError::NoCertificate) } else { Ok(Self(Arc::new(roots))) }
    }

    /// The TLS settings of a client that trusts these, and shows `identity` to a server that asks: TLS 1.2 and 1.3, ALPN
    /// `http/1.1`.
    pub fn client_config(&self, identity: Option<&Identity>) -> Arc<ClientConfig> {
        let config = ClientConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()
            .expect(tls::PROVIDER_SUPPORTS_DEFAULTS)
            .with_root_certificates(self.roots());
        let mut config = match identity {
            Some(identity) => config.with_client_cert_resolver(identity.resolver()),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = tls::alpn();
        Arc::new(config)
    }

    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.0)
    }
}

impl From<Certificate> for Trust {
    fn from(certificate: Certificate) -> Self {
        Self::certificate(certificate)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("certificates", &self.0.len()).finish()
    }
}

fn load_system() -> Result<Trust, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    let unreadable = found.errors.len() + ignored;
    if added == 0 {
        let first = found.errors.first().map(ToString::to_string);
        return Err(TrustError::NoSystemCertificates { unreadable, first });
    }
    if unreadable > 0 {
        tracing::warn!(added, unreadable, "some of this machine's certificates are unreadable");
    }
    Ok(Trust(Arc::new(roots)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_may_be_several_certificates() {
        let text = Identity::development(["a"]).unwrap().certificate_pem()
            + &Identity::development(["b"]).unwrap().certificate_pem();
        let trust = Trust::pem(text.as_bytes()).unwrap();
        assert_eq!(format!("{trust:?}"), "Trust { certificates: 2 }");
    }

    #[test]
    fn a_text_without_certificates_is_refused() {
        assert!(matches!(Trust::pem(b"hello"), Err(TrustError::NoCertificate)));
        assert!(matches!(
            Trust::pem(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            Err(TrustError::Malformed(_))
        ));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Trust::pem_file("no/such/ca.pem").unwrap_err();
        assert!(error.to_string().contains("no/such/ca.pem"), "{error}");
    }
}
