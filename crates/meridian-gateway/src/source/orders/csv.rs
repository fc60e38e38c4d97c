//! Rows of a CSV file.

use std::collections::VecDeque;
use std::io::BufRead;

use super::grouping::Grouping;
use super::lines::{Lines, MAX_LINE_BYTES, read_failed, split, unquoted};
use super::plan::Plan;
use super::row::{Column, Row};
use crate::source::SourceError;

/// The most lines that one quoted field may span: an unclosed quote must not swallow the file.
const MAX_RECORD_LINES: usize = 100;

/// Where fields stand in a record.
type Fields = Vec<(usize, usize)>;

/// The lines of a file as records: a quoted field may go on in the next line.
struct Records<'a, R> {
    lines: &'a mut Lines<R>,
    delimiter: u8,
    /// Lines that were read ahead for a quote that never closed (number, whether whole, text): they come again, one by one.
    pending: VecDeque<(u64, bool, Vec<u8>)>,
}

impl<R: BufRead> Records<'_, R> {
    /// Reads the next record's first line: its number, and whether it is whole.
    fn next(&mut self, record: &mut Vec<u8>) -> std::io::Result<Option<(u64, bool)>> {
        if let Some((number, whole, text)) = self.pending.pop_front() {
            *record = text;
            return Ok(Some((number, whole)));
        }
        let whole = self.lines.next(record)?;
        Ok(whole.map(|whole| (self.lines.number, whole)))
    }

    /// Finds a record's fields, and adds the lines to it in which a quoted one goes on. False if that never closes.
    fn fields(&mut self, record: &mut Vec<u8>, fields: &mut Fields) -> std::io::Result<bool> {
        let mut open = split(record, self.delimiter, fields);
        let mut used = 0;
        while open && used < MAX_RECORD_LINES {
            if used == self.pending.len() {
                let mut text = Vec::new();
                let Some(whole) = self.lines.next(&mut text)? else {
                    break;
                };
                self.pending.push_back((self.lines.number, whole, text));
            }
            let Some((_, _, text)) = self.pending.get(used) else {
                break;
            };
            record.push(b'\n');
            record.extend_from_slice(text);
            used += 1;
            open = split(record, self.delimiter, fields);
        }
        if !open {
            self.pending.drain(..used);
        }
        Ok(!open)
    }
}

/// Adds the rows of a file to their orders; `name` is for errors.
pub(super) fn read<R: BufRead>(
    name: &str,
    lines: &mut Lines<R>,
    plan: &Plan,
    grouping: &mut Grouping,
) -> Result<(), SourceError> {
    let mut fields = Vec::new();
    let (width, columns) = read_header(name, lines, plan, &mut fields)?;
    let mut records = Records {
        lines,
        delimiter: plan.mapping.delimiter as u8,
        pending: VecDeque::new(),
    };
    let mut record = Vec::new();
    let mut row = Row::default();
    while let Some((number, whole)) = records
        .next(&mut record)
        .map_err(read_failed(name, records.lines.number))?
    {
        if record.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        grouping.report.rows += 1;
        if !whole {
            grouping.unreadable(number, format!("longer than {MAX_LINE_BYTES} bytes"));
            continue;
        }
        let closed = records
            .fields(&mut record, &mut fields)
            .map_err(read_failed(name, records.lines.number))?;
        if !closed {
            grouping.unreadable(number, "a quoted field that is never closed".to_owned());
            continue;
        }
        if fields.len() != width {
            grouping.unreadable(number, format!("{} of {width} columns", fields.len()));
            continue;
        }
        row.clear();
        let mut good = true;
        for (column, index) in &columns {
            let bytes = fields
                .get(*index)
                .and_then(|(start, end)| record.get(*start..*end))
                .unwrap_or_default();
            good &= plan.decode(&unquoted(bytes), row.slot(*column)).is_ok();
        }
        if good {
            grouping.add(number, &row, plan);
        } else {
            grouping.unreadable(number, "not UTF-8".to_owned());
        }
    }
    Ok(())
}

/// Reads the header: how many columns there are, and where the wanted ones stand.
fn read_header<R: BufRead>(
    name: &str,
    lines: &mut Lines<R>,
    plan: &Plan,
    fields: &mut Fields,
) -> Result<(usize, Vec<(Column, usize)>), SourceError> {
    let wrong = |problem: String| SourceError::File {
        file: name.to_owned(),
        problem,
    };
    let mut line = Vec::new();
    if lines.next(&mut line).map_err(read_failed(name, 0))?.is_none() {
        return Err(wrong(
            "it is empty; a header line with the columns' names is needed".to_owned(),
        ));
    }
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
    split(line, plan.mapping.delimiter as u8, fields);
    let mut header = Vec::new();
    for (start, end) in fields.iter() {
        let mut cell = String::new();
        plan.decode(&unquoted(line.get(*start..*end).unwrap_or_default()), &mut cell)
            .map_err(|()| wrong("line 1 is no UTF-8; is the mapping's encoding \"latin-1\"?".to_owned()))?;
        header.push(cell.trim().to_owned());
    }
    let mut columns = Vec::new();
    for (column, wanted) in &plan.wanted {
        let Some(index) = header.iter().position(|name| name == wanted.trim()) else {
            return Err(wrong(format!(
                "has no column {wanted:?}, which the mapping names; its columns are {}",
                header.join(", ")
            )));
        };
        columns.push((*column, index));
    }
    Ok((header.len(), columns))
}
