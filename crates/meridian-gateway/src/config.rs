//! The gateway's configuration file: every key with its default, unknown ones refused.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use tokio_tungstenite::tungstenite::http::Uri;

use crate::operate::access::Role;
use crate::operate::desk::MAX_DELAY_MS;
use crate::operate::limits::Limits;
use crate::operate::metrics;
use crate::publish::class::MAX_K;
use crate::publish::gate::Bounds;
use crate::serve::proxy::ProxyConfig;

/// Where a gateway listens unless it is told otherwise.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9016);

/// Why a configuration can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// The key, what is wrong with it and what would be right.
    pub problem: String,
}

/// What a configuration file says. `config/gateway.toml` explains every key.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen.
    #[serde(deserialize_with = "some_address")]
    pub listen: Option<SocketAddr>,
    /// Whether other machines may connect without TLS.
    pub allow_plain: bool,
    /// Where to keep what a restart goes on from.
    pub state: Option<PathBuf>,
    /// How much later than they happened orders are shown, in seconds.
    pub delay_s: f64,
    /// Where the figures come from.
    pub source: SourceConfig,
    /// What walls aren't told.
    pub privacy: PrivacyConfig,
    /// Encryption.
    pub tls: Option<TlsConfig>,
    /// Who is let in.
    pub access: AccessConfig,
    /// Signatures.
    pub signing: Option<SigningConfig>,
    /// How much one may ask for.
    pub limits: Limits,
    /// What is believed.
    pub plausible: PlausibleConfig,
    /// Proxies in front.
    pub proxy: Option<ProxyConfig>,
    /// The audit log.
    pub audit: Option<AuditConfig>,
    /// Metrics and health.
    pub admin: Option<AdminConfig>,
    /// The log.
    pub log: LogConfig,
}

/// Reads an address to listen on.
///
/// # Errors
/// What would be right.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| {
        format!(
            "{text:?} is no address to listen on: an IP address and a port are needed, as in \"127.0.0.1:9016\" (for this machine alone) or \"0.0.0.0:9016\""
        )
    })
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
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

fn some_address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    address(from).map(Some)
}

/// Where the figures come from: at most one of a scenario, an order file, a live day or another gateway.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceConfig {
    /// A scenario's name or file.
    pub scenario: Option<String>,
    /// An order file.
    pub orders: Option<PathBuf>,
    /// What its columns mean.
    pub mapping: Option<String>,
    /// The file of a live day, whose orders are sent to the gateway.
    pub live: Option<PathBuf>,
    /// The folder that they are logged in.
    pub order_log: Option<PathBuf>,
    /// When to begin, as `00:06:58`.
    pub start: Option<String>,
    /// How fast the day runs.
    pub speed: Option<f64>,
    /// Another gateway to pass on.
    pub upstream: Option<String>,
    /// The file with the token that it asks for.
    pub upstream_token: Option<PathBuf>,
    /// The key that it signs with.
    pub upstream_key: Option<String>,
    /// A file of certificates that its own is signed by.
    pub upstream_ca: Option<PathBuf>,
}

/// What walls aren't told.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrivacyConfig {
    /// No group of fewer orders or payments is told apart; with 1 exact figures are told.
    pub k: u32,
}

impl Default for PrivacyConfig {
    fn default() -> Self {
        Self { k: 10 }
    }
}

/// Encryption.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate and those between it and the root, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// Who is let in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessConfig {
    /// The token file.
    pub tokens: Option<PathBuf>,
    /// What somebody without a token may see; absent: a viewer without a token file, nothing with one.
    pub anonymous: Option<Role>,
    /// Web pages that may connect, as `https://wall.example`.
    pub origins: Vec<String>,
}

/// Signatures.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningConfig {
    /// The private key, PEM; made when it isn't there.
    pub key: PathBuf,
}

/// What is believed.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlausibleConfig {
    /// More orders or payments a second than this can't be.
    pub most_per_s: u64,
    /// How far live figures may be ahead of the clock, in seconds.
    pub most_ahead_s: f64,
    /// How far live figures may be behind the clock, in seconds.
    pub most_behind_s: f64,
}

impl Default for PlausibleConfig {
    fn default() -> Self {
        let bounds = Bounds::default();
        Self {
            most_per_s: bounds.most_per_s,
            most_ahead_s: bounds.most_ahead_ms as f64 / 1e3,
            most_behind_s: bounds.most_behind_ms as f64 / 1e3,
        }
    }
}

impl PlausibleConfig {
    /// The bounds.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            most_per_s: self.most_per_s,
            most_ahead_ms: (self.most_ahead_s * 1e3) as i64,
            most_behind_ms: (self.most_behind_s * 1e3) as i64,
        }
    }
}

/// The audit log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    /// The file.
    pub file: PathBuf,
    /// How long it gets, in MiB, before the log goes on in another.
    #[serde(default = "audit_file_mib")]
    pub file_mib: u64,
}

/// How long a file of the audit log gets unless it is said, in MiB.
pub const AUDIT_FILE_MIB: u64 = 64;

fn audit_file_mib() -> u64 {
    AUDIT_FILE_MIB
}

/// Metrics and health.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// Where: a loopback address.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// Hosts besides `localhost`, `127.0.0.1` and `[::1]` that it is asked of.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// The log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// How lines are written.
    pub format: LogFormat,
}

/// How lines of the log are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Reads a file. Paths in it are from its own folder.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key and what would be right.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let wrong = |problem: String| ConfigError {
            file: path.display().to_string(),
            problem,
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let mut config = Self::parse(&text).map_err(wrong)?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let source = &mut config.source;
        let paths = [
            config.state.as_mut(),
            source.orders.as_mut(),
            source.live.as_mut(),
            source.order_log.as_mut(),
            source.upstream_token.as_mut(),
            source.upstream_ca.as_mut(),
            config.access.tokens.as_mut(),
            config.signing.as_mut().map(|signing| &mut signing.key),
            config.audit.as_mut().map(|audit| &mut audit.file),
        ];
        for at in paths.into_iter().flatten() {
            *at = folder.join(&*at);
        }
        if let Some(tls) = &mut config.tls {
            tls.certificate = folder.join(&tls.certificate);
            tls.key = folder.join(&tls.key);
        }
        match config.shared(path) {
            Some(problem) => Err(wrong(problem)),
            None => Ok(config),
        }
    }

    /// Where one file is meant to be two. What the gateway writes is nothing else; what it only reads may be, as a certificate
    /// with its key in one file.
    fn shared(&self, own: &Path) -> Option<String> {
        let source = &self.source;
        let (tls, tokens) = (self.tls.as_ref(), self.access.tokens.as_deref());
        let beside = tokens.map(|tokens| tokens.with_extension("audit.jsonl"));
        let feed = source.upstream.as_ref().and(self.state.as_ref()).map(|state| {
            let mut path = state.as_os_str().to_owned();
            path.push(".feed.json");
            PathBuf::from(path)
        });
        let written = [
            ("state", self.state.as_deref()),
            (
                "what is remembered of the upstream (beside state)",
                feed.as_deref(),
            ),
            (
                "audit.file",
                self.audit.as_ref().map(|audit| audit.file.as_path()),
            ),
            ("access.tokens", tokens),
            (
                "the audit log of `token` (beside access.tokens)",
                beside.as_deref(),
            ),
            (
                "signing.key",
                self.signing.as_ref().map(|signing| signing.key.as_path()),
            ),
            ("source.order_log", source.order_log.as_deref()),
        ];
        let read = [
            ("tls.certificate", tls.map(|tls| tls.certificate.as_path())),
            ("tls.key", tls.map(|tls| tls.key.as_path())),
            ("source.upstream_token", source.upstream_token.as_deref()),
            ("source.upstream_ca", source.upstream_ca.as_deref()),
            ("source.live", source.live.as_deref()),
            ("source.orders", source.orders.as_deref()),
            ("this file", Some(own)),
        ];
        let all: Vec<(&str, &Path)> = written
            .iter()
            .chain(&read)
            .filter_map(|(name, path)| path.map(|path| (*name, path)))
            .collect();
        let many = written.iter().filter(|(_, path)| path.is_some()).count();
        for (at, (first, path)) in all.iter().enumerate().take(many) {
            let same = all
                .iter()
                .skip(at + 1)
                .find(|(_, other)| is_one_file(path, other));
            if let Some((second, _)) = same {
                return Some(format!(
                    "{first} and {second} are one file, {}: each needs its own",
                    path.display()
                ));
            }
        }
        None
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// The key, what is wrong with it and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if let Some(audit) = &self.audit
            && !(1..=65_536).contains(&audit.file_mib)
        {
            return Err(format!(
                "audit.file_mib: {} is out of range: 1 to 65536 is possible",
                audit.file_mib
            ));
        }
        let source = &self.source;
        let sources = [
            source.scenario.is_some(),
            source.orders.is_some(),
            source.live.is_some(),
            source.upstream.is_some(),
        ];
        if sources.iter().filter(|given| **given).count() > 1 {
            return Err(
                "source: scenario, orders, live and upstream are four sources, and only one can be served"
                    .to_owned(),
            );
        }
        if source.orders.is_some() != source.mapping.is_some() {
            return Err("source: orders and mapping belong together".to_owned());
        }
        if source.live.is_none() && source.order_log.is_some() {
            return Err("source.order_log is for a live day, and there is none".to_owned());
        }
        if source.live.is_some() && (source.start.is_some() || source.speed.is_some()) {
            return Err(
                "source: a live day follows the clock: start and speed are for what is played".to_owned(),
            );
        }
        if source.upstream.is_none()
            && (source.upstream_token.is_some()
                || source.upstream_key.is_some()
                || source.upstream_ca.is_some())
        {
            return Err(
                "source: upstream_token, upstream_key and upstream_ca are for an upstream, and there is none"
                    .to_owned(),
            );
        }
        if let Some(speed) = source.speed
            && !(1.0..=3600.0).contains(&speed)
        {
            return Err(format!("source.speed is {speed}: 1 to 3600 is needed"));
        }
        if let Some(start) = &source.start {
            crate::assemble::parse_time_of_day(start)
                .map_err(|problem| format!("source.start: {problem}"))?;
        }
        if let Some(key) = &source.upstream_key {
            key.parse::<meridian_wire::PublicKey>()
                .map_err(|problem| format!("source.upstream_key: {problem}"))?;
        }
        if !(0.0..=MAX_DELAY_MS as f64 / 1e3).contains(&self.delay_s) {
            return Err(format!(
                "delay_s is {}: 0 to {} is needed",
                self.delay_s,
                MAX_DELAY_MS / 1_000
            ));
        }
        if self.privacy.k == 0 || self.privacy.k > MAX_K {
            return Err(format!(
                "privacy.k is {}: 2 to {MAX_K} is needed, 10 is usual; 1 tells walls exact figures, down to single orders",
                self.privacy.k
            ));
        }
        if let Some(problem) = self.limits.wrong() {
            return Err(problem);
        }
        if let Some(proxy) = &self.proxy {
            proxy.read()?;
        }
        let plausible = &self.plausible;
        if !(plausible.most_ahead_s >= 0.0 && plausible.most_behind_s >= 0.0) {
            return Err("plausible.most_ahead_s and plausible.most_behind_s can't be below 0".to_owned());
        }
        for origin in &self.access.origins {
            if !(origin.starts_with("https://") || origin.starts_with("http://")) {
                return Err(format!(
                    "access.origins: {origin:?} is no origin; one like https://wall.example is needed"
                ));
            }
        }
        if let Some(admin) = &self.admin {
            metrics::check_address(admin.listen).map_err(|problem| format!("admin.listen: {problem}"))?;
            if let Some(host) = admin
                .hosts
                .iter()
                .find(|host| host.is_empty() || host.contains('/'))
            {
                return Err(format!(
                    "admin.hosts: {host:?} is no host; one like metrics.example or metrics.example:9017 is needed"
                ));
            }
            let listen = self.listen.unwrap_or(LISTEN);
            let same = listen.port() == admin.listen.port()
                && listen.port() != 0
                && (listen.ip() == admin.listen.ip() || listen.ip().is_unspecified());
            if same {
                return Err(format!(
                    "admin.listen: port {} is the gateway's own (listen); another one is needed, as in 127.0.0.1:9017",
                    admin.listen.port()
                ));
            }
        }
        Ok(())
    }
}

/// Whether two paths lead to one file, whether it is there or not.
fn is_one_file(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let known = std::fs::canonicalize(path).or_else(|_| {
            let folder = std::fs::canonicalize(folder).or_else(|_| std::path::absolute(folder));
            folder.map(|folder| folder.join(path.file_name().unwrap_or_default()))
        });
        known.unwrap_or_else(|_| path.to_owned())
    };
    if whole(one) == whole(other) {
        return true;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        // A file with two names.
        let place = |path: &Path| {
            let data = std::fs::metadata(path).ok()?;
            Some((data.dev(), data.ino()))
        };
        place(one).is_some_and(|one| Some(one) == place(other))
    }
    #[cfg(not(unix))]
    false
}

/// Whether an upstream is the gateway itself, which listens there: it would pass on what it gets from itself.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn the_shipped_file_says_every_key_and_its_default() {
        let text = include_str!("../../../config/gateway.toml");
        assert_eq!(
            Config::parse(text).unwrap(),
            Config {
                listen: Some("127.0.0.1:9016".parse().unwrap()),
                ..Config::default()
            }
        );
        // With every example uncommented it is still one.
        let every: String = text
            .lines()
            .map(|line| {
                let bare = line.strip_prefix("#: ").unwrap_or(line);
                format!("{bare}\n")
            })
            .filter(|line| {
                !["scenario", "orders", "mapping", "live", "order_log"]
                    .iter()
                    .any(|key| line.starts_with(&format!("{key} =")))
            })
            .collect();
        let config = Config::parse(&every).unwrap();
        assert!(config.tls.is_some() && config.signing.is_some() && config.audit.is_some());
        assert!(config.proxy.is_some() && config.admin.is_some());
        // Every key of the structures is explained.
        for key in [
            "listen",
            "allow_plain",
            "state",
            "delay_s",
            "scenario",
            "orders",
            "mapping",
            "live",
            "order_log",
            "start",
            "speed",
            "upstream",
            "upstream_token",
            "upstream_key",
            "upstream_ca",
            "k",
            "certificate",
            "key",
            "tokens",
            "anonymous",
            "origins",
            "connections",
            "connections_per_address",
            "connections_per_token",
            "connections_per_source",
            "unfinished_mib",
            "handshakes",
            "handshakes_per_address",
            "handshakes_reserved",
            "handshakes_per_address_per_s",
            "handshakes_per_address_burst",
            "failures_per_minute",
            "lockout_s",
            "most_per_s",
            "most_ahead_s",
            "most_behind_s",
            "file",
            "format",
            "trusted",
            "header",
            "hosts",
        ] {
            assert!(
                text.lines()
                    .any(|line| line.trim_start_matches("#: ").starts_with(&format!("{key} ="))),
                "{key}"
            );
        }
    }

    #[test]
    fn one_file_is_not_two() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Config::read(&path).map_err(|error| error.to_string())
        };
        std::fs::create_dir(folder.path().join("a")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("a", folder.path().join("b")).unwrap();
        for (text, words) in [
            ("state = 'x'\n[audit]\nfile = 'x'", ["state", "audit.file"]),
            ("state = 'x'\n[signing]\nkey = './x'", ["state", "signing.key"]),
            (
                "[audit]\nfile = 'a/../x'\n[access]\ntokens = 'x'",
                ["audit.file", "access.tokens"],
            ),
            (
                "[audit]\nfile = 'tokens.audit.jsonl'\n[access]\ntokens = 'tokens.toml'",
                ["audit.file", "beside access.tokens"],
            ),
            (
                "[signing]\nkey = 'a/x'\n[tls]\ncertificate = 'c'\nkey = 'b/x'",
                ["signing.key", "tls.key"],
            ),
            (
                "[access]\ntokens = 'gateway.toml'",
                ["access.tokens", "this file"],
            ),
            (
                "state = 'x'\n[source]\nlive = 'd'\norder_log = 'x'",
                ["state", "source.order_log"],
            ),
            (
                "[access]\ntokens = 't'\n[source]\nupstream = 'ws://h:1'\nupstream_token = 't'",
                ["access.tokens", "source.upstream_token"],
            ),
        ] {
            let problem = read(text).unwrap_err();
            let said = words.iter().all(|word| problem.contains(word)) && problem.contains("one file");
            assert!(said, "{problem}");
        }
        // What is only read may be one, and what isn't one is two.
        read("[tls]\ncertificate = 'both.pem'\nkey = 'both.pem'").unwrap();
        read("state = 'a/x'\n[audit]\nfile = 'x'\n[signing]\nkey = 'y'\n[access]\ntokens = 'tokens.toml'")
            .unwrap();
    }

    #[test]
    fn a_gateway_is_known_by_its_own_address() {
        for (upstream, listen, itself) in [
            ("ws://127.0.0.1:9016", "127.0.0.1:9016", true),
            ("ws://localhost:9016/", "127.0.0.1:9016", true),
            ("wss://[::1]:9016", "[::1]:9016", true),
            ("ws://localhost:9016", "[::1]:9016", true),
            ("ws://127.0.0.1:9016", "0.0.0.0:9016", true),
            ("ws://127.0.0.1:9016", "[::]:9016", true),
            ("wss://127.0.0.1", "0.0.0.0:443", true),
            ("ws://127.0.0.1:9018", "127.0.0.1:9016", false),
            ("ws://192.0.2.7:9016", "0.0.0.0:9016", false),
            ("ws://gateway.example:9016", "0.0.0.0:9016", false),
        ] {
            assert_eq!(
                is_itself(upstream, listen.parse().unwrap()),
                itself,
                "{upstream} {listen}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, words) in [
            ("lisen = '127.0.0.1:1'", "unknown field `lisen`"),
            ("[tls]\ncertificate = 'a'", "missing field `key`"),
            (
                "[source]\nscenario = 'a'\nupstream = 'ws://b'",
                "only one can be served",
            ),
            ("[source]\norders = 'a.csv'", "belong together"),
            ("[source]\norder_log = 'a'", "for a live day"),
            ("[source]\nlive = 'a'\nspeed = 2.0", "follows the clock"),
            ("[source]\nspeed = 0.5", "source.speed is 0.5"),
            ("[source]\nstart = '25:00'", "source.start"),
            ("[source]\nupstream_key = 'x'", "there is none"),
            ("[privacy]\nk = 0", "privacy.k is 0: 2 to"),
            ("listen = 'localhost'", "as in \"127.0.0.1:9016\""),
            ("listen = 9016", "as in \"127.0.0.1:9016\""),
            ("[admin]\nlisten = '9017'", "as in \"127.0.0.1:9016\""),
            ("delay_s = 601", "delay_s is 601"),
            ("[admin]\nlisten = '0.0.0.0:9017'", "loopback address only"),
            (
                "listen = '0.0.0.0:9017'\nallow_plain = true\n[admin]\nlisten = '127.0.0.1:9017'",
                "port 9017 is the gateway's own",
            ),
            (
                "[admin]\nlisten = '127.0.0.1:9016'",
                "port 9016 is the gateway's own",
            ),
            ("[access]\norigins = ['wall']", "one like https://wall.example"),
            ("[access]\nanonymous = 'king'", "unknown variant `king`"),
            ("[limits]\nconnections = 0", "at least 1"),
            ("[limits]\nhandshakes_per_address = 0", "at least 1"),
            ("[proxy]\ntrusted = ['10.0.0.1']", "missing field `header`"),
            (
                "[proxy]\ntrusted = ['10.0.0.1']\nheader = 'x-real-ip'",
                "unknown variant `x-real-ip`",
            ),
            (
                "[proxy]\ntrusted = ['nginx']\nheader = 'forwarded'",
                "one like 10.0.0.1",
            ),
            (
                "[admin]\nlisten = '127.0.0.1:9017'\nhosts = ['http://x']",
                "admin.hosts",
            ),
        ] {
            let problem = Config::parse(text).unwrap_err();
            assert!(problem.contains(words), "{problem}");
        }
    }
}
