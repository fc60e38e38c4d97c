//! The command line: the tasks, their flags, and what each value may be.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use meridian_client::tls::Pin;
use meridian_gateway::operate::access::Role;
use meridian_gateway::{GatewayError, PlayArgs, ServeArgs};
use meridian_wire::Scene;

/// Meridian's gateway: serves a day of orders and payments over WebSocket.
#[derive(Debug, Parser)]
#[command(name = "meridian-gateway", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) task: Option<Task>,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Serving.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// The configuration; config/gateway.toml explains every key.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) play: PlayArgs,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Say what is wrong with a configuration and the files that it names.
    Check {
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Make, list and revoke tokens.
    Token {
        /// The token file; without it, that of the configuration.
        #[arg(long, value_name = "FILE", global = true)]
        tokens: Option<PathBuf>,
        /// The configuration, for its token file and its audit log.
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        what: TokenTask,
    },
    /// Print what displays pin: the key that frames are signed with, and the certificate's.
    Key {
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check the audit log.
    Audit {
        #[command(subcommand)]
        what: AuditTask,
    },
    /// Say what logs of a live day's orders come to, as lines of JSON: totals, and peaks over 1, 10 and 60 s.
    Count {
        /// The day's file.
        #[arg(long, value_name = "FILE")]
        live: PathBuf,
        /// The logs, of several gateways each its own.
        #[arg(required = true, value_name = "FILE.orders")]
        logs: Vec<PathBuf>,
    },
    /// Send a scenario or an order file to a gateway, as a live day's orders that happen now.
    Send {
        /// The gateway.
        #[arg(long, value_name = "ws[s]://HOST:PORT", default_value = "ws://127.0.0.1:9016")]
        gateway: String,
        /// The file that holds a source's token; without it, the variable MERIDIAN_TOKEN.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// Certificates that the gateway's is signed by; the system's unless it is given.
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
        /// The pin of the gateway's certificate.
        #[arg(long, value_name = "sha256:…")]
        pin: Option<Pin>,
        /// The number of this source: each that sends to a gateway needs its own.
        #[arg(long, value_name = "N", default_value_t = 1)]
        number: u32,
        #[command(flatten)]
        play: PlayArgs,
    },
    /// Print whose packages this program is made of, and their licences.
    Licences,
    /// Direct every display of a gateway.
    Direct {
        /// The gateway.
        #[arg(
            long,
            value_name = "ws[s]://HOST:PORT",
            default_value = "ws://127.0.0.1:9016",
            global = true
        )]
        gateway: String,
        /// The file that holds a director's token; without it, the variable MERIDIAN_TOKEN.
        #[arg(long, value_name = "FILE", global = true)]
        token_file: Option<PathBuf>,
        /// Certificates that the gateway's is signed by; the system's unless it is given.
        #[arg(long, value_name = "FILE", global = true)]
        ca: Option<PathBuf>,
        /// The pin of the gateway's certificate.
        #[arg(long, value_name = "sha256:…", global = true)]
        pin: Option<Pin>,
        #[command(subcommand)]
        what: DirectTask,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenTask {
    /// Make a token; it is printed once and kept nowhere.
    Make {
        /// Whose it is, as in "Hall 3".
        #[arg(long)]
        name: String,
        /// Who bears it, where somebody may have several: two directors are two persons. Without it, whom the name says.
        #[arg(long, value_name = "NAME")]
        person: Option<String>,
        /// What it allows.
        #[arg(long, value_enum)]
        role: Role,
        /// The source number that it sends orders under, with --role source; several: each with its own --number.
        #[arg(long, value_name = "N")]
        number: Vec<u32>,
        /// When its time is over: 90d, 12h or an instant; without it, never.
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// Take a token back; whoever is connected with it is told within seconds.
    Revoke {
        /// The token's id, as `list` prints it.
        id: String,
    },
    /// List the tokens.
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditTask {
    /// Check that nothing was altered, taken out, put in or moved.
    Verify {
        /// The log; the files that it goes on from are taken too. Those that are elsewhere are named, oldest first.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The hash that the first line follows, where older files aren't at hand: the last one of those.
        #[arg(long, value_name = "HASH", value_parser = head_of_a_log)]
        after: Option<String>,
        /// The newest hash, as the gateway's metrics show it: then a cut end is noticed too.
        #[arg(long, value_name = "HASH", value_parser = head_of_a_log)]
        head: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DirectTask {
    /// Let the figures stand as they are.
    Hold,
    /// Let the figures go on; a second director has to ask for the same within five minutes.
    Release,
    /// Show something on every display: globe, region:JP, showroom or showroom:shoe.
    Scene {
        /// What.
        scene: Scene,
    },
    /// Say what the figures are.
    Mode {
        /// rehearsal, or normal: what they are.
        #[arg(value_parser = ["rehearsal", "normal"])]
        mode: String,
    },
    /// Show orders this much later than they happened.
    Delay {
        /// As in 5s, 500ms, 2m, 0s.
        #[arg(value_parser = delay)]
        delay: Duration,
    },
    /// Say how things stand.
    Status,
}

fn head_of_a_log(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase()).ok_or_else(|| {
        format!(
            "{text:?} isn't the hash of a line: all 64 hexadecimal digits are needed, as the metrics show them"
        )
    })
}

fn delay(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} isn't a delay: 5s, 500ms, 2m or 0s is needed, 10 minutes at most");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let scale = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(scale)
        .filter(|delay_ms| *delay_ms <= meridian_gateway::operate::director::MAX_DELAY_MS)
        .map(Duration::from_millis)
        .ok_or_else(wrong)
}

impl Run {
    /// Where a value was set: on the command line, or in the configuration file.
    pub(crate) fn place(&self, key: &str, flag: Option<&str>) -> String {
        match (flag, &self.config) {
            (Some(flag), _) => flag.to_owned(),
            (None, Some(path)) => format!("{}: {key}", path.display()),
            (None, None) => key.to_owned(),
        }
    }

    /// The same for the keys in a gateway's own errors.
    fn place_of(&self, error: &GatewayError) -> Option<String> {
        let listen = self.serve.listen.map(|_| "--listen");
        Some(match error {
            GatewayError::Access(_) => self.place("access.tokens", None),
            GatewayError::Audit(_) => self.place("audit.file", None),
            GatewayError::Bind { key: "listen", .. } | GatewayError::Remote(_) => {
                self.place("listen", listen)
            }
            GatewayError::Bind { key, .. } => self.place(key, None),
            // These say their key themselves.
            GatewayError::Config(error) if matches!(error.file.as_str(), "proxy" | "admin.listen") => {
                self.config.as_ref()?.display().to_string()
            }
            GatewayError::Config(_) => self.place("tls", None),
            GatewayError::Upstream(_) => self.place(
                "source.upstream",
                self.serve.upstream.as_ref().map(|_| "--upstream"),
            ),
            _ => return None,
        })
    }

    pub(crate) fn placed(&self, error: GatewayError) -> anyhow::Error {
        match self.place_of(&error) {
            Some(place) => anyhow::Error::from(error).context(place),
            None => error.into(),
        }
    }
}
