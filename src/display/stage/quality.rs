//! How much is spent on a frame: the budget, the governor that keeps frames steady, and the trace.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use bevy::prelude::*;

use super::tell;
use crate::display::DisplaySystems;
use crate::display::ledger::Ledger;
use crate::display::link::Inbox;
use crate::display::theme::duration::LIGHT_SECS;
use crate::display::view::{Quality, View};
use crate::wire::Level;

/// How long the governor looks before it acts, in seconds.
const LOOK_SECS: f32 = 2.0;
/// How many good looks in a row give a step back.
const GOOD_LOOKS: u32 = 6;

/// What may be spent on a frame. Lights aren't in it: they are never traded.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Share of the land dots, 0 to 1.
    pub dots: f32,
    /// Glow and other passes over the whole picture.
    pub post: bool,
}

/// From everything to the least; what is dearest per pixel and tells least goes first.
const STEPS: [Budget; 4] = [
    Budget {
        dots: 1.0,
        post: true,
    },
    Budget {
        dots: 1.0,
        post: false,
    },
    Budget {
        dots: 0.6,
        post: false,
    },
    Budget {
        dots: 0.35,
        post: false,
    },
];

impl Default for Budget {
    fn default() -> Self {
        STEPS[0]
    }
}

/// The longest frame that is steady enough, in seconds.
fn frame_goal_secs(quality: Quality) -> f32 {
    match quality {
        Quality::Software => 1.0 / 12.0,
        Quality::Low => 1.0 / 28.0,
        Quality::High | Quality::Ultra => 1.0 / 50.0,
    }
}

/// Watches how long frames take.
#[derive(Resource, Debug, Default)]
struct Governor {
    step: usize,
    elapsed_secs: f32,
    frames: u32,
    good_looks: u32,
    quality: Option<Quality>,
}

/// What the governor decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Keep,
    Less,
    More,
}

impl Governor {
    /// Takes a frame into account.
    fn look(&mut self, frame_secs: f32, goal_secs: f32) -> Verdict {
        self.elapsed_secs += frame_secs;
        self.frames += 1;
        if self.elapsed_secs < LOOK_SECS {
            return Verdict::Keep;
        }
        let mean_secs = self.elapsed_secs / self.frames as f32;
        self.elapsed_secs = 0.0;
        self.frames = 0;
        if mean_secs > goal_secs * 1.15 {
            self.good_looks = 0;
            if self.step + 1 < STEPS.len() {
                self.step += 1;
                return Verdict::Less;
            }
        } else if mean_secs < goal_secs * 0.6 {
            self.good_looks += 1;
            if self.good_looks >= GOOD_LOOKS && self.step > 0 {
                self.good_looks = 0;
                self.step -= 1;
                return Verdict::More;
            }
        } else {
            self.good_looks = 0;
        }
        Verdict::Keep
    }
}

fn govern(
    time: Res<Time<Real>>,
    view: Res<View>,
    mut governor: ResMut<Governor>,
    mut budget: ResMut<Budget>,
    mut inbox: ResMut<Inbox>,
) {
    if governor.quality != Some(view.quality) {
        *governor = Governor {
            quality: Some(view.quality),
            ..default()
        };
        budget.set_if_neq(Budget::default());
    }
    // The first frames compile shaders: they say nothing of the ones to come.
    if time.elapsed_secs() < 4.0 {
        return;
    }
    let verdict = governor.look(time.delta_secs(), frame_goal_secs(view.quality));
    if verdict == Verdict::Keep {
        return;
    }
    let wanted = STEPS.get(governor.step).copied().unwrap_or_default();
    budget.set_if_neq(wanted);
    let percent = (wanted.dots * 100.0).round();
    let glow_en = if wanted.post { "on" } else { "off" };
    let glow_zh = if wanted.post { "开" } else { "关" };
    let (en, zh) = if verdict == Verdict::Less {
        (
            format!("Frames were slow: glow {glow_en}, land dots {percent} %. Every light stays."),
            format!("画面较慢：辉光{glow_zh}，陆地点 {percent}%。光点一个不少。"),
        )
    } else {
        (
            format!("Frames are quick again: glow {glow_en}, land dots {percent} %."),
            format!("画面恢复流畅：辉光{glow_zh}，陆地点 {percent}%。"),
        )
    };
    tell(&mut inbox, Level::Info, "quality_governed", en, zh);
}

/// Where frame statistics go.
#[derive(Resource)]
struct Trace {
    file: BufWriter<File>,
    frame: u64,
    started: Instant,
    drawn: VecDeque<(f64, u64)>,
}

fn start_frame(mut trace: ResMut<Trace>) {
    trace.started = Instant::now();
}

fn end_frame(mut commands: Commands, time: Res<Time<Real>>, ledger: Res<Ledger>, mut trace: ResMut<Trace>) {
    let now_secs = time.elapsed_secs_f64();
    trace.drawn.push_back((now_secs, ledger.feed.lights_drawn));
    while trace
        .drawn
        .front()
        .is_some_and(|(at_secs, _)| now_secs - at_secs > f64::from(LIGHT_SECS))
    {
        trace.drawn.pop_front();
    }
    let before = trace.drawn.front().map_or(0, |(_, drawn)| *drawn);
    let alive = ledger.feed.lights_drawn.saturating_sub(before);
    let main_ms = trace.started.elapsed().as_secs_f64() * 1e3;
    let frame_ms = time.delta_secs_f64() * 1e3;
    let frame = trace.frame;
    trace.frame += 1;
    if let Err(error) = writeln!(trace.file, "{frame},{frame_ms:.3},{main_ms:.3},{alive}") {
        error!("frame statistics can't be written any more: {error}");
        commands.remove_resource::<Trace>();
    }
}

/// The budget, the governor and the trace.
pub struct Plugin {
    /// Whether the governor acts. Pictures are always drawn with everything.
    pub govern: bool,
    /// Frame statistics go to this file.
    pub trace: Option<PathBuf>,
}

impl bevy::app::Plugin for Plugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Budget>();
        if self.govern {
            app.init_resource::<Governor>()
                .add_systems(Update, govern.in_set(DisplaySystems::Input));
        }
        let Some(path) = &self.trace else { return };
        let opened = File::create(path).and_then(|file| {
            let mut file = BufWriter::new(file);
            writeln!(file, "frame,frame_ms,main_thread_ms,lights_alive")?;
            Ok(file)
        });
        match opened {
            Ok(file) => {
                app.insert_resource(Trace {
                    file,
                    frame: 0,
                    started: Instant::now(),
                    drawn: VecDeque::new(),
                })
                .add_systems(First, start_frame.run_if(resource_exists::<Trace>))
                .add_systems(Last, end_frame.run_if(resource_exists::<Trace>));
            }
            Err(error) => error!("{}: {error}: no frame statistics", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(governor: &mut Governor, frame_secs: f32, secs: f32) -> Vec<Verdict> {
        (0..(secs / frame_secs) as u32)
            .map(|_| governor.look(frame_secs, 1.0 / 12.0))
            .filter(|verdict| *verdict != Verdict::Keep)
            .collect()
    }

    #[test]
    fn slow_frames_cost_glow_then_dots_and_nothing_else() {
        let mut governor = Governor::default();
        assert_eq!(run(&mut governor, 0.2, 2.2), [Verdict::Less]);
        assert_eq!(
            STEPS[governor.step],
            Budget {
                dots: 1.0,
                post: false
            }
        );
        let more = run(&mut governor, 0.2, 60.0);
        assert_eq!(more, [Verdict::Less, Verdict::Less]);
        assert_eq!(governor.step, STEPS.len() - 1);
    }

    #[test]
    fn quick_frames_give_it_back_one_by_one_and_only_after_a_while() {
        let mut governor = Governor { step: 2, ..default() };
        assert!(run(&mut governor, 0.02, 8.0).is_empty());
        assert_eq!(run(&mut governor, 0.02, 6.0), [Verdict::More]);
        assert_eq!(governor.step, 1);
    }

    #[test]
    fn steady_frames_change_nothing() {
        let mut governor = Governor { step: 1, ..default() };
        assert!(run(&mut governor, 0.08, 120.0).is_empty());
    }
}
