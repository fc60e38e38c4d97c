//! A WebSocket to a gateway, with or without TLS, with or without a token.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::{Response as HttpResponse, StatusCode, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, error::ProtocolError};

use super::tls::Trust;
use meridian_wire::MAX_FRAME_BYTES;

/// A TCP or TLS connection.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A WebSocket over either.
pub type Socket = WebSocketStream<Box<dyn Stream>>;

/// The way to a gateway.
#[derive(Debug, Clone)]
pub struct Endpoint {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    token: Option<String>,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectError {
    /// It may work another time.
    Lost(String),
    /// The other side refused it; why, as the end of a sentence that begins with the address.
    Refused(String),
    /// Refused, and not to be tried again before this has passed.
    Later(String, Duration),
    /// The stream isn't ready yet; when to try again.
    NotYet(String, Duration),
}

/// How long to wait after a rejected token: it won't be accepted a second later, and trying again and again looks like an attack.
const RETRY_LOGIN: Duration = Duration::from_secs(120);
/// The longest wait that a gateway can ask for.
const MAX_RETRY: Duration = Duration::from_secs(600);

/// When a refusal says to come again, if it does.
fn retry_after(response: &HttpResponse<Option<Vec<u8>>>) -> Option<Duration> {
    let said = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(|seconds: u64| Duration::from_secs(seconds).min(MAX_RETRY));
    match response.status() {
        StatusCode::UNAUTHORIZED => Some(said.unwrap_or(RETRY_LOGIN)),
        _ => said,
    }
}

/// What a refusal means for whoever wants to come again.
fn error_of(response: &HttpResponse<Option<Vec<u8>>>, reason: String) -> ConnectError {
    match retry_after(response) {
        // A relay whose own feed hasn't come yet, above all.
        Some(wait) if response.status().is_server_error() => ConnectError::NotYet(reason, wait),
        Some(wait) => ConnectError::Later(reason, wait),
        None if response.status().is_server_error() => ConnectError::Lost(reason),
        None => ConnectError::Refused(reason),
    }
}

/// A wait, more or less, so that a hundred walls don't come back in one instant.
pub(super) fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(0.75..1.25))
}

impl Endpoint {
    /// The way to an address.
    ///
    /// # Errors
    /// What is wrong with the address, the token or a file.
    pub fn new(uri: &Uri, token: Option<&str>, trust: &Trust) -> Result<Self, String> {
        let host = uri.host().unwrap_or_default().to_owned();
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let encrypted = uri.scheme_str() == Some("wss");
        let tls = if encrypted {
            let name = ServerName::try_from(bare.clone()).map_err(|error| error.to_string())?;
            Some((trust.client()?, name))
        } else {
            None
        };
        if let Some(token) = token {
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err("the token has letters that no token has".to_owned());
            }
            if !encrypted && !is_loopback(&bare) {
                return Err("a token isn't sent to another machine unencrypted: wss:// is needed".to_owned());
            }
        }
        Ok(Self {
            uri: uri.clone(),
            port: uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 }),
            host: bare,
            tls,
            token: token.map(str::to_owned),
        })
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Connects, and offers subprotocols.
///
/// # Errors
/// [`ConnectError`] with why there is no connection.
pub async fn connect(endpoint: &Endpoint, protocols: &[&str]) -> Result<(Socket, Response), ConnectError> {
    connect_within(endpoint, protocols, client_limits()).await
}

/// What is wrong with a certificate, and what would be right.
fn describe(problem: &rustls::CertificateError, host: &str) -> String {
    use rustls::CertificateError as Wrong;
    let other = |other: &rustls::OtherError| other.0.downcast_ref::<webpki::Error>().cloned();
    match problem {
        Wrong::UnknownIssuer => {
            "nobody who is believed signed it; its authority's certificate has to be given, or its own pin".to_owned()
        }
        Wrong::Expired | Wrong::ExpiredContext { .. } => "its time is over".to_owned(),
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            "its time hasn't begun: are the clocks right?".to_owned()
        }
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
            format!("it isn't for {host}: its subjectAltName has to name that, or its pin has to be given")
        }
        Wrong::Revoked => "it was revoked".to_owned(),
        Wrong::Other(problem) if matches!(other(problem), Some(webpki::Error::CaUsedAsEndEntity)) => {
            "it is an authority's, and a gateway's own has to say that it is none: `openssl req … -addext basicConstraints=critical,CA:FALSE` makes one; or its pin has to be given".to_owned()
        }
        _ => "it can't be checked; its authority's certificate has to be given, or its own pin"
            .to_owned(),
    }
}

/// Connects within other limits than a feed needs.
///
/// # Errors
/// [`ConnectError`] with why there is no connection.
pub async fn connect_within(
    endpoint: &Endpoint,
    protocols: &[&str],
    limits: WebSocketConfig,
) -> Result<(Socket, Response), ConnectError> {
    let lost = |error: std::io::Error| ConnectError::Lost(error.to_string());
    let tcp = TcpStream::connect((endpoint.host.as_str(), endpoint.port))
        .await
        .map_err(lost)?;
    let _ = tcp.set_nodelay(true);
    let stream: Box<dyn Stream> = match &endpoint.tls {
        None => Box::new(tcp),
        Some((config, name)) => {
            let connector = TlsConnector::from(Arc::clone(config));
            let stream = connector.connect(name.clone(), tcp).await.map_err(|error| {
                // A certificate that isn't believed won't be the next time either.
                match error
                    .get_ref()
                    .and_then(|inner| inner.downcast_ref::<rustls::Error>())
                {
                    Some(rustls::Error::InvalidCertificate(problem)) => ConnectError::Refused(format!(
                        "shows a certificate that isn't believed: {}",
                        describe(problem, &endpoint.host)
                    )),
                    Some(rustls::Error::General(problem)) => {
                        ConnectError::Refused(format!("isn't believed: {problem}"))
                    }
                    _ if error.kind() == std::io::ErrorKind::UnexpectedEof => ConnectError::Lost(format!(
                        "{error}: there is no TLS (ws:// then), or this address is locked out for a while"
                    )),
                    _ => ConnectError::Lost(error.to_string()),
                }
            })?;
            Box::new(stream)
        }
    };
    let mut request = ClientRequestBuilder::new(endpoint.uri.clone());
    for protocol in protocols {
        request = request.with_sub_protocol(*protocol);
    }
    if let Some(token) = &endpoint.token {
        request = request.with_header("Authorization", format!("Bearer {token}"));
    }
    match tokio_tungstenite::client_async_with_config(request, stream, Some(limits)).await {
        Ok(connected) => Ok(connected),
        Err(SocketError::Http(response)) => {
            let said = response
                .body()
                .as_deref()
                .map(String::from_utf8_lossy)
                .unwrap_or_default();
            let reason = format!(
                "refused the connection: HTTP {} {}",
                response.status(),
                said.trim().chars().take(200).collect::<String>()
            );
            Err(error_of(&response, reason))
        }
        Err(SocketError::Protocol(ProtocolError::SecWebSocketSubProtocolError(_))) => {
            Err(ConnectError::Refused(format!(
                "speaks none of {}: it is no Meridian gateway, or one of another version",
                protocols.join(", ")
            )))
        }
        Err(SocketError::Protocol(ProtocolError::HandshakeIncomplete)) => Err(ConnectError::Lost(
            "it closed the connection before its answer: this address may be locked out for a while"
                .to_owned(),
        )),
        Err(SocketError::Protocol(ProtocolError::HttparseError(error))) => Err(ConnectError::Lost(format!(
            "what it answers is no HTTP ({error}): if it speaks TLS, wss:// is needed"
        ))),
        Err(error) => Err(ConnectError::Lost(error.to_string())),
    }
}

/// The limits of a subscriber's socket.
pub fn client_limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES))
        .max_write_buffer_size(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_not_taken_is_not_shown_again_for_minutes() {
        for (status, header, wait) in [
            (401, None, Some(120)),
            (401, Some("300"), Some(300)),
            (401, Some("soon"), Some(120)),
            (401, Some("99999999"), Some(600)),
            (429, Some("60"), Some(60)),
            (429, None, None),
            (403, None, None),
            (426, None, None),
        ] {
            let mut response = HttpResponse::builder().status(status);
            if let Some(header) = header {
                response = response.header("Retry-After", header);
            }
            let response = response.body(None).unwrap();
            assert_eq!(
                retry_after(&response),
                wait.map(Duration::from_secs),
                "{status} {header:?}"
            );
        }
        for _ in 0..100 {
            let wait = jittered(Duration::from_secs(120)).as_secs_f64();
            assert!((90.0..150.0).contains(&wait), "{wait}");
        }
    }

    #[test]
    fn what_is_not_there_yet_refuses_nobody() {
        let seconds = Duration::from_secs;
        for (status, header, failed) in [
            (503, Some("1"), ConnectError::NotYet(String::new(), seconds(1))),
            (503, None, ConnectError::Lost(String::new())),
            (502, None, ConnectError::Lost(String::new())),
            (429, Some("60"), ConnectError::Later(String::new(), seconds(60))),
            (401, None, ConnectError::Later(String::new(), RETRY_LOGIN)),
            (403, None, ConnectError::Refused(String::new())),
        ] {
            let mut response = HttpResponse::builder().status(status);
            if let Some(header) = header {
                response = response.header("retry-after", header);
            }
            let response = response.body(None).unwrap();
            assert_eq!(error_of(&response, String::new()), failed, "{status} {header:?}");
        }
    }
}
