//! `audit`: checks the audit log.

use std::path::PathBuf;

use meridian_core::say;
use meridian_gateway::operate::audit;

/// Checks that nothing in a log was altered, and prints what it holds.
pub(crate) fn verify(files: &[PathBuf], after: Option<&str>, head: Option<&str>) -> anyhow::Result<()> {
    let found = audit::verify_after(&audit::with_rotated(files), after, head)?;
    let time = |at: Option<_>| at.map_or_else(|| "-".to_owned(), audit::instant);
    say!(
        "{} entries from {} to {}, nothing was altered{}\nhead {}",
        found.entries,
        time(found.first),
        time(found.last),
        match found.repaired {
            0 => String::new(),
            many => format!(
                "\n{many} lines say that the file was repaired or changed by somebody: \
                 meridian.audit.repaired, meridian.audit.displaced"
            ),
        },
        found.head
    );
    Ok(())
}
