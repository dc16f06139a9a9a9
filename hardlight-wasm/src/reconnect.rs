//! Connecting again: what a client that comes back does once its connection is lost.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use hardlight_driver::{
    ConnectFailure, Connected, Connector, Late, TimeLimit,
    proto::{CloseReason, ConnectionError, Initiator, ServiceSchema},
};

use crate::{
    BrowserTimer, BrowserTransport, ClientOptions, ConnectError, connect::dial, page::Attention,
};

/// Connects to the same URL again and again.
pub(crate) struct Redial {
    url: String,
    options: ClientOptions,
    schema: &'static ServiceSchema,
    attention: Attention,
}

impl Redial {
    pub(crate) fn new(url: String, options: ClientOptions, schema: &'static ServiceSchema) -> Self {
        Self { url, options, schema, attention: Attention::new() }
    }
}

pub(crate) type Opened = Connected<BrowserTransport, BrowserTimer>;

impl Connector for Redial {
    type Transport = BrowserTransport;
    type Timer = BrowserTimer;
    type Connecting = Pin<Box<dyn Future<Output = Result<Opened, ConnectFailure>>>>;

    fn timer(&self) -> BrowserTimer {
        BrowserTimer::new()
    }

    fn seed(&self) -> Option<u64> {
        // 52 bits of it are random, which is enough to tell clients apart.
        Some(js_sys::Math::random().to_bits())
    }

    fn poll_hurry(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.attention.poll(cx)
    }

    fn connect(&mut self, error: &ConnectionError) -> Self::Connecting {
        self.attention.stop();
        let (url, schema) = (self.url.clone(), self.schema);
        let (options, error) = (self.options.clone(), error.clone());
        Box::pin(async move {
            let mut deadline = TimeLimit::new(BrowserTimer::new(), options.connect_timeout);
            let options = refreshed(&mut deadline, options, error).await?;
            let transport = dial(&url, &options, &mut deadline).await.map_err(failure)?;
            Ok(opened(transport, &options, schema))
        })
    }
}

/// What a client's side of a connection is made with.
pub(crate) fn opened(
    transport: BrowserTransport,
    options: &ClientOptions,
    schema: &'static ServiceSchema,
) -> Opened {
    Connected::new(transport, BrowserTimer::new(), options.config(schema))
        .with_call_timeout(options.call_timeout)
        .with_telemetry(options.telemetry.clone())
}

/// The options of the next attempt.
async fn refreshed(
    deadline: &mut TimeLimit<BrowserTimer>,
    options: ClientOptions,
    error: ConnectionError,
) -> Result<ClientOptions, ConnectFailure> {
    let Some(refresh) = options.refresh.clone() else { return Ok(options) };
    let why = match deadline.within(refresh.of(options, error)).await {
        Ok(Ok(options)) => return Ok(options),
        Ok(Err(why)) => why,
        Err(Late) => format!("timed out after {:?}", deadline.limit()),
    };
    let error = ConnectionError::Lost(format!("no options to connect again with: {why}").into());
    Err(ConnectFailure { error, is_retryable: true, retry_after: None })
}

/// What the failure of an attempt is to a client that was connected before. A network that wants a login first answers in every
/// server's place, so another subprotocol does not end it.
fn failure(error: ConnectError) -> ConnectFailure {
    let is_retryable = error.is_retryable() || matches!(error, ConnectError::Subprotocol(_));
    let error = match error {
        ConnectError::Connection(error) => error,
        ConnectError::Refused { close_code, reason, .. } => ConnectionError::Closed {
            initiator: Initiator::Remote,
            reason: CloseReason::new(close_code, reason),
        },
        error if is_retryable => ConnectionError::Lost(error.to_string().into()),
        error => ConnectionError::Internal(error.to_string().into()),
    };
    ConnectFailure { error, is_retryable, retry_after: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_does_not_explain_is_tried_again() {
        let address = "wss://example.com".to_owned();
        for error in [ConnectError::Io { address }, ConnectError::Subprotocol("none".to_owned())] {
            let failure = failure(error);
            assert!(failure.is_retryable && failure.error.is_retryable());
        }
    }

    #[test]
    fn options_that_cannot_be_used_end_the_client() {
        let failure = failure(ConnectError::InvalidToken);
        assert!(!failure.is_retryable);
        assert!(matches!(failure.error, ConnectionError::Internal(_)));
    }
}
