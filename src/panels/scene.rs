//! What a panel may see while it draws.

use bevy_egui::egui::{Align, Color32, Pos2, Rect, pos2};

use super::format;
use super::frame::Frame;
use super::pen::{Face, Pen};
use super::state::PanelState;
use crate::ledger::{FeedHealth, Ledger};
use crate::text::{Lang, Texts};
use crate::theme::{colour, size};
use crate::view::{Screen, View};
use meridian_core::sales::{Catalogue, RegionId};
use meridian_wire::Comparison;

/// Everything a panel reads, and its pen.
pub struct Scene<'a> {
    /// Draws.
    pub pen: Pen,
    /// Where panels are.
    pub frame: Frame,
    /// What is known.
    pub ledger: &'a Ledger,
    /// How the feed is.
    pub feed: &'a FeedHealth,
    /// Orders and payments that the globe drew so far.
    pub lights_drawn: u64,
    /// Names of regions and places.
    pub world: Option<&'a Catalogue>,
    /// What is looked at.
    pub view: &'a View,
    /// What fills the screen.
    pub screen: Screen,
    /// The texts.
    pub texts: &'a Texts,
    /// What moves.
    pub state: &'a PanelState,
    /// App time, in seconds.
    pub now_secs: f32,
    /// Wall time since the start, in seconds: notices are dated by it.
    pub real_secs: f64,
}

impl<'a> Scene<'a> {
    /// The same scene, for another pen.
    pub fn with_pen(&self, pen: &Pen) -> Scene<'a> {
        Scene {
            pen: pen.clone(),
            frame: self.frame,
            ledger: self.ledger,
            feed: self.feed,
            lights_drawn: self.lights_drawn,
            world: self.world,
            view: self.view,
            screen: self.screen,
            texts: self.texts,
            state: self.state,
            now_secs: self.now_secs,
            real_secs: self.real_secs,
        }
    }

    /// The same scene, fainter.
    pub fn faded(&self, opacity: f32) -> Scene<'a> {
        self.with_pen(&self.pen.faded(opacity))
    }

    /// The language on screen.
    pub fn lang(&self) -> Lang {
        self.view.lang
    }

    /// A text.
    pub fn t(&self, key: &str) -> String {
        self.texts.get(self.lang(), key)
    }

    /// A text with arguments.
    pub fn tw(&self, key: &str, args: &[(&str, String)]) -> String {
        self.texts.with(self.lang(), key, args)
    }

    /// What something is, and how it is, as it is read out.
    pub fn pair(&self, what: &str, how: &str) -> String {
        self.tw("pair", &[("what", what.to_owned()), ("how", how.to_owned())])
    }

    /// Minor units in a whole unit of the feed's currency.
    pub fn per_unit(&self) -> i64 {
        self.ledger
            .hello
            .as_ref()
            .map_or(100, |hello| hello.currency.minor_per_unit())
    }

    /// The currency's sign.
    pub fn sign(&self) -> String {
        self.ledger
            .hello
            .as_ref()
            .map_or_else(|| "¥".to_owned(), |hello| hello.currency.symbol().to_owned())
    }

    /// An amount in a few figures, without the currency.
    pub fn compact(&self, minor: i64) -> String {
        format::short(minor, self.per_unit(), self.lang()).to_string()
    }

    /// The total in a few figures, without the currency: it never reads as a mark that it hasn't come to.
    pub fn compact_total(&self, minor: i64) -> String {
        let hello = self.ledger.hello.as_deref();
        let marks = hello.into_iter().flat_map(|hello| {
            let earlier = hello.comparisons.iter().filter_map(Comparison::whole_minor);
            hello.milestones_minor.iter().copied().chain(earlier)
        });
        let next = marks.filter(|mark| *mark > minor).min();
        format::short_before(minor, next, self.per_unit(), self.lang()).to_string()
    }

    /// An amount in a few figures, with the currency's sign.
    pub fn money(&self, minor: i64) -> String {
        self.with_sign(&self.compact(minor))
    }

    /// The same of the total.
    pub fn money_total(&self, minor: i64) -> String {
        self.with_sign(&self.compact_total(minor))
    }

    /// A figure with the currency's sign.
    pub fn with_sign(&self, figure: &str) -> String {
        let sign = self.sign();
        let gap = if sign.chars().count() > 1 { " " } else { "" };
        match figure.strip_prefix('–') {
            Some(rest) => format!("–{sign}{gap}{rest}"),
            None => format!("{sign}{gap}{figure}"),
        }
    }

    /// The amounts of one list with the currency's sign: the same number of decimals in all of them, the names of what
    /// they count apart, so that they stand below each other.
    pub fn column(&self, minors: impl IntoIterator<Item = i64>) -> Vec<format::Short> {
        let mut column = format::column(minors, self.per_unit(), self.lang());
        for short in &mut column {
            short.figure = self.with_sign(&short.figure);
        }
        column
    }

    /// A region's name in the language on screen.
    pub fn region_name(&self, id: u8) -> String {
        self.world
            .and_then(|world| world.region(RegionId(id)))
            .map_or_else(
                || format!("#{id}"),
                |region| match self.lang() {
                    Lang::En => region.name_en.clone(),
                    Lang::Zh => region.name_zh.clone(),
                },
            )
    }

    /// A category's name in the language on screen.
    pub fn category_name(&self, id: usize) -> &str {
        let hello = self.ledger.hello.as_ref();
        let names = hello.and_then(|hello| hello.categories.get(id));
        names.map_or("", |names| self.lang().pick(names))
    }

    /// A moment as the day's clock shows it.
    pub fn clock_at(&self, at_ms: i64) -> String {
        self.ledger.hello.as_ref().map_or_else(
            || "--:--:--".to_owned(),
            |hello| format::clock(at_ms - hello.day.start_ms),
        )
    }

    /// A label: small, soft, medium.
    pub fn label(&self, at: Pos2, align: Align, text: &str) -> Rect {
        self.pen
            .text(at, align, text, size::BODY, Face::Medium, colour::INK_SOFT)
    }

    /// A small text.
    pub fn small(&self, at: Pos2, align: Align, text: &str, ink: Color32) -> Rect {
        self.pen.text(at, align, text, size::SMALL, Face::Text, ink)
    }

    /// Where the hairline under a panel's heading is.
    pub fn heading_line(&self, rect: Rect) -> f32 {
        rect.top() + 25.0 * self.pen.u
    }

    /// A panel's heading with the hairline under it; the y below it.
    pub fn heading(&self, rect: Rect, text: &str) -> f32 {
        let u = self.pen.u;
        let baseline = rect.top() + 14.0 * u;
        self.label(pos2(rect.left(), baseline), Align::Min, text);
        let line = self.heading_line(rect);
        self.pen.hairline(rect.left(), rect.right(), line);
        line
    }
}
