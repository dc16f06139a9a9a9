//! Identities and trust, put to the test by rustls itself, in memory.

use std::{io, sync::Arc};

use hardlight_ws::{ClientAuth, ConnectError, Identity, TlsInfo, TlsVersion, Trust};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    version,
};

/// Both sides of a TLS handshake; the error is the client's, as an adapter reports it.
fn handshake(identity: &Identity, trust: &Trust, name: &str) -> Result<(), ConnectError> {
    let (client, _) = connect(identity, trust.client_config(None), name)?;
    assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]));
    Ok(())
}

fn connect(
    identity: &Identity,
    config: Arc<ClientConfig>,
    name: &str,
) -> Result<(ClientConnection, ServerConnection), ConnectError> {
    connect_to(identity.server_config(&ClientAuth::None), config, name)
}

fn connect_to(
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    name: &str,
) -> Result<(ClientConnection, ServerConnection), ConnectError> {
    let server_name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(client, server_name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        read_all(&wire, |wire| server.read_tls(wire));
        server.process_new_packets().unwrap();
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        read_all(&wire, |wire| client.read_tls(wire));
        client.process_new_packets().map_err(|error| ConnectError::Tls {
            name: name.to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidData, error),
        })?;
    }
    Ok((client, server))
}

fn read_all(mut wire: &[u8], mut read: impl FnMut(&mut &[u8]) -> io::Result<usize>) {
    while !wire.is_empty() {
        read(&mut wire).unwrap();
    }
}

fn ca(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

#[test]
fn a_development_identity_is_trusted_by_its_own_certificate() {
    let identity = Identity::development(["localhost", "127.0.0.1", "::1"]).unwrap();
    let by_value = Trust::certificate(identity.certificate());
    let by_pem = Trust::pem(identity.certificate_pem().as_bytes()).unwrap();
    for trust in [by_value, by_pem] {
        for name in ["localhost", "127.0.0.1", "::1"] {
            handshake(&identity, &trust, name).unwrap();
        }
    }
}

#[test]
fn another_name_is_refused() {
    let identity = Identity::development(["localhost"]).unwrap();
    let trust = Trust::certificate(identity.certificate());
    for name in ["example.com", "127.0.0.1"] {
        let error = handshake(&identity, &trust, name).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("localhost"), "{error}");
    }
}

#[test]
fn another_certificate_for_the_same_name_is_refused() {
    let identity = Identity::development(["localhost"]).unwrap();
    let other = Identity::development(["localhost"]).unwrap();
    let trust = Trust::certificate(other.certificate());
    assert!(matches!(handshake(&identity, &trust, "localhost"), Err(ConnectError::Tls { .. })));
}

#[test]
fn an_untrusted_issuer_is_refused_with_a_hint() {
    let stranger = Trust::pem(ca("a stranger").pem().as_bytes()).unwrap();
    let identity = Identity::development(["localhost"]).unwrap();
    let error = handshake(&identity, &stranger, "localhost").unwrap_err().to_string();
    assert!(error.contains("neither trusted itself nor signed"), "{error}");
}

#[test]
fn a_certificate_that_a_trusted_ca_signed_is_trusted() {
    let ca = ca("a test CA");
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    let chain = certificate.pem() + &ca.pem();
    let identity = Identity::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let trust = Trust::pem(ca.pem().as_bytes()).unwrap();
    handshake(&identity, &trust, "localhost").unwrap();
}

#[test]
fn a_ca_certificate_as_the_servers_own_is_refused_with_a_hint() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap().pem();
    let identity =
        Identity::from_pem(certificate.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let trust = Trust::pem(certificate.as_bytes()).unwrap();
    let error = handshake(&identity, &trust, "localhost").unwrap_err().to_string();
    assert!(error.contains("CA:FALSE"), "{error}");
}

#[test]
fn what_tls_has_shown_is_told_as_it_is() {
    let identity = Identity::development(["localhost", "127.0.0.1"]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(identity.certificate().der().to_vec())).unwrap();
    let config = |version| {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_protocol_versions(&[version]).unwrap();
        Arc::new(config.with_root_certificates(roots.clone()).with_no_client_auth())
    };
    for (version, name, expected) in [
        (&version::TLS12, "LocalHost", (TlsVersion::Tls12, Some("localhost"))),
        (&version::TLS13, "127.0.0.1", (TlsVersion::Tls13, None)),
    ] {
        let (_, server) = connect(&identity, config(version), name).unwrap();
        let info = TlsInfo::new(&server);
        assert_eq!((info.version(), info.server_name()), expected);
        assert_eq!((info.alpn(), info.client_certificate()), (None, None));
    }
}

/// What a session that goes on from an earlier one shows of a client was checked then, and not now.
#[test]
fn a_client_with_a_certificate_shows_it_each_time() {
    let identity = Identity::development(["localhost"]).unwrap();
    let ca = ca("a test CA");
    let key = KeyPair::generate().unwrap();
    let alice = CertificateParams::new(["alice".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(identity.certificate().der().to_vec())).unwrap();
    let config = |version| {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_protocol_versions(&[version]).unwrap();
        let config = config.with_root_certificates(roots.clone());
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Arc::new(config.with_client_auth_cert(vec![alice.der().clone()], key).unwrap())
    };
    let trust = Trust::pem(ca.pem().as_bytes()).unwrap();
    for version in [&version::TLS12, &version::TLS13] {
        for (client_auth, expected) in [
            (ClientAuth::None, HandshakeKind::Resumed),
            (ClientAuth::Optional(trust.clone()), HandshakeKind::Full),
            (ClientAuth::Required(trust.clone()), HandshakeKind::Full),
        ] {
            let (server, client) = (identity.server_config(&client_auth), config(version));
            for kind in [HandshakeKind::Full, expected] {
                let (_, server) = connect_to(server.clone(), client.clone(), "localhost").unwrap();
                assert_eq!(server.handshake_kind(), Some(kind), "{version:?} {client_auth:?}");
            }
        }
    }
}
