//! The product in front of a camera, or in a photo: the picture behind it, the product on the sheet at true scale, in the
//! light that falls there.

use std::path::PathBuf;
use std::sync::Arc;

use bevy::asset::RenderAssetUsages;
use bevy::math::DVec2;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};

use super::Way;
use super::eye::Eye;
use crate::link::Inbox;
use crate::view::Screen;
use meridian_ar::board::Paper;
use meridian_ar::frame::Frame;
use meridian_ar::intrinsics::Intrinsics;
use meridian_ar::light::{LightEstimate, PAPER};
use meridian_ar::photo::{self, Lie};
use meridian_ar::picture::read_picture;
use meridian_ar::source::SourceSpec;
use meridian_ar::tracker::{Options, Tracker, Tracking, View as Tracked};
use meridian_wire::Level;

/// How AR was asked for.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct ArSetup {
    /// Where frames come from; the synthetic room where none is named.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub source: Option<SourceSpec>,
    /// The camera's lens.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub calibration: Option<Intrinsics>,
    /// A still photo instead of a camera.
    pub photo: Option<PathBuf>,
    /// AR from the start.
    pub on: bool,
    /// Corners of the paper in the photo, in pixels, already known.
    pub corners: Option<[DVec2; 4]>,
}

/// A still photo, and the corners that were clicked in it.
#[derive(Debug, Clone, Default)]
pub struct Still {
    /// The photo.
    pub frame: Option<Arc<Frame>>,
    /// Corners so far, in the photo's pixels.
    pub corners: Vec<DVec2>,
    /// Where the product stands, once all four are there.
    pub solved: Option<(Eye, Intrinsics)>,
    /// Why not.
    pub problem: Option<String>,
}

/// AR's state.
#[derive(Resource, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource, Default))]
pub struct Ar {
    /// It is shown.
    pub on: bool,
    #[cfg_attr(feature = "dev", reflect(ignore))]
    tracker: Option<Tracker>,
    /// What was tracked last.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub tracked: Option<Arc<Tracked>>,
    /// In place of a camera.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub still: Option<Still>,
    /// The picture behind, and its size in pixels.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub image: Handle<Image>,
    /// See `image`.
    pub size: UVec2,
    number: u64,
    /// The light that was found.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub light: Option<LightEstimate>,
    /// Seconds since the product was in sight.
    pub lost_secs: f32,
    told: Option<String>,
}

impl Ar {
    /// From where the product is seen, if that is known.
    pub fn eye(&self) -> Option<Eye> {
        if !self.on {
            return None;
        }
        if let Some(still) = &self.still {
            return still.solved.as_ref().map(|(eye, _)| *eye);
        }
        let tracked = self.tracked.as_ref()?;
        Some(Eye::tracked(tracked.tracking.pose()?, tracked.lens.as_ref()?))
    }

    /// Width over height of the picture behind; `None` before the first.
    pub fn aspect(&self) -> Option<f32> {
        (self.on && self.size.y > 0).then(|| self.size.x as f32 / self.size.y as f32)
    }

    /// Whether what is behind was computed rather than seen.
    pub fn synthetic(&self) -> bool {
        let frame = self.tracked.as_ref().and_then(|tracked| tracked.frame.as_ref());
        self.still.is_none() && frame.is_some_and(|frame| frame.synthetic)
    }

    /// Begins.
    pub fn start(&mut self, setup: &ArSetup) -> Result<(), String> {
        self.on = true;
        self.told = None;
        if let Some(path) = &setup.photo {
            let frame = read_picture(path, 0).map_err(|error| error.to_string())?;
            let mut still = Still {
                frame: Some(Arc::new(frame)),
                ..Still::default()
            };
            for corner in setup.corners.iter().flatten() {
                click(&mut still, *corner, setup.calibration.as_ref());
            }
            self.still = Some(still);
            self.number = 0;
            return Ok(());
        }
        if self.tracker.is_none() {
            let spec = setup.source.clone().unwrap_or(SourceSpec::Synthetic);
            let options = Options {
                lens: setup.calibration,
                ..Options::default()
            };
            self.tracker = Some(
                Tracker::start(spec, options)
                    .map_err(|error| format!("no thread for the camera: {error}"))?,
            );
        }
        Ok(())
    }

    /// Ends; the camera is let go.
    pub fn stop(&mut self) {
        *self = Self::default();
    }
}

/// A corner of the paper was clicked; after the fourth the pose is solved, a fifth begins anew.
pub fn click(still: &mut Still, at: DVec2, lens: Option<&Intrinsics>) {
    if still.corners.len() >= 4 {
        still.corners.clear();
        still.solved = None;
    }
    still.problem = None;
    still.corners.push(at);
    let (Some(frame), [a, b, c, d]) = (&still.frame, still.corners.as_slice()) else {
        return;
    };
    match photo::solve(
        frame.width,
        frame.height,
        [*a, *b, *c, *d],
        Paper::A4,
        Lie::Either,
        lens,
    ) {
        Ok(found) => still.solved = Some((Eye::tracked(&found.pose, &found.lens), found.lens)),
        Err(error) => {
            still.problem = Some(error.to_string());
            still.corners.clear();
        }
    }
}

/// The picture behind as the GPU takes it.
fn image_of(frame: &Frame) -> Image {
    let mut image = Image::new(
        Extent3d {
            width: frame.width,
            height: frame.height,
            depth_or_array_layers: 1,
        },
        TextureDimension::D2,
        frame.rgba(),
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::RENDER_WORLD | RenderAssetUsages::MAIN_WORLD,
    );
    image.sampler = bevy::image::ImageSampler::linear();
    image
}

/// Takes what the tracker has, once a frame.
pub(super) fn follow_camera(
    time: Res<Time>,
    setup: Res<ArSetup>,
    screen: Res<State<Screen>>,
    way: Res<Way>,
    mut ar: ResMut<Ar>,
    mut images: ResMut<Assets<Image>>,
    mut inbox: ResMut<Inbox>,
    mut began: Local<bool>,
) {
    if setup.on && !*began && *screen == Screen::Showroom {
        *began = true;
        if let Err(problem) = ar.start(&setup) {
            refuse(&mut inbox, &problem);
            ar.stop();
        }
    }
    if !ar.on {
        return;
    }
    if *screen == Screen::Globe && way.share == 0.0 {
        ar.stop();
        return;
    }
    if let Some(still) = &ar.still {
        if ar.number == 0
            && let Some(frame) = still.frame.clone()
        {
            ar.size = UVec2::new(frame.width, frame.height);
            ar.image = images.add(image_of(&frame));
            ar.number = 1;
        }
        ar.lost_secs = 0.0;
        return;
    }
    let Some(tracked) = ar.tracker.as_ref().map(Tracker::latest) else {
        return;
    };
    ar.lost_secs = match tracked.tracking {
        Tracking::Found { .. } | Tracking::Held { .. } => 0.0,
        _ => ar.lost_secs + time.delta_secs(),
    };
    // What is wrong with the source is told once, not in every frame.
    let problem = match &tracked.tracking {
        Tracking::NoCamera { error, .. } => Some(error.clone()),
        _ => tracked.notice.clone(),
    };
    if problem != ar.told {
        if let Some(problem) = &problem {
            refuse(&mut inbox, problem);
        }
        ar.told = problem;
    }
    if let Some(found) = &tracked.light {
        ar.light = Some(match &ar.light {
            Some(before) => before.lerp(found, 0.15),
            None => *found,
        });
    }
    if tracked.number != ar.number
        && let Some(frame) = &tracked.frame
    {
        let size = UVec2::new(frame.width, frame.height);
        if ar.size == size
            && let Some(mut image) = images.get_mut(&ar.image)
        {
            image.data = Some(frame.rgba());
        } else {
            ar.image = images.add(image_of(frame));
            ar.size = size;
        }
        ar.number = tracked.number;
    }
    ar.tracked = Some(tracked);
}

fn refuse(inbox: &mut Inbox, problem: &str) {
    warn!("{problem}");
    let problem = problem.to_owned();
    inbox.tell(
        Level::Warning,
        "camera",
        "told-camera",
        vec![("problem", problem)],
    );
}

/// How the studio's light is changed to be that on the sheet: a colour with brightness, and a turn about +Y in radians.
/// `up` is how bright white that faces up is in the studio; its key light comes from azimuth `key`, in radians.
pub fn matched(estimate: &LightEstimate, up: f32, key: f32) -> (Vec3, f32) {
    let brightness = estimate.intensity / PAPER / up.max(0.05);
    let towards = estimate.direction;
    // The turn that brings the studio's key light to where the light is.
    let turn = towards.x.atan2(towards.z) - key;
    (estimate.colour * brightness.clamp(0.02, 3.0), turn)
}

/// AR.
pub fn plugin(app: &mut App) {
    app.init_resource::<Ar>().init_resource::<ArSetup>();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo() -> Still {
        let frame = Frame::from_grey(1200, 800, vec![128; 1200 * 800], 0).map(Arc::new);
        Still {
            frame,
            ..Still::default()
        }
    }

    #[test]
    fn four_clicks_place_the_product_and_a_fifth_begins_anew() {
        let mut still = photo();
        for (x, y) in [(420.0, 300.0), (760.0, 310.0), (900.0, 640.0), (300.0, 620.0)] {
            assert!(still.solved.is_none());
            click(&mut still, DVec2::new(x, y), None);
        }
        assert!(still.solved.is_some(), "{:?}", still.problem);
        click(&mut still, DVec2::new(1.0, 1.0), None);
        assert!(still.solved.is_none() && still.corners.len() == 1);
    }

    #[test]
    fn corners_that_are_no_paper_are_told_and_may_be_clicked_again() {
        let mut still = photo();
        for (x, y) in [(100.0, 100.0), (500.0, 500.0), (500.0, 100.0), (100.0, 500.0)] {
            click(&mut still, DVec2::new(x, y), None);
        }
        assert!(still.problem.is_some() && still.corners.is_empty());
    }

    #[test]
    fn light_from_the_left_turns_the_studio() {
        let estimate = LightEstimate {
            colour: Vec3::new(1.1, 1.0, 0.9),
            intensity: 0.4,
            direction: Vec3::new(-0.7, 0.7, 0.0),
            directed: 0.5,
        };
        let (colour, turn) = matched(&estimate, 1.0, 0.0);
        assert!(colour.x > colour.z && (turn + std::f32::consts::FRAC_PI_2).abs() < 1e-5);
    }
}
