//! Values that the command line and the configuration share: addresses, times of the day, speeds.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::Deserializer;
use serde::de::Visitor;
use tokio_tungstenite::tungstenite::http::Uri;

/// Reads an address to listen on.
///
/// # Errors
/// What would be right.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| {
        format!(
            "{text:?} isn't an address to listen on: an IP address and a port are needed, as in \"127.0.0.1:9016\" (for this machine alone) or \"0.0.0.0:9016\""
        )
    })
}

pub(super) fn address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    struct Address;
    impl Visitor<'_> for Address {
        type Value = SocketAddr;

        fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.write_str("an IP address and a port, as in \"127.0.0.1:9016\"")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SocketAddr, E> {
            parse_listen(text).map_err(E::custom)
        }
    }
    from.deserialize_str(Address)
}

pub(super) fn some_address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    address(from).map(Some)
}

/// Whether an upstream address is the gateway's own: it would relay itself.
pub fn is_itself(upstream: &str, listen: SocketAddr) -> bool {
    let Ok(uri) = upstream.parse::<Uri>() else {
        return false;
    };
    let port = uri.port_u16().unwrap_or(match uri.scheme_str() {
        Some("wss") => 443,
        _ => 80,
    });
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let named = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    let address = match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical(),
        Err(_) if named => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Err(_) => return false,
    };
    if port != listen.port() {
        return false;
    }
    let (ours, any) = (listen.ip().to_canonical(), listen.ip().is_unspecified());
    // An address of this machine's is one that can be listened on.
    address == ours
        || address.is_unspecified() && (any || ours.is_loopback())
        || named && ours.is_loopback()
        || any && std::net::UdpSocket::bind((address, 0)).is_ok()
}

/// Milliseconds from the day's midnight, of a time on its clock: `HH:MM:SS`, as in `00:06:58`; negative is before midnight.
///
/// # Errors
/// What would be right.
pub fn parse_clock(text: &str) -> Result<i64, String> {
    let wrong = || {
        format!("{text:?} isn't a time: HH:MM:SS is needed, as in 00:06:58 (or -00:00:10 for the countdown)")
    };
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let parts: Vec<&str> = rest.split(':').collect();
    let [hours, minutes, seconds] = parts.as_slice() else {
        return Err(wrong());
    };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let number = |text: &str, most: i64| -> Result<i64, String> {
        if text.is_empty() || text.len() > 3 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        text.parse::<i64>()
            .ok()
            .filter(|number| *number <= most)
            .ok_or_else(wrong)
    };
    let millis = number(fraction, 999)? * 10_i64.pow(3 - fraction.len().min(3) as u32);
    let secs = number(hours, 999)? * 3600 + number(minutes, 59)? * 60 + number(whole, 59)?;
    Ok(sign * (secs * 1000 + millis))
}

/// Where a day is begun, as [`parse_clock`] reads it; the seconds may be left out.
///
/// # Errors
/// What would be right.
pub fn parse_start(text: &str) -> Result<i64, String> {
    if text.matches(':').count() == 1
        && let Ok(start_ms) = parse_clock(&format!("{text}:00"))
    {
        return Ok(start_ms);
    }
    parse_clock(text)
}

/// How fast a day runs.
///
/// # Errors
/// What would be right.
pub fn parse_speed(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|speed| (1.0..=3600.0).contains(speed))
        .ok_or_else(|| format!("{text:?} isn't a speed: a number from 1 to 3600 is needed"))
}
