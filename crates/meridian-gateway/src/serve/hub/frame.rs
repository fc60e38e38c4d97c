//! A frame of a stream, encoded once for each form and shared by everybody who is sent it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio_tungstenite::tungstenite::protocol::Message;

use meridian_wire::codec::{CodecError, Packed, Relayed, body_json, frame_bin, frame_json, seal_json};
use meridian_wire::sign::Signature;
use meridian_wire::{Body, Lights, Published, SigningKey};

/// A client that resumes gets a snapshot instead of frames that are older than this.
const RESUME_MS: i64 = 20_000;

/// How frames are written for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON, as text.
    Json,
    /// Protobuf.
    Bin,
    /// Protobuf, large bodies compressed.
    BinZstd,
}

impl Form {
    fn at(self) -> usize {
        match self {
            Self::Json => 0,
            Self::Bin => 1,
            Self::BinZstd => 2,
        }
    }
}

type Encoded<T> = OnceLock<Result<T, CodecError>>;

/// One frame of a stream but for `prev`, encoded at most once for each form.
pub(crate) struct Item {
    pub(super) epoch: u64,
    pub(super) seq: u64,
    pub(super) base: u64,
    pub(super) body: Body,
    pub(super) key: Option<Arc<SigningKey>>,
    /// What another gateway signed, to be passed on as it is.
    relayed: Option<(u64, Signature)>,
    /// Another gateway's, signed or not.
    pub(super) is_relayed: bool,
    packed: Encoded<Packed>,
    json: Encoded<String>,
    tails: [Encoded<Vec<u8>>; 2],
    /// By form, the message last made and its `prev`: almost every client's is the same.
    last: [Mutex<Option<(u64, Message)>>; 3],
    /// The same with fewer lights, by the most that were wanted.
    thinned: Mutex<BTreeMap<u32, Arc<Item>>>,
}

impl Item {
    pub(super) fn new(epoch: u64, seq: u64, base: u64, body: Body, key: Option<Arc<SigningKey>>) -> Self {
        Self {
            epoch,
            seq,
            base,
            body,
            key,
            relayed: None,
            is_relayed: false,
            packed: OnceLock::new(),
            json: OnceLock::new(),
            tails: Default::default(),
            last: Default::default(),
            thinned: Mutex::default(),
        }
    }

    /// A frame of another gateway, byte for byte.
    pub(super) fn relayed(epoch: u64, seq: u64, base: u64, body: Body, relayed: Relayed) -> Self {
        let mut item = Self::new(epoch, seq, base, body, None);
        item.relayed = relayed.signed;
        item.is_relayed = true;
        let mut packed = relayed.packed;
        packed.compress();
        item.packed = OnceLock::from(Ok(packed));
        item
    }

    /// A frame that belongs to no stream: a goodbye before there is one.
    pub fn detached(body: Body) -> Arc<Self> {
        Arc::new(Self::new(0, 0, 0, body, None))
    }

    pub(super) fn is_lights(&self) -> bool {
        matches!(self.body, Body::Lights(_))
    }

    fn packed(&self) -> Result<&Packed, CodecError> {
        self.packed
            .get_or_init(|| {
                let mut packed = Packed::new(&self.body)?;
                packed.compress();
                Ok(packed)
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    fn tail(&self, compressed: bool) -> Result<&[u8], CodecError> {
        let make = || {
            let packed = self.packed()?;
            let signed = match (&self.relayed, &self.key) {
                (Some(signed), _) => Some(*signed),
                (None, Some(key)) => Some((self.base, packed.sign(self.epoch, self.seq, self.base, key))),
                (None, None) => None,
            };
            let signed = signed.as_ref().map(|(base, signature)| (*base, signature));
            Ok(packed.tail(signed, compressed))
        };
        let [plain, zstd] = &self.tails;
        let tail = if compressed { zstd } else { plain };
        tail.get_or_init(make)
            .as_ref()
            .map(Vec::as_slice)
            .map_err(Clone::clone)
    }

    /// The message for clients that were sent `prev` before it.
    ///
    /// # Errors
    /// [`CodecError`] for a frame that can't be written, one too large above all.
    pub fn message(&self, form: Form, prev: u64) -> Result<Message, CodecError> {
        let last = self.last.get(form.at());
        if let Some((known, message)) = last.map(lock).as_deref().and_then(Option::as_ref)
            && *known == prev
        {
            return Ok(message.clone());
        }
        let message = match form {
            Form::Json => {
                let make = || {
                    let body = body_json(&self.body)?;
                    Ok(match &self.key {
                        Some(key) => seal_json(self.epoch, self.seq, self.base, &body, key),
                        None => body,
                    })
                };
                let body = self.json.get_or_init(make).as_ref().map_err(Clone::clone)?;
                Message::Text(frame_json(self.epoch, self.seq, prev, body)?.into())
            }
            Form::Bin | Form::BinZstd => {
                let tail = self.tail(form == Form::BinZstd)?;
                Message::Binary(frame_bin(self.epoch, self.seq, prev, tail)?.into())
            }
        };
        if let Some(last) = last {
            *lock(last) = Some((prev, message.clone()));
        }
        Ok(message)
    }

    /// The same frame for a client that knows everything up to `base`, which may be less than others do.
    pub(super) fn after(&self, base: u64) -> Arc<Self> {
        Arc::new(Self::new(
            self.epoch,
            self.seq,
            base,
            self.body.clone(),
            self.key.clone(),
        ))
    }

    /// The same frame with at most `limit` lights a second; none where that would break another's signature.
    pub(super) fn thinned(&self, limit: u32) -> Option<Arc<Self>> {
        let Body::Lights(lights) = &self.body else {
            return None;
        };
        if self.is_relayed {
            return None;
        }
        let made = || {
            let body = Body::Lights(thin(lights, limit));
            Arc::new(Self::new(self.epoch, self.seq, self.base, body, self.key.clone()))
        };
        Some(Arc::clone(lock(&self.thinned).entry(limit).or_insert_with(made)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When a frame was published, if it says so.
pub(super) fn published_ms(item: &Item) -> Option<i64> {
    match item.body.published() {
        Published::At(at_ms) => Some(at_ms),
        Published::Unsaid | Published::Never => None,
    }
}

/// Whether frames in order may be sent to somebody who looks for recordings.
pub(super) fn are_recent(items: &[Arc<Item>]) -> bool {
    let mut times = items.iter().filter_map(|item| published_ms(item));
    let first = times.next();
    let last = times.next_back().or(first);
    first
        .zip(last)
        .is_none_or(|(first, last)| last - first <= RESUME_MS)
}

/// At most `limit` lights a second, each standing for more.
pub(super) fn thin(lights: &Lights, limit: u32) -> Lights {
    let most = (limit as usize / 10).max(1);
    let stride = lights.place.len().div_ceil(most).max(1);
    Lights {
        per_light: lights
            .per_light
            .saturating_mul(u32::try_from(stride).unwrap_or(u32::MAX)),
        place: lights.place.iter().copied().step_by(stride).collect(),
        code: lights.code.iter().copied().step_by(stride).collect(),
        ..lights.clone()
    }
}
