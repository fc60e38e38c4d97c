//! Meridian, the live sales globe.

mod program;

use std::process::ExitCode;

use bevy::log::Level;
use bevy::math::UVec2;
use clap::Parser;
use meridian::display::stage::{Output, Setup, adapter, build};
use program::cli::{Cli, Command, Live};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.command {
        Some(Command::Shot(shot)) => program::pictures::shot(shot).map(|()| ExitCode::SUCCESS),
        Some(Command::Film(film)) => program::pictures::film(film).map(|()| ExitCode::SUCCESS),
        None => live(&cli.live),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("meridian: {error:#}");
        ExitCode::FAILURE
    })
}

fn live(live: &Live) -> anyhow::Result<ExitCode> {
    let adapter = adapter::find()?;
    let setup = Setup {
        catalogue: program::catalogue()?,
        output: Output::Window {
            size: live.size.map(|size| UVec2::new(size.width, size.height)),
            fullscreen: live.fullscreen,
        },
        lang: live.looks.lang,
        quality: live.looks.quality.unwrap_or(adapter.quality),
        reduced_motion: live.looks.reduced_motion,
        trace: live.trace.clone(),
        log_level: Level::INFO,
    };
    Ok(match build(&setup, &adapter).run() {
        bevy::app::AppExit::Success => ExitCode::SUCCESS,
        bevy::app::AppExit::Error(code) => ExitCode::from(code.get()),
    })
}
