//! A source played on a virtual clock, through the same publisher and encoding as the feed's.

use std::sync::Arc;

use anyhow::{Context, Result};
use meridian_core::sales::Catalogue;
use meridian_gateway::SourceArgs;
use meridian_gateway::publish::publisher::Publisher;
use meridian_wire::{Body, Counts, Day, Frame};

/// How many moments of the day until now are asked for.
const MOMENTS: i64 = 240;

/// What a day had come to at moments, in milliseconds since its start.
pub struct SoFar {
    /// The day.
    pub day: Day,
    /// The moments, in order; of counts without their value.
    pub marks: Vec<(i64, Counts)>,
}

/// A source that is played.
pub struct Player {
    publisher: Publisher,
    start_ms: i64,
    seq: u64,
}

impl Player {
    /// Opens a source at a time on the day's clock, in milliseconds from its start.
    ///
    /// # Errors
    /// When the source can't be read or is wrong.
    pub fn open(source: &SourceArgs, catalogue: &Arc<Catalogue>, at_ms: i64, speed: f64) -> Result<Self> {
        let source = source.open(catalogue)?;
        let start_ms = source.hello().day.start_ms;
        let publisher = Publisher::new(source, Arc::clone(catalogue), start_ms + at_ms, speed)?;
        Ok(Self {
            publisher,
            start_ms,
            seq: 0,
        })
    }

    /// What a generated day had come to at moments until `at_ms`, in milliseconds from its start; nothing of real orders,
    /// of which no more is known than the feed tells.
    ///
    /// # Errors
    /// When the source can't be read or is wrong.
    pub fn so_far(source: &SourceArgs, catalogue: &Arc<Catalogue>, at_ms: i64) -> Result<Option<SoFar>> {
        let source = source.open(catalogue)?;
        let hello = source.hello();
        let at_ms = at_ms.min(hello.day.end_ms - hello.day.start_ms);
        if !hello.synthetic || at_ms <= 0 {
            return Ok(None);
        }
        let mark = |moment: i64| {
            // The first minutes are the steepest.
            let into_ms = at_ms * moment / MOMENTS * moment / MOMENTS;
            let (orders, payments) = source.counted(hello.day.start_ms + into_ms)?;
            let counts = Counts {
                orders,
                payments,
                ..Counts::default()
            };
            Some((into_ms, counts))
        };
        let marks: Option<Vec<_>> = (1..=MOMENTS).map(mark).collect();
        Ok(marks.map(|marks| SoFar {
            day: hello.day,
            marks,
        }))
    }

    /// Event time.
    pub fn event_ms(&self) -> i64 {
        self.publisher.event_ms()
    }

    /// What a display hears first.
    ///
    /// # Errors
    /// When it can't be encoded.
    pub fn opening(&mut self) -> Result<Vec<Body>> {
        let published_ms = self.event_ms();
        let bodies = vec![
            Body::Hello(Box::new(self.publisher.hello())),
            Body::Snapshot(self.publisher.public_snapshot(published_ms).into_inner()),
        ];
        self.carry(bodies)
    }

    /// Plays on to a time on the day's clock.
    ///
    /// # Errors
    /// When a frame can't be encoded.
    pub fn play(&mut self, at_ms: i64) -> Result<Vec<Body>> {
        let to_ms = self.start_ms + at_ms;
        let bodies = self.publisher.step(to_ms, to_ms).public_bodies();
        self.carry(bodies)
    }

    /// Carries bodies as the feed would: encoded and decoded.
    fn carry(&mut self, bodies: Vec<Body>) -> Result<Vec<Body>> {
        let mut carried = Vec::with_capacity(bodies.len());
        for body in bodies {
            let prev = self.seq;
            self.seq += 1;
            let frame = Frame {
                epoch: 1,
                seq: self.seq,
                prev,
                body,
            };
            let bytes = meridian_wire::encode_bin(&frame).context("a frame can't be encoded")?;
            let frame = meridian_wire::decode_bin(&bytes).context("a frame can't be decoded")?;
            carried.push(frame.body);
        }
        Ok(carried)
    }
}
