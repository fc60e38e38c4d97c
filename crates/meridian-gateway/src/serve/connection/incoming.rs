//! Counts a connection's incoming bytes, frames and unfinished messages before they are parsed.
//!
//! A WebSocket library keeps a message until it has ended, and tells of no frame before. So the frames' heads are read
//! here on their way, which costs next to nothing: a head is 14 bytes at most, and what follows it is skipped.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// The window over which frames and bytes are counted.
const SPAN: Duration = Duration::from_secs(10);
/// How many bytes of an unfinished message every connection may hold without using the shared budget: displays never need more.
const FREE: usize = 64 << 10;

/// What one connection may send in ten seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// Frames of any kind.
    pub frames: u32,
    /// Of these, pings, pongs and closes.
    pub controls: u32,
    /// Bytes.
    pub bytes: u64,
    /// A message that has begun ends within this.
    pub message: Duration,
}

/// Displays and desks.
pub(super) const A_FOLLOWER: Allowed = Allowed {
    frames: 1_000,
    controls: 100,
    bytes: 8 << 20,
    message: Duration::from_secs(10),
};
/// Sources: their batches are large, and many.
pub(super) const A_SOURCE: Allowed = Allowed {
    frames: 20_000,
    controls: 100,
    bytes: 2 << 30,
    message: Duration::from_secs(10),
};

/// Why a connection isn't read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooMuch {
    #[error("too many frames: {0} in ten seconds are allowed")]
    Frames(u32),
    #[error("too many pings: {0} in ten seconds are allowed")]
    Controls(u32),
    #[error("too many bytes: {0} in ten seconds are allowed")]
    Bytes(u64),
    #[error("a message that doesn't end: ten seconds are allowed")]
    Endless,
    #[error("too much memory is held by messages that haven't ended: try again later")]
    Memory,
}

/// Memory that the unfinished messages of all connections share.
#[derive(Debug)]
pub(crate) struct Budget {
    held: AtomicUsize,
    most: usize,
}

impl Budget {
    pub fn new(most: usize) -> Self {
        Self {
            held: AtomicUsize::new(0),
            most,
        }
    }

    fn take(&self, more: usize) -> bool {
        let held = self.held.fetch_add(more, Ordering::AcqRel);
        let fits = held.saturating_add(more) <= self.most;
        if !fits {
            self.held.fetch_sub(more, Ordering::AcqRel);
        }
        fits
    }

    fn give_back(&self, some: usize) {
        self.held.fetch_sub(some, Ordering::AcqRel);
    }
}

/// Where in a frame the next byte is.
#[derive(Debug, Clone, Copy)]
enum At {
    Head { bytes: [u8; 10], have: usize },
    Payload { left: u64, ends: bool },
}

const BEFORE_A_FRAME: At = At::Head {
    bytes: [0; 10],
    have: 0,
};

/// Counts frames as their bytes go by.
#[derive(Debug)]
struct Watch {
    allowed: Allowed,
    budget: Arc<Budget>,
    at: At,
    /// When the message or frame began that hasn't ended.
    open: Option<Instant>,
    /// Whether more parts of a message are to come.
    in_parts: bool,
    /// Its bytes so far, and how many of them are taken from the budget.
    held: usize,
    charged: usize,
    since: Instant,
    frames: u32,
    controls: u32,
    bytes: u64,
    all_frames: u64,
}

/// A whole head's length, once its second byte is there.
fn head_length(second: u8) -> usize {
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    mask + match second & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    }
}

impl Watch {
    fn new(allowed: Allowed, budget: Arc<Budget>, now: Instant) -> Self {
        Self {
            allowed,
            budget,
            at: BEFORE_A_FRAME,
            open: None,
            in_parts: false,
            held: 0,
            charged: 0,
            since: now,
            frames: 0,
            controls: 0,
            bytes: 0,
            all_frames: 0,
        }
    }

    fn read(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), TooMuch> {
        if now - self.since >= SPAN {
            (self.since, self.frames, self.controls, self.bytes) = (now, 0, 0, 0);
        }
        self.bytes += bytes.len() as u64;
        if self.bytes > self.allowed.bytes {
            return Err(TooMuch::Bytes(self.allowed.bytes));
        }
        while let Some((first, rest)) = bytes.split_first() {
            match self.at {
                At::Head {
                    bytes: mut head,
                    have,
                } => {
                    self.open.get_or_insert(now);
                    bytes = rest;
                    // The mask, at a head's end, isn't looked at.
                    if let Some(place) = head.get_mut(have) {
                        *place = *first;
                    }
                    let have = have + 1;
                    self.at = At::Head { bytes: head, have };
                    if have >= 2 && have == head_length(head[1]) {
                        self.begin(&head)?;
                    }
                }
                At::Payload { left, ends } => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.get(here..).unwrap_or_default();
                    self.hold(here)?;
                    self.at = At::Payload {
                        left: left - here as u64,
                        ends,
                    };
                    self.end_frame();
                }
            }
        }
        // A chunk of many small messages has an end now and then; it is the last one that counts.
        match self.open {
            Some(open) if now - open >= self.allowed.message => Err(TooMuch::Endless),
            _ => Ok(()),
        }
    }

    /// A frame's head is whole.
    fn begin(&mut self, head: &[u8; 10]) -> Result<(), TooMuch> {
        let [first, second, a, b, c, d, e, f, g, h] = *head;
        let length = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes([a, b])),
            127 => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            short => u64::from(short),
        };
        let control = first & 0x08 != 0;
        self.all_frames += 1;
        self.frames += 1;
        if self.frames > self.allowed.frames {
            return Err(TooMuch::Frames(self.allowed.frames));
        }
        self.controls += u32::from(control);
        if self.controls > self.allowed.controls {
            return Err(TooMuch::Controls(self.allowed.controls));
        }
        if !control {
            self.in_parts = first & 0x80 == 0;
        }
        self.at = At::Payload {
            left: length,
            // A ping between the parts of a message ends nothing.
            ends: !self.in_parts,
        };
        self.end_frame();
        Ok(())
    }

    fn hold(&mut self, more: usize) -> Result<(), TooMuch> {
        self.held += more;
        let charge = self.held.saturating_sub(FREE);
        if charge > self.charged {
            if !self.budget.take(charge - self.charged) {
                return Err(TooMuch::Memory);
            }
            self.charged = charge;
        }
        Ok(())
    }

    fn end_frame(&mut self) {
        let At::Payload { left: 0, ends } = self.at else {
            return;
        };
        self.at = BEFORE_A_FRAME;
        if ends {
            self.open = None;
            self.held = 0;
            self.budget.give_back(std::mem::take(&mut self.charged));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.budget.give_back(self.charged);
    }
}

/// A connection whose incoming bytes are counted.
#[derive(Debug)]
pub(super) struct Incoming<S> {
    inner: S,
    watch: Watch,
    timer: Option<Pin<Box<Sleep>>>,
    /// It follows the public stream.
    public: bool,
}

impl<S> Incoming<S> {
    /// From the first byte after the handshake; `early`: what came with it.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub fn new(inner: S, early: &[u8], allowed: Allowed, budget: Arc<Budget>) -> Result<Self, TooMuch> {
        let now = Instant::now();
        let mut watch = Watch::new(allowed, budget, now);
        watch.read(early, now)?;
        Ok(Self {
            inner,
            watch,
            timer: None,
            public: false,
        })
    }

    /// Whoever is on the other end follows the public stream.
    pub fn set_public(&mut self) {
        self.public = true;
    }

    /// Whether they do.
    pub fn is_public(&self) -> bool {
        self.public
    }

    /// It wasn't read for a while, and not for want of bytes: the message that is open has its time from now on.
    pub fn rest(&mut self) {
        if let Some(open) = &mut self.watch.open {
            *open = Instant::now();
            self.timer = None;
        }
    }

    /// Frames that came so far.
    pub fn frames(&self) -> u64 {
        self.watch.all_frames
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Incoming<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.inner).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().get(before..).unwrap_or_default();
                let read = self.watch.read(bytes, Instant::now());
                Poll::Ready(read.map_err(io::Error::other))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let Some(open) = self.watch.open else {
                    self.timer = None;
                    return Poll::Pending;
                };
                let end = open + self.watch.allowed.message;
                let timer = self
                    .timer
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
                if timer.deadline() != end {
                    timer.as_mut().reset(end);
                }
                match timer.as_mut().poll(context) {
                    Poll::Ready(()) => Poll::Ready(Err(io::Error::other(TooMuch::Endless))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Incoming<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Allowed = Allowed {
        frames: 10,
        controls: 3,
        bytes: 1 << 20,
        message: Duration::from_secs(10),
    };

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..126 => bytes.push(0x80 | short as u8),
            middle @ 126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend((middle as u16).to_be_bytes());
            }
            long => {
                bytes.push(0x80 | 127);
                bytes.extend((long as u64).to_be_bytes());
            }
        }
        bytes.extend([1, 2, 3, 4]);
        bytes.extend(payload);
        bytes
    }

    fn watch(most: usize) -> (Watch, Arc<Budget>) {
        let budget = Arc::new(Budget::new(most));
        (Watch::new(FEW, Arc::clone(&budget), Instant::now()), budget)
    }

    #[test]
    fn frames_are_known_however_their_bytes_are_cut() {
        let all: Vec<u8> = [
            frame(0x01, &[7; 100]),
            frame(0x89, b"between"),
            frame(0x00, &[]),
            frame(0x80, &[7; 300]),
            frame(0x82, &[7; 70_000]),
            frame(0x82, &[]),
        ]
        .concat();
        for step in [1, 2, 3, 7, 1_000, all.len()] {
            let (mut watch, budget) = watch(1 << 20);
            let now = Instant::now();
            let mut most = 0;
            for chunk in all.chunks(step) {
                watch.read(chunk, now).unwrap();
                most = most.max(budget.held.load(Ordering::Relaxed));
            }
            assert_eq!((watch.frames, watch.controls), (6, 1), "{step}");
            assert!(watch.open.is_none() && budget.held.load(Ordering::Relaxed) == 0);
            assert!(step > 1_000 || most > 3_000, "{most}");
        }
    }

    #[test]
    fn frames_pings_and_bytes_have_an_end() {
        let now = Instant::now();
        // Empty parts of a message that never ends, and that no library tells of.
        let (mut one, _) = watch(1 << 20);
        one.read(&frame(0x01, &[]), now).unwrap();
        let flood: Vec<u8> = (0..20).flat_map(|_| frame(0x00, &[])).collect();
        assert_eq!(one.read(&flood, now), Err(TooMuch::Frames(10)));
        let (mut one, _) = watch(1 << 20);
        let pings: Vec<u8> = (0..4).flat_map(|_| frame(0x89, b"x")).collect();
        assert_eq!(one.read(&pings, now), Err(TooMuch::Controls(3)));
        let (mut one, _) = watch(1 << 20);
        one.read(&frame(0x82, &[0; 600_000]), now).unwrap();
        assert_eq!(
            one.read(&frame(0x82, &[0; 600_000]), now),
            Err(TooMuch::Bytes(1 << 20))
        );
        // Ten seconds later it may go on.
        let (mut one, _) = watch(1 << 20);
        for second in 0..100 {
            one.read(&frame(0x89, b"x"), now + Duration::from_secs(4 * second))
                .unwrap();
        }
    }

    #[test]
    fn a_message_that_does_not_end_is_given_up_whatever_comes_between() {
        let (mut one, _) = watch(1 << 20);
        let begun = Instant::now();
        one.read(&frame(0x01, b"begin"), begun).unwrap();
        one.read(&frame(0x8a, b""), begun + Duration::from_secs(9))
            .unwrap();
        assert_eq!(
            one.read(&frame(0x00, b"more"), begun + Duration::from_secs(10)),
            Err(TooMuch::Endless)
        );
        // Half a head, too.
        let (mut one, _) = watch(1 << 20);
        one.read(&[0x82], begun).unwrap();
        assert!(one.open.is_some());
    }

    #[test]
    fn unfinished_messages_share_a_budget_and_small_ones_are_in_nobodys_way() {
        let budget = Arc::new(Budget::new(100_000));
        let now = Instant::now();
        let new = || Watch::new(FEW, Arc::clone(&budget), now);
        let (mut one, mut two, mut small) = (new(), new(), new());
        one.read(&frame(0x02, &[0; FREE + 60_000]), now).unwrap();
        assert_eq!(
            two.read(&frame(0x02, &[0; FREE + 60_000]), now),
            Err(TooMuch::Memory)
        );
        small.read(&frame(0x02, &[0; FREE]), now).unwrap();
        drop(one);
        let mut three = new();
        three.read(&frame(0x02, &[0; FREE + 60_000]), now).unwrap();
        three.read(&frame(0x80, &[]), now).unwrap();
        drop((two, small, three));
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn silence_in_the_middle_of_a_message_ends_the_connection() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let allowed = Allowed {
            message: Duration::from_millis(50),
            ..FEW
        };
        let budget = Arc::new(Budget::new(1 << 20));
        let mut incoming = Incoming::new(server, &[], allowed, budget).unwrap();
        client.write_all(&frame(0x02, b"begin")).await.unwrap();
        let mut bytes = [0; 100];
        assert!(incoming.read(&mut bytes).await.unwrap() > 0);
        let error = incoming.read(&mut bytes).await.unwrap_err();
        assert!(error.to_string().contains("doesn't end"));
        assert_eq!(incoming.frames(), 1);
    }
}
