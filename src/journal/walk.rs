//! Rows of an events file one after the other, in either direction, past what is damaged.
//!
//! A damaged page hides what stands on it and nothing else: the pages above it still tell where all others are. So where
//! reading breaks off, what stands a little further on is asked for, until something can be read again.

use rusqlite::{CachedStatement, Connection, Error, Row};

use super::opening::SMALLEST_ROW;
use super::reader::{position, stored};
use super::schema;
use super::sealing::Unreadable;

/// Which rows of `events` are to be looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// From this position on, which is not before the file's own first one.
    pub first: u64,
    /// Up to this one.
    pub last: u64,
    pub way: Way,
    /// At most so many.
    pub most: usize,
}

/// Where to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Forwards,
    Backwards,
}

/// How a walk went; the default is one that found nothing.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// So many rows were there.
    pub seen: usize,
    /// It ended before the rows did.
    pub more: bool,
    /// What was said of the first thing that cannot be read; it was passed over.
    pub damage: Option<Error>,
}

/// Who is told of a row, and where it stands; answers whether to go on.
pub(super) type Each<'e> = &'e mut dyn FnMut(u64, &Row<'_>) -> rusqlite::Result<bool>;

/// Tells `each` of `rows`, with these columns, the first of which is `position`. Every row is told that stands on a page
/// which can be read, up to eight thousand unreadable positions after the last one that could be. Further on, what can be read
/// is found where it is as long as an eight-thousandth of what could not be read before it; shorter stretches may be missed.
pub(super) fn walk(connection: &Connection, columns: &str, rows: Rows, each: Each<'_>) -> rusqlite::Result<Walked> {
    let order = match rows.way {
        Way::Forwards => "ASC",
        Way::Backwards => "DESC",
    };
    // Not `> ?1` and not `< ?2`: these go by the page on which `?1` or `?2` itself stands, which may be the damaged one.
    let sql = format!(
        "SELECT {columns} FROM events WHERE position >= ?1 AND position <= ?2 ORDER BY position {order} LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let (mut left, mut walked) = (rows, Walked::default());
    while left.first <= left.last {
        let Err(error) = read_on(&mut statement, &mut left, &mut walked, each) else { return Ok(walked) };
        if !schema::is_damage(&error) {
            return Err(error);
        }
        walked.damage.get_or_insert(error);
        if left.first > left.last {
            break; // it is behind the last row that was wanted
        }
        left.last = left.last.min(left.first.saturating_add(most_rows(connection)));
        let Some((unreadable, mut readable)) = next_readable(&mut statement, left)? else { break };
        if readable - unreadable > 1 {
            // What was stepped over on the way is looked at from the other side.
            let back = left.between(unreadable + 1, readable);
            walk(connection, columns, back, &mut |at, _| {
                readable = left.distance(at);
                Ok(true)
            })?;
        }
        left = left.after(readable);
    }
    Ok(walked)
}

/// Tells the rows up to the next damage, and takes them off `left`.
fn read_on(
    statement: &mut CachedStatement<'_>,
    left: &mut Rows,
    walked: &mut Walked,
    each: Each<'_>,
) -> rusqlite::Result<()> {
    let most = i64::try_from(left.most - walked.seen).unwrap_or(i64::MAX);
    let mut rows = statement.query([stored(left.first), stored(left.last), most])?;
    while let Some(row) = rows.next()? {
        let at = position(row.get(0)?).get();
        walked.seen += 1;
        left.pass(at);
        match each(at, row) {
            Ok(true) => {}
            Ok(false) => {
                walked.more = true;
                return Ok(());
            }
            Err(error) if is_of_row(&error) => drop(walked.damage.get_or_insert(error)),
            Err(error) => return Err(error),
        }
    }
    walked.more = walked.seen >= left.most;
    Ok(())
}

/// How far from the beginning of `rows` something can be read again, and how far the last place was where it cannot.
fn next_readable(statement: &mut CachedStatement<'_>, rows: Rows) -> rusqlite::Result<Option<(u64, u64)>> {
    let span = rows.last - rows.first;
    let (mut unreadable, mut tried) = (0, 0);
    while tried < span {
        tried = (tried + 1 + tried / FINE).min(span);
        let from = rows.after(tried);
        let mut found = statement.query([stored(from.first), stored(from.last), 1])?;
        match found.next() {
            Ok(_) => return Ok(Some((unreadable, tried))),
            Err(error) if schema::is_damage(&error) => unreadable = tried,
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

impl Rows {
    /// The row at `at` is done.
    fn pass(&mut self, at: u64) {
        match self.way {
            Way::Forwards => self.first = at.saturating_add(1),
            Way::Backwards => (self.first, self.last) = at.checked_sub(1).map_or((1, 0), |last| (self.first, last)),
        }
    }

    /// Without the first so many positions.
    fn after(self, count: u64) -> Self {
        match self.way {
            Way::Forwards => Self { first: self.first + count, ..self },
            Way::Backwards => Self { last: self.last - count, ..self },
        }
    }

    /// How many positions there are before `at`.
    fn distance(&self, at: u64) -> u64 {
        match self.way {
            Way::Forwards => at.saturating_sub(self.first),
            Way::Backwards => self.last.saturating_sub(at),
        }
    }

    /// From the one distance to the other, the other way round.
    fn between(&self, near: u64, far: u64) -> Self {
        let (near, far) = (self.after(near), self.after(far));
        match self.way {
            Way::Forwards => Self { first: near.first, last: far.first, way: Way::Backwards, most: usize::MAX },
            Way::Backwards => Self { first: far.last, last: near.last, way: Way::Forwards, most: usize::MAX },
        }
    }
}

/// No more rows are in the file than this.
fn most_rows(connection: &Connection) -> u64 {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let bytes = number("page_count").and_then(|pages| Ok(pages.saturating_mul(number("page_size")?)));
    bytes.map_or(0, |bytes| u64::try_from(bytes).unwrap_or(0) / SMALLEST_ROW)
}

/// Whether `error` says that what one row holds was changed. One that only lacks its key is whole.
fn is_of_row(error: &Error) -> bool {
    match error {
        Error::FromSqlConversionFailure(_, _, cause) => {
            !matches!(cause.downcast_ref(), Some(Unreadable::UnknownKey { .. }))
        }
        Error::InvalidColumnType(..) | Error::IntegralValueOutOfRange(..) | Error::Utf8Error(..) => true,
        _ => false,
    }
}

/// So many positions are tried one by one; after that, steps grow with what was found unreadable, so that an end comes
/// soon.
const FINE: u64 = 8192;
