//! What each place sold in the last minute of event time, as well as lights can tell it.
//!
//! A light has a magnitude, no amount. So its value is a mean of its magnitude, and all of them together are scaled to what
//! the feed itself says that its places took in that minute, as far as the magnitudes allow it. Nothing here knows a clock
//! but event time.

use std::collections::VecDeque;

use meridian_core::sales::{EventMs, Kind};
use meridian_wire::{History, Lights, WARMTH_HALF_LIFE_MS, Warmth};

#[cfg(test)]
mod tests;

/// How long a minute is.
pub const MINUTE_MS: i64 = 60_000;
/// Seconds of a minute: what is older than so many is forgotten, a second at a time.
const SECONDS: i64 = MINUTE_MS / 1000;
/// How many parts a minute has that was guessed from warmth: they are forgotten one after the other.
const GUESSED_PARTS: i64 = 12;

/// Hundredths of a whole unit.
type Hundredths = u64;

/// By magnitude: the least that an amount can be, in whole units.
const LEAST: [u64; 8] = [0, 10, 32, 100, 316, 1_000, 3_162, 10_000];
/// By magnitude: the mean of amounts each of which is as likely at every magnitude: (b − a) ÷ ln(b ÷ a).
const MEAN: [Hundredths; 8] = [594, 1_891, 5_968, 18_770, 59_370, 187_800, 593_900, 1_878_000];

/// What lights are worth together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Worth {
    /// At the means of their magnitudes.
    mean: Hundredths,
    /// At the least that they can be.
    least: Hundredths,
    /// At the most.
    most: Hundredths,
    /// The most isn't known: some are of the highest magnitude, or guessed.
    unbounded: bool,
}

impl Worth {
    /// So many lights of each magnitude, each for so many events.
    fn of(counts: &[u64; 8], per_light: f64) -> Self {
        let sum = |worth: &dyn Fn(usize) -> u64| -> Hundredths {
            counts
                .iter()
                .enumerate()
                .map(|(bucket, count)| (*count as f64 * worth(bucket) as f64 * per_light) as u64)
                .fold(0, u64::saturating_add)
        };
        let at = |list: &[u64; 8], bucket: usize| list.get(bucket).copied().unwrap_or(0);
        Self {
            mean: sum(&|bucket| at(&MEAN, bucket)),
            least: sum(&|bucket| at(&LEAST, bucket) * 100),
            most: sum(&|bucket| at(&LEAST, bucket + 1) * 100),
            unbounded: counts.last().is_some_and(|count| *count > 0),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            mean: self.mean.saturating_add(other.mean),
            least: self.least.saturating_add(other.least),
            most: self.most.saturating_add(other.most),
            unbounded: self.unbounded || other.unbounded,
        }
    }
}

/// A second that is over: what came in it.
#[derive(Debug, Clone, Default)]
struct Second {
    number: i64,
    places: Vec<u16>,
    values: Vec<Hundredths>,
    worth: Worth,
}

/// What each place sold in the last minute of event time.
#[derive(Debug, Clone, Default)]
pub struct Minute {
    /// By place: all that came so far, and how much of it is older than a minute.
    came: Vec<Hundredths>,
    gone: Vec<Hundredths>,
    /// What had come when the open second began.
    opened: Vec<Hundredths>,
    /// The open second, and what came in it.
    open: Option<i64>,
    open_worth: Worth,
    seconds: VecDeque<Second>,
    /// What places had taken at instants, in minor units, oldest first: one a second, and one at least a minute old.
    marks: VecDeque<(EventMs, i64)>,
    /// Rises when all that was known is forgotten.
    generation: u32,
}

/// The second in which a span ends.
fn second_of(end_ms: EventMs) -> i64 {
    (end_ms - 1).div_euclid(1000)
}

impl Minute {
    /// Goes on to an event time at which places had taken `placed_minor` in all. Time that goes back forgets everything.
    pub fn tick(&mut self, event_ms: EventMs, placed_minor: i64) {
        let last_ms = self.marks.back().map(|(at_ms, _)| *at_ms);
        if last_ms.is_some_and(|last_ms| event_ms < last_ms) {
            self.forget();
        }
        self.turn_to(second_of(event_ms));
        // The last second's mark moves along with it.
        let open_ms = self
            .marks
            .back()
            .filter(|_| self.marks.len() > 1)
            .map(|mark| mark.0);
        if open_ms.is_some_and(|open_ms| second_of(open_ms) == second_of(event_ms)) {
            self.marks.pop_back();
        }
        self.marks.push_back((event_ms, placed_minor));
        let is_old =
            |mark: Option<&(EventMs, i64)>| mark.is_some_and(|(at_ms, _)| *at_ms <= event_ms - MINUTE_MS);
        while is_old(self.marks.get(1)) {
            self.marks.pop_front();
        }
    }

    /// What places had taken a minute ago, from the day's curve, where nothing but now is known yet.
    pub fn recall(&mut self, history: &History, day_start_ms: EventMs, event_ms: EventMs, placed_share: f64) {
        let then_ms = event_ms - MINUTE_MS;
        if self.marks.len() != 1 || event_ms <= day_start_ms {
            return;
        }
        let before_ms = then_ms - day_start_ms;
        if before_ms <= 0 {
            self.marks.push_front((day_start_ms, 0));
            return;
        }
        let Some(step_ms) = Some(history.step_ms).filter(|step_ms| *step_ms > 0) else {
            return;
        };
        let at = (before_ms / step_ms) as usize;
        let Some(from) = history.gmv_minor.get(at) else {
            return;
        };
        // Where the curve ends before the next point, the day stands at the last.
        let to = history.gmv_minor.get(at + 1).unwrap_or(from);
        let share = (before_ms % step_ms) as f64 / step_ms as f64;
        let value = *from as f64 + (to - from) as f64 * share;
        self.marks.push_front((then_ms, (value * placed_share) as i64));
    }

    /// Takes the minute for what places' warmth tells of it, where no light has come yet: `per_event` is what an order or
    /// payment at a place is worth in the mean.
    pub fn guess(&mut self, warmth: &Warmth, event_ms: EventMs, per_event: impl Fn(u16) -> f64) {
        if self.worth().mean > 0 {
            return;
        }
        // A steady stream's warmth is that of so many milliseconds of it.
        let span_ms = WARMTH_HALF_LIFE_MS / std::f64::consts::LN_2;
        let share = MINUTE_MS as f64 / span_ms / GUESSED_PARTS as f64 * 100.0;
        let last = second_of(event_ms);
        for part in (0..GUESSED_PARTS).rev() {
            let mut over = Second {
                number: last - part * SECONDS / GUESSED_PARTS,
                ..Second::default()
            };
            for (place, number) in warmth.numbers() {
                let value = (number * per_event(place) * share).max(0.0) as Hundredths;
                self.give(place, value);
                if let Some(opened) = self.opened.get_mut(usize::from(place)) {
                    *opened = opened.saturating_add(value);
                }
                over.places.push(place);
                over.values.push(value);
                over.worth.mean = over.worth.mean.saturating_add(value);
            }
            over.worth.unbounded = true;
            self.seconds.push_back(over);
        }
    }

    /// Counts a batch of lights of which those of this kind carry the value.
    pub fn add(&mut self, lights: &Lights, carries: Kind) {
        self.turn_to(second_of(lights.to_ms));
        let span_ms = (lights.to_ms - lights.from_ms).max(1);
        // Of a span that is longer than a minute, a minute counts.
        let weight = f64::from(lights.per_light.max(1)) * (MINUTE_MS as f64 / span_ms as f64).min(1.0);
        let values = MEAN.map(|mean| (mean as f64 * weight) as Hundredths);
        let kind = match carries {
            Kind::Order => 0,
            Kind::Payment => 1,
        };
        let mut counts = [0; 8];
        for (place, code) in lights.place.iter().zip(&lights.code) {
            let bucket = usize::from(code & 7);
            if (code >> 3) & 1 != kind {
                continue;
            }
            if let (Some(count), Some(value)) = (counts.get_mut(bucket), values.get(bucket)) {
                *count += 1;
                self.give(*place, *value);
            }
        }
        self.open_worth = self.open_worth.and(Worth::of(&counts, weight));
    }

    fn give(&mut self, place: u16, value: Hundredths) {
        let at = usize::from(place);
        if at >= self.came.len() {
            for list in [&mut self.came, &mut self.gone, &mut self.opened] {
                list.resize(at + 1, 0);
            }
        }
        if let Some(came) = self.came.get_mut(at) {
            *came = came.saturating_add(value);
        }
    }

    /// Goes on to a second; one that is earlier than the open one counts as that.
    fn turn_to(&mut self, second: i64) {
        let Some(open) = self.open else {
            self.open = Some(second);
            return;
        };
        if second <= open {
            return;
        }
        let mut over = Second {
            number: open,
            worth: std::mem::take(&mut self.open_worth),
            ..Second::default()
        };
        for (place, (came, opened)) in self.came.iter().zip(&mut self.opened).enumerate() {
            if came != opened {
                over.places.push(place as u16);
                over.values.push(came - *opened);
                *opened = *came;
            }
        }
        if over.worth != Worth::default() {
            self.seconds.push_back(over);
        }
        self.open = Some(second);
        while let Some(old) = self.seconds.pop_front_if(|old| old.number <= second - SECONDS) {
            for (place, value) in old.places.iter().zip(&old.values) {
                if let Some(gone) = self.gone.get_mut(usize::from(*place)) {
                    *gone = gone.saturating_add(*value);
                }
            }
        }
    }

    fn forget(&mut self) {
        *self = Self {
            generation: self.generation.wrapping_add(1),
            ..Self::default()
        };
    }

    /// Changes when everything was forgotten: then what came so far begins at nothing again.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// What came at a place so far, older than a minute or not: it only rises.
    pub fn came(&self, place: u16) -> Hundredths {
        self.came.get(usize::from(place)).copied().unwrap_or(0)
    }

    /// The places that sold something in the last minute, by number, and how much.
    pub fn places(&self) -> impl Iterator<Item = (u16, Hundredths)> {
        let sums = self
            .came
            .iter()
            .zip(&self.gone)
            .map(|(came, gone)| came.saturating_sub(*gone));
        sums.enumerate()
            .filter(|(_, sum)| *sum > 0)
            .map(|(place, sum)| (place as u16, sum))
    }

    fn worth(&self) -> Worth {
        let over = self.seconds.iter().map(|second| second.worth);
        over.fold(self.open_worth, Worth::and)
    }

    /// What places took in the last minute as the feed says it, in minor units; `None` where it says nothing.
    pub fn told_minor(&self) -> Option<i64> {
        let (now_ms, now) = *self.marks.back()?;
        let then_ms = now_ms - MINUTE_MS;
        let (first_ms, first) = *self.marks.front()?;
        if first_ms == now_ms {
            return None;
        }
        let then = match self.marks.get(1) {
            Some((next_ms, next)) if first_ms < then_ms => {
                let share = (then_ms - first_ms) as f64 / (next_ms - first_ms).max(1) as f64;
                first + ((next - first) as f64 * share) as i64
            }
            _ => first,
        };
        Some(now - then)
    }

    /// How many minor units a hundredth of a unit is worth here, so that the places' sum is what the feed says of the last
    /// minute; but no more and no less than the lights' magnitudes allow.
    pub fn minor_per_hundredth(&self, minor_per_unit: i64) -> f64 {
        let plain = minor_per_unit.max(1) as f64 / 100.0;
        let worth = self.worth();
        let Some(told) = self.told_minor().filter(|_| worth.mean > 0) else {
            return plain;
        };
        let most = if worth.unbounded {
            f64::INFINITY
        } else {
            worth.most as f64 * plain
        };
        let least = (worth.least as f64 * plain).min(most);
        (told as f64).clamp(least, most) / worth.mean as f64
    }
}
