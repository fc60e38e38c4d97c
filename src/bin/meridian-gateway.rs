//! Serves a day's feed over WebSocket.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use meridian::gateway::{GatewayConfig, SavedState, ServeArgs, SourceArgs, load_catalogue, serve};

/// Meridian's gateway: serves a day of orders and payments over WebSocket.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    serve: ServeArgs,
}

fn run(args: &Args) -> anyhow::Result<()> {
    let catalogue = load_catalogue()?;
    let saved = match &args.serve.state {
        Some(path) => SavedState::read(path)?,
        None => None,
    };
    let publisher = args.source.publisher(&catalogue, saved.as_ref())?;
    let config = GatewayConfig {
        listen: args.serve.listen,
        allow_remote: args.serve.allow_remote,
        speed: args.source.speed,
        state: args.serve.state.clone().map(|path| (path, args.source.name())),
    };
    let gateway = serve(config, publisher)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("can't wait for signals")?;
    runtime.block_on(async {
        #[cfg(unix)]
        {
            let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            tokio::select! {
                result = tokio::signal::ctrl_c() => result,
                _ = terminate.recv() => Ok(()),
            }
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    })?;
    tracing::info!("the gateway stops");
    let _ = gateway.stop();
    Ok(())
}

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .init();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("meridian-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}
