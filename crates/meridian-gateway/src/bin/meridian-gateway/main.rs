//! The program `meridian-gateway`: serves a day's feed over WebSocket, and the commands that operators need.

mod args;
mod audit;
mod check;
mod count;
mod direct;
mod key;
mod secret;
mod send;
mod serve;
mod setup;
mod signal;
mod token;

use std::process::ExitCode;

use clap::Parser as _;
use meridian_client::orders::SenderConfig;
use meridian_client::tls::Trust;
use meridian_core::say;

use crate::args::{Args, AuditTask, Task};

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.task {
        None => serve::run(&args.run),
        Some(task) => carry_out(task),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("meridian-gateway: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

fn carry_out(task: &Task) -> anyhow::Result<()> {
    match task {
        Task::Check { config } => check::check(config),
        Task::Token { tokens, config, what } => token::token(tokens.as_deref(), config.as_deref(), what),
        Task::Key { config } => key::key(config),
        Task::Audit {
            what: AuditTask::Verify { files, after, head },
        } => audit::verify(files, after.as_deref(), head.as_deref()),
        Task::Licences => {
            say!("{}", meridian_core::files::NOTICES.trim_end());
            Ok(())
        }
        Task::Count { live, logs } => count::count(live, logs),
        Task::Send {
            gateway,
            token_file,
            ca,
            pin,
            number,
            play,
        } => {
            let config = SenderConfig {
                url: gateway.clone(),
                token: secret::token_of(token_file.as_deref())?,
                trust: Trust {
                    ca: ca.clone(),
                    pin: *pin,
                },
            };
            send::send(&config, *number, play)
        }
        Task::Direct {
            gateway,
            token_file,
            ca,
            pin,
            what,
        } => {
            let trust = Trust {
                ca: ca.clone(),
                pin: *pin,
            };
            direct::direct(gateway, token_file.as_deref(), &trust, what)
        }
    }
}

/// An error and its causes in one line, without those whose text it already holds.
fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
