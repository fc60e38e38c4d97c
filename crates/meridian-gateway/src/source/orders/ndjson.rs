//! Rows of an NDJSON file.

use std::io::BufRead;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};

use super::grouping::Grouping;
use super::lines::{Lines, MAX_LINE_BYTES, read_failed};
use super::plan::Plan;
use super::row::{Column, Row};
use crate::source::SourceError;

/// Reads the mapped keys of one JSON object into a [`Row`]; every other value is passed over.
struct RowSeed<'a> {
    row: &'a mut Row,
    wanted: &'a [(Column, String)],
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = u32;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = u32;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON object")
    }

    /// A bit for each wanted key that was there with a value.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u32, A::Error> {
        let mut seen = 0;
        while let Some(key) = map.next_key::<String>()? {
            let mut hits = self
                .wanted
                .iter()
                .enumerate()
                .filter(|(_, (_, name))| *name == key);
            let Some((first, (column, _))) = hits.next() else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value: serde_json::Value = map.next_value()?;
            let text = match value {
                serde_json::Value::String(text) => text,
                serde_json::Value::Number(number) => number.to_string(),
                serde_json::Value::Bool(flag) => flag.to_string(),
                _ => continue,
            };
            // One key may serve two columns.
            for (index, (column, _)) in hits {
                self.row.slot(*column).clone_from(&text);
                seen |= 1 << index;
            }
            *self.row.slot(*column) = text;
            seen |= 1 << first;
        }
        Ok(seen)
    }
}

/// Adds the rows of a file to their orders; `name` is for errors.
pub(super) fn read<R: BufRead>(
    name: &str,
    lines: &mut Lines<R>,
    plan: &Plan,
    grouping: &mut Grouping,
) -> Result<(), SourceError> {
    let mut line = Vec::new();
    let mut row = Row::default();
    while let Some(whole) = lines.next(&mut line).map_err(read_failed(name, lines.number))? {
        let number = lines.number;
        let mut bytes = line.as_slice();
        if number == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        grouping.report.rows += 1;
        if !whole {
            grouping.unreadable(number, format!("longer than {MAX_LINE_BYTES} bytes"));
            continue;
        }
        let mut text = String::new();
        if plan.decode(bytes, &mut text).is_err() {
            grouping.unreadable(number, "not UTF-8".to_owned());
            continue;
        }
        row.clear();
        let mut reader = serde_json::Deserializer::from_str(&text);
        let seed = RowSeed {
            row: &mut row,
            wanted: &plan.wanted,
        };
        // serde_json's own message may quote a value, so only the place in the line is told.
        let seen = seed
            .deserialize(&mut reader)
            .and_then(|seen| reader.end().map(|()| seen));
        match seen {
            Ok(seen) => {
                let missing = plan.wanted.iter().enumerate().find(|(index, (column, _))| {
                    seen & (1 << index) == 0
                        && !matches!(
                            column,
                            Column::Category | Column::Channel | Column::Product | Column::ProductName
                        )
                });
                match missing {
                    Some((_, (Column::Country, _))) | None => grouping.add(number, &row, plan),
                    Some((_, (_, key))) => grouping.unreadable(number, format!("no value for {key:?}")),
                }
            }
            Err(error) => {
                grouping.unreadable(number, format!("no JSON object, from column {}", error.column()));
            }
        }
    }
    Ok(())
}
