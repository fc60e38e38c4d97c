//! The globe's camera: an automatic tour, dragging and zooming, flights to places.

mod crown_view;
#[cfg(test)]
mod tests;

use bevy::camera::visibility::RenderLayers;
use bevy::camera::{Hdr, SubCameraView};
use bevy::core_pipeline::tonemapping::{DebandDither, Tonemapping};
use bevy::post_process::bloom::Bloom;
use bevy::prelude::*;
use bevy_egui::{EguiContextSettings, PrimaryEguiContext};

use self::crown_view::against_the_sky;
use super::PLANET_LAYER;
use super::crown::Crown;
use super::geo::{lat_lon_from_world, world_from_lat_lon};
use crate::DisplaySystems;
use crate::command::Command;
use crate::gestures::{Drag, GesturesRead, Grip, Zoom};
use crate::layout::Layout;
use crate::ledger::{Ledger, Regions};
use crate::quality::{Budget, Quality};
use crate::theme::duration::{FLIGHT_SECS, TURN_SECS};
use crate::theme::ease;
use crate::view::{Screen, View};
use meridian_core::sales::RegionId;

/// Vertical field of view.
const FOV_DEG: f32 = 30.0;
/// Where the tour starts: China in the middle.
const HOME_LAT_DEG: f32 = 22.0;
/// See [`HOME_LAT_DEG`].
const HOME_LON_DEG: f32 = 105.0;
/// How much slower the tour is over home than over the far side: 0 is not at all, 1 is standing still.
const DWELL: f32 = 0.8;
/// The tour stops at the crown for the first time after so long, and so long after each stop.
const FIRST_STOP_SECS: f32 = 25.0;
/// See [`FIRST_STOP_SECS`].
const STOP_EVERY_SECS: f32 = 150.0;
/// How long it stops there, the flight not counted.
const STOP_SECS: f32 = 20.0;
/// It stops where the crown's place is no farther east or west than this.
const STOP_WITHIN_DEG: f32 = 40.0;
/// How far the planet sways there, and in what time to and fro: beams before beams show how deep they stand.
const SWAY_DEG: f32 = 2.5;
/// See [`SWAY_DEG`].
const SWAY_SECS: f32 = 60.0;
/// The camera tilts no further north or south.
const MAX_LAT_DEG: f32 = 78.0;
/// Nearest, as a factor of the altitude at rest.
const MIN_ZOOM: f32 = 0.09;
/// Farthest, as a factor of the altitude at rest.
const MAX_ZOOM: f32 = 1.6;
/// The planet is no lower or higher in the picture than this, in its radii at rest.
const MAX_SINK: f32 = 3.0;
/// So much nearer than at rest, the planet is no horizon any more.
const HORIZON_ZOOM: f32 = 0.5;
/// How near a flight to a region comes.
const REGION_ZOOM: f32 = 0.42;
/// How near a flight to a place comes.
const PLACE_ZOOM: f32 = 0.25;
/// The spin after a drag loses this much of itself per second (as a rate).
const SPIN_DAMPING_PER_SEC: f32 = 2.8;
/// How fast the camera follows what keys and wheel ask for (as a rate per second).
const FOLLOW_PER_SEC: f32 = 9.0;
/// Marks the camera that looks at the planet. It exists from `PreStartup` on; the stage sets where it draws.
#[derive(Component, Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component))]
pub struct GlobeCamera;

/// Where the camera looks at, and from how far.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect))]
pub struct Pose {
    /// Latitude of the point in the middle, in degrees.
    pub lat_deg: f32,
    /// Longitude of the point in the middle, in degrees.
    pub lon_deg: f32,
    /// Altitude as a factor of the altitude at rest.
    pub zoom: f32,
    /// How much lower than at rest the planet is in the picture, in its radii at rest.
    pub sink: f32,
}

impl Pose {
    /// At rest, over the home region.
    pub const HOME: Self = Self {
        lat_deg: HOME_LAT_DEG,
        lon_deg: HOME_LON_DEG,
        zoom: 1.0,
        sink: 0.0,
    };

    fn limited(self) -> Self {
        Self {
            lat_deg: self.lat_deg.clamp(-MAX_LAT_DEG, MAX_LAT_DEG),
            lon_deg: wrap_deg(self.lon_deg),
            zoom: self.zoom.clamp(MIN_ZOOM, MAX_ZOOM),
            sink: self.sink.clamp(-MAX_SINK, MAX_SINK),
        }
    }
}

/// An angle brought to −180..180.
fn wrap_deg(deg: f32) -> f32 {
    (deg + 180.0).rem_euclid(360.0) - 180.0
}

/// The camera's current geometry, for labels, picking and tests. Pixels are logical.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Sight {
    /// Where the eye is.
    pub eye: Vec3,
    /// Unit vectors of the picture's right and up, and from the planet to the eye.
    pub right: Vec3,
    /// See `right`.
    pub up: Vec3,
    /// See `right`.
    pub back: Vec3,
    /// Focal length.
    pub focal_px: f32,
    /// Where the planet's middle is in the picture.
    pub centre_px: Vec2,
    /// Distance from the planet's middle to the eye.
    pub distance: f32,
    /// The same at rest.
    pub rest_distance: f32,
}

impl Default for Sight {
    fn default() -> Self {
        Self::new(Pose::HOME, &Layout::default())
    }
}

impl Sight {
    /// The geometry of a pose in a layout.
    pub fn new(pose: Pose, layout: &Layout) -> Self {
        let focal_px = layout.size.y * 0.5 / (FOV_DEG.to_radians() * 0.5).tan();
        let rest_distance = (1.0 + (focal_px / layout.globe_radius.max(1.0)).powi(2)).sqrt();
        let distance = 1.0 + (rest_distance - 1.0) * pose.zoom;
        // Where the planet is a wall's horizon, what is looked at stands above the disc's middle; nearer it comes to the
        // middle of the picture.
        let near = if layout.tilt_deg > 0.0 {
            ease::soft(((1.0 - pose.zoom) / HORIZON_ZOOM).clamp(0.0, 1.0))
        } else {
            0.0
        };
        let middle = Vec2::new(layout.globe_centre.x, layout.size.y * 0.5);
        let centre_px = layout.globe_centre.lerp(middle, near);
        let lat_deg = (pose.lat_deg - layout.tilt_deg * (1.0 - near)).max(-MAX_LAT_DEG);
        let back = world_from_lat_lon(lat_deg, pose.lon_deg);
        let right = Vec3::Y.cross(back).normalize_or(Vec3::X);
        let up = back.cross(right);
        Self {
            eye: back * distance,
            right,
            up,
            back,
            focal_px,
            centre_px: centre_px + Vec2::Y * (pose.sink * layout.globe_radius),
            distance,
            rest_distance,
        }
    }

    /// Where a world point is in the picture, and the cosine between its normal and the way to the eye:
    /// 1 in the middle, 0 at the limb, negative behind it.
    pub fn project(&self, world: Vec3) -> (Vec2, f32) {
        let from_eye = world - self.eye;
        let depth = (-from_eye.dot(self.back)).max(1e-4);
        let pixel = self.centre_px
            + Vec2::new(from_eye.dot(self.right), -from_eye.dot(self.up)) * (self.focal_px / depth);
        let facing = world.normalize_or_zero().dot((-from_eye).normalize_or_zero());
        (pixel, facing)
    }

    fn ray(&self, pixel: Vec2) -> Vec3 {
        let offset = (pixel - self.centre_px) / self.focal_px;
        (self.right * offset.x - self.up * offset.y - self.back).normalize_or(-self.back)
    }

    /// The planet's point under a pixel.
    pub fn hit(&self, pixel: Vec2) -> Option<Vec3> {
        let ray = self.ray(pixel);
        let half_b = self.eye.dot(ray);
        let discriminant = half_b * half_b - (self.distance * self.distance - 1.0);
        (discriminant >= 0.0).then(|| self.eye + ray * (-half_b - discriminant.sqrt()))
    }

    /// The planet's point under a pixel, or the one nearest to it a little inside the limb.
    fn hit_or_limb(&self, pixel: Vec2) -> Vec3 {
        let offset = pixel - self.centre_px;
        let limit_px = self.radius_px() * 0.985;
        let inside = if offset.length() > limit_px {
            self.centre_px + offset.normalize_or_zero() * limit_px
        } else {
            pixel
        };
        self.hit(inside).unwrap_or(self.back)
    }

    /// Radius of the planet's disc in the picture.
    pub fn radius_px(&self) -> f32 {
        self.focal_px / (self.distance * self.distance - 1.0).max(1e-4).sqrt()
    }
}

/// An eased flight along a great circle.
#[derive(Debug, Clone, Copy)]
struct Flight {
    from: Pose,
    to: Pose,
    duration_secs: f32,
    elapsed_secs: f32,
}

impl Flight {
    fn at(&self, share: f32) -> Pose {
        let from = world_from_lat_lon(self.from.lat_deg, self.from.lon_deg);
        let to = world_from_lat_lon(self.to.lat_deg, self.to.lon_deg);
        let angle = from.dot(to).clamp(-1.0, 1.0).acos();
        let along = |share: f32| -> (f32, f32) {
            if !(1e-3..=3.1).contains(&angle) {
                return self.straight(share);
            }
            let world = (from * ((1.0 - share) * angle).sin() + to * (share * angle).sin()) / angle.sin();
            lat_lon_from_world(world)
        };
        // North stays up, so a way over a pole would whirl: then latitude and longitude go evenly instead.
        let over_a_pole = [0.25, 0.5, 0.75]
            .into_iter()
            .any(|share| along(share).0.abs() > 62.0);
        let (lat_deg, lon_deg) = if over_a_pole {
            self.straight(share)
        } else {
            along(share)
        };
        let rise = 1.0 + 0.5 * (angle / std::f32::consts::PI) * (share * std::f32::consts::PI).sin();
        Pose {
            lat_deg,
            lon_deg,
            zoom: self.from.zoom.powf(1.0 - share) * self.to.zoom.powf(share) * rise,
            sink: self.from.sink + (self.to.sink - self.from.sink) * share,
        }
    }

    fn straight(&self, share: f32) -> (f32, f32) {
        let way_deg = wrap_deg(self.to.lon_deg - self.from.lon_deg);
        (
            self.from.lat_deg + (self.to.lat_deg - self.from.lat_deg) * share,
            self.from.lon_deg + way_deg * share,
        )
    }
}

/// How the camera moves.
#[derive(Resource, Debug, Clone)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Rig {
    pose: Pose,
    goal: Pose,
    #[cfg_attr(feature = "dev", reflect(ignore))]
    flight: Option<Flight>,
    /// The grabbed point: latitude and longitude in degrees.
    grabbed: Option<(f32, f32)>,
    /// Degrees per second, north and east, left after a drag.
    spin: Vec2,
    /// Something is held; whether it began on the planet, or near it.
    held: Option<bool>,
    touring: bool,
    tour_lon_deg: f32,
    tour_secs: f32,
    /// Longitude of the region that sells most, where the tour dwells.
    home_lon_deg: f32,
    /// The home region was looked for, or somebody looks elsewhere.
    settled: bool,
    /// The tour's stop where the crown stands against the sky.
    stop: Stop,
    /// That view is to be put before the eye as soon as the crown is known.
    begins_at_crown: bool,
    /// That view was asked for: it is flown to once the crown is known, unless something else is asked for first.
    wants_crown: bool,
}

/// The tour's stop.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect))]
enum Stop {
    /// So many seconds are left until the next.
    In(f32),
    /// It has so many seconds more.
    At(f32),
}

impl Default for Rig {
    fn default() -> Self {
        Self {
            pose: Pose::HOME,
            goal: Pose::HOME,
            flight: None,
            grabbed: None,
            spin: Vec2::ZERO,
            held: None,
            touring: false,
            tour_lon_deg: HOME_LON_DEG,
            tour_secs: 0.0,
            home_lon_deg: HOME_LON_DEG,
            settled: false,
            stop: Stop::In(FIRST_STOP_SECS),
            begins_at_crown: false,
            wants_crown: false,
        }
    }
}

impl Rig {
    /// From where the planet is looked at now.
    pub fn pose(&self) -> Pose {
        self.pose
    }

    /// Puts the camera there at once (pictures and films of a fixed view).
    pub fn put(&mut self, pose: Pose) {
        self.wants_crown = false;
        let pose = pose.limited();
        self.pose = pose;
        self.goal = pose;
        self.flight = None;
        self.spin = Vec2::ZERO;
        self.stop = Stop::In(f32::INFINITY);
        self.touring = true;
        self.settled = true;
        self.tour_lon_deg = pose.lon_deg;
        self.tour_secs = 0.0;
    }

    /// Begins, and stays, where the crown stands against the sky.
    pub fn begin_at_crown(&mut self) {
        self.begins_at_crown = true;
        self.settled = true;
    }

    /// Begins over the region that sells most, once that is known, where it wouldn't be seen otherwise.
    fn settle(&mut self, lon_deg: f32, at_once: bool) {
        self.settled = true;
        if wrap_deg(lon_deg - HOME_LON_DEG).abs() > 50.0 {
            self.home_lon_deg = lon_deg;
            if !at_once {
                let home = Pose {
                    lon_deg,
                    ..Pose::HOME
                };
                self.fly_to(home, false);
                return;
            }
            self.pose.lon_deg = lon_deg;
            self.goal = self.pose;
            self.tour_lon_deg = lon_deg;
            self.tour_secs = 0.0;
        }
    }

    /// Whether the pointer holds the planet.
    pub fn dragging(&self) -> bool {
        self.grabbed.is_some()
    }

    fn fly_to(&mut self, to: Pose, reduced_motion: bool) {
        if matches!(self.stop, Stop::At(_)) {
            self.stop = Stop::In(STOP_EVERY_SECS);
        }
        self.wants_crown = false;
        let to = to.limited();
        let angle_deg = world_from_lat_lon(self.pose.lat_deg, self.pose.lon_deg)
            .angle_between(world_from_lat_lon(to.lat_deg, to.lon_deg))
            .to_degrees();
        let duration_secs = if reduced_motion {
            0.35
        } else {
            FLIGHT_SECS * (0.75 + angle_deg / 180.0)
        };
        self.spin = Vec2::ZERO;
        self.flight = Some(Flight {
            from: self.pose,
            to,
            duration_secs,
            elapsed_secs: 0.0,
        });
    }

    /// Back to rest, over this longitude.
    fn fly_home(&mut self, reduced_motion: bool) {
        let home = Pose {
            lon_deg: self.pose.lon_deg,
            ..Pose::HOME
        };
        self.fly_to(home, reduced_motion);
    }

    /// Flies there, and stays so long.
    fn stop_at(&mut self, pose: Pose, secs: f32, view: &View) {
        self.fly_to(pose, view.reduced_motion);
        self.stop = Stop::At(secs);
    }

    /// Whether the tour may stop at the crown now, whose place is at this longitude.
    fn may_stop(&self, lon_deg: f32, view: &View) -> bool {
        let is_due = matches!(self.stop, Stop::In(secs) if secs <= 0.0);
        let near = wrap_deg(lon_deg - self.pose.lon_deg).abs() < STOP_WITHIN_DEG;
        view.tour && view.layers.crown && self.flight.is_none() && is_due && near
    }

    fn let_go(&mut self) {
        self.grabbed = None;
        self.held = None;
    }

    /// Turns the planet so that the grabbed point is under a pixel; what it turned by goes on when it is let go.
    fn bring_under(&mut self, pixel: Vec2, layout: &Layout, delta_secs: f32) {
        let Some((grab_lat, grab_lon)) = self.grabbed else {
            return;
        };
        let before = self.pose;
        // North stays up, so the point is brought under the pointer by approximation.
        let mut pose = self.pose;
        for _ in 0..4 {
            let under = Sight::new(pose, layout).hit_or_limb(pixel);
            let (lat, lon) = lat_lon_from_world(under);
            pose.lat_deg += (grab_lat - lat).clamp(-30.0, 30.0);
            pose.lon_deg += wrap_deg(grab_lon - lon).clamp(-60.0, 60.0);
            pose = pose.limited();
        }
        self.pose = pose;
        self.goal = pose;
        let turned = Vec2::new(
            pose.lat_deg - before.lat_deg,
            wrap_deg(pose.lon_deg - before.lon_deg),
        );
        let speed = turned / delta_secs.max(1e-3);
        self.spin = (self.spin * 0.6 + speed * 0.4).clamp_length_max(240.0);
    }

    fn stop(&mut self) {
        self.wants_crown = false;
        self.flight = None;
        self.spin = Vec2::ZERO;
        self.goal = self.pose;
    }

    /// Moves on by a frame.
    fn advance(&mut self, delta_secs: f32, view: &View) {
        if let Some(mut flight) = self.flight {
            flight.elapsed_secs += delta_secs;
            let share = (flight.elapsed_secs / flight.duration_secs.max(1e-3)).min(1.0);
            let eased = ease::glide(share);
            self.pose = flight.at(eased).limited();
            self.goal = self.pose;
            self.flight = (share < 1.0).then_some(flight);
            if share >= 1.0 {
                self.tour_lon_deg = self.pose.lon_deg;
                self.tour_secs = 0.0;
            }
            return;
        }
        if view.tour {
            self.tour(delta_secs, view.reduced_motion);
            return;
        }
        if self.grabbed.is_none() {
            self.goal.lat_deg += self.spin.x * delta_secs;
            self.goal.lon_deg += self.spin.y * delta_secs;
            self.spin *= (-SPIN_DAMPING_PER_SEC * delta_secs).exp();
            if self.spin.length() < 0.02 {
                self.spin = Vec2::ZERO;
            }
        }
        self.goal = self.goal.limited();
        let share = 1.0 - (-FOLLOW_PER_SEC * delta_secs).exp();
        self.pose.lat_deg += (self.goal.lat_deg - self.pose.lat_deg) * share;
        self.pose.lon_deg += wrap_deg(self.goal.lon_deg - self.pose.lon_deg) * share;
        self.pose.zoom *= (self.goal.zoom / self.pose.zoom).powf(share);
        self.pose.sink += (self.goal.sink - self.pose.sink) * share;
        self.pose = self.pose.limited();
    }

    /// Follows the daylight westward, one turn in [`TURN_SECS`], slowly over the home region and quickly over the
    /// far side; a quarter at a time where motion is unwanted.
    fn tour(&mut self, delta_secs: f32, reduced_motion: bool) {
        self.stop = match self.stop {
            Stop::In(secs) => Stop::In(secs - delta_secs),
            Stop::At(secs) if secs > delta_secs => {
                self.tour_secs += delta_secs;
                if !reduced_motion {
                    let turn = std::f32::consts::TAU * self.tour_secs / SWAY_SECS;
                    self.pose.lon_deg = wrap_deg(self.tour_lon_deg + SWAY_DEG * (turn.cos() - 1.0));
                    self.goal = self.pose;
                }
                self.stop = Stop::At(secs - delta_secs);
                return;
            }
            Stop::At(_) => {
                self.fly_home(reduced_motion);
                return;
            }
        };
        self.tour_secs += delta_secs;
        let turned_deg = 360.0 * self.tour_secs / TURN_SECS;
        if reduced_motion {
            if turned_deg >= 90.0 {
                let to = Pose {
                    lon_deg: self.tour_lon_deg - 90.0,
                    ..Pose::HOME
                };
                self.fly_to(to, true);
            }
            return;
        }
        let from_home = (self.pose.lon_deg - self.home_lon_deg).to_radians();
        let haste = (1.0 - DWELL * from_home.cos()) / (1.0 - DWELL * DWELL).sqrt();
        self.pose.lon_deg = wrap_deg(self.pose.lon_deg - 360.0 * delta_secs / TURN_SECS * haste);
        self.goal = self.pose;
    }
}

fn spawn_camera(mut commands: Commands) {
    commands.spawn((
        GlobeCamera,
        // The panels are drawn on top of what this one draws.
        PrimaryEguiContext,
        EguiContextSettings {
            run_manually: true,
            ..default()
        },
        Camera3d::default(),
        Msaa::Off,
        Tonemapping::None,
        DebandDither::Disabled,
        RenderLayers::from_layers(&[0, PLANET_LAYER]),
        Projection::Perspective(PerspectiveProjection {
            fov: FOV_DEG.to_radians(),
            near: 0.01,
            ..default()
        }),
        Transform::from_xyz(0.0, 0.0, 6.0).looking_at(Vec3::ZERO, Vec3::Y),
    ));
}

/// After this many orders, the region that sells most is taken for the home region.
const SETTLE_ORDERS: u64 = 20;

/// How much of the light is scattered in the preset that has it.
const BLOOM: f32 = 0.12;

/// High dynamic range where it can be paid, and bloom where there is power to spare.
fn set_dynamic_range(
    mut commands: Commands,
    view: Res<View>,
    budget: Res<Budget>,
    mut cameras: Query<(Entity, Has<Hdr>, Has<Bloom>, &mut Tonemapping), With<GlobeCamera>>,
) {
    let wanted = view.quality >= Quality::High && budget.tone;
    let blooms = wanted && view.quality == Quality::Ultra && budget.bloom;
    for (entity, has, has_bloom, mut tonemapping) in &mut cameras {
        if has_bloom && !blooms {
            commands.entity(entity).remove::<Bloom>();
        }
        if has == wanted {
            if blooms && !has_bloom {
                commands.entity(entity).insert(Bloom {
                    intensity: BLOOM,
                    ..Bloom::NATURAL
                });
            }
            continue;
        }
        if wanted {
            commands.entity(entity).insert(Hdr);
            // Linear where it is dark, so that the room looks the same in every preset.
            *tonemapping = Tonemapping::SomewhatBoringDisplayTransform;
        } else {
            commands.entity(entity).remove::<Hdr>();
            *tonemapping = Tonemapping::None;
        }
    }
}

/// Drags and zooms. What they do to the camera they do here; that somebody took over is a command.
fn steer(
    time: Res<Time>,
    mut drags: MessageReader<Drag>,
    mut zooms: MessageReader<Zoom>,
    layout: Res<Layout>,
    view: Res<View>,
    screen: Res<State<Screen>>,
    mut rig: ResMut<Rig>,
    mut commands_out: MessageWriter<Command>,
) {
    if *screen != Screen::Globe {
        // Another screen has the pointer.
        drags.clear();
        zooms.clear();
        rig.let_go();
        return;
    }
    let zoom: f32 = zooms.read().map(|zoom| zoom.factor).product();
    if zoom != 1.0 {
        commands_out.write(Command::Nudge {
            east: 0.0,
            north: 0.0,
            zoom,
        });
    }
    let Some(drag) = drags.read().filter(|drag| drag.grip == Grip::One).last() else {
        rig.let_go();
        return;
    };
    let sight = Sight::new(rig.pose, &layout);
    let near = drag.from.distance(sight.centre_px) < sight.radius_px() * 1.15;
    if !*rig.held.get_or_insert(near) || !drag.moved {
        return;
    }
    if rig.grabbed.is_none() {
        rig.stop();
        rig.grabbed = Some(lat_lon_from_world(sight.hit_or_limb(drag.from)));
        if view.tour {
            commands_out.write(Command::Nudge {
                east: 0.0,
                north: 0.0,
                zoom: 1.0,
            });
        }
    }
    rig.bring_under(drag.at, &layout, time.delta_secs());
}

/// Commands that concern the camera, then its motion.
fn move_camera(
    time: Res<Time>,
    layout: Res<Layout>,
    view: Res<View>,
    screen: Res<State<Screen>>,
    ledger: Res<Ledger>,
    world: Option<Res<Regions>>,
    crown: Res<Crown>,
    mut commands_in: MessageReader<Command>,
    mut rig: ResMut<Rig>,
    mut sight: ResMut<Sight>,
    mut cameras: Query<(&mut Camera, &mut Transform), With<GlobeCamera>>,
) {
    let rig = rig.as_mut();
    if !rig.settled && !view.tour {
        rig.settled = true;
    }
    if !rig.settled
        && ledger.totals.counts.orders >= SETTLE_ORDERS
        && let Some(leader) = ledger.leader()
        && let Some(region) = world.as_ref().and_then(|world| world.0.region(RegionId(leader)))
    {
        rig.settle(region.label_lon as f32, time.elapsed_secs() < 2.0);
    }
    let mut asked = false;
    for command in commands_in.read() {
        let catalogue = world.as_ref().map(|world| &world.0);
        match command {
            Command::FlyTo(region) | Command::Select(Some(region)) => {
                if let Some(region) = catalogue.and_then(|catalogue| catalogue.region(*region)) {
                    let near = matches!(command, Command::FlyTo(_));
                    rig.fly_to(
                        Pose {
                            lat_deg: region.label_lat as f32,
                            lon_deg: region.label_lon as f32,
                            zoom: if near { REGION_ZOOM } else { rig.pose.zoom.min(1.0) },
                            sink: 0.0,
                        },
                        view.reduced_motion,
                    );
                }
            }
            Command::FlyToPlace(place) => {
                if let Some(place) = catalogue.and_then(|catalogue| catalogue.place(*place)) {
                    rig.fly_to(
                        Pose {
                            lat_deg: place.lat,
                            lon_deg: place.lon,
                            zoom: PLACE_ZOOM,
                            sink: 0.0,
                        },
                        view.reduced_motion,
                    );
                }
            }
            Command::FlyToCrown => asked = true,
            Command::Nudge { east, north, zoom } if *screen == Screen::Globe => {
                rig.wants_crown = false;
                if rig.flight.is_some() {
                    rig.stop();
                }
                rig.goal.lat_deg += north.to_degrees();
                rig.goal.lon_deg += east.to_degrees();
                rig.goal.zoom *= zoom.clamp(0.1, 10.0);
                rig.goal = rig.goal.limited();
            }
            _ => {}
        }
    }
    if view.tour && !rig.touring {
        rig.fly_home(view.reduced_motion);
    }
    rig.wants_crown |= asked;
    let tallest = world.as_ref().zip(crown.tallest);
    // The figures' place is known once the panels were drawn.
    let placed = layout.panels.iter().all(|area| !area.is_empty());
    if let Some(place) = tallest
        .and_then(|(world, (place, _))| world.0.place(place))
        .filter(|_| placed)
    {
        let stop = rig.may_stop(place.lon, &view);
        if rig.wants_crown || stop || rig.begins_at_crown {
            let pose = against_the_sky(place.lat, place.lon, &layout);
            if std::mem::take(&mut rig.begins_at_crown) {
                rig.put(pose);
                rig.stop = Stop::At(f32::INFINITY);
            } else {
                rig.stop_at(pose, STOP_SECS, &view);
            }
        }
    }
    rig.touring = view.tour;
    rig.advance(time.delta_secs(), &view);

    let seen = Sight::new(rig.pose, &layout);
    if *sight != seen {
        *sight = seen;
    }
    let size = layout.size.round().max(Vec2::ONE).as_uvec2();
    let wanted = SubCameraView {
        full_size: size,
        offset: layout.size * 0.5 - seen.centre_px,
        size,
    };
    for (mut camera, mut transform) in &mut cameras {
        let placed = Transform::from_translation(seen.eye).looking_at(Vec3::ZERO, Vec3::Y);
        transform.set_if_neq(placed);
        if camera.sub_camera_view != Some(wanted) {
            camera.sub_camera_view = Some(wanted);
        }
    }
}

/// The camera.
pub fn plugin(app: &mut App) {
    app.insert_resource(Rig {
        touring: true,
        ..default()
    })
    .init_resource::<Sight>()
    .add_systems(PreStartup, spawn_camera)
    .add_systems(
        Update,
        (
            steer.after(GesturesRead).in_set(DisplaySystems::Input),
            (set_dynamic_range, move_camera).in_set(DisplaySystems::Follow),
        ),
    );
}
