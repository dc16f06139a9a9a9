//! What TLS tells of a client, and clients that show certificates (mutual TLS).

use hardlight::{
    ClientAuth, ClientOptions, ConnectError, DevelopmentAuthority, Identity, ServerOptions,
    TlsVersion, connect_with,
};

use crate::house::{House, who};

async fn house(client_auth: ClientAuth) -> House {
    House::secure(ServerOptions::new().client_auth(client_auth)).await
}

async fn connect(house: &House, options: ClientOptions) -> Result<who::Client, ConnectError> {
    connect_with(&house.url, options).await
}

#[track_caller]
fn assert_tls(error: &ConnectError) {
    assert!(matches!(error, ConnectError::Tls { name, .. } if name == "localhost"), "{error}");
}

#[tokio::test]
async fn the_factory_sees_what_tls_has_shown() {
    let house = house(ClientAuth::None).await;
    // It is not asked for, and so not shown.
    let identity = Identity::development(["somebody"]).unwrap();
    connect(&house, house.trusted().identity(identity)).await.unwrap();
    let request = house.last();
    let tls = request.tls().unwrap();
    assert_eq!(tls.version(), TlsVersion::Tls13);
    assert_eq!(tls.server_name(), Some("localhost"));
    assert_eq!(tls.alpn(), Some(&b"http/1.1"[..]));
    assert_eq!(tls.client_certificate(), None);
}

#[tokio::test]
async fn a_client_without_the_certificate_that_is_required_does_not_reach_the_factory() {
    let authority = DevelopmentAuthority::new().unwrap();
    let house = house(ClientAuth::Required(authority.trust())).await;
    let error = connect(&house, house.trusted()).await.unwrap_err();
    assert_tls(&error);
    assert!(error.to_string().contains("ClientOptions::identity"), "{error}");
    assert!(!error.is_retryable());
    assert_eq!(house.made(), 0);
}

#[tokio::test]
async fn a_certificate_of_another_authority_does_not_reach_the_factory() {
    let authority = DevelopmentAuthority::new().unwrap();
    let stranger = DevelopmentAuthority::new().unwrap();
    for client_auth in
        [ClientAuth::Required(authority.trust()), ClientAuth::Optional(authority.trust())]
    {
        let house = house(client_auth).await;
        for identity in [stranger.issue(["alice"]), Identity::development(["alice"])] {
            let options = house.trusted().identity(identity.unwrap());
            assert_tls(&connect(&house, options).await.unwrap_err());
        }
        assert_eq!(house.made(), 0);
    }
}

#[tokio::test]
async fn a_certificate_reaches_the_factory_in_der() {
    let authority = DevelopmentAuthority::new().unwrap();
    let alice = authority.issue(["alice"]).unwrap();
    for client_auth in
        [ClientAuth::Required(authority.trust()), ClientAuth::Optional(authority.trust())]
    {
        let house = house(client_auth).await;
        connect(&house, house.trusted().identity(alice.clone())).await.unwrap();
        let request = house.last();
        let tls = request.tls().unwrap();
        assert_eq!(tls.client_certificate(), Some(alice.certificate().der()));
        assert_eq!(tls.client_certificates().count(), 1);
    }
}

#[tokio::test]
async fn one_self_signed_certificate_may_be_trusted() {
    let alice = Identity::development(["alice"]).unwrap();
    let house = house(ClientAuth::Required(alice.certificate().into())).await;
    connect(&house, house.trusted().identity(alice)).await.unwrap();
    assert!(house.last().tls().unwrap().client_certificate().is_some());
}

#[tokio::test]
async fn without_the_certificate_that_is_optional_a_client_is_let_in_as_nobody() {
    let authority = DevelopmentAuthority::new().unwrap();
    let house = house(ClientAuth::Optional(authority.trust())).await;
    connect(&house, house.trusted()).await.unwrap();
    assert_eq!(house.last().tls().unwrap().client_certificate(), None);
}
