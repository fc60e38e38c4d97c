//! What directors ask for and change, and figures that are held.

use crate::operate::audit::{Details, Kind};
use crate::operate::director::{Command, Director, DirectorError, FiguresMode, Outcome};
use crate::operate::events::{Entry, GatewayEvent, To};
use crate::publish::gate::Implausible;
use meridian_wire::NoticeKind;
use meridian_wire::notice::Decision;

/// What happens at the directors' desk.
#[derive(Debug)]
pub(crate) enum DirectorEvent<'a> {
    /// A director asked for something, with what came of it.
    Asked {
        by: &'a Director,
        command: &'a Command,
        result: &'a Result<Outcome, DirectorError>,
    },
    /// What a director asked for was done, and is shown.
    Directed {
        by: &'a Director,
        command: &'a Command,
        text: &'a str,
    },
    /// A release was asked for with a token that holds no longer.
    ReleaseForgotten { by: &'a str },
    /// Most of the figures that can't be true came from one source.
    BusiestSource { source: u32, percent: u64 },
    /// Figures that can't be true are held.
    FiguresHeld {
        problem: &'a Implausible,
        busiest: Option<(u32, u64)>,
    },
    /// And walls show what they are held at: then people are told why.
    HoldShown { problem: &'a Implausible },
}

/// What came of a command, for logs.
fn said(result: &Result<Outcome, DirectorError>) -> String {
    match result {
        Ok(Outcome::Done(text)) => text.clone(),
        Ok(Outcome::Unchanged) => "nothing changed".to_owned(),
        Ok(Outcome::NeedsSecond) => "release asked for, a second director has to agree".to_owned(),
        Err(error) => format!("refused: {error}"),
    }
}

/// Whom a change concerns, and what they are told; `text` says it in English. Walls are told of a hold alone.
fn directed(by: &Director, command: &Command, text: &str) -> Option<(To, NoticeKind)> {
    let (by, reason) = (by.name.clone(), text.to_owned());
    let what = match command {
        Command::Hold => return Some((To::Everybody, NoticeKind::Held { by })),
        Command::Release => return Some((To::Directors, NoticeKind::Released { reason })),
        Command::Scene { scene } => Decision::Shows {
            scene: scene.to_string(),
        },
        Command::Mode {
            mode: FiguresMode::Rehearsal,
        } => Decision::BeginsRehearsal,
        Command::Mode {
            mode: FiguresMode::Normal,
        } => Decision::EndsRehearsal,
        Command::Delay { delay_ms } => Decision::Delays { delay_ms: *delay_ms },
        Command::Status => return None,
    };
    Some((To::Directors, NoticeKind::Directed { by, what, reason }))
}

impl GatewayEvent for DirectorEvent<'_> {
    fn log(&self) {
        match self {
            Self::Asked { by, command, result } => {
                tracing::info!(by = by.name, ?command, said = said(result), "a director");
            }
            Self::ReleaseForgotten { by } => tracing::info!(
                by,
                "a release that was asked for is forgotten: the token holds no longer"
            ),
            Self::FiguresHeld { problem, busiest } => {
                let problem = problem.what().in_words();
                match busiest {
                    Some((source, percent)) => {
                        tracing::error!(problem, source, percent, "the figures are held");
                    }
                    None => tracing::error!(problem, "the figures are held"),
                }
            }
            // What was asked for is logged, and so is what is held.
            Self::Directed { .. } | Self::BusiestSource { .. } | Self::HoldShown { .. } => {}
        }
    }

    fn audit(&self) -> Option<Entry> {
        match self {
            Self::Asked { by, command, result } => {
                let details = Details {
                    token: Some(by.token.clone()),
                    name: Some(by.name.clone()),
                    reason: Some(format!("{command:?}: {}", said(result))),
                    ..Details::default()
                };
                Some(Entry {
                    in_vain: matches!(result, Ok(Outcome::Unchanged) | Err(_)),
                    ..Entry::new(Kind::Desk, "desk", details)
                })
            }
            Self::FiguresHeld { problem, .. } => {
                let details = Details {
                    reason: Some(problem.what().in_words()),
                    ..Details::default()
                };
                Some(Entry::new(Kind::FiguresHeld, "figures", details))
            }
            Self::Directed { .. }
            | Self::ReleaseForgotten { .. }
            | Self::BusiestSource { .. }
            | Self::HoldShown { .. } => None,
        }
    }

    fn notices(&self) -> Vec<(To, NoticeKind)> {
        match self {
            Self::Asked {
                by,
                result: Ok(Outcome::NeedsSecond),
                ..
            } => {
                let by = by.name.clone();
                vec![(To::Directors, NoticeKind::ReleaseAsked { by })]
            }
            Self::Directed { by, command, text } => directed(by, command, text).into_iter().collect(),
            Self::BusiestSource { source, percent } => {
                let (source, percent) = (*source, *percent);
                vec![(To::Directors, NoticeKind::BusiestSource { source, percent })]
            }
            Self::HoldShown { problem } => {
                let what = problem.what();
                vec![(To::Everybody, NoticeKind::Implausible { what })]
            }
            Self::Asked { .. } | Self::ReleaseForgotten { .. } | Self::FiguresHeld { .. } => Vec::new(),
        }
    }
}
