//! `journal.url` and the section `[journal.nats]`: the journal that several machines share.

use std::path::PathBuf;
use std::time::Duration;

use crate::journal::NatsSettings;
use crate::nats::{Credentials, Servers};

use super::fault::Origin;
use super::reader::{Field, Section};
use super::secrets;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// What `JetStream` allows.
const MOST_REPLICAS: i64 = 5;
/// Keys of `[journal]` that are about a directory alone.
const DISK_ONLY: [&str; 2] = ["min_free", "max_size"];

/// The shared journal, where `journal.url` names one. `None` twice over: there is none; there is a fault.
pub(super) fn nats(section: &mut Section<'_>) -> Option<Option<NatsSettings>> {
    let url = section.take("url");
    let own = section.take("nats");
    let Some(url) = url else {
        if let Some(own) = own {
            let hint = "set journal.url, or leave [journal.nats] out".to_owned();
            own.fault_hiding(
                "expected a `journal.url` beside it: without one the journal is in `journal.path`",
                Some(hint),
            );
            return None;
        }
        return Some(None);
    };
    let mut clean = true;
    for key in DISK_ONLY {
        if let Some(field) = section.take(key).filter(|field| !matches!(field.node.origin, Origin::Default)) {
            let hint = "leave it out: how much NATS may hold is set there (`nats stream edit --max-bytes`); when it is full, events go to the spill file".to_owned();
            field.fault(
                "expected no such key beside `journal.url`: it is about a journal on this machine's disk",
                Some(hint),
            );
            clean = false;
        }
    }
    let servers = servers(&url);
    let mut settings = NatsSettings::with(servers.clone().unwrap_or_else(Servers::nowhere));
    let read = match own {
        None => Some(()),
        Some(own) => own.section().and_then(|section| own_keys(section, &mut settings)),
    };
    (servers.is_some() && read.is_some() && clean).then_some(Some(settings))
}

fn servers(url: &Field<'_>) -> Option<Servers> {
    // It may hold a password, so no fault shows it.
    let text = url.plain_text()?;
    match Servers::parse(text) {
        Ok(servers) => Some(servers),
        Err(error) => {
            url.fault_hiding(error.to_string(), None);
            None
        }
    }
}

/// The keys of `[journal.nats]`.
fn own_keys(mut section: Section<'_>, settings: &mut NatsSettings) -> Option<()> {
    let stream = section.take("stream").map(|field| name(&field));
    let replicas = section.take("replicas").map(|field| field.integer(1..=MOST_REPLICAS));
    let window = section.take("duplicate_window").map(|field| field.duration(SECOND..=DAY));
    let credentials = section.take("credentials").map(|field| secrets::secret(&field));
    let authorities = section.take("ca_file").map(|field| field.text("the path of a PEM file").map(PathBuf::from));
    section.finish();
    if let Some(stream) = stream {
        settings.stream = stream?;
    }
    if let Some(replicas) = replicas {
        settings.replicas = usize::try_from(replicas?).ok()?;
    }
    settings.duplicate_window = match window {
        Some(window) => Some(window?),
        None => None,
    };
    let credentials = match credentials {
        Some(secret) => Some(Credentials::read(secret?)),
        None => None,
    };
    let authorities = match authorities {
        Some(path) => Some(path?),
        None => None,
    };
    settings.servers = settings.servers.clone().known_by(credentials).trusting(authorities);
    Some(())
}

/// A stream's name, which is a word of subjects and the beginning of a bucket's name.
fn name(field: &Field<'_>) -> Option<String> {
    let text = field.text("the name of a stream")?;
    let is_word =
        text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if !is_word {
        field.fault("expected letters, digits, `_` and `-`, at most 64", None);
        return None;
    }
    Some(text.to_owned())
}

/// What follows from the rest of the configuration: how long a repeat can be believed, and how long an answer can wait.
pub(super) fn fits_the_rest(
    top: &Section<'_>,
    settings: &mut NatsSettings,
    longest_tolerance: Duration,
    deadline: Option<Duration>,
) {
    settings.patience = deadline.map_or(NatsSettings::PATIENCE, |deadline| deadline * 3 / 5);
    let least = longest_tolerance * 2;
    match settings.duplicate_window {
        None => settings.duplicate_window = Some(least.max(NatsSettings::DUPLICATE_WINDOW)),
        Some(window) if window < least => {
            let least = humantime::format_duration(least);
            let expected = format!(
                "expected nats.duplicate_window of at least {least}, twice the longest clock_tolerance: a repeat may come for so long"
            );
            top.fault("journal", expected, None);
        }
        Some(_) => {}
    }
}
