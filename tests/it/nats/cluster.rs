//! Two instances on a cluster of three servers, whose leader is killed under load: nothing answered is lost.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::jetstream;
use offhook::journal::{Filter, NatsSettings, Options, Reader};
use serde_json::Value;

use super::cast::{Nats, kept, until};
use super::commands::configuration;
use crate::world::{Mood, Offhook, Ports, Target, Traffic, Yunxin};

/// Answered in all, where `NATS_CALLBACKS` says nothing; `scripts/nats cluster` says 10 000.
const ALL: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_while_the_leader_died_is_kept_once_and_delivered() {
    let Some(mut servers) = Nats::cluster() else { return };
    let wanted = std::env::var_os("NATS_CALLBACKS").and_then(|count| count.into_string().ok());
    let all = wanted.map_or(ALL, |count| count.parse().expect("a number"));
    let url = servers.each_ref().map(Nats::url).join(",");
    formed(&url).await;
    let target = Target::listens(Mood::Good);
    let more = format!(
        "[journal.nats]\nreplicas = 3\n\n[[handlers]]\ntype = \"http\"\nname = \"billing\"\nurl = \"{}\"\nconcurrency = 16\n",
        target.url()
    );
    let directories = [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
    let instances = directories.each_ref().map(|directory| {
        let ports = Ports::reserve();
        let file = directory.path().join("offhook.toml");
        std::fs::write(&file, configuration(&ports, directory.path(), &url, &more)).expect("written");
        (Offhook::serves(&file, &ports, None), ports)
    });
    let traffic = [0, 1].map(|number| Traffic::starts(&Yunxin::asking(instances[number].1.public()), number, 16));
    traffic[0].gets(all / 6).await;
    traffic[1].gets(all / 6).await;
    let leader = leader(&url).await;
    servers[leader].dies();
    traffic[0].gets(all / 2).await;
    traffic[1].gets(all / 2).await;
    let slowest = traffic.iter().map(Traffic::slowest).max().expect("two");
    assert!(slowest < Duration::from_secs(2), "an answer was late: {slowest:?}");
    let mut answered = BTreeSet::new();
    for traffic in traffic {
        answered.extend(traffic.stops().await);
    }
    let spill = |directory: &Path| -> u64 {
        let size = |path: PathBuf| path.metadata().map_or(0, |about| about.len());
        size(directory.join("own/spill.jsonl")) + size(directory.join("own/spill.jsonl.importing"))
    };
    until("read back in", || directories.iter().all(|directory| spill(directory.path()) == 0)).await;
    servers[leader].comes_back();
    // What was under way when the asking stopped may still be on its way.
    for (instance, _) in &instances {
        instance.is_asked_to_stop();
    }
    let mut said = String::new();
    for (instance, _) in instances {
        let (status, says) = instance.ends();
        said.push_str(&says);
        assert!(status.success(), "{said}");
    }
    let settings = NatsSettings { replicas: 3, ..NatsSettings::at(&url).expect("URLs") };
    let options = Options { nats: Some(settings), ..Options::at(directories[0].path()) };
    let reader = Reader::of(&options).expect("a journal");
    let all: Vec<String> = kept(&reader, &Filter::default()).iter().map(|(_, event)| mark(event.text())).collect();
    let once: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(all.len(), once.len(), "something is kept twice");
    let missing: Vec<_> = answered.difference(&once).collect();
    assert!(missing.is_empty(), "{} answered and not kept: {missing:?}\n{said}", missing.len());
    // They were started anew, to deliver what is left.
    let ports = Ports::reserve();
    let file = directories[0].path().join("again.toml");
    std::fs::write(&file, configuration(&ports, directories[0].path(), &url, &more)).expect("written");
    let _again = Offhook::serves(&file, &ports, None);
    let (mut missing, mut seen) = (answered, 0);
    let is_delivered = |got: &Vec<Value>| {
        for event in &got[seen..] {
            missing.remove(event["data"]["mark"].as_str().expect("a mark"));
        }
        seen = got.len();
        missing.is_empty()
    };
    target.until(is_delivered).await;
}

fn mark(body: &str) -> String {
    let body: Value = serde_json::from_str(body).expect("JSON");
    body["mark"].as_str().expect("a mark").to_owned()
}

/// Waits until the servers have found each other.
async fn formed(url: &str) {
    let context = context(url).await;
    loop {
        let config = jetstream::stream::Config {
            name: "probe".to_owned(),
            subjects: vec!["probe".to_owned()],
            num_replicas: 3,
            ..Default::default()
        };
        if context.create_stream(config).await.is_ok() {
            context.delete_stream("probe").await.expect("deleted");
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Which server leads the stream.
async fn leader(url: &str) -> usize {
    let stream = context(url).await.get_stream("offhook").await.expect("a stream");
    let leader = stream.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.clone()).expect("a leader");
    leader.trim_start_matches('n').parse().expect("a number")
}

async fn context(url: &str) -> jetstream::Context {
    let urls: Vec<_> = url.split(',').map(str::to_owned).collect();
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    jetstream::new(options.connect(urls).await.expect("a client"))
}
