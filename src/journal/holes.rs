//! What is no longer kept between two positions: a reader that stayed away too long is told, not left to wonder.

use super::reader::Reader;
use super::{Position, ReadError};

/// Positions in a row at which nothing is kept any more.
///
/// ```
/// use offhook::journal::{Hole, Journal, Position, ReadError};
///
/// /// How many positions up to the last one hold nothing any more.
/// fn gone(journal: &Journal) -> Result<u64, ReadError> {
///     let reader = journal.reader();
///     let holes: Vec<Hole> = reader.holes(Position(0), reader.last()?)?;
///     Ok(holes.iter().map(|hole| hole.last.get() - hole.first.get() + 1).sum())
/// }
/// # let _ = gone;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// The first one.
    pub first: Position,
    /// The last one.
    pub last: Position,
}

impl Reader {
    /// The holes after `after`, up to `until`, oldest first: what retention has deleted. Where keeping failed once,
    /// positions were left out at which nothing ever was; these are holes too. Blocking.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub(super) fn holes(&self, after: Position, until: Position) -> Result<Vec<Hole>, ReadError> {
        let files = self.files()?;
        let mut holes = Vec::new();
        let mut missing = |from: u64, to: u64| {
            let (first, last) = (Position(from.max(after.0).saturating_add(1)), Position(to.min(until.0)));
            if first <= last {
                holes.push(Hole { first, last });
            }
        };
        // Up to here it is known what is kept.
        let mut known = after.0;
        for (index, file) in files.iter().enumerate() {
            let next = files.get(index + 1);
            if file.first > until.0 || next.is_some_and(|next| next.first <= after.0.saturating_add(1)) {
                continue;
            }
            missing(known, file.first.saturating_sub(1));
            known = match next {
                // What cannot be read is there all the same.
                Some(next) => match self.last_in(file)? {
                    (Some(end), false) => end.0,
                    _ => next.first.saturating_sub(1),
                },
                None => u64::MAX,
            };
        }
        missing(known, until.0);
        Ok(holes)
    }
}
