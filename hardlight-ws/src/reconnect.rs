//! Connecting again: what a client that comes back does once its connection is lost.

use std::{marker::PhantomData, pin::Pin};

use hardlight_driver::{
    ConnectFailure, Connected, Connector, Endpoint, Late, TimeLimit,
    proto::{CloseCode, CloseReason, ConnectionError, Initiator, ServiceSchema},
};

use http::StatusCode;

use crate::{
    Adapter, ClientOptions, ConnectError, ProxyError, Response, Scheme, WebSocketTransport,
    client::dial,
};

/// Connects to the same URL again and again.
pub(crate) struct Redial<R> {
    pub(crate) url: String,
    pub(crate) scheme: Scheme,
    pub(crate) options: ClientOptions,
    pub(crate) schema: &'static ServiceSchema,
    pub(crate) runtime: PhantomData<R>,
}

type Opened<R> = Connected<WebSocketTransport<<R as Adapter>::Socket>, <R as Adapter>::Timer>;

impl<R: Adapter> Connector for Redial<R> {
    type Transport = WebSocketTransport<R::Socket>;
    type Timer = R::Timer;
    type Connecting = Pin<Box<dyn Future<Output = Result<Opened<R>, ConnectFailure>> + Send>>;

    fn timer(&self) -> R::Timer {
        R::timer()
    }

    fn connect(&mut self, error: &ConnectionError) -> Self::Connecting {
        let (url, scheme, schema) = (self.url.clone(), self.scheme, self.schema);
        let (options, error) = (self.options.clone(), error.clone());
        Box::pin(async move {
            let options = refreshed::<R>(options, error).await?;
            let dialed = dial::<R>(&url, scheme, &options).await.map_err(failure)?;
            Ok(opened::<R>(dialed.socket, dialed.response, dialed.endpoint, &options, schema))
        })
    }
}

/// What a client's side of a connection is made with.
pub(crate) fn opened<R: Adapter>(
    socket: R::Socket,
    response: Response,
    endpoint: Endpoint,
    options: &ClientOptions,
    schema: &'static ServiceSchema,
) -> Opened<R> {
    let transport = WebSocketTransport::new(socket);
    let retry_after = response.retry_after();
    Connected::new(transport, R::timer(), options.config(schema))
        .with_response(response)
        .with_call_timeout(options.call_timeout)
        .with_telemetry(options.telemetry.clone())
        .with_endpoint(endpoint)
        .with_retry_after(retry_after)
}

/// The options of the next attempt.
async fn refreshed<R: Adapter>(
    options: ClientOptions,
    error: ConnectionError,
) -> Result<ClientOptions, ConnectFailure> {
    let Some(refresh) = options.refresh.clone() else { return Ok(options) };
    let mut deadline = TimeLimit::new(R::timer(), options.connect_timeout);
    let why = match deadline.within(refresh.of(options, error)).await {
        Ok(Ok(options)) => return Ok(options),
        Ok(Err(why)) => why,
        Err(Late) => format!("timed out after {:?}", deadline.limit()),
    };
    let error = ConnectionError::Lost(format!("no options to connect again with: {why}").into());
    Err(ConnectFailure { error, is_retryable: true, retry_after: None })
}

/// What the failure of an attempt is to a client that was connected before.
fn failure(error: ConnectError) -> ConnectFailure {
    let is_another = may_be_another(&error);
    let is_retryable = is_another || error.is_retryable();
    let retry_after = error.retry_after().filter(|_| !is_another);
    let error = match error {
        ConnectError::Connection(error) => error,
        ConnectError::Refused { status, reason, close_code, .. } if !is_retryable => {
            let code = close_code.or_else(|| CloseCode::refusal(status.as_u16()));
            let reason = CloseReason::new(code.unwrap_or(CloseCode::INCOMPATIBLE), reason);
            ConnectionError::Closed { initiator: Initiator::Remote, reason }
        }
        error if is_retryable => ConnectionError::Lost(error.to_string().into()),
        error => ConnectionError::Internal(error.to_string().into()),
    };
    ConnectFailure { error, is_retryable, retry_after }
}

/// Whether the server, which was there before, may not be the one that has answered: a network that wants a login first answers
/// in every server's place.
fn may_be_another(error: &ConnectError) -> bool {
    match error {
        ConnectError::Tls { .. } | ConnectError::WebSocket(_) | ConnectError::Subprotocol(_) => {
            true
        }
        // A proxy in between answers with some 5xx of its own: 511, or 520 to 530.
        ConnectError::Refused { status, .. } => {
            let of_a_server = matches!(status.as_u16(), 502..=504);
            !status.is_client_error() && !of_a_server
        }
        ConnectError::Proxy { source, .. } => match source {
            ProxyError::Refused { status, .. } => !matches!(
                *status,
                StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED
            ),
            _ => true,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: StatusCode) -> ConnectError {
        let response = Response::new(http::HeaderMap::new());
        ConnectError::Refused { status, reason: "why".into(), close_code: None, response }
    }

    #[test]
    fn a_refusal_ends_a_client_with_the_close_code_that_stands_for_it() {
        let failure = failure(refused(StatusCode::UNAUTHORIZED));
        assert!(!failure.is_retryable);
        let reason = CloseReason::new(CloseCode(4401), "why");
        let closed = ConnectionError::Closed { initiator: Initiator::Remote, reason };
        assert_eq!(failure.error, closed);
        assert!(!failure.error.is_retryable());
    }

    #[test]
    fn what_a_network_answers_in_the_servers_place_is_no_refusal() {
        for status in [StatusCode::OK, StatusCode::FOUND, StatusCode::BAD_GATEWAY] {
            let failure = failure(refused(status));
            assert!(failure.is_retryable && failure.error.is_retryable(), "{status}");
        }
        let source = std::io::Error::other(rustls::Error::DecryptError);
        assert!(failure(ConnectError::Tls { name: "name".into(), source }).is_retryable);
        assert!(failure(ConnectError::Subprotocol("none".into())).is_retryable);
    }
}
