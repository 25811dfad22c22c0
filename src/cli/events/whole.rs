//! `offhook events show --raw`, `backup` and `erase`: a record as it was signed, a journal as a whole, and a person taken out.

use std::path::Path;

use crate::cli::journal::JournalArgs;
use crate::cli::select::event_id;
use crate::cli::{WrongUse, orders, output};
use crate::deliver::Order;
use crate::event::Marks;
use crate::journal::{Backup, Erasure, backup};

/// An event as the request that was signed.
pub(super) fn show_raw(id: &str, journal: &JournalArgs) -> anyhow::Result<bool> {
    let Some((_, event)) = journal.open()?.find(event_id(id)?)? else {
        output::talk(format_args!("error: no event {id} in this journal"));
        return Ok(false);
    };
    if !event.is_verifiable() {
        output::talk(
            "error: what was signed is not in this record: it cannot be verified again; `events show` tells why",
        );
        return Ok(false);
    }
    let (headers, body) = (event.headers().trim_end().replace('\n', "\r\n"), event.text());
    output::whole(format_args!("POST / HTTP/1.1\r\n{headers}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))?;
    Ok(true)
}

/// What is to be known of a record.
pub(super) fn marks(marks: &Marks) -> Vec<(&'static str, String)> {
    let mut said = Vec::new();
    if let Some(at) = marks.imported {
        said.push(("imported", format!("{at:.3}; no handler is owed it")));
    }
    if let Some(at) = marks.erased {
        said.push(("erased", format!("{at:.3}; its body and headers are not there any more")));
    }
    if !marks.left_out.is_empty() {
        said.push(("left out", format!("{}, before it was kept", marks.left_out.join(", "))));
    }
    if !marks.is_verifiable() {
        said.push(("verifiable", "no: the bytes that were signed are not in this record".to_owned()));
    }
    said
}

pub(super) fn copy(to: &Path, journal: &JournalArgs) -> anyhow::Result<bool> {
    let Backup { files, bytes, last } = backup(&journal.options()?, to)?;
    output::talk(format_args!("{files} files, {} MiB, up to position {last}, in {}", bytes >> 20, to.display()));
    Ok(true)
}

pub(super) fn erase(account: String, app: Option<String>, journal: &JournalArgs) -> anyhow::Result<bool> {
    if account.is_empty() {
        return Err(WrongUse("an empty account is nobody's".to_owned()).into());
    }
    let given = orders::give(journal, &Order::Erase { account, app })?;
    let Some(number) = given.taken.replay else { anyhow::bail!("the server gave the erasure no number") };
    let spill = journal.options()?.spill;
    if std::fs::metadata(&spill).is_ok_and(|about| about.is_file() && about.len() > 0) {
        let spill = spill.display();
        output::talk(format_args!("{spill} holds events; the erasure waits until they are back in the journal"));
    }
    let Erasure { events, .. } = given.erasure(number)?;
    output::talk(format_args!(
        "{events} events erased (erasure {number}); exports, backups and what handlers got are not reached"
    ));
    Ok(true)
}
