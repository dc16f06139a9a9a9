//! What an application sees of this crate, on every native runtime: adapters and the facade re-export it.

pub use cookie;
pub use http;

pub use crate::{
    BindError, Certificate, ClientAuth, ClientOptions, ConnectError, ConnectPhase,
    DevelopmentAuthority, HeaderError, Identity, IdentityError, Listening, OriginError,
    OriginPolicy, Peer, Proxy, ProxyError, ProxyUrlError, Refresh, Refusal, RefuseInBand, Request,
    Response, ResponseHeaders, ServerHandle, ServerOptions, TlsInfo, TlsVersion, Trust, TrustError,
    TrustedProxies, TrustedProxiesError, Unbound,
};
