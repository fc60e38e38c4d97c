//! What goes on by itself in the showroom: the way in and out, coming apart, the animation, the tour, the eye.

use bevy::prelude::*;

use super::apply::go_to;
use super::ar::Ar;
use super::exhibit::{Exhibit, Exhibits, Playing};
use super::eye::Eye;
use super::orbit::Orbit;
use super::{Exploded, Place, Tour, Viewing, Wanted, Way};
use crate::layout::Layout;
use crate::theme::ease;
use crate::view::{Live, Screen, View};

/// How long the way from the globe to the showroom takes, in seconds.
const WAY_SECS: f32 = 1.4;
/// How long the exploded view takes to open, in seconds.
const OPEN_SECS: f32 = 1.2;
/// How long the tour stays at a point of interest, in seconds.
const TOUR_SECS: f32 = 6.0;

/// The way in and out goes on.
pub(super) fn go_way(
    time: Res<Time>,
    view: Res<View>,
    screen: Res<State<Screen>>,
    live: Res<Live>,
    mut way: ResMut<Way>,
) {
    let goal = if *screen == Screen::Showroom { 1.0 } else { 0.0 };
    let way_secs = if view.reduced_motion { 0.3 } else { WAY_SECS };
    let step = if live.0 { time.delta_secs() / way_secs } else { 1.0 };
    let even = way.even + (goal - way.even).clamp(-step, step);
    way.set_if_neq(Way {
        even,
        share: ease::glide(even),
    });
}

/// Products come apart, or together again.
pub(super) fn explode(time: Res<Time>, view: Res<View>, live: Res<Live>, mut exploded: ResMut<Exploded>) {
    let at_once = !live.0 || view.reduced_motion;
    let step = if at_once {
        1.0
    } else {
        time.delta_secs() / OPEN_SECS
    };
    let share = exploded.share + (exploded.goal - exploded.share).clamp(-step, step);
    let goal = exploded.goal;
    exploded.set_if_neq(Exploded { share, goal });
}

/// What is looked at grows as it is taken apart; who looks at its middle goes on doing so.
pub(super) fn fit(
    wanted: Res<Wanted>,
    exploded: Res<Exploded>,
    exhibits: Exhibits,
    tour: Res<Tour>,
    mut orbit: ResMut<Orbit>,
) {
    if wanted.fresh_view || exhibits.is_empty() {
        return;
    }
    let bounds = exhibits.bounds(&exploded);
    let moved = bounds.centre() - orbit.bounds.centre();
    if bounds != orbit.bounds {
        orbit.bounds = bounds;
        if tour.point.is_none() {
            orbit.now.target += moved;
            orbit.goal.target += moved;
        }
    }
}

/// Animations go on.
pub(super) fn play(time: Res<Time>, mut exhibits: Query<(&Exhibit, &mut Playing)>) {
    for (exhibit, mut playing) in &mut exhibits {
        let animation = playing.animation(exhibit.model());
        let end = animation.map_or(0.0, |animation| animation.duration_secs);
        if playing.on && end > 0.0 {
            playing.secs = (playing.secs + time.delta_secs()).rem_euclid(end);
        }
    }
}

/// The tour goes on from point to point, until a hand moves the eye.
pub(super) fn show_round(
    time: Res<Time>,
    exhibits: Exhibits,
    mut exploded: ResMut<Exploded>,
    mut orbit: ResMut<Orbit>,
    mut tour: ResMut<Tour>,
) {
    let Some(secs) = tour.secs else { return };
    let first = exhibits.first();
    let count = first
        .as_ref()
        .map_or(0, |first| first.exhibit.product().manifest.hotspots.len());
    let secs_now = secs + time.delta_secs();
    if orbit.idle_secs == 0.0 && secs > 0.2 {
        tour.secs = None;
    } else if secs_now >= TOUR_SECS {
        let next = tour.point.map(|at| at + 1).filter(|next| *next < count);
        tour.secs = next.map(|_| 0.0);
        let first = first.map(|first| (first.exhibit, *first.spot));
        go_to(first, &mut exploded, &mut orbit, &mut tour, next);
    } else {
        tour.secs = Some(secs_now);
    }
}

/// The eye moves on, and is where it is seen from in this frame.
pub(super) fn look(
    time: Res<Time>,
    view: Res<View>,
    layout: Res<Layout>,
    live: Res<Live>,
    ar: Res<Ar>,
    tour: Res<Tour>,
    mut orbit: ResMut<Orbit>,
    mut viewing: ResMut<Viewing>,
) {
    let still = view.reduced_motion || tour.point.is_some() || !live.0 || ar.on;
    orbit.advance(time.delta_secs(), still);
    viewing.aspect = Place::new(layout.size).picture_aspect(viewing.stereo, ar.aspect());
    let orbiting = Eye::orbiting(&orbit, viewing.aspect);
    viewing.eye = match (ar.on, ar.eye()) {
        (false, _) => orbiting,
        (true, Some(eye)) => eye,
        // Where it was last seen, until it is found again.
        (true, None) => viewing.eye,
    };
}
