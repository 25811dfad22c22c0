//! The stream of events and the bucket of state beside it: made where they are missing, checked where they are there.
//!
//! What is there already is never changed: it belongs to whoever runs NATS, and perhaps to others.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};

use super::link::Link;
use super::{NatsError, NatsSettings};

/// Why the journal's stream cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Unready {
    /// NATS could not be asked.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// It is not as it must be.
    #[error("the stream `{stream}` in NATS does not fit: {}", faults.join("; "))]
    Unfit { stream: String, faults: Vec<String> },
}

/// All subjects of events.
pub(super) fn subjects(stream: &str) -> String {
    format!("{stream}.events.>")
}

/// The name of the bucket beside the stream.
pub(super) fn bucket(stream: &str) -> String {
    format!("{stream}-state")
}

/// Sees to it that the stream and the bucket are there, and fit.
pub(super) async fn ready(link: &Link) -> Result<(), Unready> {
    let settings = link.settings();
    let stream = find(link).await?;
    let found = match stream {
        Some(stream) => stream.cached_info().config.clone(),
        None => match create(link).await? {
            Some(made) => made,
            // Another instance was quicker.
            None => find(link).await?.map(|stream| stream.cached_info().config.clone()).unwrap_or_default(),
        },
    };
    let faults = faults(settings, &found);
    if !faults.is_empty() {
        return Err(Unready::Unfit { stream: settings.stream.clone(), faults });
    }
    let (context, name) = (link.context(), bucket(&settings.stream));
    if context.get_key_value(name.as_str()).await.is_ok() {
        return Ok(());
    }
    // As any client would make it, but without asking for the account, which older servers tell in other words.
    let config = Config {
        name: format!("KV_{name}"),
        subjects: vec![format!("$KV.{name}.>")],
        description: Some("offhook: what is parked, asked for, and done outside".to_owned()),
        max_messages_per_subject: 1,
        storage: StorageType::File,
        num_replicas: settings.replicas,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        // Who is erased must not stay in there.
        deny_delete: false,
        allow_direct: true,
        ..Config::default()
    };
    let made = context.create_stream(config).await;
    match made {
        Ok(_) => Ok(()),
        // Another instance may have been quicker.
        Err(_) if context.get_key_value(name.as_str()).await.is_ok() => Ok(()),
        Err(error) => Err(link.failed("make the bucket of state", cause(&error)).into()),
    }
}

/// The stream; `None` where there is none.
pub(super) async fn find(link: &Link) -> Result<Option<Stream>, NatsError> {
    match link.context().get_stream(&link.settings().stream).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(told) if told.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
            GetStreamErrorKind::JetStream(told)
                if [ErrorCode::JETSTREAM_NOT_ENABLED, ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT]
                    .contains(&told.error_code()) =>
            {
                Err(link.failed(
                    "find the stream",
                    "JetStream is not enabled there: start nats-server with `-js`, or enable it for this account",
                ))
            }
            _ => Err(link.failed("find the stream", cause(&error))),
        },
    }
}

/// Makes the stream; `None` where somebody else made one meanwhile.
async fn create(link: &Link) -> Result<Option<Config>, NatsError> {
    let settings = link.settings();
    match link.context().create_stream(wanted(settings)).await {
        Ok(stream) => {
            tracing::info!(
                stream = settings.stream,
                replicas = settings.replicas,
                "the stream of the journal was made in NATS"
            );
            Ok(Some(stream.cached_info().config.clone()))
        }
        Err(error) => match error.kind() {
            CreateStreamErrorKind::JetStream(told) if told.error_code() == ErrorCode::STREAM_NAME_EXIST => Ok(None),
            _ => Err(link.failed("make the stream", cause(&error))),
        },
    }
}

fn wanted(settings: &NatsSettings) -> Config {
    Config {
        name: settings.stream.clone(),
        subjects: vec![subjects(&settings.stream)],
        description: Some("offhook: events and what was answered".to_owned()),
        retention: RetentionPolicy::Limits,
        // Full means refused, so that an event goes to a spill file: never an old one thrown away for a new one.
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: settings.replicas,
        max_age: settings.keep.unwrap_or_default(),
        duplicate_window: settings.window(),
        allow_direct: true,
        ..Config::default()
    }
}

/// What keeps a stream that is there from being the journal, each with what to do.
fn faults(settings: &NatsSettings, found: &Config) -> Vec<String> {
    let (name, mut faults) = (&settings.stream, Vec::new());
    let ours = subjects(name);
    if !found.subjects.iter().any(|subject| *subject == ours || *subject == format!("{name}.>")) {
        faults.push(format!(
            "it does not take the subjects {ours}: set another `journal.nats.stream`, or add them with `nats stream edit {name} --subjects`"
        ));
    }
    if found.retention != RetentionPolicy::Limits {
        faults.push(
            "its retention is not `limits`, so events would go once one handler has them: make a new stream".to_owned(),
        );
    }
    if found.storage != StorageType::File {
        faults.push("it is held in memory: make a new stream whose storage is `file`".to_owned());
    }
    if found.no_ack || found.sealed {
        faults.push("it does not acknowledge, or is sealed: make a new stream".to_owned());
    }
    if found.num_replicas < settings.replicas {
        let (has, wants) = (found.num_replicas, settings.replicas);
        faults.push(format!(
            "it has {has} replica(s) and `journal.nats.replicas` asks for {wants}: `nats stream edit {name} --replicas {wants}`"
        ));
    }
    if found.duplicate_window < settings.window() {
        let [has, wants] = [found.duplicate_window, settings.window()].map(shown);
        faults.push(format!(
            "it knows repeats for {has} only, and {wants} are needed (twice the longest clock_tolerance): `nats stream edit {name} --dupe-window {wants}`"
        ));
    }
    let is_shorter = |keep: Duration| !found.max_age.is_zero() && found.max_age < keep;
    if settings.keep.map_or(!found.max_age.is_zero(), is_shorter) {
        let (has, wants) = (shown(found.max_age), settings.keep.map_or("0".to_owned(), shown));
        faults.push(format!(
            "it drops events after {has}, and `journal.nats.keep` asks for {wants}: `nats stream edit {name} --max-age {wants}`"
        ));
    }
    if found.discard != DiscardPolicy::New && (found.max_bytes > 0 || found.max_messages > 0) {
        faults.push(format!(
            "it has a limit and throws old events away to hold it: `nats stream edit {name} --discard new` keeps what is owed"
        ));
    }
    faults
}

fn shown(duration: Duration) -> String {
    humantime::format_duration(duration).to_string().replace(' ', "")
}

/// An error with what it came from, in one line.
pub(super) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> NatsSettings {
        NatsSettings { replicas: 3, ..NatsSettings::at("nats://127.0.0.1:4222").unwrap() }
    }

    #[test]
    fn what_is_made_fits() {
        assert_eq!(faults(&settings(), &wanted(&settings())), [""; 0]);
    }

    #[test]
    fn each_thing_that_does_not_fit_is_told_with_what_to_do() {
        type Breaks = fn(&mut Config);
        let breaks: [(&str, Breaks); 7] = [
            ("--subjects", |config| config.subjects = vec!["other.>".to_owned()]),
            ("retention", |config| config.retention = RetentionPolicy::WorkQueue),
            ("memory", |config| config.storage = StorageType::Memory),
            ("--replicas 3", |config| config.num_replicas = 1),
            ("--dupe-window 10m", |config| config.duplicate_window = Duration::from_secs(120)),
            ("--max-age 7days", |config| config.max_age = Duration::from_secs(3600)),
            ("--discard new", |config| {
                config.discard = DiscardPolicy::Old;
                config.max_bytes = 1 << 30;
            }),
        ];
        for (told, breaks) in breaks {
            let mut config = wanted(&settings());
            breaks(&mut config);
            let faults = faults(&settings(), &config);
            assert!(faults.len() == 1 && faults[0].contains(told), "{told}: {faults:?}");
        }
    }

    #[test]
    fn a_stream_that_keeps_more_fits() {
        let more = Config {
            max_age: Duration::ZERO,
            num_replicas: 5,
            duplicate_window: Duration::from_secs(3600),
            ..wanted(&settings())
        };
        assert_eq!(faults(&settings(), &more), [""; 0]);
    }
}
