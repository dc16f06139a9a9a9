//! The server's side of the HTTP upgrade (RFC 6455, section 4.2), without I/O: bytes in, a request or a refusal out.

use std::net::SocketAddr;

use hardlight_proto::SUBPROTOCOL;
use http::{
    HeaderMap, HeaderValue, StatusCode, Uri, Version,
    header::{
        CONTENT_LENGTH, HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, TRANSFER_ENCODING,
    },
};
use tungstenite::{
    error::{CapacityError, Error, ProtocolError},
    handshake::{
        machine::TryParse,
        server::{Request as HttpRequest, Response, create_response, write_response},
    },
    protocol::frame::Frame,
};

use crate::{Peer, Refusal, RefuseInBand, Request, ServerOptions, TlsInfo, transport::to_frame};

/// What a 426 must say (RFC 9110, section 15.5.22, and RFC 6455, section 4.2.2).
const UPGRADE: &[(&str, &str)] = &[("connection", "upgrade"), ("upgrade", "websocket")];
const UPGRADE_TO_VERSION_13: &[(&str, &str)] =
    &[("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];

/// Reads the head of one HTTP request.
///
/// Feed it what arrives with [`handle_input`](Self::handle_input) until that gives an [`Upgrade`] or a [`Refusal`].
/// Holds at most [`ServerOptions::max_head_bytes`].
#[derive(Debug)]
pub struct Handshake<'a> {
    options: &'a ServerOptions,
    head: Vec<u8>,
    /// The length at which an incomplete head is parsed again, so that errors are found early at a cost that stays
    /// linear however small the pieces are.
    parse_at: usize,
    peer: Option<SocketAddr>,
    tls: Option<TlsInfo>,
}

impl<'a> Handshake<'a> {
    /// A handshake with the client at `peer`, over TLS or without.
    pub const fn new(
        options: &'a ServerOptions,
        peer: Option<SocketAddr>,
        tls: Option<TlsInfo>,
    ) -> Self {
        Self { options, head: Vec::new(), parse_at: 0, peer, tls }
    }

    /// Takes the next bytes of the client; `None` means that more are needed.
    ///
    /// # Errors
    ///
    /// The response to send, if this request cannot become a HardLight connection. Nothing may be fed after that.
    pub fn handle_input(&mut self, input: &[u8]) -> Result<Option<Upgrade>, Refusal> {
        let max_head_bytes = self.options.max_head_bytes;
        let fits = input.len().min(max_head_bytes - self.head.len());
        let seen = self.head.len();
        self.head.extend_from_slice(&input[..fits]);
        check_start(&self.head)?;
        if (ends_head(&self.head, seen) || self.head.len() >= self.parse_at)
            && let Some((length, request)) = HttpRequest::try_parse(&self.head).map_err(refuse)?
        {
            let mut rest = self.head.split_off(length);
            rest.extend_from_slice(&input[fits..]);
            let peer = Peer { addr: self.peer, tls: self.tls.take() };
            let upgrade = Upgrade::new(request, self.options, peer)?;
            return Ok(Some(Upgrade { rest, ..upgrade }));
        }
        if self.head.len() == max_head_bytes {
            return Err(too_large(max_head_bytes));
        }
        self.parse_at = self.head.len() * 2;
        Ok(None)
    }
}

/// A request that may become a connection: [`accept`](Self::accept) it and speak WebSocket from then on, or
/// [`refuse`](Self::refuse) it.
#[derive(Debug)]
pub struct Upgrade {
    response: Response,
    rest: Vec<u8>,
    request: Request,
}

impl Upgrade {
    /// A request whose head an HTTP server has read already, with the rules of [`Handshake`] but for the length of the head. What
    /// follows the request is that server's.
    ///
    /// # Errors
    ///
    /// The response to send, if this request cannot become a HardLight connection.
    pub fn new(
        http: HttpRequest,
        options: &ServerOptions,
        peer: impl Into<Peer>,
    ) -> Result<Self, Refusal> {
        check_version(http.version())?;
        check_target(http.uri())?;
        check_framing(http.headers())?;
        let mut response = create_response(&http).map_err(refuse)?;
        let Peer { addr, tls } = peer.into();
        let request = Request::through(&options.trusted_proxies, http, addr, tls)?;
        check_origin(&request, options)?;
        if !request.subprotocols().any(|offered| offered == SUBPROTOCOL) {
            return Err(no_common_subprotocol(&request));
        }
        let selected = HeaderValue::from_static(SUBPROTOCOL);
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, selected);
        Ok(Self { response, rest: Vec::new(), request })
    }

    /// What the client asks for.
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// Lets the client in, with the headers that the factory has added to [`Request::response`].
    pub fn accept(self) -> Accept {
        let (response, rest) = self.accept_response();
        Accept { response: response_bytes(&response), rest }
    }

    /// As [`accept`](Self::accept), for HTTP servers: the `101 Switching Protocols` response, and the first bytes of the
    /// WebSocket, as far as they came to a [`Handshake`].
    pub fn accept_response(mut self) -> (Response, Vec<u8>) {
        // The map of what was taken repeats no name for a further value of it.
        let mut name = None;
        for (next, value) in self.request.response().take() {
            name = next.or(name);
            self.response.headers_mut().append(name.clone().expect("the first has a name"), value);
        }
        (self.response, self.rest)
    }

    /// What tells the client that it is refused, to be written whole; the connection is to be closed behind it. By status or
    /// in band, as `in_band` has it.
    pub fn refuse(self, refusal: &Refusal, in_band: RefuseInBand) -> Vec<u8> {
        match self.refuse_response(refusal, in_band) {
            RefusedUpgrade::Status(_) => refusal.response(),
            RefusedUpgrade::InBand { response, close } => {
                let mut bytes = response_bytes(&response);
                bytes.extend_from_slice(&close);
                bytes
            }
        }
    }

    /// As [`refuse`](Self::refuse), for HTTP servers.
    pub fn refuse_response(mut self, refusal: &Refusal, in_band: RefuseInBand) -> RefusedUpgrade {
        let is_in_band = match in_band {
            RefuseInBand::WithOrigin => self.request.headers().contains_key(ORIGIN),
            RefuseInBand::Always => true,
            RefuseInBand::Never => false,
        };
        self.request.response().take();
        if !is_in_band {
            return RefusedUpgrade::Status(refusal.http_response());
        }
        for (name, value) in refusal.headers() {
            self.response.headers_mut().append(name, value.clone());
        }
        let mut close = Vec::new();
        Frame::close(Some(to_frame(&refusal.close_reason())))
            .format(&mut close)
            .expect("a Vec takes every write");
        RefusedUpgrade::InBand { response: self.response, close }
    }
}

/// How an HTTP server refuses a request.
#[derive(Debug)]
pub enum RefusedUpgrade {
    /// By this response, whose body is text.
    Status(http::Response<String>),
    /// In band: the response that accepts, then this WebSocket frame, and the end.
    InBand {
        /// `101 Switching Protocols`.
        response: Response,
        /// A Close frame.
        close: Vec<u8>,
    },
}

/// What turns an HTTP request into a WebSocket.
#[derive(Debug)]
pub struct Accept {
    /// The `101 Switching Protocols` response, to be written whole.
    pub response: Vec<u8>,
    /// What the client sent behind its request: the first bytes of the WebSocket.
    pub rest: Vec<u8>,
}

/// The entries of `Sec-WebSocket-Protocol`, tokens among them, in the client's order of preference.
pub(crate) fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|offered| !offered.is_empty())
}

/// By status also where refusals are in band: no page that is not allowed gets as far as a WebSocket.
pub(crate) fn check_origin(request: &Request, options: &ServerOptions) -> Result<(), Refusal> {
    if options.origins.admits(request) {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::FORBIDDEN, "this origin is not allowed\n"))
}

/// A client may send one empty line before its request (RFC 9112, section 2.2). The parser passes over any number, from the start
/// each time, and each would be a reason to parse.
fn check_start(head: &[u8]) -> Result<(), Refusal> {
    match head.strip_prefix(b"\r\n").or_else(|| head.strip_prefix(b"\n")) {
        Some([b'\r' | b'\n', ..]) => Err(malformed()),
        _ => Ok(()),
    }
}

/// Whether an empty line ends within `head[seen..]`. Only says when to parse: the parser decides.
pub(crate) fn ends_head(head: &[u8], seen: usize) -> bool {
    let from = seen.saturating_sub(2);
    head[from..].windows(2).any(|pair| pair == b"\n\n")
        || head[from..].windows(3).any(|triple| triple == b"\n\r\n")
}

/// Versions that an HTTP server may speak for us. A WebSocket is asked for in another way there (RFC 8441, RFC 9220).
fn check_version(version: Version) -> Result<(), Refusal> {
    if version <= Version::HTTP_11 {
        return Ok(());
    }
    let why =
        format!("{SUBPROTOCOL} (HardLight) is spoken over HTTP/1.1 only, not over {version:?}\n");
    Err(Refusal::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, why))
}

/// Only the usual form of a target, a path, is read the same by everybody on the way (RFC 9112, section 3.2).
fn check_target(target: &Uri) -> Result<(), Refusal> {
    if target.authority().is_some() || !target.path().starts_with('/') {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "the request's target must be a path\n"));
    }
    Ok(())
}

/// What a request may not have, since a proxy might see its end elsewhere than this server does.
fn check_framing(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.get_all(HOST).iter().count() != 1 {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "exactly one Host header is required\n"));
    }
    if headers.get_all(SEC_WEBSOCKET_KEY).iter().count() > 1 {
        let why = "one Sec-WebSocket-Key header is enough\n";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, why));
    }
    let empty = headers.get_all(CONTENT_LENGTH).iter().all(|length| length == "0");
    if !empty || headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "a WebSocket request has no body\n"));
    }
    Ok(())
}

fn response_bytes(response: &Response) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(192);
    write_response(&mut bytes, response)
        .expect("a Vec takes every write, and headers are ASCII: see `headers::append`");
    bytes
}

fn refuse(error: Error) -> Refusal {
    match error {
        Error::Protocol(
            ProtocolError::WrongHttpMethod
            | ProtocolError::WrongHttpVersion
            | ProtocolError::MissingConnectionUpgradeHeader
            | ProtocolError::MissingUpgradeWebSocketHeader,
        ) => Refusal::new(
            StatusCode::UPGRADE_REQUIRED,
            format!(
                "This server speaks the WebSocket subprotocol {SUBPROTOCOL} (HardLight) only: \
                 a GET request over HTTP/1.1 with 'Upgrade: websocket' is required.\n"
            ),
        )
        .with_own_headers(UPGRADE),
        Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => Refusal::new(
            StatusCode::UPGRADE_REQUIRED,
            "This server speaks version 13 of the WebSocket protocol.\n",
        )
        .with_own_headers(UPGRADE_TO_VERSION_13),
        Error::Capacity(CapacityError::TooManyHeaders) => {
            Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers\n")
        }
        // What these say is made of constants: nothing that the client sent is echoed.
        Error::Protocol(error) => Refusal::new(StatusCode::BAD_REQUEST, format!("{error}\n")),
        _ => malformed(),
    }
}

fn malformed() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "malformed HTTP request\n")
}

fn too_large(max_head_bytes: usize) -> Refusal {
    Refusal::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        format!("the head of the request is larger than max_head_bytes ({max_head_bytes})\n"),
    )
}

/// Without what was offered: who does not know better may have put a secret there.
fn no_common_subprotocol(request: &Request) -> Refusal {
    let none = request.subprotocols().next().is_none();
    let why = if none { "no subprotocol was offered" } else { "no common subprotocol" };
    let text = format!("{why}: this server speaks {SUBPROTOCOL}\n");
    Refusal::new(StatusCode::BAD_REQUEST, text)
}

#[cfg(test)]
mod tests;
