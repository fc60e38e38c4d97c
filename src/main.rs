//! Meridian, the live sales globe.

mod program;

use std::process::ExitCode;

use clap::Parser;
use program::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    #[cfg(feature = "dev")]
    if let Some(path) = cli.dump_world.clone() {
        meridian::dev::dump_world_to(path);
    }
    let outcome = match &cli.command {
        Some(Command::Shot(shot)) => program::pictures::shot(shot).map(|()| ExitCode::SUCCESS),
        Some(Command::Film(film)) => program::pictures::film(film).map(|()| ExitCode::SUCCESS),
        Some(Command::Product(product)) => program::product::run(product),
        Some(Command::Marker(marker)) => program::ar::marker(marker).map(|()| ExitCode::SUCCESS),
        Some(Command::Track(track)) => program::ar::track(track).map(|()| ExitCode::SUCCESS),
        Some(Command::Calibrate(calibrate)) => program::ar::calibrate(calibrate).map(|()| ExitCode::SUCCESS),
        Some(Command::Licences) => {
            meridian_core::say!("{}", meridian_core::files::NOTICES.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        None => program::live::run(&cli.live),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("meridian: {error:#}");
        ExitCode::FAILURE
    })
}
