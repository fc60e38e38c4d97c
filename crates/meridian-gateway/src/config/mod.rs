//! The gateway's configuration file: every key with its default, unknown ones refused.

mod check;
pub mod values;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::values::{address, some_address};
use crate::operate::access::Role;
use crate::operate::audit::AUDIT_FILE_MIB;
use crate::operate::limits::Limits;
use crate::publish::gate::Bounds;
use crate::serve::proxy::ProxyConfig;

pub use crate::operate::certificate::TlsConfig;
pub use crate::operate::config_error::ConfigError;

/// Where a gateway listens by default.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9016);

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
    /// How small counts are withheld from the public figures.
    pub privacy: PrivacyConfig,
    /// Encryption.
    pub tls: Option<TlsConfig>,
    /// Who may connect, and to what.
    pub access: AccessConfig,
    /// Signatures.
    pub signing: Option<SigningConfig>,
    /// Limits on connections and requests.
    pub limits: Limits,
    /// Which figures count as plausible.
    pub plausible: PlausibleConfig,
    /// Proxies in front.
    pub proxy: Option<ProxyConfig>,
    /// The audit log.
    pub audit: Option<AuditConfig>,
    /// Metrics and health.
    pub admin: Option<AdminConfig>,
    /// The program's own log.
    pub log: LogConfig,
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

/// How small counts are withheld from the public figures.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrivacyConfig {
    /// The smallest group of orders or payments that is published; with 1 the figures are exact.
    pub k: u32,
}

impl Default for PrivacyConfig {
    fn default() -> Self {
        Self { k: 10 }
    }
}

/// Who may connect, and to what.
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

/// Which figures count as plausible.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlausibleConfig {
    /// The most orders or payments a second that are plausible.
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
            most_per_s: bounds.max_per_s,
            most_ahead_s: bounds.max_ahead_ms as f64 / 1e3,
            most_behind_s: bounds.max_behind_ms as f64 / 1e3,
        }
    }
}

impl PlausibleConfig {
    /// The bounds.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            max_per_s: self.most_per_s,
            max_ahead_ms: (self.most_ahead_s * 1e3) as i64,
            max_behind_ms: (self.most_behind_s * 1e3) as i64,
        }
    }
}

/// The audit log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    /// The file.
    pub file: PathBuf,
    /// The size in MiB at which the log goes on in another file.
    #[serde(default = "audit_file_mib")]
    pub file_mib: u64,
}

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
    /// Hosts besides `localhost`, `127.0.0.1` and `[::1]` that requests may name.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// The program's own log.
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

    /// Reads a file's text.
    ///
    /// # Errors
    /// The key, what is wrong with it and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        config.check()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests;
