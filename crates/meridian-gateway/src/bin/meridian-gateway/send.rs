//! `send`: plays a source into a gateway as a live day's orders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::bail;
use meridian_client::orders::{OrderSender, SenderConfig, SenderEvent};
use meridian_gateway::source::play::Play;
use meridian_gateway::{PlayArgs, load_catalogue, wall_ms};

use crate::signal::stop_asked;

/// Plays a source into a gateway until it ends or somebody stops it.
pub(crate) fn send(config: &SenderConfig, number: u32, play: &PlayArgs) -> anyhow::Result<()> {
    let catalogue = load_catalogue()?;
    let orders = play.source.open(&catalogue)?;
    let from_ms = play.start_ms(orders.as_ref(), None);
    let sender = OrderSender::start(config)?;
    let url = &config.url;
    let welcome = loop {
        match sender.events().recv()? {
            SenderEvent::Connected(welcome) => break welcome,
            SenderEvent::Unwanted(reason) => bail!("{url} {reason}"),
            SenderEvent::Lost(reason) => eprintln!("{url}: {reason}; trying again"),
            SenderEvent::Counted { .. } | SenderEvent::Refused { .. } => {}
        }
    };
    let mut player = Play::new(orders, &welcome, number, from_ms, wall_ms(), play.speed())?;
    let (mut rows, mut counted, mut refused) = (0, 0_u64, 0_u64);
    let mut said = std::time::Instant::now();
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            let _ = runtime.block_on(stop_asked());
            asked.store(true, Ordering::Release);
        }
    });
    loop {
        let over = player.ended() || stop.load(Ordering::Acquire);
        if !over {
            let played = player.until(wall_ms())?;
            rows += played.rows;
            for notice in played.notices {
                eprintln!("{}", notice.notice(0).text.en);
            }
            for batch in played.batches {
                sender.send(batch)?;
            }
        }
        while let Ok(event) = sender.events().try_recv() {
            match event {
                SenderEvent::Counted { .. } => counted += 1,
                SenderEvent::Refused { problem, .. } => {
                    refused += 1;
                    if refused <= 5 {
                        eprintln!("{url} refuses a batch: {problem}");
                    }
                }
                SenderEvent::Lost(reason) => eprintln!("{url}: {reason}; trying again"),
                SenderEvent::Unwanted(reason) => eprintln!("{url} {reason}"),
                SenderEvent::Connected(_) => {}
            }
        }
        if said.elapsed() >= Duration::from_secs(5) || over {
            said = std::time::Instant::now();
            eprintln!(
                "{rows} orders and payments sent, {counted} batches counted, {refused} refused, {} open",
                sender.open()
            );
        }
        if over && (sender.open() == 0 || stop.load(Ordering::Acquire)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    if refused > 0 {
        bail!("{refused} batches were refused");
    }
    Ok(())
}
