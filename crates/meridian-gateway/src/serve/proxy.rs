//! Finds the client's address behind a reverse proxy or load balancer. Pure.
//!
//! What a proxy says is believed where the proxy itself is named in the configuration, and nowhere else: everybody can
//! write a header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;
use tokio_tungstenite::tungstenite::http::HeaderMap;

/// Headers that proxies write and displays don't.
const WRITTEN_BY_PROXIES: [&str; 6] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
];
/// The longest line of PROXY protocol version 1, with its end.
const MAX_LINE: usize = 107;
/// The most bytes that follow the head of version 2.
const MAX_REST: usize = 2_048;
/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Proxies in front of the gateway, as the configuration has them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyConfig {
    /// Their addresses, as `10.0.0.1` or `10.0.0.0/8`.
    pub trusted: Vec<String>,
    /// How they say for whom they connect.
    pub header: ProxyHeader,
}

/// How a proxy says for whom it connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum ProxyHeader {
    /// In the request, as most do.
    #[serde(rename = "x-forwarded-for")]
    XForwardedFor,
    /// In the request, as RFC 7239 has it.
    #[serde(rename = "forwarded")]
    Forwarded,
    /// Before everything else, in a line: PROXY protocol, version 1.
    #[serde(rename = "proxy-v1")]
    ProxyV1,
    /// Before everything else, in binary: PROXY protocol, version 2.
    #[serde(rename = "proxy-v2")]
    ProxyV2,
}

/// Addresses with the same first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().ok()?;
        let all = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        (bits <= all).then_some(Self { first, bits })
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let other = u64::from(first.to_bits() ^ address.to_bits());
                other >> (32 - u32::from(self.bits)) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let other = first.to_bits() ^ address.to_bits();
                other.checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Trusted proxies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxies {
    trusted: Vec<Network>,
    header: ProxyHeader,
}

impl ProxyConfig {
    /// The proxies.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn read(&self) -> Result<Proxies, String> {
        if self.trusted.is_empty() {
            return Err(
                "proxy.trusted is empty: the proxy's own address is needed, as in [\"10.0.0.1\"]".to_owned(),
            );
        }
        let network = |text: &String| {
            let network = Network::parse(text).ok_or_else(|| {
                format!(
                    "proxy.trusted: {text:?} isn't an address: one like 10.0.0.1, 10.0.0.0/8 or fd00::/8 is needed"
                )
            })?;
            if network.bits == 0 {
                return Err(format!(
                    "proxy.trusted: {text:?} is everybody, and everybody could say to be anybody: the proxy's own address is needed"
                ));
            }
            Ok(network)
        };
        Ok(Proxies {
            trusted: self.trusted.iter().map(network).collect::<Result<_, _>>()?,
            header: self.header,
        })
    }
}

impl Proxies {
    /// Whether an address is a proxy's.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.holds(address))
    }

    /// Whether they say for whom they connect before everything else.
    pub fn speak_first(&self) -> bool {
        matches!(self.header, ProxyHeader::ProxyV1 | ProxyHeader::ProxyV2)
    }

    /// The version of PROXY protocol that they speak.
    pub fn is_binary(&self) -> bool {
        self.header == ProxyHeader::ProxyV2
    }

    /// For whom a request came: of those that it says it went through, the last that is no proxy of ours. Each proxy appends
    /// whom it saw; what stands before that anybody could have written. `None`: it doesn't say.
    ///
    /// # Errors
    /// What it says is no address.
    pub fn client(&self, headers: &HeaderMap) -> Result<Option<IpAddr>, String> {
        let name = match self.header {
            ProxyHeader::XForwardedFor => "x-forwarded-for",
            ProxyHeader::Forwarded => "forwarded",
            ProxyHeader::ProxyV1 | ProxyHeader::ProxyV2 => return Ok(None),
        };
        let mut hops = Vec::new();
        for value in headers.get_all(name) {
            let text = value
                .to_str()
                .map_err(|_| format!("{name} has letters that no address has"))?;
            match self.header {
                ProxyHeader::Forwarded => hops.extend(elements(text, ',').filter_map(for_of)),
                _ => hops.extend(text.split(',').map(|hop| hop.trim().to_owned())),
            }
        }
        let mut first = None;
        for hop in hops.iter().rev() {
            let address =
                address_of(hop).ok_or_else(|| format!("{name} says {hop:?}, which isn't an address"))?;
            if !self.trusts(address) {
                return Ok(Some(address));
            }
            first = Some(address);
        }
        Ok(first)
    }
}

/// The first header of a request that only proxies write, if there is one.
pub fn sign_of_a_proxy(headers: &HeaderMap) -> Option<&'static str> {
    WRITTEN_BY_PROXIES
        .into_iter()
        .find(|name| headers.contains_key(*name))
}

/// Parts between separators that don't stand in quotes.
fn elements(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |letter| {
        let now = std::mem::take(&mut escaped);
        match letter {
            '\\' if quoted && !now => escaped = true,
            '"' if !now => quoted = !quoted,
            _ => return letter == separator && !quoted,
        }
        false
    })
}

/// What a `Forwarded` element says after `for=`.
fn for_of(element: &str) -> Option<String> {
    elements(element, ';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for")
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// An address, in brackets or not, with a port or without.
fn address_of(hop: &str) -> Option<IpAddr> {
    if let Ok(address) = hop.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(socket) = hop.parse::<std::net::SocketAddr>() {
        return Some(socket.ip().to_canonical());
    }
    let bare = hop.strip_prefix('[')?.strip_suffix(']')?;
    bare.parse::<Ipv6Addr>()
        .ok()
        .map(|address| IpAddr::V6(address).to_canonical())
}

/// What the bytes at a connection's beginning are, as PROXY protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preamble {
    /// More bytes are needed.
    Unfinished,
    /// How many bytes the preamble took, and the client's address; none: the proxy connects for itself, as for a health check.
    Said(usize, Option<IpAddr>),
    /// It isn't one.
    Wrong,
}

/// Reads what a proxy says first.
pub fn preamble(bytes: &[u8], binary: bool) -> Preamble {
    if binary {
        preamble_v2(bytes)
    } else {
        preamble_v1(bytes)
    }
}

fn preamble_v1(bytes: &[u8]) -> Preamble {
    let begin = bytes.len().min(6);
    if bytes.get(..begin) != b"PROXY ".get(..begin) {
        return Preamble::Wrong;
    }
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < MAX_LINE {
            Preamble::Unfinished
        } else {
            Preamble::Wrong
        };
    };
    let length = end + 2;
    let line = bytes.get(..end).and_then(|line| std::str::from_utf8(line).ok());
    let words: Vec<&str> = line.unwrap_or_default().split(' ').collect();
    if length > MAX_LINE {
        return Preamble::Wrong;
    }
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Preamble::Said(length, None),
        ["PROXY", "TCP4" | "TCP6", from, _, _, _] => match from.parse::<IpAddr>() {
            Ok(address) => Preamble::Said(length, Some(address.to_canonical())),
            Err(_) => Preamble::Wrong,
        },
        _ => Preamble::Wrong,
    }
}

fn preamble_v2(bytes: &[u8]) -> Preamble {
    let begin = bytes.len().min(SIGNATURE.len());
    if bytes.get(..begin) != SIGNATURE.get(..begin) {
        return Preamble::Wrong;
    }
    let Some([version, family, high, low]) = bytes.get(12..16) else {
        return Preamble::Unfinished;
    };
    let rest = usize::from(u16::from_be_bytes([*high, *low]));
    if version >> 4 != 2 || rest > MAX_REST {
        return Preamble::Wrong;
    }
    let length = 16 + rest;
    let Some(addresses) = bytes.get(16..length) else {
        return Preamble::Unfinished;
    };
    let from = match (version & 15, family >> 4) {
        // LOCAL: the proxy's own connection.
        (0, _) => None,
        (1, 1) => match addresses.first_chunk::<4>() {
            Some(bits) if rest >= 12 => Some(IpAddr::V4(Ipv4Addr::from(*bits))),
            _ => return Preamble::Wrong,
        },
        (1, 2) => match addresses.first_chunk::<16>() {
            Some(bits) if rest >= 36 => Some(IpAddr::V6(Ipv6Addr::from(*bits)).to_canonical()),
            _ => return Preamble::Wrong,
        },
        (1, _) => None,
        _ => return Preamble::Wrong,
    };
    Preamble::Said(length, from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(header: ProxyHeader) -> Proxies {
        let trusted = ["10.0.0.0/8", "127.0.0.1", "fd00::/8"]
            .map(str::to_owned)
            .to_vec();
        ProxyConfig { trusted, header }.read().unwrap()
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_last_that_is_no_proxy_of_ours_is_the_client() {
        let it = proxies(ProxyHeader::XForwardedFor);
        for (values, client) in [
            (&["203.0.113.9"][..], ip("203.0.113.9")),
            (&["1.2.3.4, 203.0.113.9, 10.1.1.1"], ip("203.0.113.9")),
            (&["1.2.3.4", "203.0.113.9", "10.1.1.1"], ip("203.0.113.9")),
            (&["127.0.0.1, 203.0.113.9"], ip("203.0.113.9")),
            (&["203.0.113.9:4711"], ip("203.0.113.9")),
            (&["[2001:db8::1]:4711"], ip("2001:db8::1")),
            (&["[2001:db8::1]"], ip("2001:db8::1")),
            (&["::ffff:203.0.113.9"], ip("203.0.113.9")),
            // Nobody but proxies: the outermost.
            (&["10.0.0.7, 10.0.0.8"], ip("10.0.0.7")),
            (&[], None),
            // What stands before whom a proxy of ours saw may be anything.
            (&["<script>, 203.0.113.9"], ip("203.0.113.9")),
        ] {
            assert_eq!(
                it.client(&headers("x-forwarded-for", values)),
                Ok(client),
                "{values:?}"
            );
        }
        for wrong in ["unknown", "203.0.113.9, ", "203.0.113.9, _hidden"] {
            assert!(
                it.client(&headers("x-forwarded-for", &[wrong])).is_err(),
                "{wrong}"
            );
        }
        // Another header is nobody's word.
        assert_eq!(it.client(&headers("forwarded", &["for=1.2.3.4"])), Ok(None));
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_has_it() {
        let it = proxies(ProxyHeader::Forwarded);
        for (value, client) in [
            ("for=203.0.113.9", ip("203.0.113.9")),
            ("For=\"[2001:db8:cafe::17]:4711\"", ip("2001:db8:cafe::17")),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", ip("192.0.2.60")),
            (
                "for=1.2.3.4, for=203.0.113.9;host=\"a,b;for=6.6.6.6\", for=10.0.0.1",
                ip("203.0.113.9"),
            ),
            ("proto=https", None),
        ] {
            assert_eq!(it.client(&headers("forwarded", &[value])), Ok(client), "{value}");
        }
        assert!(it.client(&headers("forwarded", &["for=unknown"])).is_err());
    }

    #[test]
    fn a_proxy_is_named_by_address_and_nobody_trusts_everybody() {
        let it = proxies(ProxyHeader::XForwardedFor);
        for (address, trusted) in [
            ("10.255.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("fd12::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(it.trusts(address.parse().unwrap()), trusted, "{address}");
        }
        for (trusted, words) in [
            (vec![], "proxy.trusted is empty"),
            (vec!["proxy.example"], "isn't an address"),
            (vec!["10.0.0.0/33"], "isn't an address"),
            (vec!["0.0.0.0/0"], "everybody"),
            (vec!["::/0"], "everybody"),
        ] {
            let config = ProxyConfig {
                trusted: trusted.into_iter().map(str::to_owned).collect(),
                header: ProxyHeader::Forwarded,
            };
            let problem = config.read().unwrap_err();
            assert!(problem.contains(words), "{problem}");
        }
    }

    #[test]
    fn the_proxy_protocol_is_read_in_both_versions() {
        let line = b"PROXY TCP4 203.0.113.9 10.0.0.1 56324 9016\r\nGET /";
        assert_eq!(preamble(line, false), Preamble::Said(44, ip("203.0.113.9")));
        for end in 0..44 {
            assert_eq!(preamble(&line[..end], false), Preamble::Unfinished, "{end}");
        }
        assert_eq!(
            preamble(b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", false),
            Preamble::Said(32, ip("2001:db8::1"))
        );
        assert_eq!(preamble(b"PROXY UNKNOWN\r\n", false), Preamble::Said(15, None));
        for wrong in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PROXY TCP4 nobody 10.0.0.1 1 2\r\n",
            b"PROXY\tTCP4",
            &[b'P'; 200],
            &[&b"PROXY "[..], &[b'x'; 200]].concat(),
            &[&b"PROXY UNKNOWN "[..], &[b'x'; 200], b"\r\n"].concat(),
        ] {
            assert_eq!(preamble(wrong, false), Preamble::Wrong);
        }
        let mut v2 = SIGNATURE.to_vec();
        v2.extend([0x21, 0x11, 0, 12, 203, 0, 113, 9, 10, 0, 0, 1, 0, 1, 0, 2]);
        assert_eq!(preamble(&v2, true), Preamble::Said(28, ip("203.0.113.9")));
        for end in 0..28 {
            assert_eq!(preamble(&v2[..end], true), Preamble::Unfinished, "{end}");
        }
        let mut local = SIGNATURE.to_vec();
        local.extend([0x20, 0, 0, 0]);
        assert_eq!(preamble(&local, true), Preamble::Said(16, None));
        let mut v6 = SIGNATURE.to_vec();
        v6.extend([0x21, 0x21, 0, 36, 0x20, 1, 0x0d, 0xb8]);
        v6.extend([0; 32]);
        assert_eq!(preamble(&v6, true), Preamble::Said(52, ip("2001:db8::")));
        for (at, byte) in [(0, b'G'), (12, 0x11), (12, 0x22), (14, 0xff), (15, 4)] {
            let mut wrong = v2.clone();
            wrong[at] = byte;
            assert_eq!(preamble(&wrong, true), Preamble::Wrong, "{at} {byte}");
        }
    }
}
