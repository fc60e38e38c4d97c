//! The panels: the figures around the planet.
//!
//! Everything is painted with egui's painter; over what can be pressed lie egui's buttons and sliders, which draw nothing
//! ([`controls`]). The panels read the ledger, the view and the texts, write [`Layout`] for the globe's camera, and send
//! [`Command`]s.

pub mod board;
pub mod compare;
pub mod controls;
mod crown;
pub mod curve;
pub mod feed;
pub mod fonts;
pub mod format;
pub mod frame;
pub mod header;
pub mod overlay;
pub mod pen;
pub mod rates;
pub mod region;
pub mod scene;
pub mod search;
pub mod state;

use bevy::ecs::change_detection::Tick;
use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy_egui::egui::{Align, Id, LayerId, Order, TextureId, pos2, vec2};
use bevy_egui::{
    EguiContext, EguiContexts, EguiFullOutput, EguiInput, EguiPostUpdateSet, EguiPrimaryContextPass,
    EguiTextureHandle, PrimaryEguiContext,
};

use self::controls::{Control, Controls};
use self::pen::Face;
pub use state::{Exact, PanelState};

use super::command::Command;
use super::gestures::Pointing;
use super::globe::camera::Sight;
use super::globe::crown::Crown;
use super::globe::lights::LightStats;
use super::layout::Layout;
use super::ledger::{FeedHealth, Ledger, Regions};
use super::showroom::panel::{self, Pictures, Room};
use super::showroom::{Place, sales};
use super::text::{Lang, Texts};
use super::theme::{colour, size};
use super::view::{Screen, View};

/// How many of the ranking are followed: those shown, and those about to come in.
const FOLLOWED: usize = board::ROWS + 4;

/// The resources that the panels read.
#[derive(SystemParam)]
pub struct PanelParams<'w> {
    ledger: Res<'w, Ledger>,
    feed: Res<'w, FeedHealth>,
    lights: Res<'w, LightStats>,
    regions: Option<Res<'w, Regions>>,
    view: Res<'w, View>,
    screen: Res<'w, State<Screen>>,
    texts: Res<'w, Texts>,
    exact: Res<'w, Exact>,
    time: Res<'w, Time>,
    real: Res<'w, Time<Real>>,
    sight: Res<'w, Sight>,
    crown: Res<'w, Crown>,
    pointing: Res<'w, Pointing>,
}

/// The showroom's pictures as egui knows them, to be laid over the globe.
fn pictures(room: &Room, contexts: &mut EguiContexts) -> Pictures {
    let (product, ar) = (&room.picture, &room.ar);
    Pictures {
        product: (product.size != UVec2::ZERO)
            .then(|| [0, 1].map(|eye| texture(contexts, product.images.get(eye)))),
        poster: room
            .arrivals
            .poster
            .as_ref()
            .map(|poster| texture(contexts, Some(&poster.image))),
        behind: (ar.on && ar.size != UVec2::ZERO).then(|| texture(contexts, Some(&ar.image))),
    }
}

/// The globe's place in a picture of this size, on its way to the showroom's corner or back.
fn place_globe(size: Vec2, share: f32) -> (Layout, frame::Frame) {
    let mut placed = Layout::for_size(size);
    let frame = frame::Frame::new(&placed);
    placed.panels = frame
        .areas()
        .map(|area| Rect::new(area.left(), area.top(), area.right(), area.bottom()));
    let placed = match share {
        0.0 => placed,
        share => Place::new(placed.size).toward(&placed, share),
    };
    (placed, frame)
}

/// The regions that sell most, with their figures as the leaderboard writes them.
fn ranking(ledger: &Ledger, lang: Lang) -> Vec<(u8, String)> {
    let per_unit = ledger
        .hello
        .as_ref()
        .map_or(100, |hello| hello.currency.minor_per_unit());
    let ranking = ledger.ranking(FOLLOWED);
    let values = ranking.iter().map(|(_, counts)| counts.gmv_minor);
    let column = format::column(values, per_unit, lang);
    let read = column.iter().map(ToString::to_string);
    ranking.iter().map(|(id, _)| *id).zip(read).collect()
}

/// Runs the pass in which the panels are drawn. egui's own system for it learns in every frame anew what a context is.
fn run_pass(
    world: &mut World,
    contexts: &mut QueryState<
        (&mut EguiContext, &mut EguiInput, &mut EguiFullOutput),
        With<PrimaryEguiContext>,
    >,
) {
    let Ok((mut context, mut input, _)) = contexts.single_mut(world) else {
        return;
    };
    let (context, input) = (context.get_mut().clone(), input.take());
    let output = context.run_ui(input, |_| {
        if let Err(problem) = world.try_run_schedule(EguiPrimaryContextPass) {
            error_once!("the panels can't be drawn: {problem}");
        }
    });
    if let Ok((_, _, mut full)) = contexts.single_mut(world) {
        full.0 = Some(output);
    }
}

/// The ranking as it was when the ledger last changed.
#[derive(Default)]
pub struct Ranked {
    of: Option<(Tick, Lang)>,
    rows: Vec<(u8, String)>,
}

impl Ranked {
    fn follow(&mut self, ledger: &Res<Ledger>, lang: Lang) -> &[(u8, String)] {
        let of = Some((ledger.last_changed(), lang));
        if self.of != of {
            self.of = of;
            self.rows = ranking(ledger, lang);
        }
        &self.rows
    }
}

/// Draws every panel.
pub fn draw_panels(
    mut contexts: EguiContexts,
    known: PanelParams,
    room: Room,
    mut layout: ResMut<Layout>,
    mut state: ResMut<PanelState>,
    mut commands: MessageWriter<Command>,
    mut ranked: Local<Ranked>,
) {
    let pictures = pictures(&room, &mut contexts);
    // No context yet, or no longer: a window that is being made or closed.
    let Ok(ctx) = contexts.ctx_mut() else {
        return;
    };
    let ctx = ctx.clone();
    let screen = ctx.content_rect();
    if screen.width() < 16.0 || screen.height() < 16.0 {
        return;
    }
    let (placed, frame) = place_globe(Vec2::new(screen.width(), screen.height()), room.share());
    layout.set_if_neq(placed);
    if !fonts::ready(&ctx) {
        return;
    }
    let world = known.regions.as_ref().map(|regions| &*regions.0);
    commands.write_batch(search::listen(
        &ctx,
        &frame,
        known.view.search.as_deref(),
        world,
        &mut state.chosen,
    ));
    let ranking = ranked.follow(&known.ledger, known.view.lang);
    let frame_secs = known.real.delta_secs();
    state.advance(&known.ledger, &known.view, known.exact.0, frame_secs, ranking);
    let layer = LayerId::new(Order::Background, Id::new("the panels"));
    let covered = known.view.help_open || known.view.search.is_some();
    let mut controls = Controls::new(&ctx, layer, covered, known.pointing.several);
    let scene = scene::Scene {
        pen: pen::Pen {
            painter: ctx.layer_painter(layer),
            u: frame.u,
            opacity: 1.0,
        },
        frame,
        ledger: &known.ledger,
        feed: &known.feed,
        lights_drawn: known.lights.drawn,
        world,
        view: &known.view,
        screen: *known.screen.get(),
        texts: &known.texts,
        state: &state,
        now_secs: known.time.elapsed_secs(),
        real_secs: known.real.elapsed_secs_f64(),
    };
    panel::draw(&scene, &room, pictures, &mut controls);
    if room.two_pictures() {
        search::draw(&scene);
        overlay::draw(&scene);
        commands.write_batch(controls.commands());
        return;
    }
    // Under the figures: the total and what it is are never darkened.
    if room.share() < 0.5 {
        veil(&scene.faded(1.0 - room.share() * 2.4), &known.sight, &layout);
    }
    header::draw(&scene);
    let mut right = frame.whole.right() - size::MARGIN * frame.u;
    if room.share() < 0.5 {
        let scene = scene.faded(1.0 - room.share() * 2.4);
        rates::draw(&scene);
        board::draw(&scene);
        right = doors(&scene, &room, &mut controls).unwrap_or(right);
        region::draw(&scene, &room, &mut controls);
        curve::draw(&scene);
        if let Some((_, minor)) = known.crown.tallest {
            crown::draw(&scene, &known.sight, &layout, minor);
        }
        region::draw_hovered(&scene, ctx.pointer_hover_pos());
    }
    feed::draw(&scene, right);
    search::draw(&scene);
    overlay::draw(&scene);
    commands.write_batch(controls.commands());
}

/// Ways into the showroom: a category's best seller, and what sells beyond its usual; says how far the feed's line may reach
/// beside the latter.
fn doors(scene: &scene::Scene, room: &Room, controls: &mut Controls) -> Option<f32> {
    let pen = &scene.pen;
    let u = pen.u;
    controls.set_live(room.share() == 0.0);
    for (category, row) in board::category_rows(scene) {
        if let Some(product) = sales::best_of(scene.ledger, room.shelf(), category) {
            let label = || {
                let name = scene.lang().pick(&product.manifest.name);
                scene.pair(scene.category_name(category), name)
            };
            let enter = || Command::Enter(Some(product.id.clone()));
            controls.button(pen, Control::Category(category), row, None, label, enter);
        }
    }
    let (product, trend) = sales::spotlight(scene.ledger, room.shelf())?;
    let name = scene.lang().pick(&product.manifest.name);
    let trend = sales::trend_text(scene, &trend);
    let text = scene.tw("spotlight", &[("product", name.to_owned()), ("trend", trend)]);
    let y = scene.frame.feed + size::SMALL * u * 0.36;
    let right = scene.frame.whole.right() - size::MARGIN * u;
    let short = pen.fit(&text, size::BODY, Face::Medium, scene.frame.whole.width() * 0.46);
    let at = pos2(right - 16.0 * u, y);
    let drawn = pen.text(at, Align::Max, &short, size::BODY, Face::Medium, colour::GOLD);
    let tip = pos2(right, y - size::BODY * u * 0.34);
    pen.chevron(tip, colour::GOLD);
    let touch = drawn.expand2(vec2(26.0 * u, 15.0 * u));
    let enter = || Command::Enter(Some(product.id.clone()));
    controls.button(pen, Control::Spotlight, touch, None, || text.clone(), enter);
    Some(drawn.left() - 28.0 * u)
}

/// A picture as egui knows it.
fn texture(contexts: &mut EguiContexts, image: Option<&Handle<Image>>) -> TextureId {
    let image = image.cloned().unwrap_or_default();
    contexts
        .image_id(&image)
        .unwrap_or_else(|| contexts.add_image(EguiTextureHandle::Weak(image.id())))
}

/// Darkens the planet behind the panels when it has come so near that it lies there.
fn veil(scene: &scene::Scene, sight: &Sight, layout: &Layout) {
    let frame = &scene.frame;
    let u = frame.u;
    let (radius, rest) = (sight.radius_px(), layout.globe_radius);
    let lower = (sight.centre_px.y - layout.globe_centre.y).abs() / rest;
    let nearer = ((radius / rest - 1.05) / 0.5).max(lower * 2.0).clamp(0.0, 1.0);
    if frame.shape == frame::Shape::Ultrawide && nearer < 1.0 {
        // The planet rises from behind the day that runs along the foot.
        let foot = frame.curve.with_max_y(frame.whole.bottom());
        scene.pen.veil(foot, 90.0 * u, 0.86 * (1.0 - nearer));
    }
    if nearer <= 0.0 {
        return;
    }
    let centre = pos2(sight.centre_px.x, sight.centre_px.y);
    for rect in frame.areas() {
        let reach = radius - rect.distance_to_pos(centre);
        let opacity = nearer * (reach / (120.0 * u)).clamp(0.0, 1.0);
        if opacity > 0.01 {
            scene.pen.veil(rect.expand(14.0 * u), 70.0 * u, 0.8 * opacity);
        }
    }
}

/// The panels.
pub fn plugin(app: &mut App) {
    app.init_resource::<PanelState>()
        .init_resource::<Exact>()
        .add_systems(EguiPrimaryContextPass, (fonts::install, draw_panels).chain())
        .add_systems(PostUpdate, run_pass.in_set(EguiPostUpdateSet::EndPass));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::text::{Lang, Texts};

    fn keys(path: &str) -> BTreeSet<String> {
        let bytes = meridian_core::files::read(path).unwrap();
        String::from_utf8(bytes.into_owned())
            .unwrap()
            .lines()
            .filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()))
            .map(|line| line.split_once('=').unwrap().0.trim().to_owned())
            .collect()
    }

    #[test]
    fn both_languages_have_the_same_keys() {
        let en = keys("assets/locales/en.ftl");
        let zh = keys("assets/locales/zh.ftl");
        assert!(en.len() > 60);
        assert_eq!(en, zh);
    }

    #[test]
    fn both_languages_take_the_same_arguments() {
        let arguments = |path: &str| -> BTreeSet<(String, String)> {
            let text = String::from_utf8(meridian_core::files::read(path).unwrap().into_owned()).unwrap();
            let mut found = BTreeSet::new();
            for line in text.lines() {
                let Some((key, value)) = line.split_once('=') else {
                    continue;
                };
                for part in value.split('$').skip(1) {
                    let name = part.split([' ', ',']).next().unwrap_or("");
                    // A reason is in English, whatever the language is.
                    if name != "reason" {
                        found.insert((key.trim().to_owned(), name.to_owned()));
                    }
                }
            }
            found
        };
        assert_eq!(
            arguments("assets/locales/en.ftl"),
            arguments("assets/locales/zh.ftl")
        );
    }

    /// Every string in the panels' sources that looks like a key and begins like one is one.
    #[test]
    fn every_key_in_the_code_is_in_the_files() {
        let en = keys("assets/locales/en.ftl");
        let bytes = meridian_core::files::read("assets/locales/en.ftl").unwrap();
        let english = String::from_utf8_lossy(&bytes);
        let sources = [
            include_str!("board.rs"),
            include_str!("compare.rs"),
            include_str!("scene.rs"),
            include_str!("crown.rs"),
            include_str!("curve.rs"),
            include_str!("feed.rs"),
            include_str!("header.rs"),
            include_str!("mod.rs"),
            include_str!("overlay.rs"),
            include_str!("rates.rs"),
            include_str!("region.rs"),
            include_str!("search.rs"),
            include_str!("../keys.rs"),
            include_str!("../showroom/panel/camera.rs"),
            include_str!("../showroom/panel/card.rs"),
            include_str!("../showroom/panel/mod.rs"),
            include_str!("../showroom/panel/points.rs"),
            include_str!("../showroom/panel/shelf.rs"),
            include_str!("../showroom/sales.rs"),
            include_str!("../stage/quality.rs"),
        ];
        let mut used = BTreeSet::new();
        for source in [
            include_str!("../link.rs"),
            include_str!("../showroom/apply.rs"),
            include_str!("../showroom/ar.rs"),
            include_str!("../showroom/arrive.rs"),
            include_str!("../showroom/export.rs"),
            include_str!("../showroom/headset.rs"),
            include_str!("../showroom/mod.rs"),
            include_str!("../stage/input.rs"),
            include_str!("../stage/mod.rs"),
            include_str!("../stage/screenshot.rs"),
        ] {
            let code = source.split("#[cfg(test)]").next().unwrap();
            let told = code.split('"').filter(|text| text.starts_with("told-"));
            used.extend(told.map(str::to_owned));
        }
        for source in sources {
            let code = source.split("#[cfg(test)]").next().unwrap();
            for text in code.split('"').skip(1).step_by(2) {
                let is_key = text.starts_with(|first: char| first.is_ascii_lowercase())
                    && text.len() > 2
                    && text
                        .chars()
                        .all(|symbol| symbol.is_ascii_lowercase() || symbol == '-');
                // Names of arguments look the same.
                if is_key && !english.contains(&format!("{{ ${text} }}")) {
                    used.insert(text.to_owned());
                }
            }
        }
        let missing: Vec<&String> = used.difference(&en).collect();
        assert!(missing.is_empty(), "not in en.ftl: {missing:?}");
        let unused: Vec<&String> = en
            .difference(&used)
            .filter(|key| !key.starts_with("shot-"))
            .collect();
        assert!(unused.is_empty(), "no panel uses {unused:?}");
        let texts = Texts::load(drop);
        for key in &used {
            // A text that Fluent can't read comes back as its key. In English a text may be its key.
            assert_ne!(&texts.get(Lang::Zh, key), key, "{key} in Chinese");
            let english = texts.get(Lang::En, key);
            assert!(english != *key || key == "now", "{key} in English");
        }
    }
}
