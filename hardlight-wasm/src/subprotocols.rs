//! What is offered to the server as subprotocols: `hl.1`, and whatever else it is to be told (SPEC.md, section 3.2).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hardlight_driver::proto::SUBPROTOCOL;

use crate::ConnectError;

/// What an entry begins with that is a bearer token: no choice of protocol, and secret.
const TOKEN_PREFIX: &str = "hl.token.";

/// All that is offered, in order.
pub(crate) fn offered(token: Option<&str>, others: &[String]) -> Result<Vec<String>, ConnectError> {
    let mut offered = vec![SUBPROTOCOL.to_owned()];
    if let Some(token) = token {
        if !is_bearer_token(token) {
            return Err(ConnectError::InvalidToken);
        }
        offered.push(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(token)));
    }
    for other in others {
        if !is_http_token(other) || offered.contains(other) {
            return Err(ConnectError::InvalidSubprotocol(other.clone()));
        }
        offered.push(other.clone());
    }
    Ok(offered)
}

/// RFC 6750, section 2.1.
fn is_bearer_token(token: &str) -> bool {
    let part = token.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !part.is_empty() && part.bytes().all(allowed)
}

/// RFC 9110, section 5.6.2.
fn is_http_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_goes_first_and_a_token_is_an_entry_of_its_own() {
        assert_eq!(offered(None, &[]).unwrap(), ["hl.1"]);
        let offered = offered(Some("secret"), &["v2.app".to_owned()]).unwrap();
        // "secret" in base64url.
        assert_eq!(offered, ["hl.1", "hl.token.c2VjcmV0", "v2.app"]);
    }

    #[test]
    fn a_token_that_a_server_would_not_take_is_not_sent() {
        for token in ["", "=", "a b", "a\r\nb", "é", "a=b"] {
            assert_eq!(offered(Some(token), &[]), Err(ConnectError::InvalidToken), "{token:?}");
        }
    }

    #[test]
    fn what_a_browser_would_not_offer_is_named() {
        for entry in ["", "a b", "a,b", "é", "hl.1"] {
            let error = offered(None, &[entry.to_owned()]).unwrap_err();
            assert_eq!(error, ConnectError::InvalidSubprotocol(entry.to_owned()));
        }
        let twice = ["a".to_owned(), "a".to_owned()];
        assert_eq!(offered(None, &twice), Err(ConnectError::InvalidSubprotocol("a".to_owned())));
    }
}
