//! The lines of an order file, and the fields of a CSV line.
//!
//! This isn't the `csv` crate because every line and record has a bound here, and a row with a stray quote is
//! reported and skipped alone: with `csv`, a quote that never closes takes all rows after it for one field.

use std::io::BufRead;

use crate::source::SourceError;

/// The longest line that is read, in bytes.
pub(super) const MAX_LINE_BYTES: usize = 1 << 20;

/// Physical lines of a file, whatever ends them: LF, CRLF or CR alone.
pub(super) struct Lines<R> {
    input: R,
    /// Lines given so far.
    pub number: u64,
    /// The line before ended with CR: an LF right after it belongs to it.
    after_cr: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            number: 0,
            after_cr: false,
        }
    }

    /// Reads the next line without its end. `None` at the end of the file; `Some(false)` when the line is
    /// longer than [`MAX_LINE_BYTES`] and was cut there.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> std::io::Result<Option<bool>> {
        line.clear();
        let mut any = false;
        let mut whole = true;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                if any {
                    self.number += 1;
                }
                return Ok(any.then_some(whole));
            }
            if self.after_cr {
                self.after_cr = false;
                if chunk.first() == Some(&b'\n') {
                    self.input.consume(1);
                    continue;
                }
            }
            any = true;
            let end = chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let text = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            let room = MAX_LINE_BYTES.saturating_sub(line.len());
            whole &= text.len() <= room;
            line.extend_from_slice(text.get(..text.len().min(room)).unwrap_or_default());
            match end {
                Some(end) => {
                    self.after_cr = chunk.get(end) == Some(&b'\r');
                    self.input.consume(end + 1);
                    self.number += 1;
                    return Ok(Some(whole));
                }
                None => {
                    let read = chunk.len();
                    self.input.consume(read);
                }
            }
        }
    }
}

/// Where the fields of a CSV record stand, and whether a quoted one is still open at its end.
pub(super) fn split(record: &[u8], delimiter: u8, fields: &mut Vec<(usize, usize)>) -> bool {
    fields.clear();
    let mut start = 0;
    let mut quoted = false;
    let mut at_start = true;
    // Letters after a closing quote: the quote that seemed to close belongs to another row.
    let mut broken = false;
    for (at, byte) in record.iter().enumerate() {
        if *byte == b'"' && (at_start || quoted) {
            // Inside, a doubled quote closes and opens again: the state after it is right.
            quoted = !quoted;
            at_start = false;
        } else if *byte == b'"'
            && record.get(at.wrapping_sub(1)) == Some(&b'"')
            && record.get(start) == Some(&b'"')
        {
            quoted = true;
        } else if *byte == delimiter && !quoted {
            fields.push((start, at));
            start = at + 1;
            at_start = true;
        } else {
            broken |= !quoted && !at_start && *byte != b' ' && record.get(start) == Some(&b'"');
            at_start = false;
        }
    }
    fields.push((start, record.len()));
    quoted || broken
}

/// A field without its quotes.
pub(super) fn unquoted(field: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let Some(inner) = field.strip_prefix(b"\"") else {
        return field.into();
    };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    if !inner.contains(&b'"') {
        return inner.into();
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().peekable();
    while let Some(byte) = bytes.next() {
        out.push(*byte);
        if *byte == b'"' && bytes.peek() == Some(&&b'"') {
            bytes.next();
        }
    }
    out.into()
}

pub(super) fn read_failed(name: &str, line: u64) -> impl Fn(std::io::Error) -> SourceError {
    move |error| SourceError::File {
        file: name.to_owned(),
        problem: format!("can't be read on after line {line}: {error}"),
    }
}
