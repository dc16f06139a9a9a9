//! One X.509 certificate.

use std::fmt;

use pem::{EncodeConfig, LineEnding, Pem};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::TrustError;

/// An X.509 certificate that a client may trust: a server's own self-signed one, or that of a CA.
///
/// Holds nothing secret. It is known to be well-formed; whether it is valid today and for which names is seen when a
/// server shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate(CertificateDer<'static>);

impl Certificate {
    /// The first certificate in a PEM text.
    ///
    /// # Errors
    ///
    /// [`TrustError::NoCertificate`] if the text holds none, [`TrustError::Malformed`] if it is not an X.509
    /// certificate.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        let der = CertificateDer::from_pem_slice(pem).map_err(TrustError::pem)?;
        Self::from_der(der.to_vec())
    }

    /// A certificate in DER.
    ///
    /// # Errors
    ///
    /// [`TrustError::Malformed`] if it is not an X.509 certificate.
    pub fn from_der(der: Vec<u8>) -> Result<Self, TrustError> {
        let der = CertificateDer::from(der);
        RootCertStore::empty()
            .add(der.clone())
            .map_err(|error| TrustError::Malformed(error.into()))?;
        Ok(Self(der))
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// The certificate as PEM text.
    pub fn pem(&self) -> String {
        let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
        pem::encode_config(&Pem::new("CERTIFICATE", self.der()), config)
    }

    /// One that rustls has parsed already.
    pub(crate) const fn trusted(der: CertificateDer<'static>) -> Self {
        Self(der)
    }

    pub(crate) fn into_der(self) -> CertificateDer<'static> {
        self.0
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} bytes)", self.der().len())
    }
}
