//! Reloads the token file and the certificate when they change.
//!
//! They are looked at on threads of their own. A network folder or a disk that doesn't answer keeps one of those waiting, and
//! nobody else: what was known stays, and it is said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::task::JoinHandle;

use crate::operate::access::{TokenStore, Tokens};
use crate::operate::certificate::Certificate;
use crate::operate::events::{GatewayEvent as _, LifeEvent, Reporter};

/// How often files and granted tokens are checked: a change takes effect within three seconds.
pub(crate) const CHECK_EVERY: Duration = Duration::from_secs(1);
/// After this a check goes on in the background.
const CHECK_TIMEOUT: Duration = Duration::from_millis(300);
/// After this it is reported that a file doesn't answer.
const REPORT_AFTER: Duration = Duration::from_secs(2);

type Running<T> = JoinHandle<(T, Result<bool, String>)>;

/// Something that is reloaded, by one check at a time.
struct Reloaded<T> {
    /// Absent while it is looked at.
    thing: Option<T>,
    running: Option<(Running<T>, Instant)>,
    /// It was said that it doesn't answer.
    told: bool,
}

/// The result of a check.
#[derive(Debug, PartialEq, Eq)]
enum CheckResult {
    /// It ended: whether anything is new, or what is wrong.
    Done(Result<bool, String>),
    /// It goes on; that isn't reported yet, or was already.
    GoesOn,
    /// It has gone on for so long that it should be reported.
    Hangs,
}

impl<T: Send + 'static> Reloaded<T> {
    fn new(thing: T) -> Self {
        Self {
            thing: Some(thing),
            running: None,
            told: false,
        }
    }

    /// Starts a check, or asks whether the last one has ended.
    async fn check(
        &mut self,
        read: impl FnOnce(&mut T) -> Result<bool, String> + Send + 'static,
    ) -> CheckResult {
        let (mut running, since) = match (self.running.take(), self.thing.take()) {
            (Some(running), _) => running,
            (None, Some(mut thing)) => {
                let look = move || {
                    let result = read(&mut thing);
                    (thing, result)
                };
                (tokio::task::spawn_blocking(look), Instant::now())
            }
            (None, None) => return CheckResult::GoesOn,
        };
        match tokio::time::timeout(CHECK_TIMEOUT, &mut running).await {
            Ok(Ok((thing, result))) => {
                self.thing = Some(thing);
                let was_told = std::mem::take(&mut self.told);
                CheckResult::Done(result.map(|is_new| is_new || was_told))
            }
            Ok(Err(error)) => CheckResult::Done(Err(error.to_string())),
            Err(_) => {
                self.running = Some((running, since));
                let hangs = since.elapsed() > REPORT_AFTER && !self.told;
                self.told |= hangs;
                if hangs {
                    CheckResult::Hangs
                } else {
                    CheckResult::GoesOn
                }
            }
        }
    }
}

/// The token file, and where everybody looks up what was read of it.
pub(crate) struct WatchedTokens {
    store: TokenStore,
    known: Arc<ArcSwap<Tokens>>,
}

impl WatchedTokens {
    /// Tokens that are known as they were read when the file was opened.
    pub fn new(store: TokenStore) -> Self {
        let known = Arc::new(ArcSwap::new(store.tokens()));
        Self { store, known }
    }

    /// The tokens as they were read last.
    pub fn known(&self) -> Arc<ArcSwap<Tokens>> {
        Arc::clone(&self.known)
    }
}

/// Reads tokens and certificate again when they change.
pub(crate) async fn housekeeping(
    tokens: Option<WatchedTokens>,
    certificate: Option<Certificate>,
    reporter: Arc<impl Reporter>,
) {
    let mut tokens = tokens.map(|tokens| (Reloaded::new(tokens.store), tokens.known));
    let mut certificate = certificate.map(Reloaded::new);
    let mut look = tokio::time::interval(CHECK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        if let Some((tokens, known)) = &mut tokens {
            let looked = tokens
                .check(|store| store.reload_if_changed().map_err(|error| error.to_string()))
                .await;
            if let Some(store) = &tokens.thing {
                known.store(store.tokens());
                reporter.metrics().set_tokens_problem(store.problem());
            }
            if looked == CheckResult::Hangs {
                reporter.metrics().set_tokens_problem(Some(DOES_NOT_ANSWER));
            }
            report(&*reporter, "tokens", looked);
        }
        if let Some(certificate) = &mut certificate {
            let looked = certificate
                .check(|files| files.reload_if_changed().map_err(|error| error.to_string()))
                .await;
            report(&*reporter, "certificate", looked);
        }
    }
}

const DOES_NOT_ANSWER: &str = "the disk or network folder that it is on doesn't answer";

fn report(reporter: &impl Reporter, file: &'static str, looked: CheckResult) {
    let result = match looked {
        CheckResult::GoesOn => return,
        CheckResult::Hangs => Err(DOES_NOT_ANSWER.to_owned()),
        CheckResult::Done(result) => result,
    };
    match result {
        Ok(false) => {}
        Ok(true) => LifeEvent::ReadAgain { file }.emit(reporter),
        Err(error) => LifeEvent::Unreadable { file, error: &error }.emit(reporter),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A disk that doesn't answer: nobody waits for it, it is said once, and what comes of it in the end is taken.
    #[test]
    fn a_file_that_does_not_answer_keeps_nobody_waiting() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut kept = Reloaded::new(0_u32);
            let one_more = |count: &mut u32| {
                *count += 1;
                Ok(false)
            };
            assert_eq!(kept.check(one_more).await, CheckResult::Done(Ok(false)));
            let (answer, disk) = mpsc::channel::<()>();
            let mut hangs = 0;
            let hanging = kept.check(move |_| disk.recv().map(|()| false).map_err(|error| error.to_string()));
            assert_eq!(hanging.await, CheckResult::GoesOn);
            for _ in 0..12 {
                match kept.check(|_| Err("a second look at once".to_owned())).await {
                    CheckResult::Hangs => hangs += 1,
                    CheckResult::GoesOn => {}
                    done => panic!("{done:?}"),
                }
            }
            assert_eq!(hangs, 1);
            answer.send(()).unwrap();
            // That it answers again is news.
            assert_eq!(kept.check(one_more).await, CheckResult::Done(Ok(true)));
            assert_eq!(kept.check(one_more).await, CheckResult::Done(Ok(false)));
            assert_eq!(kept.thing, Some(2));
        });
    }
}
