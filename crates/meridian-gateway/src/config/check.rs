//! What is wrong with a configuration that is well formed: keys that don't go together, values out of range, and one file where
//! two are needed.

use std::path::{Path, PathBuf};

use crate::config::values::parse_start;
use crate::config::{Config, LISTEN, SourceConfig};
use crate::operate::director::MAX_DELAY_MS;
use crate::operate::metrics;
use crate::publish::class::MAX_K;

/// A day's length in milliseconds: `source.start` is on the day's clock.
const DAY_MS: i64 = 24 * 3_600_000;

impl Config {
    /// Where one file is meant to be two. What the gateway writes is nothing else; what it only reads may be, as a certificate
    /// with its key in one file.
    pub(super) fn shared(&self, own: &Path) -> Option<String> {
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

    /// Checks the values of a well-formed configuration, and how they go together.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(audit) = &self.audit
            && !(1..=65_536).contains(&audit.file_mib)
        {
            return Err(format!(
                "audit.file_mib: {} is out of range: it must be 1 to 65536",
                audit.file_mib
            ));
        }
        self.source.check()?;
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
                    "access.origins: {origin:?} isn't an origin: one like https://wall.example is needed"
                ));
            }
        }
        self.check_admin()
    }

    fn check_admin(&self) -> Result<(), String> {
        let Some(admin) = &self.admin else { return Ok(()) };
        metrics::check_address(admin.listen).map_err(|problem| format!("admin.listen: {problem}"))?;
        if let Some(host) = admin
            .hosts
            .iter()
            .find(|host| host.is_empty() || host.contains('/'))
        {
            return Err(format!(
                "admin.hosts: {host:?} isn't a host: one like metrics.example or metrics.example:9017 is needed"
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
        Ok(())
    }
}

impl SourceConfig {
    fn check(&self) -> Result<(), String> {
        let sources = [
            self.scenario.is_some(),
            self.orders.is_some(),
            self.live.is_some(),
            self.upstream.is_some(),
        ];
        if sources.iter().filter(|given| **given).count() > 1 {
            return Err(
                "source: scenario, orders, live and upstream are four sources, and only one can be served"
                    .to_owned(),
            );
        }
        if self.orders.is_some() != self.mapping.is_some() {
            return Err("source: orders and mapping belong together".to_owned());
        }
        if self.live.is_none() && self.order_log.is_some() {
            return Err("source.order_log is for a live day, and there is none".to_owned());
        }
        if self.live.is_some() && (self.start.is_some() || self.speed.is_some()) {
            return Err(
                "source: a live day follows the clock: start and speed are for what is played".to_owned(),
            );
        }
        if self.upstream.is_none()
            && (self.upstream_token.is_some() || self.upstream_key.is_some() || self.upstream_ca.is_some())
        {
            return Err(
                "source: upstream_token, upstream_key and upstream_ca are for an upstream, and there is none"
                    .to_owned(),
            );
        }
        if let Some(speed) = self.speed
            && !(1.0..=3600.0).contains(&speed)
        {
            return Err(format!("source.speed is {speed}: 1 to 3600 is needed"));
        }
        if let Some(start) = &self.start
            && !parse_start(start).is_ok_and(|start_ms| start_ms < DAY_MS)
        {
            return Err(format!(
                "source.start: {start:?} isn't a time of day: 00:00:00 to 23:59:59 is needed, as in 00:06:58"
            ));
        }
        if let Some(key) = &self.upstream_key {
            key.parse::<meridian_wire::PublicKey>()
                .map_err(|problem| format!("source.upstream_key: {problem}"))?;
        }
        Ok(())
    }
}

/// Whether two paths lead to the same file, even if it doesn't exist yet.
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
