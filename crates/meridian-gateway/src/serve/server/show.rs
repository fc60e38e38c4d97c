//! What was made of each step waits here until it may be shown, and then goes to the stream of its class.

use std::time::{Duration, Instant};

use super::stream::Stream;
use crate::publish::sealed::{Class, InternalClass, Known, PublicClass};
use crate::serve::hub::Outlet;
use crate::{Internal, Public, Step};
use meridian_wire::{Body, Mode, Snapshot};

/// Everything that is known, by class.
pub(super) struct Snapshots {
    public: Public<Box<Snapshot>>,
    /// Where anybody may see it.
    internal: Option<Internal<Box<Snapshot>>>,
}

/// What was made of a step. Class by class it goes to the stream of its own, and nowhere else.
pub(super) enum Out {
    Step(Step),
    /// Everything that is known, for those who come.
    Snapshots(Snapshots),
    /// Everything that is known, for everybody: the figures go on after they were held.
    Resync(Snapshots),
}

impl Stream {
    /// Everything that is known now.
    pub(super) fn snapshots(&self) -> Snapshots {
        Snapshots {
            public: self.publisher.public_snapshot(self.now_ms()),
            internal: self
                .wants_internal
                .then(|| self.publisher.internal_snapshot(self.now_ms())),
        }
    }

    /// Shows something once the delay is over.
    pub(super) fn show_later(&mut self, out: Out) {
        self.delayed.push_back((Instant::now(), out));
    }

    /// Shows what the delay is over for.
    pub(super) fn show_due(&mut self, now: Instant) {
        let delay = Duration::from_millis(self.desk.delay_ms());
        while let Some((made, _)) = self.delayed.front() {
            if !delay.is_zero() && *made + delay > now {
                break;
            }
            let Some((_, out)) = self.delayed.pop_front() else {
                break;
            };
            self.show(out);
        }
    }

    fn show(&mut self, out: Out) {
        let held = self.desk.is_held();
        let (public, internal) = (&self.outlets.public, &self.outlets.internal);
        match out {
            Out::Step(step) => {
                let stopped = held || self.resyncing;
                let mode = |mode| self.mode_of(mode);
                let told = |body: &Public<Body>| {
                    if let Body::Tick(tick) = body.get() {
                        self.shared.metrics.told(&tick.totals.counts);
                    }
                };
                public.publish(shown::<PublicClass>(step.public, stopped, mode).inspect(told));
                internal.publish(shown::<InternalClass>(step.internal, stopped, mode));
            }
            Out::Snapshots(_) if held || self.resyncing => {
                public.hub().renew();
                internal.hub().renew();
            }
            Out::Snapshots(snapshots) => {
                public.set_snapshot(self.directed(Known::new(snapshots.public)));
                if let Some(snapshot) = snapshots.internal {
                    internal.set_snapshot(self.directed(Known::new(snapshot)));
                }
            }
            Out::Resync(_) if held => {}
            Out::Resync(snapshots) => {
                self.resyncing = false;
                let (public, internal) = (&self.outlets.public, &self.outlets.internal);
                public.publish_snapshot(self.directed(Known::new(snapshots.public)));
                if let Some(snapshot) = snapshots.internal {
                    internal.publish_snapshot(self.directed(Known::new(snapshot)));
                }
                self.beat();
            }
        }
    }

    fn directed<C: Class>(&self, known: Known<C>) -> Known<C> {
        let mode = self.mode_of(known.mode());
        let known = known.with_mode(mode);
        match self.desk.is_plain() {
            true => known,
            false => known.with_direct(self.desk.direct(self.now_ms())),
        }
    }

    /// Those who come from now on are shown what was shown last.
    pub(super) fn hold_shown(&self) {
        self.hold_shown_to(&self.outlets.public);
        self.hold_shown_to(&self.outlets.internal);
    }

    fn hold_shown_to<C: Class>(&self, outlet: &Outlet<C>) {
        if let Some(known) = outlet.known() {
            let direct = self.desk.direct(self.now_ms());
            outlet.set_snapshot(known.with_mode(self.mode()).with_direct(direct));
        }
    }
}

/// What of a step is shown, with the figures called what they are: no figures while they are stopped.
fn shown<C: Class>(
    bodies: Vec<C::Sealed<Body>>,
    stopped: bool,
    mode: impl Fn(Mode) -> Mode,
) -> impl Iterator<Item = C::Sealed<Body>> {
    bodies
        .into_iter()
        .filter(move |body| !(stopped && has_figures(C::get(body))))
        .map(move |body| C::with_mode(body, &mode))
}

fn has_figures(body: &Body) -> bool {
    matches!(body, Body::Tick(_) | Body::Lights(_) | Body::Products(_))
}
