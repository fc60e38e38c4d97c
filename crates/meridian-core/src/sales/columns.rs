//! The order batch as bytes: what a retailer's stream job hands over. `docs/orders.md` specifies it.
//!
//! Fixed-width columns, little-endian, one after the other, so that a batch is counted where it lies, at the speed of
//! memory: nothing is copied or allocated to read it.

use std::ops::RangeInclusive;

use super::{Batch, EventMs, Kind};

/// First bytes of a batch.
pub const MAGIC: [u8; 4] = *b"MOB1";
/// Size of the head.
pub const HEAD_BYTES: usize = 56;
/// The most rows of one batch.
pub const MAX_ROWS: usize = 1 << 26;

const WIDE_AMOUNTS: u8 = 1;
const SHIPS_FROM: u8 = 2;
const ITEMS: u8 = 4;
const ITEM_BYTES: usize = 4 + 2 + 4 + 8;

/// Instants that a batch may have: what a calendar of four-digit years can write.
pub const INSTANTS: RangeInclusive<EventMs> = -62_135_596_800_000..=253_402_300_799_999;

/// Why bytes aren't an order batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// Fewer bytes than its head says, or than a head has.
    #[error("an order batch of {needed} bytes is cut off after {found}")]
    Truncated {
        /// How many there should be.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// Other first bytes, or an unknown (newer) version.
    #[error("no order batch: it begins with {0:02x?}, not with \"MOB1\"")]
    Magic([u8; 4]),
    /// A value of the head that means nothing.
    #[error("an order batch's {field} is {value}: {allowed} is needed")]
    Head {
        /// The field.
        field: &'static str,
        /// What it is.
        value: i128,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The bytes aren't those that were sent.
    #[error("an order batch's checksum is {found:08x}, its head says {said:08x}: it was altered on its way")]
    Checksum {
        /// What the head says.
        said: u32,
        /// What the columns have.
        found: u32,
    },
}

/// The amounts of a batch's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amounts<'a> {
    /// Four bytes each, none below zero.
    Narrow(&'a [[u8; 4]]),
    /// Eight bytes each.
    Wide(&'a [[u8; 8]]),
}

/// What was bought, where it is a product of the feed: [`super::batch::Items`] as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ItemColumns<'a> {
    /// The batch's row.
    pub row: &'a [[u8; 4]],
    /// The product.
    pub product: &'a [[u8; 2]],
    /// Pieces.
    pub units: &'a [[u8; 4]],
    /// The item's part of the amount.
    pub amount_minor: &'a [[u8; 8]],
}

/// An order batch, where its bytes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns<'a> {
    /// Orders or payments.
    pub kind: Kind,
    /// The source number of its sender.
    pub source: u32,
    /// Its number there: a batch that comes twice is known by both.
    pub sequence: u64,
    /// First instant of the span, inclusive.
    pub from_ms: EventMs,
    /// End of the span, exclusive.
    pub to_ms: EventMs,
    /// The amount of each row in minor units.
    pub amount: Amounts<'a>,
    /// The place of each row.
    pub place: &'a [[u8; 2]],
    /// The category of each row.
    pub category: &'a [u8],
    /// The channel of each row.
    pub channel: &'a [u8],
    /// The region that the goods ship from; empty when none crosses a border.
    pub ships_from: &'a [u8],
    /// The products in the rows.
    pub items: ItemColumns<'a>,
    /// The checksum of all of it.
    pub checksum: u32,
}

fn chunks<const N: usize>(bytes: &[u8]) -> &[[u8; N]] {
    bytes.as_chunks::<N>().0
}

impl<'a> Columns<'a> {
    /// Reads a batch, and gives back the bytes after it.
    ///
    /// # Errors
    /// [`ColumnsError`] saying what is wrong. The columns' values are looked at by whoever counts them.
    pub fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), ColumnsError> {
        let Some((head, body)) = bytes.split_at_checked(HEAD_BYTES) else {
            return Err(ColumnsError::Truncated {
                needed: HEAD_BYTES,
                found: bytes.len(),
            });
        };
        fn at<const N: usize>(head: &[u8], from: usize) -> [u8; N] {
            head.get(from..from + N)
                .and_then(|part| part.try_into().ok())
                .unwrap_or([0; N])
        }
        let magic = at::<4>(head, 0);
        if magic != MAGIC {
            return Err(ColumnsError::Magic(magic));
        }
        let [kind, flags, reserved_a, reserved_b] = at::<4>(head, 4);
        let kind = match kind {
            0 => Kind::Order,
            1 => Kind::Payment,
            other => {
                return Err(ColumnsError::Head {
                    field: "kind",
                    value: other.into(),
                    allowed: "0 for orders or 1 for payments",
                });
            }
        };
        if flags & !(WIDE_AMOUNTS | SHIPS_FROM | ITEMS) != 0 || reserved_a != 0 || reserved_b != 0 {
            return Err(ColumnsError::Head {
                field: "flags",
                value: i128::from(u32::from_le_bytes(at(head, 4)) >> 8),
                allowed: "a sum of 1, 2 and 4, and 0 in the two bytes after it,",
            });
        }
        let rows = u32::from_le_bytes(at(head, 12)) as usize;
        let items = u32::from_le_bytes(at(head, 48)) as usize;
        for (field, value) in [("rows", rows), ("items", items)] {
            if value > MAX_ROWS {
                return Err(ColumnsError::Head {
                    field,
                    value: value as i128,
                    allowed: "at most 67108864",
                });
            }
        }
        if (flags & ITEMS == 0) != (items == 0) {
            return Err(ColumnsError::Head {
                field: "items",
                value: items as i128,
                allowed: "0 without flag 4, more than 0 with it,",
            });
        }
        let (from_ms, to_ms) = (i64::from_le_bytes(at(head, 24)), i64::from_le_bytes(at(head, 32)));
        check_span(from_ms, to_ms)?;
        let wide = flags & WIDE_AMOUNTS != 0;
        let per_row = if wide { 8 } else { 4 } + 2 + 1 + 1 + usize::from(flags & SHIPS_FROM != 0);
        let length = rows * per_row + items * ITEM_BYTES;
        let Some((body, rest)) = body.split_at_checked(length) else {
            return Err(ColumnsError::Truncated {
                needed: HEAD_BYTES + length,
                found: bytes.len(),
            });
        };
        let said = u32::from_le_bytes(at(head, 52));
        let found = checksum(head, body);
        if said != found {
            return Err(ColumnsError::Checksum { said, found });
        }
        let mut left = body;
        let mut take = |bytes: usize| {
            let (part, after) = left.split_at_checked(bytes).unwrap_or((&[], &[]));
            left = after;
            part
        };
        let amount = if wide {
            Amounts::Wide(chunks(take(rows * 8)))
        } else {
            Amounts::Narrow(chunks(take(rows * 4)))
        };
        let columns = Self {
            kind,
            source: u32::from_le_bytes(at(head, 8)),
            sequence: u64::from_le_bytes(at(head, 16)),
            from_ms,
            to_ms,
            amount,
            place: chunks(take(rows * 2)),
            category: take(rows),
            channel: take(rows),
            ships_from: if flags & SHIPS_FROM != 0 { take(rows) } else { &[] },
            checksum: said,
            items: ItemColumns {
                row: chunks(take(items * 4)),
                product: chunks(take(items * 2)),
                units: chunks(take(items * 4)),
                amount_minor: chunks(take(items * 8)),
            },
        };
        Ok((columns, rest))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.place.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.place.is_empty()
    }

    /// The same, copied out.
    pub fn to_batch(&self) -> Batch {
        let mut batch = Batch::new(self.kind, self.from_ms, self.to_ms);
        batch.place = self
            .place
            .iter()
            .map(|place| u16::from_le_bytes(*place))
            .collect();
        batch.category = self.category.to_vec();
        batch.channel = self.channel.to_vec();
        batch.amount_minor = match self.amount {
            Amounts::Narrow(amounts) => amounts
                .iter()
                .map(|amount| i64::from(u32::from_le_bytes(*amount)))
                .collect(),
            Amounts::Wide(amounts) => amounts.iter().map(|amount| i64::from_le_bytes(*amount)).collect(),
        };
        batch.ships_from = if self.ships_from.is_empty() {
            vec![Batch::DOMESTIC; self.len()]
        } else {
            self.ships_from.to_vec()
        };
        let items = &self.items;
        batch.items.row = items.row.iter().map(|row| u32::from_le_bytes(*row)).collect();
        batch.items.product = items.product.iter().map(|id| u16::from_le_bytes(*id)).collect();
        batch.items.units = items
            .units
            .iter()
            .map(|units| i32::from_le_bytes(*units))
            .collect();
        batch.items.amount_minor = items
            .amount_minor
            .iter()
            .map(|amount| i64::from_le_bytes(*amount))
            .collect();
        batch.items.merge();
        batch
    }
}

/// Both ends of a batch's span.
fn check_span(from_ms: EventMs, to_ms: EventMs) -> Result<(), ColumnsError> {
    for (field, value) in [("from_ms", from_ms), ("to_ms", to_ms)] {
        if !INSTANTS.contains(&value) {
            return Err(ColumnsError::Head {
                field,
                value: value.into(),
                allowed: "an instant of the years 1 to 9999 in milliseconds since 1970",
            });
        }
    }
    if to_ms < from_ms {
        return Err(ColumnsError::Head {
            field: "to_ms",
            value: to_ms.into(),
            allowed: "an instant that isn't before from_ms",
        });
    }
    Ok(())
}

/// CRC-32 (ISO-HDLC, as in zip and PNG) of the head before it and of the columns.
fn checksum(head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head.get(..HEAD_BYTES - 4).unwrap_or(&[]));
    hasher.update(body);
    hasher.finalize()
}

/// Writes a batch as bytes. Amounts take four bytes each where all fit, eight otherwise.
///
/// # Errors
/// [`ColumnsError::Head`] for more rows than a batch may have, or a span that can't be.
pub fn encode(batch: &Batch, source: u32, sequence: u64) -> Result<Vec<u8>, ColumnsError> {
    let count = |field, length: usize| match u32::try_from(length) {
        Ok(count) if length <= MAX_ROWS => Ok(count),
        _ => Err(ColumnsError::Head {
            field,
            value: length as i128,
            allowed: "at most 67108864",
        }),
    };
    let rows = count("rows", batch.len())?;
    let items = count("items", batch.items.len())?;
    check_span(batch.from_ms, batch.to_ms)?;
    let wide = batch
        .amount_minor
        .iter()
        .any(|amount| u32::try_from(*amount).is_err());
    let crosses = batch.ships_from.iter().any(|region| *region != Batch::DOMESTIC);
    let mut flags = 0;
    for (set, flag) in [(wide, WIDE_AMOUNTS), (crosses, SHIPS_FROM), (items > 0, ITEMS)] {
        if set {
            flags |= flag;
        }
    }
    let mut bytes = Vec::with_capacity(HEAD_BYTES + batch.len() * 13 + batch.items.len() * ITEM_BYTES);
    bytes.extend(MAGIC);
    bytes.extend([u8::from(batch.kind == Kind::Payment), flags, 0, 0]);
    bytes.extend(source.to_le_bytes());
    bytes.extend(rows.to_le_bytes());
    bytes.extend(sequence.to_le_bytes());
    bytes.extend(batch.from_ms.to_le_bytes());
    bytes.extend(batch.to_ms.to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend(items.to_le_bytes());
    let sum_at = bytes.len();
    bytes.extend([0; 4]);
    for amount in &batch.amount_minor {
        match u32::try_from(*amount) {
            Ok(narrow) if !wide => bytes.extend(narrow.to_le_bytes()),
            _ => bytes.extend(amount.to_le_bytes()),
        }
    }
    for place in &batch.place {
        bytes.extend(place.to_le_bytes());
    }
    bytes.extend(&batch.category);
    bytes.extend(&batch.channel);
    if crosses {
        bytes.extend(&batch.ships_from);
    }
    let list = &batch.items;
    list.row.iter().for_each(|row| bytes.extend(row.to_le_bytes()));
    list.product.iter().for_each(|id| bytes.extend(id.to_le_bytes()));
    list.units
        .iter()
        .for_each(|units| bytes.extend(units.to_le_bytes()));
    list.amount_minor
        .iter()
        .for_each(|amount| bytes.extend(amount.to_le_bytes()));
    let (head, body) = bytes.split_at(HEAD_BYTES.min(bytes.len()));
    let sum = checksum(head, body);
    if let Some(slot) = bytes.get_mut(sum_at..sum_at + 4) {
        slot.copy_from_slice(&sum.to_le_bytes());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn batch() -> impl Strategy<Value = Batch> {
        let row = (any::<u16>(), any::<u8>(), any::<u8>(), any::<i64>(), any::<u8>());
        let narrow = (
            any::<u16>(),
            any::<u8>(),
            any::<u8>(),
            0..=i64::from(u32::MAX),
            Just(Batch::DOMESTIC),
        );
        let rows = prop_oneof![vec(row, 0..40), vec(narrow, 0..40)];
        let instant = *INSTANTS.start()..INSTANTS.end() - 1_000;
        let items = vec((any::<u32>(), any::<u16>(), any::<i32>(), any::<i64>()), 0..6);
        (any::<bool>(), instant, 0..1_000_i64, rows, items).prop_map(
            |(order, from_ms, span_ms, rows, items)| {
                let kind = if order { Kind::Order } else { Kind::Payment };
                let mut batch = Batch::new(kind, from_ms, from_ms + span_ms);
                for (place, category, channel, amount, ships_from) in rows {
                    batch.push(place, category, channel, amount, ships_from);
                }
                for (row, product, units, amount) in items {
                    batch.items.push(row, product, units, amount);
                }
                batch
            },
        )
    }

    #[test]
    fn no_instant_lies_beyond_the_calendar() {
        let (first, last) = (*INSTANTS.start(), *INSTANTS.end());
        let good = encode(&Batch::new(Kind::Order, first, last), 1, 2).unwrap();
        Columns::read(&good).unwrap();
        for (at, field, value) in [
            (24, "from_ms", first - 1),
            (24, "from_ms", i64::MIN),
            (32, "to_ms", last + 1),
            (32, "to_ms", i64::MAX),
        ] {
            let mut bad = good.clone();
            bad[at..at + 8].copy_from_slice(&value.to_le_bytes());
            let error = Columns::read(&bad).unwrap_err().to_string();
            let begin = format!("an order batch's {field} is {value}: an instant of the years 1 to 9999");
            assert!(error.starts_with(&begin), "{error}");
        }
        assert!(encode(&Batch::new(Kind::Order, first - 1, last), 1, 2).is_err());
        assert!(encode(&Batch::new(Kind::Order, last, first), 1, 2).is_err());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(batch in batch(), source in any::<u32>(), sequence in any::<u64>(), shift in 0..8_usize) {
            // Wherever it lies in memory, and whatever follows it.
            let mut bytes = vec![7; shift];
            bytes.extend(encode(&batch, source, sequence).unwrap());
            bytes.extend([9; 3]);
            let (columns, rest) = Columns::read(&bytes[shift..]).unwrap();
            prop_assert_eq!((columns.source, columns.sequence, rest), (source, sequence, &[9_u8; 3][..]));
            prop_assert_eq!(columns.to_batch(), batch);
        }

        #[test]
        fn nothing_else_is_one(batch in batch(), at in any::<prop::sample::Index>(), with in 1..=255_u8) {
            let mut bytes = encode(&batch, 1, 2).unwrap();
            let cut = at.index(bytes.len());
            prop_assert!(Columns::read(&bytes[..cut]).is_err());
            // The checksum has the head in it too.
            bytes[cut] ^= with;
            prop_assert!(Columns::read(&bytes).is_err());
        }

        #[test]
        fn garbage_is_refused_in_peace(bytes in vec(any::<u8>(), 0..300), begin in any::<bool>()) {
            let mut bytes = bytes;
            if begin && bytes.len() > 4 {
                bytes[..4].copy_from_slice(&MAGIC);
            }
            prop_assert!(Columns::read(&bytes).is_err());
        }
    }

    /// A basket may name a product in several lines; it is one order of it all the same.
    #[test]
    fn lines_of_one_product_are_added_up() {
        let mut batch = Batch::new(Kind::Order, 0, 100);
        batch.push(1, 0, 0, 900, Batch::DOMESTIC);
        batch.push(1, 0, 0, 900, Batch::DOMESTIC);
        for (row, product, units, amount) in [
            (1, 3, 1, 100),
            (0, 3, 2, 200),
            (1, 3, 4, 400),
            (1, 2, 1, 7),
            (1, 3, i32::MAX, 1),
        ] {
            batch.items.push(row, product, units, amount);
        }
        let bytes = encode(&batch, 0, 0).unwrap();
        let items = Columns::read(&bytes).unwrap().0.to_batch().items;
        assert_eq!(items.row, [1, 0, 1, 1]);
        assert_eq!(items.product, [3, 3, 2, 3]);
        assert_eq!(items.units, [5, 2, 1, i32::MAX]);
        assert_eq!(items.amount_minor, [500, 200, 7, 1]);
    }

    #[test]
    fn an_order_takes_eight_bytes() {
        let mut batch = Batch::new(Kind::Order, 0, 100);
        for row in 0..1_000 {
            batch.push(row, 1, 2, 12_345, Batch::DOMESTIC);
        }
        assert_eq!(encode(&batch, 0, 0).unwrap().len(), HEAD_BYTES + 8 * 1_000);
    }
}
