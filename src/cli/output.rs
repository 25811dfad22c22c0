//! The only place that prints: data to stdout, talk to stderr.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line of data. A reader that has gone away is an error, so that the command stops.
pub(super) fn data(line: impl Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Writes data to which nothing is added, not even the end of a line.
pub(super) fn whole(text: impl Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}")?;
    stdout.flush()
}

/// Writes a line of talk.
pub(super) fn talk(line: impl Display) {
    // There is nowhere left to say that stderr is gone.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether a command only ended because nobody reads its output any more.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.into_iter().any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
