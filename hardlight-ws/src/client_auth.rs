//! Whether clients show certificates too (mutual TLS).

use std::sync::Arc;

use rustls::server::{WebPkiClientVerifier, danger::ClientCertVerifier};

use crate::{Trust, tls};

/// Whether clients show a certificate of their own, and whose are good (mutual TLS).
///
/// A certificate that is shown must be valid today, made for clients (extended key usage `clientAuth`, if it has one), and
/// one of those in the [`Trust`] or signed by one of them; otherwise TLS fails, also where none is needed. Lists of
/// revoked certificates are not read. It is checked for each connection: no TLS session is resumed, which costs a full TLS
/// handshake each time. The factory gets what was shown from
/// [`Request::tls`](crate::Request::tls), and says what it may do.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ClientAuth {
    /// They are not asked for one: the default.
    #[default]
    None,
    /// They may show one. A browser asks its user then, if he has any.
    Optional(Trust),
    /// They must show one: without it TLS fails, and nobody learns that there is a HardLight server.
    Required(Trust),
}

impl ClientAuth {
    pub(crate) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        let (trust, is_optional) = match self {
            Self::None => return WebPkiClientVerifier::no_client_auth(),
            Self::Optional(trust) => (trust, true),
            Self::Required(trust) => (trust, false),
        };
        let builder = WebPkiClientVerifier::builder_with_provider(trust.roots(), tls::provider());
        let builder = if is_optional { builder.allow_unauthenticated() } else { builder };
        builder.build().expect(
            "a Trust holds at least one certificate, and there are no lists of revoked ones",
        )
    }
}
