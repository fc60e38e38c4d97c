//! Which places have a beam, how high each is, and when light goes up in it.

use crate::minute::Minute;

/// How quickly a beam rises, and how slowly it falls: what is left of the way after so many seconds is a third.
const RISE_SECS: f32 = 0.1;
/// See [`RISE_SECS`].
const FALL_SECS: f32 = 2.5;
/// A beam that is lower than this, in heights of the tallest, is gone.
const GONE: f32 = 0.004;
/// How long a pulse takes up its beam.
pub const PULSE_MS: u64 = 600;
/// A pulse goes up when this share of the minute's value has come: at a steady pace one in two seconds.
const PULSE_SHARE: u64 = 30;

/// A place's beam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beam {
    /// The place.
    pub place: u16,
    /// Its height now, 1 for the tallest.
    pub height: f32,
    /// The height that it goes to.
    goal: f32,
    /// What the place had sold when it was looked at last, and what came since the last pulse.
    seen: u64,
    saved: u64,
    /// What it sold in the last minute.
    sum: u64,
    /// When the last pulse left, in milliseconds of app time.
    pub pulse_ms: Option<u64>,
}

/// The beams of the places that sell most, by place.
#[derive(Debug, Clone, Default)]
pub struct Beams {
    list: Vec<Beam>,
    generation: u32,
    /// The place that sells most, and how much in the last minute, in hundredths of a unit.
    pub tallest: Option<(u16, u64)>,
}

/// How high a beam is that sold `sum` of what the tallest sold: the root, so that small ones are seen beside it.
fn height(sum: u64, most: u64) -> f32 {
    (sum as f64 / most.max(1) as f64).sqrt() as f32
}

/// A number from 0 to 1 that is a place's own.
fn chance(place: u16) -> f64 {
    f64::from((u32::from(place) + 1).wrapping_mul(0x9e37_79b9) >> 8) / f64::from(1_u32 << 24)
}

/// The places that sold most in the last minute, at most so many; of equals, those with the lower number.
pub fn greatest(minute: &Minute, most: usize) -> Vec<(u16, u64)> {
    let mut places: Vec<(u16, u64)> = minute.places().collect();
    let order = |a: &(u16, u64), b: &(u16, u64)| b.1.cmp(&a.1).then(a.0.cmp(&b.0));
    if places.len() > most && most > 0 {
        places.select_nth_unstable_by(most - 1, order);
    }
    places.truncate(most);
    places.sort_unstable_by(order);
    places
}

impl Beams {
    /// The beams, those that shrink away too.
    pub fn list(&self) -> &[Beam] {
        &self.list
    }

    /// Chooses anew which places have a beam, at most so many, and how high each is to be.
    pub fn choose(&mut self, minute: &Minute, most: usize) {
        if self.generation != minute.generation() {
            self.generation = minute.generation();
            self.list.clear();
        }
        for beam in &mut self.list {
            (beam.goal, beam.sum) = (0.0, 0);
        }
        let mut chosen = greatest(minute, most);
        self.tallest = chosen.first().copied();
        let tallest = self.tallest.map_or(0, |(_, sum)| sum);
        chosen.sort_unstable();
        for (place, sum) in chosen {
            let goal = height(sum, tallest);
            match self.list.binary_search_by_key(&place, |beam| beam.place) {
                Ok(at) => {
                    if let Some(beam) = self.list.get_mut(at) {
                        (beam.goal, beam.sum) = (goal, sum);
                    }
                }
                Err(at) => {
                    let beam = Beam {
                        place,
                        height: 0.0,
                        goal,
                        seen: minute.came(place),
                        // Neighbours don't pulse together.
                        saved: (chance(place) * sum as f64) as u64 / PULSE_SHARE,
                        sum,
                        pulse_ms: None,
                    };
                    self.list.insert(at, beam);
                }
            }
        }
    }

    /// Moves on by a frame.
    pub fn advance(&mut self, minute: &Minute, delta_secs: f32, now_ms: u64) {
        for beam in &mut self.list {
            let constant_secs = if beam.goal > beam.height {
                RISE_SECS
            } else {
                FALL_SECS
            };
            beam.height += (beam.goal - beam.height) * (1.0 - (-delta_secs / constant_secs).exp());
            let came = minute.came(beam.place);
            beam.saved += came.saturating_sub(beam.seen);
            beam.seen = came;
            let rests = beam
                .pulse_ms
                .is_none_or(|then_ms| now_ms.saturating_sub(then_ms) >= PULSE_MS);
            if rests && beam.sum > 0 && beam.saved > 0 && beam.saved >= beam.sum / PULSE_SHARE {
                beam.pulse_ms = Some(now_ms);
                beam.saved = 0;
            }
        }
        self.list.retain(|beam| beam.goal > 0.0 || beam.height > GONE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_core::sales::Kind;
    use meridian_wire::Lights;

    /// So many payments of 100 to 315 units at each place, at a second of event time.
    fn sell(minute: &mut Minute, at_secs: i64, of: &[(u16, usize)]) {
        let place: Vec<u16> = of
            .iter()
            .flat_map(|(place, count)| std::iter::repeat_n(*place, *count))
            .collect();
        let batch = Lights {
            from_ms: at_secs * 1000 - 100,
            to_ms: at_secs * 1000,
            per_light: 1,
            events: place.len() as u64,
            code: vec![8 | 3; place.len()],
            place,
            ..Lights::default()
        };
        minute.tick(at_secs * 1000, 0);
        minute.add(&batch, Kind::Payment);
    }

    fn at(beams: &Beams, place: u16) -> Beam {
        *beams.list().iter().find(|beam| beam.place == place).unwrap()
    }

    fn run(beams: &mut Beams, minute: &Minute, from_ms: u64, frames: u64) -> u64 {
        let mut now_ms = from_ms;
        for _ in 0..frames {
            now_ms += 20;
            beams.advance(minute, 0.02, now_ms);
        }
        now_ms
    }

    #[test]
    fn the_three_hundred_that_sell_most_have_beams() {
        let mut minute = Minute::default();
        let of: Vec<(u16, usize)> = (0..1_000)
            .map(|place| (place, 1 + usize::from(place) % 400))
            .collect();
        sell(&mut minute, 100, &of);
        let chosen = greatest(&minute, 300);
        assert_eq!(chosen.len(), 300);
        // 400 is at places 399 and 799; equals by number.
        assert_eq!(
            chosen[..3].iter().map(|(place, _)| *place).collect::<Vec<_>>(),
            [399, 799, 398]
        );
        let least = chosen[299].1;
        let left_out = minute.places().filter(|row| !chosen.contains(row));
        assert!(left_out.map(|(_, sum)| sum).max() <= Some(least));
        assert_eq!(greatest(&minute, 5_000).len(), 1_000);
        assert!(greatest(&minute, 0).is_empty() && greatest(&Minute::default(), 9).is_empty());
        let mut beams = Beams::default();
        beams.choose(&minute, 300);
        assert_eq!(
            (beams.list().len(), beams.tallest.map(|(place, _)| place)),
            (300, Some(399))
        );
    }

    #[test]
    fn a_beam_is_as_high_as_the_root_of_its_value() {
        let mut minute = Minute::default();
        sell(&mut minute, 100, &[(1, 100), (2, 25), (3, 1)]);
        let mut beams = Beams::default();
        beams.choose(&minute, 300);
        run(&mut beams, &minute, 0, 500);
        for (place, height) in [(1, 1.0), (2, 0.5), (3, 0.1)] {
            assert!((at(&beams, place).height - height).abs() < 1e-3, "{place}");
        }
    }

    #[test]
    fn beams_rise_soon_and_fall_slowly_and_never_jump() {
        let mut minute = Minute::default();
        sell(&mut minute, 100, &[(1, 100), (2, 100)]);
        let mut beams = Beams::default();
        beams.choose(&minute, 1);
        assert_eq!(at(&beams, 1).height, 0.0);
        let now_ms = run(&mut beams, &minute, 0, 15);
        let risen = at(&beams, 1).height;
        assert!((0.93..1.0).contains(&risen), "{risen} after 300 ms");
        // Another sells more now, and one beam is left.
        sell(&mut minute, 101, &[(2, 300)]);
        beams.choose(&minute, 1);
        let mut before = risen;
        let now_ms = (0..50).fold(now_ms, |now_ms, _| {
            let now_ms = run(&mut beams, &minute, now_ms, 1);
            let height = at(&beams, 1).height;
            assert!(height < before && before - height < 0.02, "{before} {height}");
            before = height;
            now_ms
        });
        assert!(before > 0.5, "{before} after a second");
        assert!(at(&beams, 2).height > 0.99);
        run(&mut beams, &minute, now_ms, 1_000);
        assert_eq!(beams.list().len(), 1, "it shrank away");
    }

    #[test]
    fn frames_of_any_length_come_to_the_same_height() {
        let mut minute = Minute::default();
        sell(&mut minute, 100, &[(1, 100)]);
        let height = |frames: u32| {
            let mut beams = Beams::default();
            beams.choose(&minute, 300);
            for frame in 0..frames {
                beams.advance(&minute, 0.24 / frames as f32, u64::from(frame));
            }
            at(&beams, 1).height
        };
        assert!((height(4) - height(24)).abs() < 1e-4);
    }

    #[test]
    fn new_value_sends_a_pulse_up_and_none_comes_before_the_last_is_gone() {
        let mut minute = Minute::default();
        sell(&mut minute, 100, &[(1, 100), (2, 1)]);
        let mut beams = Beams::default();
        beams.choose(&minute, 300);
        let now_ms = run(&mut beams, &minute, 0, 10);
        assert_eq!((at(&beams, 1).pulse_ms, at(&beams, 2).pulse_ms), (None, None));
        // One order at a quiet place is seen at once.
        sell(&mut minute, 101, &[(1, 1), (2, 1)]);
        let now_ms = run(&mut beams, &minute, now_ms, 1);
        assert_eq!(at(&beams, 2).pulse_ms, Some(now_ms));
        sell(&mut minute, 102, &[(2, 1)]);
        let later_ms = run(&mut beams, &minute, now_ms, 29);
        assert_eq!(at(&beams, 2).pulse_ms, Some(now_ms));
        let later_ms = run(&mut beams, &minute, later_ms, 1);
        assert_eq!(at(&beams, 2).pulse_ms, Some(later_ms));
    }

    #[test]
    fn a_day_that_begins_anew_has_beams_of_its_own() {
        let mut minute = Minute::default();
        sell(&mut minute, 100, &[(1, 100)]);
        let mut beams = Beams::default();
        beams.choose(&minute, 300);
        run(&mut beams, &minute, 0, 50);
        sell(&mut minute, 10, &[(2, 5)]);
        beams.choose(&minute, 300);
        assert_eq!(
            beams.list().iter().map(|beam| beam.place).collect::<Vec<_>>(),
            [2]
        );
    }
}
