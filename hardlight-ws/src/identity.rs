//! Who a server or a client is: its certificate chain and private key.

use std::{
    fmt, fs,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::{CertifiedKey, SingleCertAndKey},
};

use crate::{Certificate, ClientAuth, IdentityError, tls};

/// How long a development certificate is valid, from one day before it is made (clocks differ).
const DEVELOPMENT_VALIDITY: Duration = Duration::from_secs(90 * 24 * 60 * 60);
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate chain and the private key that goes with it: a server's, or a client's that is asked for one.
///
/// Cheap to clone. `Debug` shows the length of the chain, never the key.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// A new self-signed identity, **for development and tests only**: a fresh key, valid for these names and IP
    /// addresses, for about 90 days from now.
    ///
    /// The other side must be told to trust it: [`Trust::certificate`](crate::Trust::certificate) with
    /// [`certificate`](Self::certificate), or its [`certificate_pem`](Self::certificate_pem) through a file. It lives
    /// in memory alone, so a server that makes one at each start has another certificate at each start.
    ///
    /// # Errors
    ///
    /// [`IdentityError::NoNames`] without a name, [`IdentityError::Generate`] for a name that is not ASCII.
    pub fn development(
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, IdentityError> {
        generate(names, |params, key| params.self_signed(key))
    }

    /// An identity from two PEM files: the certificate chain (the server's own certificate first) and the private key
    /// (PKCS #8, PKCS #1 or SEC1, unencrypted). Both may be the same file. Reads the files now, and not again.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Read`] with the path if a file cannot be read, else as [`from_pem`](Self::from_pem).
    pub fn from_pem_files(
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, IdentityError> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let chain = parse_chain(&read(certificate)?).map_err(|error| error.in_file(certificate))?;
        let private_key = parse_key(&read(key)?).map_err(|error| error.in_file(key))?;
        Self::new(chain, private_key)
    }

    /// An identity from PEM texts: the certificate chain (the server's own certificate first) and the private key
    /// (PKCS #8, PKCS #1 or SEC1, unencrypted).
    ///
    /// # Errors
    ///
    /// [`IdentityError::NoCertificate`] or [`IdentityError::NoKey`] if a text does not hold what it should,
    /// [`IdentityError::KeyMismatch`] if the key belongs to another certificate, and
    /// [`IdentityError::Unusable`] if rustls cannot use them.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        Self::new(parse_chain(certificate)?, parse_key(key)?)
    }

    /// The server's own certificate, for a client that is to trust exactly this server.
    ///
    /// That works for a self-signed one. If a CA signed it, clients trust the CA's certificate instead.
    pub fn certificate(&self) -> Certificate {
        Certificate::trusted(self.0.cert[0].clone())
    }

    /// [`certificate`](Self::certificate) as PEM text.
    pub fn certificate_pem(&self) -> String {
        self.certificate().pem()
    }

    /// The TLS settings of a server with this identity: TLS 1.2 and 1.3, ALPN `http/1.1`, client certificates as
    /// `client_auth` has it. Where clients may show one no TLS session is resumed.
    pub fn server_config(&self, client_auth: &ClientAuth) -> Arc<ServerConfig> {
        server_config(self.resolver(), client_auth)
    }

    pub(crate) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(Arc::clone(&self.0)))
    }

    /// `chain` is not empty: every caller has seen to it.
    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, IdentityError> {
        let key =
            CertifiedKey::from_der(chain, key, &tls::provider()).map_err(|error| match error {
                rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch) => {
                    IdentityError::KeyMismatch
                }
                error => IdentityError::Unusable(error.into()),
            })?;
        Ok(Self(Arc::new(key)))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.0.cert.len()).finish_non_exhaustive()
    }
}

/// The identity that a server shows, which may be replaced while it runs. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct CurrentIdentity(Arc<RwLock<Identity>>);

impl CurrentIdentity {
    pub(crate) fn new(identity: Identity) -> Self {
        Self(Arc::new(RwLock::new(identity)))
    }

    pub(crate) fn replace(&self, identity: Identity) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = identity;
    }

    /// As [`Identity::server_config`], with what is current at each handshake.
    pub(crate) fn server_config(&self, client_auth: &ClientAuth) -> Arc<ServerConfig> {
        server_config(Arc::new(self.clone()), client_auth)
    }
}

impl ResolvesServerCert for CurrentIdentity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let identity = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&identity.0))
    }
}

fn server_config(
    resolver: Arc<dyn ResolvesServerCert>,
    client_auth: &ClientAuth,
) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .expect(tls::PROVIDER_SUPPORTS_DEFAULTS)
        .with_client_cert_verifier(client_auth.verifier())
        .with_cert_resolver(resolver);
    config.alpn_protocols = tls::alpn();
    if !matches!(client_auth, ClientAuth::None) {
        // A session that is resumed shows the certificate of then, and rustls does not look whether it is still good.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Arc::new(config)
}

/// A development identity for `names`, signed as `sign` does.
pub(crate) fn generate(
    names: impl IntoIterator<Item = impl Into<String>>,
    sign: impl FnOnce(CertificateParams, &KeyPair) -> Result<rcgen::Certificate, rcgen::Error>,
) -> Result<Identity, IdentityError> {
    let names: Vec<String> = names.into_iter().map(Into::into).collect();
    if names.is_empty() {
        return Err(IdentityError::NoNames);
    }
    let generated = KeyPair::generate().and_then(|key| {
        let certificate = sign(development_params(names)?, &key)?;
        Ok((certificate, key))
    });
    let (certificate, key) = generated.map_err(|error| IdentityError::Generate(error.into()))?;
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .expect("rcgen writes keys as PKCS #8, which rustls reads");
    Identity::new(vec![certificate.der().clone()], key)
}

fn development_params(names: Vec<String>) -> Result<CertificateParams, rcgen::Error> {
    let subject = names[0].clone();
    let mut params = CertificateParams::new(names)?;
    set_validity(&mut params);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.distinguished_name.push(DnType::OrganizationName, "HardLight development");
    // Not a CA: rustls refuses a CA's certificate as a server's own.
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

pub(crate) fn set_validity(params: &mut CertificateParams) {
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_DIFFERENCE).into();
    params.not_after = (now + DEVELOPMENT_VALIDITY).into();
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    fs::read(path).map_err(|source| IdentityError::Read { path: path.to_owned(), source })
}

fn parse_chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| IdentityError::MalformedPem(error.into()))?;
    if chain.is_empty() { Err(IdentityError::NoCertificate) } else { Ok(chain) }
}

fn parse_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, IdentityError> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => IdentityError::NoKey,
        error => IdentityError::MalformedPem(error.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate and its key as PEM, made as `openssl req -x509` makes them if `ca`.
    fn pair(name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = development_params(vec![name.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_pem_pair_makes_an_identity_and_its_certificate_comes_back() {
        let (certificate, key) = pair("localhost");
        let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let again = Certificate::from_pem(identity.certificate_pem().as_bytes()).unwrap();
        assert_eq!(again, identity.certificate());
        assert_eq!(again, Certificate::from_pem(certificate.as_bytes()).unwrap());
    }

    #[test]
    fn debug_does_not_show_the_key() {
        let identity = Identity::development(["localhost", "127.0.0.1"]).unwrap();
        assert_eq!(format!("{identity:?}"), "Identity { certificates: 1, .. }");
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_named() {
        let (certificate, key) = pair("localhost");
        let (certificate, key) = (certificate.as_bytes(), key.as_bytes());
        let (other, _) = pair("localhost");
        let error =
            |certificate: &[u8], key: &[u8]| Identity::from_pem(certificate, key).unwrap_err();
        assert!(matches!(error(key, key), IdentityError::NoCertificate));
        assert!(matches!(error(certificate, certificate), IdentityError::NoKey));
        assert!(matches!(error(other.as_bytes(), key), IdentityError::KeyMismatch));
        assert!(matches!(error(b"", b""), IdentityError::NoCertificate));
        let cut = &certificate[..certificate.len() / 2];
        assert!(matches!(error(cut, key), IdentityError::MalformedPem(_)));
        let junk = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(error(junk, key), IdentityError::Unusable(_)));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Identity::from_pem_files("no/such/cert.pem", "no/such/key.pem").unwrap_err();
        assert!(error.to_string().contains("no/such/cert.pem"), "{error}");
    }

    #[test]
    fn a_development_identity_needs_names() {
        let none: [&str; 0] = [];
        assert!(matches!(Identity::development(none), Err(IdentityError::NoNames)));
        assert!(matches!(Identity::development(["é"]), Err(IdentityError::Generate(_))));
    }
}
