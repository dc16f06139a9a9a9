//! A certificate authority of one's own, for development and tests.

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::{Certificate, Identity, IdentityError, Trust, identity};

/// A certificate authority **for development and tests only**: its key lives in this process's memory, and it vouches for
/// whatever it is asked to.
///
/// It makes the identities of clients, and of servers, that show certificates to each other (mutual TLS): see
/// [`ClientAuth`](crate::ClientAuth).
pub struct DevelopmentAuthority(CertifiedIssuer<'static, KeyPair>);

impl DevelopmentAuthority {
    /// A new authority with a fresh key, for about 90 days from now.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Generate`], if no key can be made.
    pub fn new() -> Result<Self, IdentityError> {
        let generate = |error: rcgen::Error| IdentityError::Generate(error.into());
        let mut params = CertificateParams::default();
        identity::set_validity(&mut params);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "HardLight development authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().map_err(generate)?;
        Ok(Self(CertifiedIssuer::self_signed(params, key).map_err(generate)?))
    }

    /// An identity for these names, of a server or a client, for about 90 days from now. The first name is also the subject's
    /// common name.
    ///
    /// # Errors
    ///
    /// As for [`Identity::development`].
    pub fn issue(
        &self,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Identity, IdentityError> {
        identity::generate(names, |params, key| params.signed_by(key, &self.0))
    }

    /// The authority's certificate.
    pub fn certificate(&self) -> Certificate {
        Certificate::trusted(self.0.der().clone())
    }

    /// Trusts whatever this authority issues.
    pub fn trust(&self) -> Trust {
        Trust::certificate(self.certificate())
    }
}

impl fmt::Debug for DevelopmentAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevelopmentAuthority").finish_non_exhaustive()
    }
}
