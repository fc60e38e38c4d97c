//! The governor that keeps frames steady within a preset, and the trace of frame statistics.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use bevy::prelude::*;

use crate::DisplaySystems;
use crate::globe::lights::LightStats;
use crate::link::{Inbox, Told, Words};
use crate::quality::{Budget, Quality};
use crate::text::{Lang, Texts};
use crate::theme::duration::LIGHT_SECS;
use crate::view::View;
use meridian_wire::{Level, Names};

/// How long the governor looks before it acts, in seconds.
const LOOK_SECS: f32 = 2.0;
/// A step is worth it when frames take no more than this share of what they took before.
const WORTH: f32 = 0.95;
/// How many good looks in a row give a step back.
const GOOD_LOOKS: u32 = 6;

/// A preset's steps, from everything to the least; what tells least goes first.
fn steps(quality: Quality) -> Vec<Budget> {
    let full = Budget::default();
    let no_bloom = Budget { bloom: false, ..full };
    let no_tone = Budget {
        tone: false,
        ..no_bloom
    };
    let plain = Budget {
        fine_land: false,
        ..no_tone
    };
    let mut steps = match quality {
        // Neither is there to be given up.
        Quality::Software => vec![full],
        Quality::Low => vec![
            full,
            Budget {
                fine_land: false,
                ..full
            },
        ],
        Quality::High => vec![
            full,
            Budget {
                bloom: true,
                ..no_tone
            },
            Budget { bloom: true, ..plain },
        ],
        Quality::Ultra => vec![full, no_bloom, no_tone, plain],
    };
    let last = steps.last().copied().unwrap_or(full);
    steps.extend([0.75, 0.5].map(|scale| Budget { scale, ..last }));
    steps
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
    steps: Vec<Budget>,
    step: usize,
    elapsed_secs: f32,
    frames: u32,
    good_looks: u32,
    /// How long frames took before the last step down, until its effect was seen.
    before_secs: Option<f32>,
    /// Steps that didn't make frames quicker: not taken again in this preset.
    useless: Vec<usize>,
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
    fn new(quality: Quality) -> Self {
        Self {
            steps: steps(quality),
            quality: Some(quality),
            ..default()
        }
    }

    /// The nearest step in a direction that is worth taking.
    fn next(&self, down: bool) -> Option<usize> {
        let worth = |step: &usize| !self.useless.contains(step);
        if down {
            (self.step + 1..self.steps.len()).find(worth)
        } else {
            (0..self.step).rev().find(worth)
        }
    }

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
        // What doesn't help is given back: the load is somewhere else.
        if let Some(before_secs) = self.before_secs.take()
            && mean_secs > before_secs * WORTH
        {
            self.useless.push(self.step);
            if let Some(step) = self.next(false) {
                self.step = step;
            }
            if mean_secs <= goal_secs * 1.15 {
                return Verdict::More;
            }
            return match self.next(true) {
                Some(step) => {
                    self.step = step;
                    self.before_secs = Some(before_secs);
                    Verdict::Less
                }
                None => Verdict::More,
            };
        }
        if mean_secs > goal_secs * 1.15 {
            self.good_looks = 0;
            if let Some(step) = self.next(true) {
                self.step = step;
                self.before_secs = Some(mean_secs);
                return Verdict::Less;
            }
        } else if mean_secs < goal_secs * 0.6 {
            self.good_looks += 1;
            if self.good_looks >= GOOD_LOOKS
                && let Some(step) = self.next(false)
            {
                self.good_looks = 0;
                self.step = step;
                return Verdict::More;
            }
        } else {
            self.good_looks = 0;
        }
        Verdict::Keep
    }

    fn budget(&self) -> Budget {
        self.steps.get(self.step).copied().unwrap_or_default()
    }
}

/// What a budget leaves, in words.
fn in_words(texts: &Texts, lang: Lang, budget: Budget) -> String {
    if budget == Budget::default() {
        return texts.get(lang, "governor-full");
    }
    let mut words = Vec::new();
    if !budget.bloom {
        words.push(texts.get(lang, "governor-no-bloom"));
    }
    if !budget.tone {
        words.push(texts.get(lang, "governor-no-tone"));
    }
    if !budget.fine_land {
        words.push(texts.get(lang, "governor-plain-land"));
    }
    if budget.scale < 1.0 {
        let percent = format!("{:.0}", budget.scale * 100.0);
        words.push(texts.with(lang, "governor-scale", &[("percent", percent)]));
    }
    words.join(&texts.get(lang, "list-comma"))
}

fn govern(
    time: Res<Time<Real>>,
    view: Res<View>,
    texts: Res<Texts>,
    mut governor: ResMut<Governor>,
    mut budget: ResMut<Budget>,
    mut inbox: ResMut<Inbox>,
) {
    if governor.quality != Some(view.quality) {
        *governor = Governor::new(view.quality);
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
    let wanted = governor.budget();
    budget.set_if_neq(wanted);
    let key = if verdict == Verdict::Less {
        "governor-less"
    } else {
        "governor-more"
    };
    let [en, zh] = Lang::ALL.map(|lang| texts.with(lang, key, &[("spent", in_words(&texts, lang, wanted))]));
    inbox.local.push(Told {
        level: Level::Info,
        code: "quality_governed",
        words: Words::Said(Names { en, zh }),
    });
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

fn end_frame(
    mut commands: Commands,
    time: Res<Time<Real>>,
    lights: Res<LightStats>,
    mut trace: ResMut<Trace>,
) {
    let now_secs = time.elapsed_secs_f64();
    trace.drawn.push_back((now_secs, lights.drawn));
    while trace
        .drawn
        .front()
        .is_some_and(|(at_secs, _)| now_secs - at_secs > f64::from(LIGHT_SECS))
    {
        trace.drawn.pop_front();
    }
    let before = trace.drawn.front().map_or(0, |(_, drawn)| *drawn);
    let alive = lights.drawn.saturating_sub(before);
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

    /// Looks on for a while at frames whose length follows from the budget; gives what was decided.
    fn run(governor: &mut Governor, secs: f32, frame_secs: impl Fn(Budget) -> f32) -> Vec<Verdict> {
        let mut passed_secs = 0.0;
        let mut verdicts = Vec::new();
        while passed_secs < secs {
            let frame = frame_secs(governor.budget());
            passed_secs += frame;
            let verdict = governor.look(frame, 1.0 / 12.0);
            if verdict != Verdict::Keep {
                verdicts.push(verdict);
            }
        }
        verdicts
    }

    #[test]
    fn slow_frames_cost_tone_then_land_then_scale_and_nothing_else() {
        let mut governor = Governor::new(Quality::High);
        let by_pixels = |budget: Budget| {
            0.4 * budget.scale
                * if budget.tone { 1.2 } else { 1.0 }
                * if budget.fine_land { 1.2 } else { 1.0 }
        };
        let verdicts = run(&mut governor, 30.0, by_pixels);
        assert_eq!(verdicts, [Verdict::Less; 4]);
        assert_eq!(
            governor.budget(),
            Budget {
                tone: false,
                fine_land: false,
                scale: 0.5,
                ..default()
            }
        );
    }

    #[test]
    fn what_does_not_help_is_given_back_and_not_tried_again() {
        let mut governor = Governor::new(Quality::Software);
        let by_lights = |_: Budget| 0.12;
        let verdicts = run(&mut governor, 120.0, by_lights);
        assert_eq!(verdicts, [Verdict::Less, Verdict::Less, Verdict::More]);
        assert_eq!(governor.budget(), Budget::default());
    }

    #[test]
    fn quick_frames_give_it_back_one_by_one_and_only_after_a_while() {
        let mut governor = Governor {
            step: 2,
            ..Governor::new(Quality::Low)
        };
        assert!(run(&mut governor, 8.0, |_| 0.02).is_empty());
        assert_eq!(run(&mut governor, 6.0, |_| 0.02), [Verdict::More]);
        assert_eq!(governor.step, 1);
    }

    #[test]
    fn steady_frames_change_nothing() {
        let mut governor = Governor {
            step: 1,
            ..Governor::new(Quality::Low)
        };
        assert!(run(&mut governor, 120.0, |_| 0.08).is_empty());
    }
}
