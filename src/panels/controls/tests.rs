//! What can be pressed on the globe's panels and on the showroom's, pressed: with a pointer, with keys, by those who listen.

use std::sync::Arc;

use bevy::ecs::system::RunSystemOnce;
use bevy::prelude::{Messages, State, Time, World};
use bevy::time::Real;
use bevy_egui::egui::accesskit::{Node, NodeId, Role};
use bevy_egui::egui::{
    Context, Event, FullOutput, Key, Modifiers, PointerButton, Pos2, RawInput, pos2, vec2,
};
use bevy_egui::{EguiContext, EguiUserTextures, PrimaryEguiContext};

use super::*;
use crate::command::ShowroomCommand;
use crate::gestures::Pointing;
use crate::globe::camera::Sight;
use crate::globe::crown::Crown;
use crate::globe::lights::LightStats;
use crate::layout::Layout;
use crate::ledger::{FeedHealth, Ledger, ProductLedger, Regions};
use crate::own_files::FileUnusable;
use crate::panels::{Exact, PanelState, draw_panels, fonts};
use crate::showroom::arrive::Arrivals;
use crate::showroom::cameras::ProductPicture;
use crate::showroom::exhibit::{Coming, Exhibit};
use crate::showroom::eye::Eye;
use crate::showroom::lamps::Lamps;
use crate::showroom::orbit::{Orbit, Pose};
use crate::showroom::prepare::Loading;
use crate::showroom::{Exploded, Measuring, ProductShelf, Tour, Viewing, Wanted, Way, ar::Ar};
use crate::text::{Lang, Texts};
use crate::view::{Screen, View};
use meridian_core::sales::{Catalogue, RegionId};
use meridian_product::Shelf;
use meridian_wire::{Counts, Hello, ProductCounts, Trend};

/// The panels without a screen.
struct Desk {
    world: World,
    ctx: Context,
}

/// A node of what is read out.
#[derive(Debug, Clone, PartialEq)]
struct Named {
    id: NodeId,
    role: Role,
    label: String,
    middle: Pos2,
}

fn sold(gmv_minor: i64) -> ProductCounts {
    ProductCounts {
        units: 3,
        counts: Counts {
            orders: 3,
            payments: 3,
            gmv_minor,
        },
    }
}

/// A shoe sells, and beyond its usual.
fn ledger(shelf: &Shelf) -> Ledger {
    let shoe = shelf.product("shoe").unwrap();
    let hello = Hello {
        categories: vec![shoe.manifest.category.clone()],
        ..Hello::unknown()
    };
    Ledger {
        hello: Some(Arc::new(hello)),
        categories: vec![sold(100_000).counts],
        products: vec![ProductLedger {
            id: shoe.sku().to_owned(),
            names: shoe.manifest.name.clone(),
            category: 0,
            counts: sold(100_000),
            regions: vec![(0, sold(100_000))],
            trends: vec![Trend {
                product: 0,
                region: 0,
                percent: 420,
            }],
            ..ProductLedger::default()
        }],
        ..Ledger::default()
    }
}

impl Desk {
    fn new(lang: Lang) -> Self {
        let ctx = Context::default();
        ctx.enable_accesskit();
        let mut world = World::new();
        let (shelf, problems) = Shelf::load(&[]);
        assert!(problems.is_empty() && shelf.products.len() > 1);
        let read = |path| meridian_core::files::read(path).unwrap();
        let (regions, cities) = (read("assets/data/regions.csv"), read("assets/data/cities.csv"));
        let catalogue = Catalogue::from_csv("regions.csv", &regions, "cities.csv", &cities).unwrap();
        world.insert_resource(Regions(Arc::new(catalogue)));
        world.insert_resource(ledger(&shelf));
        world.insert_resource(ProductShelf(shelf));
        world.init_resource::<Wanted>();
        world.init_resource::<Way>();
        world.init_resource::<Exploded>();
        world.init_resource::<Measuring>();
        world.init_resource::<Viewing>();
        world.insert_resource(View {
            lang,
            ..View::default()
        });
        world.insert_resource(Texts::load(drop));
        world.insert_resource(State::new(Screen::Globe));
        world.insert_resource(Exact(true));
        world.init_resource::<FeedHealth>();
        world.init_resource::<LightStats>();
        world.init_resource::<Crown>();
        world.init_resource::<PanelState>();
        world.init_resource::<Sight>();
        world.init_resource::<Layout>();
        world.init_resource::<Pointing>();
        world.init_resource::<Time>();
        world.init_resource::<Time<Real>>();
        world.init_resource::<Arrivals>();
        world.init_resource::<ProductPicture>();
        world.init_resource::<Ar>();
        world.init_resource::<Orbit>();
        world.init_resource::<Tour>();
        world.init_resource::<Lamps>();
        world.init_resource::<EguiUserTextures>();
        world.init_resource::<Messages<Command>>();
        world.init_resource::<Messages<FileUnusable>>();
        let mut context = EguiContext::default();
        *context.get_mut() = ctx.clone();
        world.spawn((context, PrimaryEguiContext));
        let mut desk = Self { world, ctx };
        desk.settle();
        desk
    }

    /// A product stands in the showroom, seen from its home.
    fn enter(&mut self, id: &str) {
        let shelf = self.world.resource::<ProductShelf>();
        let product = shelf.product(id).unwrap().clone();
        let camera = product.manifest.camera;
        let prepared = Loading::start(product, false).take(true).unwrap().unwrap();
        let bounds = prepared.model.bounds;
        let there = Coming {
            share: 1.0,
            swings: false,
        };
        self.world.spawn((Exhibit::undrawn(*prepared), there));
        self.world.resource_mut::<Wanted>().ids = vec![id.to_owned()];
        self.world.resource_mut::<Way>().share = 1.0;
        let mut orbit = Orbit::default();
        orbit.look_at(bounds, Pose::of(&camera, bounds.centre()), true);
        let mut viewing = self.world.resource_mut::<Viewing>();
        viewing.eye = Eye::orbiting(&orbit, viewing.aspect);
        self.world.insert_resource(orbit);
        self.world.insert_resource(State::new(Screen::Showroom));
        self.settle();
    }

    /// Until the fonts are there and everything has its place.
    fn settle(&mut self) {
        for _ in 0..4 {
            self.pass(Vec::new());
        }
    }

    /// A pass of egui's; what came of it, and the commands.
    fn pass(&mut self, events: Vec<Event>) -> (FullOutput, Vec<Command>) {
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(1920.0, 1080.0))),
            events,
            ..RawInput::default()
        };
        let (ctx, world) = (self.ctx.clone(), &mut self.world);
        let output = ctx.run_ui(input, |_| {
            world.run_system_once(fonts::install).unwrap();
            world.run_system_once(draw_panels).unwrap();
        });
        let commands = world.resource_mut::<Messages<Command>>().drain().collect();
        (output, commands)
    }

    /// What is read out, in the order of Tab.
    fn nodes(&mut self) -> Vec<Named> {
        let (output, _) = self.pass(Vec::new());
        let update = output.platform_output.accesskit_update.unwrap();
        let node = |id: &NodeId| {
            let mut nodes = update.nodes.iter();
            nodes.find(|(other, _)| other == id).map(|(_, node)| node)
        };
        fn walk<'a>(
            id: NodeId,
            node: &impl Fn(&NodeId) -> Option<&'a Node>,
            found: &mut Vec<(NodeId, &'a Node)>,
        ) {
            let Some(own) = node(&id) else { return };
            found.push((id, own));
            for child in own.children() {
                walk(*child, node, found);
            }
        }
        let mut found = Vec::new();
        walk(update.tree.unwrap().root, &node, &mut found);
        found
            .into_iter()
            .filter(|(_, node)| matches!(node.role(), Role::Button | Role::Slider))
            .map(|(id, node)| {
                let bounds = node.bounds().unwrap();
                Named {
                    id,
                    role: node.role(),
                    label: node.label().unwrap_or("").to_owned(),
                    middle: pos2(
                        ((bounds.x0 + bounds.x1) * 0.5) as f32,
                        ((bounds.y0 + bounds.y1) * 0.5) as f32,
                    ),
                }
            })
            .collect()
    }

    /// Presses at a place and lets go; the commands, and what the pointer looked like.
    fn click(&mut self, at: Pos2) -> (Vec<Command>, CursorIcon) {
        let button = |pressed| Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::default(),
        };
        let (output, _) = self.pass(vec![Event::PointerMoved(at)]);
        let icon = output.platform_output.cursor_icon;
        let (_, mut commands) = self.pass(vec![button(true)]);
        commands.extend(self.pass(vec![button(false)]).1);
        self.pass(vec![Event::PointerGone]);
        (commands, icon)
    }

    /// A key, pressed and let go.
    fn key(&mut self, key: Key) -> (FullOutput, Vec<Command>) {
        let event = |pressed| Event::Key {
            key,
            physical_key: None,
            pressed,
            repeat: false,
            modifiers: Modifiers::default(),
        };
        self.pass(vec![event(true), event(false)])
    }

    /// What the keyboard is on.
    fn focus(output: &FullOutput) -> NodeId {
        let update = output.platform_output.accesskit_update.as_ref();
        update.unwrap().focus
    }

    /// Every control, by its name and with its commands: clicked, and then pressed with keys.
    fn tried(&mut self) -> Vec<(Named, Vec<Command>)> {
        let nodes = self.nodes();
        assert!(nodes.iter().all(|node| !node.label.is_empty()), "{nodes:?}");
        // Nothing has the keyboard: its keys mean what they always do.
        for key in [Key::Space, Key::Enter] {
            assert!(self.key(key).1.is_empty());
        }
        let clicked: Vec<Vec<Command>> = nodes
            .iter()
            .map(|node| {
                let (commands, icon) = self.click(node.middle);
                assert_eq!(icon, CursorIcon::PointingHand, "{}", node.label);
                assert!(!commands.is_empty(), "{} does nothing", node.label);
                commands
            })
            .collect();
        let bare = self.pass(Vec::new()).0.shapes.len();
        for (node, clicked) in nodes.iter().zip(&clicked) {
            let (output, _) = self.key(Key::Tab);
            assert_eq!(Self::focus(&output), node.id, "Tab comes to {}", node.label);
            let (output, _) = self.pass(Vec::new());
            assert_eq!(output.shapes.len(), bare + 1, "{} has a ring", node.label);
            if node.role == Role::Slider {
                let (_, commands) = self.key(Key::ArrowRight);
                let step = Command::Showroom(ShowroomCommand::Scrub(STEP));
                assert_eq!(commands, [step], "{} by an arrow", node.label);
                continue;
            }
            for key in [Key::Space, Key::Enter] {
                assert_eq!(&self.key(key).1, clicked, "{} by {key:?}", node.label);
            }
        }
        // Escape leaves.
        let (output, _) = self.key(Key::Escape);
        assert!(nodes.iter().all(|node| node.id != Self::focus(&output)));
        nodes.into_iter().zip(clicked).collect()
    }

    fn view(&mut self, change: impl FnOnce(&mut View)) {
        change(&mut self.world.resource_mut::<View>());
        self.settle();
    }
}

fn enter(id: &str) -> Vec<Command> {
    vec![Command::Enter(Some(id.to_owned()))]
}

fn room(command: ShowroomCommand) -> Vec<Command> {
    vec![Command::Showroom(command)]
}

/// Names with what they do, but for the middles.
fn plain(tried: Vec<(Named, Vec<Command>)>) -> Vec<(String, Vec<Command>)> {
    let plain = tried.into_iter();
    plain.map(|(node, commands)| (node.label, commands)).collect()
}

#[test]
fn the_globes_panels_lead_into_the_showroom() {
    for (lang, category, spotlight, best) in [
        (
            Lang::En,
            "Sports: Running shoe",
            "Running shoe: 4.2×",
            "Top in the showroom: Running shoe",
        ),
        (Lang::Zh, "运动：跑鞋", "跑鞋：", "跑鞋"),
    ] {
        let mut desk = Desk::new(lang);
        let tried = plain(desk.tried());
        assert_eq!(tried.len(), 2, "{tried:?}");
        assert_eq!(tried[0], (category.to_owned(), enter("shoe")));
        assert!(tried[1].0.starts_with(spotlight), "{}", tried[1].0);
        assert_eq!(tried[1].1, enter("shoe"));
        desk.view(|view| view.selected = Some(RegionId(0)));
        let tried = plain(desk.tried());
        assert!(
            tried
                .iter()
                .any(|(label, commands)| label.ends_with(best) && *commands == enter("shoe")),
            "{tried:?}"
        );
        // What lies over the panels takes their presses.
        desk.view(|view| view.help_open = true);
        assert!(desk.nodes().is_empty());
    }
}

#[test]
fn the_showrooms_panels_do_what_they_say() {
    for (lang, wanted) in [
        (
            Lang::En,
            [
                ("Light: studio", room(ShowroomCommand::Studio(None))),
                ("Dimensions", room(ShowroomCommand::NextMeasure)),
                ("In your room (AR)", room(ShowroomCommand::ToggleAr)),
                ("Stereo", room(ShowroomCommand::NextStereo)),
                ("Compare", room(ShowroomCommand::ToggleCompare)),
                ("Tour", room(ShowroomCommand::ToggleTour)),
                ("Play: Ring of light", room(ShowroomCommand::TogglePlay)),
                ("Back to the planet", vec![Command::Back]),
                ("Running shoe", enter("shoe")),
            ],
        ),
        (
            Lang::Zh,
            [
                ("灯光：影棚", room(ShowroomCommand::Studio(None))),
                ("尺寸", room(ShowroomCommand::NextMeasure)),
                ("实景摆放（AR）", room(ShowroomCommand::ToggleAr)),
                ("立体显示", room(ShowroomCommand::NextStereo)),
                ("对比", room(ShowroomCommand::ToggleCompare)),
                ("导览", room(ShowroomCommand::ToggleTour)),
                ("播放：光环", room(ShowroomCommand::TogglePlay)),
                ("返回地球", vec![Command::Back]),
                ("跑鞋", enter("shoe")),
            ],
        ),
    ] {
        let mut desk = Desk::new(lang);
        desk.enter("speaker");
        let tried = desk.tried();
        let sliders = tried.iter().filter(|(node, _)| node.role == Role::Slider);
        for (slider, commands) in sliders.clone() {
            // Its middle, where it is pressed and where it is let go.
            let [Command::Showroom(ShowroomCommand::Scrub(share)), ..] = commands[..] else {
                panic!("{commands:?}");
            };
            assert!((share - 0.5).abs() < 0.01, "{}: {share}", slider.label);
        }
        assert_eq!(sliders.count(), 1);
        let tried = plain(tried);
        for (label, commands) in wanted {
            assert!(
                tried.contains(&(label.to_owned(), commands)),
                "{label} among {tried:?}"
            );
        }
        let count = |is: fn(&Command) -> bool| tried.iter().filter(|(_, made)| is(&made[0])).count();
        let mut exhibits = desk.world.query::<&Exhibit>();
        let variants = exhibits.single(&desk.world).unwrap().model().variants.len();
        assert_eq!(
            count(|made| matches!(made, Command::Showroom(ShowroomCommand::Variant(Some(_))))),
            variants
        );
        assert_eq!(
            count(|made| matches!(made, Command::Enter(_))),
            desk.world.resource::<ProductShelf>().products.len()
        );
        assert!(count(|made| matches!(made, Command::Showroom(ShowroomCommand::Point(Some(_))))) > 0);
    }
}

#[test]
fn several_fingers_press_nothing() {
    let mut desk = Desk::new(Lang::En);
    let at = desk.nodes()[0].middle;
    desk.world.resource_mut::<Pointing>().several = true;
    assert!(desk.click(at).0.is_empty());
    desk.world.resource_mut::<Pointing>().several = false;
    assert_eq!(desk.click(at).0, enter("shoe"));
}

#[test]
fn names_of_what_is_shown_follow_the_language() {
    let mut desk = Desk::new(Lang::En);
    let labels =
        |desk: &mut Desk| -> Vec<String> { desk.nodes().into_iter().map(|node| node.label).collect() };
    let english = labels(&mut desk);
    desk.view(|view| view.lang = Lang::Zh);
    let chinese = labels(&mut desk);
    assert_eq!(english.len(), chinese.len());
    assert!(
        english
            .iter()
            .zip(&chinese)
            .all(|(en, zh)| en != zh && !zh.is_ascii())
    );
}
