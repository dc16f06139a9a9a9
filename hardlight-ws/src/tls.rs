//! What both sides' TLS settings have in common.

use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, ring};

pub(crate) const PROVIDER_SUPPORTS_DEFAULTS: &str = "ring supports rustls' default TLS versions";

/// Always ring, named here rather than taken from the process: what the application or another library installs as
/// rustls' default does not change this.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(ring::default_provider())))
}

/// WebSocket's upgrade is HTTP/1.1: without this, a proxy might choose HTTP/2.
pub(crate) fn alpn() -> Vec<Vec<u8>> {
    vec![b"http/1.1".to_vec()]
}
