//! What directors ask for and change, and figures that are held.

use crate::operate::audit::{Details, Kind};
use crate::operate::director::{Command, Director, DirectorError, Outcome};
use crate::operate::events::{Entry, GatewayEvent, To, notice};
use crate::publish::gate::Implausible;
use meridian_wire::{Level, Notice};

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

/// Whom a change concerns, in words.
fn directed(by: &Director, command: &Command, text: &str) -> Vec<(To, Notice)> {
    match command {
        Command::Hold => {
            let (en, zh) = (
                format!("Figures {text}"),
                format!("数据已由 {} 暂停更新", by.name),
            );
            // A wall that is filmed names nobody.
            let plain = notice(
                Level::Warning,
                "held",
                "The figures are held for now",
                "数据暂停更新",
            );
            vec![
                (To::Walls, plain),
                (To::Directors, notice(Level::Warning, "held", en, zh)),
            ]
        }
        Command::Release => {
            let notice = notice(Level::Info, "released", format!("Figures {text}"), "数据恢复更新");
            vec![(To::Directors, notice)]
        }
        _ => vec![(To::Directors, notice(Level::Info, "directed", text, text))],
    }
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
                let problem = problem.in_words().0;
                match busiest {
                    Some((source, percent)) => {
                        tracing::error!(problem, source, percent, "the figures are held");
                    }
                    None => tracing::error!(problem, "the figures are held"),
                }
            }
            // What was asked for is logged, and so is what is held.
            Self::Directed { .. } | Self::BusiestSource { .. } => {}
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
                    reason: Some(problem.in_words().0.to_owned()),
                    ..Details::default()
                };
                Some(Entry::new(Kind::FiguresHeld, "figures", details))
            }
            Self::Directed { .. } | Self::ReleaseForgotten { .. } | Self::BusiestSource { .. } => None,
        }
    }

    fn notices(&self) -> Vec<(To, Notice)> {
        match self {
            Self::Asked {
                by,
                result: Ok(Outcome::NeedsSecond),
                ..
            } => {
                let notice = notice(
                    Level::Warning,
                    "release_asked",
                    format!("{} asks for the release: a second director has to agree", by.name),
                    format!("{} 请求恢复更新，需要另一位导播确认", by.name),
                );
                vec![(To::Directors, notice)]
            }
            Self::Directed { by, command, text } => directed(by, command, text),
            Self::BusiestSource { source, percent } => {
                let notice = notice(
                    Level::Alert,
                    "busiest_source",
                    format!("{percent} % of what came last is from source {source}"),
                    format!("最近的数据中 {percent}% 来自来源 {source}"),
                );
                vec![(To::Directors, notice)]
            }
            Self::FiguresHeld { problem, .. } => {
                let (en, zh) = problem.in_words();
                let notice = notice(
                    Level::Alert,
                    "implausible",
                    format!("The figures can't be right, the last good ones stay: {en}"),
                    format!("数据不合常理，保留最后的有效数据：{zh}"),
                );
                vec![(To::Everybody, notice)]
            }
            Self::Asked { .. } | Self::ReleaseForgotten { .. } => Vec::new(),
        }
    }
}
