//! The way into the showroom and out of it; the eye, the animation and the tour.

use bevy::prelude::*;

use super::apply::go_to;
use super::ar::Ar;
use super::eye::Eye;
use super::orbit::Orbit;
use super::{Place, Showroom, Tour};
use crate::layout::Layout;
use crate::theme::ease;
use crate::view::{Live, Screen, View};

/// How long the way from the globe to the showroom takes, in seconds.
const WAY_SECS: f32 = 1.4;
/// How long the exploded view takes to open, in seconds.
const OPEN_SECS: f32 = 1.2;
/// How long the tour stays at a point of interest, in seconds.
const TOUR_SECS: f32 = 6.0;

/// The eye, the way in and out, the animation, the tour.
pub(super) fn advance_showroom(
    time: Res<Time>,
    view: Res<View>,
    screen: Res<State<Screen>>,
    layout: Res<Layout>,
    live: Res<Live>,
    ar: Res<Ar>,
    mut showroom: ResMut<Showroom>,
    mut orbit: ResMut<Orbit>,
    mut tour: ResMut<Tour>,
) {
    let delta = time.delta_secs();
    let showroom = &mut *showroom;
    let at_once = !live.0;
    let goal = if *screen == Screen::Showroom { 1.0 } else { 0.0 };
    let way_secs = if view.reduced_motion { 0.3 } else { WAY_SECS };
    let step = if at_once { 1.0 } else { delta / way_secs };
    showroom.way += (goal - showroom.way).clamp(-step, step);
    let share = ease::glide(showroom.way);
    if showroom.share != share {
        showroom.share = share;
    }
    if share == 0.0 && *screen == Screen::Globe {
        return;
    }
    showroom.in_ar = ar.on;
    showroom.aspect = Place::new(layout.size).picture_aspect(showroom.stereo, ar.aspect());
    let step = if at_once || view.reduced_motion {
        1.0
    } else {
        delta / OPEN_SECS
    };
    showroom.open += (showroom.open_goal - showroom.open).clamp(-step, step);
    if !showroom.fresh_view && !showroom.stands.is_empty() {
        fit(showroom, &mut orbit, &tour);
    }
    play(showroom, delta);
    show_round(showroom, &mut orbit, &mut tour, delta);
    let still = view.reduced_motion || tour.point.is_some() || at_once || ar.on;
    orbit.advance(delta, still);
    let orbiting = Eye::orbiting(&orbit, showroom.aspect);
    showroom.eye = match (ar.on, ar.eye()) {
        (false, _) => orbiting,
        (true, Some(eye)) => eye,
        // Where it was last seen, until it is found again.
        (true, None) => showroom.eye,
    };
}

/// What is looked at grows as it is taken apart; who looks at its middle goes on doing so.
fn fit(showroom: &Showroom, orbit: &mut Orbit, tour: &Tour) {
    let bounds = showroom.bounds();
    let moved = bounds.centre() - orbit.bounds.centre();
    if bounds != orbit.bounds {
        orbit.bounds = bounds;
        if tour.point.is_none() {
            orbit.now.target += moved;
            orbit.goal.target += moved;
        }
    }
}

/// The animation goes on.
fn play(showroom: &mut Showroom, delta: f32) {
    let end = showroom
        .animation()
        .map_or(0.0, |animation| animation.duration_secs);
    if showroom.playing.on && end > 0.0 {
        showroom.playing.secs = (showroom.playing.secs + delta).rem_euclid(end);
    }
}

/// The tour goes on from point to point, until a hand moves the eye.
fn show_round(showroom: &mut Showroom, orbit: &mut Orbit, tour: &mut Tour, delta: f32) {
    let touched = orbit.idle_secs == 0.0 && tour.secs.is_some_and(|secs| secs > 0.2);
    if let Some(secs) = tour.secs {
        let count = showroom
            .first()
            .map_or(0, |stand| stand.prepared.product.manifest.hotspots.len());
        if touched {
            tour.secs = None;
        } else if secs + delta >= TOUR_SECS {
            match tour.point.map(|at| at + 1).filter(|next| *next < count) {
                Some(next) => {
                    tour.secs = Some(0.0);
                    go_to(showroom, orbit, tour, Some(next));
                }
                None => {
                    tour.secs = None;
                    go_to(showroom, orbit, tour, None);
                }
            }
        } else {
            tour.secs = Some(secs + delta);
        }
    }
}
