//! What can be pressed on the panels: egui's buttons and sliders over what is painted, without a look of their own.
//!
//! egui finds what is under the pointer, moves the focus with Tab, and gives each of them a node in its accessibility tree.

#[cfg(test)]
mod tests;

use bevy_egui::egui::accesskit::Action;
use bevy_egui::egui::{
    Context, CursorIcon, Event, EventFilter, Id, Key, LayerId, Rect, Response, Sense, Stroke, StrokeKind, Ui,
    UiBuilder, WidgetInfo, WidgetType,
};

use super::pen::Pen;
use crate::command::Command;
use crate::gestures::FINGER_SLOP_PX;
use crate::theme::colour;

/// How far an arrow key moves a slider, as a share of its length.
const STEP: f32 = 0.05;

/// Lets a context take presses as the panels want them: within their rectangles only, however long they last.
pub fn settle(ctx: &Context) {
    ctx.all_styles_mut(|style| style.interaction.interact_radius = 0.0);
    ctx.options_mut(|options| {
        options.input_options.max_click_dist = FINGER_SLOP_PX;
        options.input_options.max_click_duration = f64::INFINITY;
    });
}

/// What can be pressed, from frame to frame.
#[derive(Debug, Clone, Copy, Hash)]
pub enum Control<'a> {
    /// A category, by its number: into the showroom, to what sells best of it.
    Category(usize),
    /// What sells beyond its usual.
    Spotlight,
    /// What sells best in the pinned region.
    RegionBest,
    /// Back to the planet.
    Back,
    /// A product of the shelf, by its id.
    Product(&'a str),
    /// A variant of the product, by its number.
    Variant(usize),
    /// A point of interest, by its number.
    Point(usize),
    /// A line of what can be done with the product, by its label.
    Action(&'a str),
    /// The animation goes on, or stands.
    Play,
    /// The animation's place.
    Scrub,
}

impl Control<'_> {
    fn id(self) -> Id {
        Id::new(("control", self))
    }
}

/// Collects what can be pressed while it is drawn, and the commands of what is.
pub struct Controls {
    ui: Ui,
    /// What is drawn can be used.
    live: bool,
    /// Something lies over all of it.
    covered: bool,
    /// Several fingers touch: none of them presses.
    muted: bool,
    commands: Vec<Command>,
}

impl Controls {
    /// For what is painted on a layer.
    pub fn new(ctx: &Context, layer: LayerId, covered: bool, muted: bool) -> Self {
        let builder = UiBuilder::new().layer_id(layer).max_rect(ctx.content_rect());
        Self {
            ui: Ui::new(ctx.clone(), Id::new("controls"), builder),
            live: false,
            covered,
            muted,
            commands: Vec::new(),
        }
    }

    /// Whether what follows can be used.
    pub fn set_live(&mut self, live: bool) {
        self.live = live && !self.covered;
    }

    /// The commands of what was pressed.
    pub fn commands(self) -> Vec<Command> {
        self.commands
    }

    /// A button. `chosen`: it is one of several, or switched on.
    pub fn button(
        &mut self,
        pen: &Pen,
        what: Control,
        rect: Rect,
        chosen: Option<bool>,
        label: impl Fn() -> String,
        command: impl FnOnce() -> Command,
    ) {
        if !self.live {
            return;
        }
        let response = self.ui.interact(rect, what.id(), Sense::click());
        response.widget_info(|| WidgetInfo {
            selected: chosen,
            ..WidgetInfo::labeled(WidgetType::Button, true, label())
        });
        if response.clicked() && !self.muted && !self.repeats() {
            self.commands.push(command());
        }
        self.show(pen, &response);
    }

    /// A slider along the width of `rect`, at a share of it.
    pub fn slider(
        &mut self,
        pen: &Pen,
        what: Control,
        rect: Rect,
        share: f32,
        label: impl Fn() -> String,
        command: impl Fn(f32) -> Command,
    ) {
        if !self.live {
            return;
        }
        let id = what.id();
        let response = self.ui.interact(rect, id, Sense::click_and_drag());
        response.widget_info(|| WidgetInfo {
            value: Some(f64::from(share)),
            ..WidgetInfo::labeled(WidgetType::Slider, true, label())
        });
        self.ui.ctx().accesskit_node_builder(id, |node| {
            node.set_min_numeric_value(0.0);
            node.set_max_numeric_value(1.0);
            node.set_numeric_value_step(f64::from(STEP));
            node.remove_action(Action::Click);
            node.add_action(Action::Increment);
            node.add_action(Action::Decrement);
        });
        let pressed_at = response.interact_pointer_pos().filter(|_| !self.muted);
        if let Some(at) = pressed_at {
            let share = (at.x - rect.left()) / rect.width().max(1.0);
            self.commands.push(command(share));
        }
        if response.has_focus() {
            let arrows = EventFilter {
                horizontal_arrows: true,
                ..EventFilter::default()
            };
            self.ui
                .memory_mut(|memory| memory.set_focus_lock_filter(id, arrows));
        }
        let steps = self.steps(&response);
        if steps != 0.0 {
            self.commands
                .push(command((share + steps * STEP).clamp(0.0, 1.0)));
        }
        self.show(pen, &response);
    }

    /// How many steps the keys, or those who speak for them, move a slider.
    fn steps(&self, response: &Response) -> f32 {
        let has_focus = response.has_focus();
        self.ui.input(|input| {
            let keys = |key| if has_focus { input.num_presses(key) } else { 0 };
            let asked = |action| input.num_accesskit_action_requests(response.id, action);
            let more = keys(Key::ArrowRight) + asked(Action::Increment);
            let less = keys(Key::ArrowLeft) + asked(Action::Decrement);
            more as f32 - less as f32
        })
    }

    /// A key that is held presses once.
    fn repeats(&self) -> bool {
        self.ui.input(|input| {
            input.events.iter().any(|event| {
                matches!(
                    event,
                    Event::Key {
                        key: Key::Space | Key::Enter,
                        pressed: true,
                        repeat: true,
                        ..
                    }
                )
            })
        })
    }

    /// A hand over what can be pressed, a ring round what has the keyboard.
    fn show(&self, pen: &Pen, response: &Response) {
        if response.hovered() {
            self.ui.ctx().set_cursor_icon(CursorIcon::PointingHand);
        }
        if response.has_focus() {
            let stroke = Stroke::new((1.5 * pen.u).max(1.0), pen.tint(colour::CYAN));
            let round = 4.0 * pen.u;
            pen.painter
                .rect_stroke(response.rect, round, stroke, StrokeKind::Inside);
        }
    }
}
