//! Tracks the board in a source's frames, on its own threads.
//!
//! One thread reads the source and keeps the latest frame only; another finds the board in it and publishes the frame
//! together with the pose that was found *in that frame*, so that what is drawn upon it stands still however long the
//! search took. Where the source fails, the last view stays, says why, and the source is opened again after a while.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::detect::{Detector, Found, Gates};
use super::filter::{Constants, OneEuro};
use super::frame::{Frame, FrameSource, Pace, SourceError};
use super::geometry::Pose;
use super::intrinsics::{GUESSED_VIEW, Intrinsics};
use super::light::{self, LightEstimate};
use super::pose::{self, BoardPose};
use super::source::SourceSpec;

/// How long a lost board keeps its last pose.
pub const HOLD: Duration = Duration::from_millis(300);

/// How long a source that failed is left alone, at first and at most; it doubles in between.
pub const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// How long a source may take for one answer before its thread checks whether to stop.
const WAIT: Duration = Duration::from_millis(50);

/// After this many unusable frames in a row the source counts as failed.
const MAX_BAD: u32 = 30;

/// What is known of the board.
#[derive(Debug, Clone, PartialEq)]
pub enum Tracking {
    /// The source is being opened, or its first frame is awaited.
    Opening,
    /// The board is in the frame.
    Found {
        /// Steadied, from the board's frame to the camera's. What is drawn stands here.
        pose: Pose,
        /// As it was measured.
        measured: BoardPose,
    },
    /// It was in a frame a moment ago.
    Held {
        /// The last steadied pose.
        pose: Pose,
        /// Since when it is out of sight.
        since: Instant,
    },
    /// It isn't in sight.
    Lost,
    /// There are no frames.
    NoCamera {
        /// Why.
        error: String,
        /// When the source is opened again.
        retry: Instant,
    },
}

impl Tracking {
    /// Where to draw, while that is known.
    pub fn pose(&self) -> Option<&Pose> {
        match self {
            Self::Found { pose, .. } | Self::Held { pose, .. } => Some(pose),
            _ => None,
        }
    }
}

/// What the tracker publishes: a frame, and what was found in it.
#[derive(Debug, Clone)]
pub struct View {
    /// The latest frame; after a camera vanished its last one. `None` before the first.
    pub frame: Option<Arc<Frame>>,
    /// Counts what was published; a display that has seen this number needs no new texture.
    pub number: u64,
    /// The board.
    pub tracking: Tracking,
    /// The tags in the frame.
    pub tags: Vec<Found>,
    /// The lens that was used, for the frame's size.
    pub lens: Option<Intrinsics>,
    /// The light on the sheet, steadied.
    pub light: Option<LightEstimate>,
    /// What the source is, once it is open.
    pub source: String,
    /// What went wrong with a frame lately, while the source itself goes on.
    pub notice: Option<String>,
    /// How long the search took in this frame.
    pub search: Duration,
    /// Frames searched in the last second.
    pub rate: f32,
}

impl View {
    fn empty() -> Self {
        Self {
            frame: None,
            number: 0,
            tracking: Tracking::Opening,
            tags: Vec::new(),
            lens: None,
            light: None,
            source: String::new(),
            notice: None,
            search: Duration::ZERO,
            rate: 0.0,
        }
    }
}

/// How a board is tracked.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options {
    /// The camera's lens; without it the source's own, or a guess.
    pub lens: Option<Intrinsics>,
    /// What a tag must be.
    pub gates: Gates,
    /// How poses are steadied.
    pub filter: Constants,
}

/// What opens a source.
pub type Opener = Box<dyn FnMut() -> Result<Box<dyn FrameSource>, SourceError> + Send>;

/// Tracks a board until it is dropped.
pub struct Tracker {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    inbox: Mutex<Inbox>,
    news: Condvar,
    view: ArcSwap<View>,
    lens: Mutex<Option<Intrinsics>>,
}

/// From the reading thread to the searching one.
#[derive(Default)]
struct Inbox {
    /// The latest that wasn't searched yet.
    frame: Option<Frame>,
    /// What the source is.
    source: String,
    /// Why there is no camera, and when it is tried again.
    failed: Option<(String, Instant)>,
    notice: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tracker {
    /// Starts to track in a source's frames.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(spec: SourceSpec, options: Options) -> std::io::Result<Self> {
        Self::start_with(Box::new(move || spec.open(Pace::Live)), options)
    }

    /// Like [`Tracker::start`], with another source; `opener` is called again whenever it fails.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start_with(opener: Opener, options: Options) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            inbox: Mutex::new(Inbox::default()),
            news: Condvar::new(),
            view: ArcSwap::from_pointee(View::empty()),
            lens: Mutex::new(options.lens),
        });
        let mut tracker = Self {
            shared,
            threads: Vec::new(),
        };
        let shared = Arc::clone(&tracker.shared);
        tracker.threads.push(
            std::thread::Builder::new()
                .name("ar camera".to_owned())
                .spawn(move || read(&shared, opener))?,
        );
        let shared = Arc::clone(&tracker.shared);
        tracker.threads.push(
            std::thread::Builder::new()
                .name("ar search".to_owned())
                .spawn(move || search(&shared, options))?,
        );
        Ok(tracker)
    }

    /// The latest view; never waits.
    pub fn latest(&self) -> Arc<View> {
        self.shared.view.load_full()
    }

    /// Uses another lens from the next frame on, as after a calibration.
    pub fn set_lens(&self, lens: Option<Intrinsics>) {
        *lock(&self.shared.lens) = lens;
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.news.notify_all();
        let until = Instant::now() + Duration::from_secs(2);
        for thread in self.threads.drain(..) {
            // A driver that never answers must not hold up the program's end.
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(2));
            }
            if thread.is_finished() {
                if thread.join().is_err() {
                    tracing::error!("a thread of the tracker panicked");
                }
            } else {
                tracing::warn!("the camera doesn't answer; its thread is left behind");
            }
        }
    }
}

/// What the reading thread does: opens the source, again where it fails, and keeps the newest frame.
fn read(shared: &Shared, mut opener: Opener) {
    let mut patience = RETRY.0;
    let stopped = || shared.stop.load(Ordering::Acquire);
    while !stopped() {
        let opened = catch_unwind(AssertUnwindSafe(&mut opener)).unwrap_or_else(|_| {
            Err(SourceError::Broken {
                source_name: "the camera".to_owned(),
            })
        });
        let error = match opened {
            Ok(mut source) => {
                lock(&shared.inbox).source = source.describe();
                match follow(shared, source.as_mut(), &mut patience) {
                    Some(error) => error,
                    None => return,
                }
            }
            Err(error) => error,
        };
        tracing::warn!("{error}");
        let retry = Instant::now() + patience;
        {
            let mut inbox = lock(&shared.inbox);
            inbox.failed = Some((error.to_string(), retry));
            inbox.frame = None;
        }
        shared.news.notify_all();
        while !stopped() && Instant::now() < retry {
            std::thread::sleep(Duration::from_millis(10));
        }
        patience = (patience * 2).min(RETRY.1);
    }
}

/// Reads a source until it fails; `None` when the tracker stops.
fn follow(shared: &Shared, source: &mut dyn FrameSource, patience: &mut Duration) -> Option<SourceError> {
    let mut bad = 0;
    while !shared.stop.load(Ordering::Acquire) {
        let next = catch_unwind(AssertUnwindSafe(|| source.next(WAIT))).unwrap_or_else(|_| {
            Err(SourceError::Broken {
                source_name: "the camera".to_owned(),
            })
        });
        match next {
            Ok(Some(frame)) => {
                bad = 0;
                *patience = RETRY.0;
                let mut inbox = lock(&shared.inbox);
                inbox.frame = Some(frame);
                inbox.failed = None;
                inbox.notice = None;
                drop(inbox);
                shared.news.notify_all();
            }
            Ok(None) => {}
            Err(error) if error.is_passing() && bad < MAX_BAD => {
                bad += 1;
                lock(&shared.inbox).notice = Some(error.to_string());
                shared.news.notify_all();
            }
            Err(error) => return Some(error),
        }
    }
    None
}

/// What the searching thread does: finds the sheet in each newest frame.
fn search(shared: &Shared, options: Options) {
    let mut detector = Detector::new(options.gates);
    let mut filter = OneEuro::new(options.filter);
    let mut view = View::empty();
    let start = Instant::now();
    // When the board was last in a frame, and where.
    let mut last: Option<(Instant, Pose)> = None;
    let mut times: Vec<Instant> = Vec::new();
    while !shared.stop.load(Ordering::Acquire) {
        let mut inbox = lock(&shared.inbox);
        if inbox.frame.is_none() {
            inbox = shared
                .news
                .wait_timeout(inbox, WAIT)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let frame = inbox.frame.take();
        let failed = inbox.failed.clone();
        let notice = inbox.notice.clone();
        view.source.clone_from(&inbox.source);
        drop(inbox);

        let before = (view.tracking.clone(), view.notice.clone());
        view.notice = notice;
        let fresh = frame.is_some();
        if let Some(frame) = frame {
            let now = Instant::now();
            let lens = match *lock(&shared.lens) {
                Some(lens) => lens.scaled(frame.width, frame.height),
                None => frame
                    .lens
                    .unwrap_or_else(|| Intrinsics::guess(frame.width, frame.height, GUESSED_VIEW)),
            };
            let tags = match detector.detect(
                frame.width as usize,
                frame.height as usize,
                &frame.grey,
                Some(&lens),
            ) {
                Ok(tags) => tags,
                Err(error) => {
                    view.notice = Some(error.to_string());
                    Vec::new()
                }
            };
            let near = last.filter(|(at, _)| frame.at.saturating_duration_since(*at) < HOLD);
            match pose::solve(&tags, &lens, near.as_ref().map(|(_, pose)| pose)) {
                Ok(measured) => {
                    if near.is_none() {
                        filter.reset();
                    }
                    let at = frame.at.saturating_duration_since(start).as_secs_f64();
                    let pose = filter.filter(at, measured.pose);
                    last = Some((frame.at, pose));
                    if let Some(seen) = light::estimate(&frame, &lens, &measured.pose) {
                        // Light changes slowly; a hand that passes over doesn't count.
                        view.light = Some(view.light.map_or(seen, |old| old.lerp(&seen, 0.08)));
                    }
                    view.tracking = Tracking::Found { pose, measured };
                }
                Err(problem) => {
                    tracing::trace!("{problem}");
                    view.tracking = absent(last, frame.at);
                }
            }
            view.search = now.elapsed();
            times.retain(|time| now.duration_since(*time) < Duration::from_secs(1));
            times.push(now);
            view.rate = times.len() as f32;
            view.tags = tags;
            view.lens = Some(lens);
            view.frame = Some(Arc::new(frame));
        } else if let Some((error, retry)) = failed {
            if view.tracking.pose().is_none() || last.is_none_or(|(at, _)| at.elapsed() >= HOLD) {
                view.tracking = Tracking::NoCamera { error, retry };
                view.tags.clear();
            }
        } else if view.tracking.pose().is_some() {
            // Frames are late: what was found ages by the clock.
            let now = Instant::now();
            if last.is_none_or(|(at, _)| now.saturating_duration_since(at) >= HOLD) {
                view.tracking = Tracking::Lost;
            }
        }
        if fresh || before != (view.tracking.clone(), view.notice.clone()) {
            view.number += 1;
            shared.view.store(Arc::new(view.clone()));
        }
    }
}

/// What is known of a board that isn't in the frame.
fn absent(last: Option<(Instant, Pose)>, now: Instant) -> Tracking {
    match last {
        Some((since, pose)) if now.saturating_duration_since(since) < HOLD => Tracking::Held { pose, since },
        _ => Tracking::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{self, Look};
    use crate::sheet;

    fn lens() -> Intrinsics {
        Intrinsics::plain(640, 360, 560.0)
    }

    fn with_board() -> Vec<u8> {
        let pose = render::viewpoint(0.6, 0.6, 0.3, 0.0, glam::DVec2::ZERO);
        render::grey(sheet::fine(), &lens(), &pose, &Look::default())
    }

    /// Gives frames at 50 a second: what `script` says of the n-th.
    struct Scripted<F>(u64, F);

    impl<F: FnMut(u64) -> Result<Vec<u8>, SourceError> + Send> FrameSource for Scripted<F> {
        fn next(&mut self, _: Duration) -> Result<Option<Frame>, SourceError> {
            std::thread::sleep(Duration::from_millis(20));
            let number = self.0;
            self.0 += 1;
            let grey = (self.1)(number)?;
            Ok(Frame::from_grey(640, 360, grey, number))
        }

        fn describe(&self) -> String {
            "a script".to_owned()
        }
    }

    fn wait_for(tracker: &Tracker, what: impl Fn(&View) -> bool) -> Arc<View> {
        let until = Instant::now() + Duration::from_secs(8);
        loop {
            let view = tracker.latest();
            if what(&view) {
                return view;
            }
            assert!(Instant::now() < until, "{:?}", view.tracking);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn options() -> Options {
        Options {
            lens: Some(lens()),
            ..Options::default()
        }
    }

    #[test]
    fn a_lost_board_is_held_for_300_ms_and_then_said_to_be_lost() {
        let picture = with_board();
        let opener: Opener = Box::new(move || {
            let picture = picture.clone();
            Ok(Box::new(Scripted(0, move |number| {
                Ok(if number < 15 {
                    picture.clone()
                } else {
                    vec![120; 640 * 360]
                })
            })))
        });
        let tracker = Tracker::start_with(opener, options()).unwrap();
        let found = wait_for(&tracker, |view| matches!(view.tracking, Tracking::Found { .. }));
        assert!(found.light.is_some() && found.tags.len() == 5);
        let held = wait_for(&tracker, |view| matches!(view.tracking, Tracking::Held { .. }));
        let Tracking::Held { since, .. } = held.tracking else {
            unreachable!()
        };
        wait_for(&tracker, |view| view.tracking == Tracking::Lost);
        let took = since.elapsed();
        assert!(
            took >= Duration::from_millis(290) && took < Duration::from_millis(700),
            "{took:?}"
        );
    }

    #[test]
    fn a_camera_that_vanishes_is_said_to_have_and_comes_back() {
        let picture = with_board();
        let mut opened = 0;
        let opener: Opener = Box::new(move || {
            opened += 1;
            if opened == 2 {
                return Err(SourceError::Camera {
                    device: "/dev/video0".to_owned(),
                    problem: "no such camera".to_owned(),
                });
            }
            let (picture, first) = (picture.clone(), opened == 1);
            Ok(Box::new(Scripted(0, move |number| {
                if first && number > 10 {
                    return Err(SourceError::Camera {
                        device: "/dev/video0".to_owned(),
                        problem: "the camera is gone".to_owned(),
                    });
                }
                Ok(picture.clone())
            })))
        });
        let tracker = Tracker::start_with(opener, options()).unwrap();
        wait_for(&tracker, |view| matches!(view.tracking, Tracking::Found { .. }));
        let gone = wait_for(&tracker, |view| {
            matches!(view.tracking, Tracking::NoCamera { .. })
        });
        assert!(gone.frame.is_some(), "the last picture stays");
        let Tracking::NoCamera { error, .. } = &gone.tracking else {
            unreachable!()
        };
        assert!(error.contains("/dev/video0"), "{error}");
        wait_for(
            &tracker,
            |view| matches!(&view.tracking, Tracking::NoCamera { error, .. } if error.contains("no such")),
        );
        wait_for(&tracker, |view| matches!(view.tracking, Tracking::Found { .. }));
        let start = Instant::now();
        drop(tracker);
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_source_that_panics_or_falls_silent_sticks_nothing() {
        let opener: Opener = Box::new(|| Ok(Box::new(Scripted(0, |_| panic!("a driver's bug")))));
        let tracker = Tracker::start_with(opener, options()).unwrap();
        wait_for(&tracker, |view| {
            matches!(view.tracking, Tracking::NoCamera { .. })
        });
        drop(tracker);
        let picture = with_board();
        let opener: Opener = Box::new(move || {
            let picture = picture.clone();
            Ok(Box::new(Scripted(0, move |number| {
                if number > 5 {
                    std::thread::sleep(Duration::from_millis(900));
                }
                Ok(picture.clone())
            })))
        });
        let tracker = Tracker::start_with(opener, options()).unwrap();
        wait_for(&tracker, |view| matches!(view.tracking, Tracking::Found { .. }));
        wait_for(&tracker, |view| view.tracking == Tracking::Lost);
    }
}
