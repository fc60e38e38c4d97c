//! A display without a screen, whose time moves only when told to.

use std::time::Duration;

use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::time::TimeUpdateStrategy;
use crossbeam_channel::{Receiver, Sender};

use super::{Output, PictureTarget, Setup, adapter, build};
use crate::globe::lights::LightStats;
use crate::ledger::{FeedHealth, FeedStatus, Ledger};
use crate::link::{Inbox, now_ms};
use meridian_core::sales::EventMs;
use meridian_wire::Body;

/// How many frames a picture may take to come back from the GPU.
const PATIENCE_FRAMES: u32 = 240;

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// The display ended instead.
    #[error("the display ended while it drew (see what it logged)")]
    Ended,
    /// The GPU never gave the picture back.
    #[error("the picture did not come back from the GPU within {PATIENCE_FRAMES} frames")]
    Late,
    /// The picture is in a form that can't be written.
    #[error("the picture can't be read: {0}")]
    Form(String),
}

/// A display that draws pictures.
pub struct Studio {
    app: App,
    target: Handle<Image>,
    taken_in: Sender<Image>,
    taken_out: Receiver<Image>,
}

impl Studio {
    /// Puts a display together that draws into an image of this size.
    pub fn new(setup: &Setup, size: UVec2, adapter: &adapter::Adapter) -> Self {
        let setup = Setup {
            output: Output::Picture { size },
            ..setup.clone()
        };
        let mut app = build(&setup, adapter);
        app.insert_resource(TimeUpdateStrategy::ManualDuration(Duration::ZERO));
        while app.plugins_state() == bevy::app::PluginsState::Adding {
            bevy::tasks::tick_global_task_pools_on_main_thread();
        }
        app.finish();
        app.cleanup();
        let target = app
            .world()
            .get_resource::<PictureTarget>()
            .map(|target| target.0.clone())
            .unwrap_or_default();
        let (taken_in, taken_out) = crossbeam_channel::unbounded();
        let mut studio = Self {
            app,
            target,
            taken_in,
            taken_out,
        };
        // Fonts, textures and shaders arrive in the first frames, before the curtain rises.
        for _ in 0..3 {
            studio.advance(Duration::ZERO);
        }
        studio
    }

    /// Hands the display what a feed would.
    pub fn receive(&mut self, bodies: Vec<Body>, received_ms: i64) {
        if let Some(mut inbox) = self.app.world_mut().get_resource_mut::<Inbox>() {
            if inbox.status.is_empty() {
                inbox.status.push((FeedStatus::Up, None));
            }
            inbox
                .bodies
                .extend(bodies.into_iter().map(|body| (body, received_ms)));
        }
    }

    /// Lights that end before this event time are counted and not drawn.
    pub fn draw_lights_from(&mut self, event_ms: EventMs) {
        if let Some(mut inbox) = self.app.world_mut().get_resource_mut::<Inbox>() {
            inbox.drawn_from_ms = event_ms;
        }
    }

    /// Draws a frame, this much later than the one before.
    pub fn advance(&mut self, later: Duration) {
        self.app
            .insert_resource(TimeUpdateStrategy::ManualDuration(later));
        self.app.update();
    }

    /// The display's world, to look into or to set something up.
    pub fn world_mut(&mut self) -> &mut World {
        self.app.world_mut()
    }

    /// What the display knows.
    pub fn ledger(&self) -> Ledger {
        self.app
            .world()
            .get_resource::<Ledger>()
            .cloned()
            .unwrap_or_default()
    }

    /// How many orders and payments came as lights, and how many of them were drawn.
    pub fn lights(&self) -> (u64, u64) {
        let world = self.app.world();
        (
            world
                .get_resource::<FeedHealth>()
                .map_or(0, |feed| feed.lights_received),
            world.get_resource::<LightStats>().map_or(0, |stats| stats.drawn),
        )
    }

    /// The display wants to end.
    pub fn ended(&self) -> Option<AppExit> {
        self.app.should_exit()
    }

    /// Draws a frame, this much later than the one before, and gives it.
    ///
    /// # Errors
    /// [`PictureError`] when the display ends first or the picture never comes.
    pub fn take(&mut self, later: Duration) -> Result<image::RgbImage, PictureError> {
        let sender = self.taken_in.clone();
        self.app
            .world_mut()
            .spawn(Screenshot::image(self.target.clone()))
            .observe(move |taken: On<ScreenshotCaptured>| {
                // The receiver lives as long as the studio: a closed channel means that nobody waits.
                let _ = sender.send(taken.image.clone());
            });
        self.advance(later);
        for _ in 0..PATIENCE_FRAMES {
            if let Ok(image) = self.taken_out.try_recv() {
                return image
                    .try_into_dynamic()
                    .map(|image| image.to_rgb8())
                    .map_err(|error| PictureError::Form(error.to_string()));
            }
            if self.ended().is_some() {
                return Err(PictureError::Ended);
            }
            self.advance(Duration::ZERO);
        }
        Err(PictureError::Late)
    }

    /// The clock that frames are stamped with when a display makes its own.
    pub fn now_ms() -> i64 {
        now_ms()
    }
}
