//! Metrics and health over HTTP, on loopback.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::operate::metrics::Metrics;

/// What somebody who asks may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sees {
    /// The figures that walls are told.
    Released,
    /// The exact figures too.
    Everything,
    /// Nothing: they showed a token that isn't one.
    Nothing,
}

/// Who may ask, and what they may see.
pub struct Asker {
    /// Hosts besides loopback's names.
    pub hosts: Vec<String>,
    /// What somebody with such an `Authorization` header sees.
    pub sees: Box<dyn Fn(Option<&str>) -> Sees + Send + Sync>,
}

/// Answers `GET /metrics` and `GET /health`.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>, asker: Asker, now_ms: fn() -> i64) {
    let asker = Arc::new(asker);
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        let asker = Arc::clone(&asker);
        tokio::spawn(async move {
            let answer = |request: Request<Incoming>| {
                let response = respond(&request, &metrics, &asker, now_ms());
                async move { Ok::<_, Infallible>(response) }
            };
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(std::time::Duration::from_secs(5))
                .keep_alive(false)
                .serve_connection(TokioIo::new(socket), hyper::service::service_fn(answer));
            let _ = connection.await;
        });
    }
}

/// Whether a request is meant for this machine. A page of evil.example whose name has become 127.0.0.1 says evil.example.
pub fn host_allowed(host: &str, allowed: &[String]) -> bool {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if !port.ends_with(']') => bare,
        _ => host,
    };
    let address = bare.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
        || allowed
            .iter()
            .any(|known| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(bare))
}

pub(super) fn respond<B>(
    request: &Request<B>,
    metrics: &Metrics,
    asker: &Asker,
    now_ms: i64,
) -> Response<Full<Bytes>> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or("?"))
    };
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let asked_of = [header("host"), authority];
    let meant = asked_of.iter().any(Option::is_some)
        && asked_of
            .into_iter()
            .flatten()
            .all(|host| host_allowed(host, &asker.hosts));
    let sees = (asker.sees)(header("authorization"));
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        _ if !meant => (
            StatusCode::FORBIDDEN,
            "text/plain",
            "this is asked of localhost, or of a host in [admin] hosts\n".to_owned(),
        ),
        (&Method::GET, "/metrics") if sees == Sees::Nothing => (
            StatusCode::UNAUTHORIZED,
            "text/plain",
            "this token opens nothing\n".to_owned(),
        ),
        (&Method::GET, "/metrics") => (
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            match sees {
                Sees::Everything => metrics.text(),
                _ => metrics.public_text(),
            },
        ),
        (&Method::GET, "/health") => match metrics.ill(now_ms) {
            // A quiet night is no failure.
            None if metrics.source_silent.get() > 0 => (
                StatusCode::OK,
                "text/plain",
                "well; source: no orders come, the figures stand where they were\n".to_owned(),
            ),
            None => (StatusCode::OK, "text/plain", "well\n".to_owned()),
            Some(problem) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "text/plain",
                format!("{problem}\n"),
            ),
        },
        (&Method::GET, _) => (
            StatusCode::NOT_FOUND,
            "text/plain",
            "there is /metrics and /health\n".to_owned(),
        ),
        _ => (
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain",
            "only GET\n".to_owned(),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    if let Ok(kind) = kind.parse() {
        response.headers_mut().insert("content-type", kind);
    }
    response
}

/// Why metrics can't be served there.
pub fn check_address(address: SocketAddr) -> Result<(), String> {
    if address.ip().is_loopback() {
        Ok(())
    } else {
        Err(format!(
            "{address} can be reached from other machines: metrics are served on a loopback address only, such as 127.0.0.1:9017"
        ))
    }
}
