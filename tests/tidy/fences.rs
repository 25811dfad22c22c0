//! Fences: which module of the crate may use which outside crate, and which may name a status code.

use crate::source::{paths, tokens};
use crate::tree::module_of;

/// An outside path, the modules that may use it, and why no others.
pub(crate) struct Fence(pub(crate) &'static str, pub(crate) &'static [&'static str], pub(crate) &'static str);

/// What only some modules may use.
pub(crate) const FENCES: &[Fence] = &[
    // Servers and clients.
    Fence(
        "axum",
        &["admin", "receiver", "verified", "tencent"],
        "the admin pages, the library's router and its extractor, the stand-in for Tencent; the edge serves without it",
    ),
    Fence("hyper", &["edge", "admin"], "the edge, and the admin listener's connections"),
    Fence("hyper_util", &["edge", "admin"], "goes with hyper"),
    Fence("http_body", &["edge"], "bodies are read in one place, within one budget"),
    Fence("http_body_util", &["edge"], "bodies are read in one place, within one budget"),
    Fence("tower", &["edge", "admin", "receiver"], "the edge is a service; the receiver mounts it; pages are one"),
    Fence(
        "http",
        &["edge", "yunxin", "tencent", "family", "handlers", "cli"],
        "the road, the journal and deciding know no HTTP",
    ),
    Fence(
        "reqwest",
        &["tencent", "decide", "handlers", "cli"],
        "nothing but a decider asks the network before an answer",
    ),
    Fence("rustls", &["nats", "tencent", "decide", "handlers", "cli"], "goes with the client"),
    Fence("rustls_platform_verifier", &["cli"], "goes with the connections of `conform`"),
    Fence("tokio_rustls", &["cli"], "goes with the connections of `conform`"),
    Fence("httparse", &["cli"], "`conform` reads what any receiver answers, off the wire"),
    Fence(
        "async_nats",
        &["nats", "journal", "handlers"],
        "NATS is where several machines keep, and one place that events go to",
    ),
    Fence("ipnet", &["edge", "config"], "addresses are judged where connections come in"),
    Fence(
        "tokio::net",
        &["tencent", "edge", "admin", "app", "cli"],
        "only listeners open sockets, `conform`, and the stand-in for Tencent",
    ),
    Fence("std::net::TcpListener", &[], "it would block a thread; take tokio's"),
    Fence("std::net::TcpStream", &[], "it would block a thread; take tokio's"),
    // What waits.
    Fence(
        "tokio",
        &[
            "budget", "tencent", "journal", "program", "decide", "deliver", "feedback", "handlers", "edge", "admin",
            "receiver", "app", "cli",
        ],
        "values, protocols and the road itself wait for nothing but through a budget",
    ),
    Fence(
        "tokio::runtime",
        &["journal", "decide", "deliver", "feedback", "receiver", "cli"],
        "whoever owns threads or wakes others says so",
    ),
    Fence("tokio::signal", &["cli"], "a library must not catch its host's signals"),
    Fence(
        "tokio_util",
        &["journal", "decide", "deliver", "edge", "admin", "app"],
        "trackers and tokens, for what is stopped in order",
    ),
    Fence("futures_util", &["journal", "decide", "deliver", "handlers", "edge", "admin", "app"], "goes with tokio"),
    Fence("std::thread", &["journal", "handlers"], "whoever owns threads says so"),
    // The disk, the process and its surroundings.
    Fence("rusqlite", &["journal"], "the database is the journal's own affair"),
    Fence("std::fs", &["journal", "admin", "config", "cli"], "values, protocols and the road do no I/O"),
    Fence("std::env", &["config", "cli"], "the environment is configuration"),
    Fence(
        "std::process",
        &["journal", "program", "decide", "cli", "main"],
        "exit codes belong to the command; the lock tells its owner; programs are started in one place",
    ),
    Fence(
        "rustix",
        &["journal", "program", "decide", "cli"],
        "the lock and free space; a program is killed with its children; the limit of open files",
    ),
    Fence("tempfile", &["cli"], "the scratch journal of `dev`"),
    Fence("mimalloc", &["main"], "a library must not choose its host's allocator"),
    // What is read, said and counted.
    Fence("clap", &["cli"], "only the command has flags"),
    Fence("clap_complete", &["cli"], "goes with the flags"),
    Fence("clap_mangen", &["cli"], "goes with the flags"),
    Fence("anyhow", &["cli"], "everybody else says which error it is"),
    Fence("toml", &["config"], "only the configuration is TOML"),
    Fence("bytesize", &["config"], "sizes are written in the configuration only"),
    Fence(
        "humantime",
        &["journal", "decide", "config", "cli"],
        "durations are written in the configuration, rules and flags only, and told where a stream has another one",
    ),
    Fence("strsim", &["kind", "decide", "config"], "hints for misspelt words"),
    Fence("cel", &["decide"], "rules are one kind of decider"),
    Fence("chrono", &["decide"], "the times that CEL knows; everybody else takes jiff"),
    Fence("chrono_tz", &[], "what CEL brings of it is left out of the program; everybody takes jiff"),
    Fence("regex", &["decide"], "patterns of rules"),
    Fence("tracing_subscriber", &["telemetry"], "where logs go is decided once"),
    Fence("prometheus_client", &["metrics", "deliver"], "the numbers stand in one place; a lane holds its own at hand"),
    // Proofs.
    Fence("md5", &["yunxin"], "digests are checked where a family proves its sender"),
    Fence(
        "sha1",
        &["yunxin", "journal"],
        "digests are checked where a family proves its sender; repeats are told apart",
    ),
    Fence("sha2", &["tencent", "handlers"], "digests are made and checked where a protocol stands"),
    Fence("hmac", &["tencent", "handlers"], "digests are made and checked where a protocol stands"),
    Fence(
        "base64",
        &["tencent", "handlers", "journal"],
        "digests are made and checked where a protocol stands; keys and what they encrypt, as text",
    ),
    Fence("chacha20poly1305", &["journal"], "events are encrypted where they are written"),
    Fence(
        "flate2",
        &["tencent", "journal", "admin"],
        "a UserSig is compressed, a body that is too long for a message, and the pages on their way to a browser",
    ),
    Fence(
        "foldhash",
        &["journal", "metrics", "yunxin", "edge"],
        "maps that every request or kept event asks, and that no stranger fills",
    ),
    Fence(
        "hex",
        &["yunxin", "tencent", "journal"],
        "digests are made and checked where a protocol stands; a repeat's id is written so",
    ),
    Fence(
        "subtle",
        &["secret", "yunxin", "tencent", "handlers"],
        "digests and secrets are compared in constant time there",
    ),
    Fence(
        "schemars",
        &["lenient", "cloud_event", "payload"],
        "what is read and written describes itself; nobody else does it for it",
    ),
    Fence("uuid", &["event"], "an event's name is made in one place"),
];

/// Outside crates that any module may use: they hold values, do no I/O and do not wait.
const OPEN: &[&str] = &["bytes", "jiff", "serde", "serde_json", "thiserror", "tracing", "url"];

/// Uses in `text`, the file `path` below `src`, of what is fenced off from its module.
pub(crate) fn problems(path: &str, text: &str) -> Vec<String> {
    let module = module_of(path);
    let top = module.first().copied().unwrap_or("lib");
    let mut problems = Vec::new();
    for used in paths(text, &module) {
        let name = used.segments.join("::");
        for Fence(fenced, allowed, why) in FENCES {
            let hit = name.strip_prefix(fenced).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
            if hit && !allowed.contains(&top) {
                let line = used.line;
                problems.push(format!("src/{path}:{line}: {top} may not use {fenced} (allowed: {allowed:?}): {why}"));
            }
        }
    }
    problems
}

/// Dependencies in the manifest that are neither fenced nor open, and fences around what is no dependency.
pub(crate) fn misplaced_dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let names = section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.replace('-', "_"));
    // The package md-5 calls its library md5.
    let names: Vec<String> = names.map(|name| if name == "md_5" { "md5".to_owned() } else { name }).collect();
    let fenced = || FENCES.iter().map(|Fence(path, ..)| path.split("::").next().unwrap_or_default());
    let placed = |name: &str| fenced().chain(OPEN.iter().copied()).any(|crate_name| crate_name == name);
    let there = |name: &str| name == "std" || names.iter().any(|crate_name| crate_name == name);
    let unplaced = names.iter().filter(|name| !placed(name));
    let gone = fenced().chain(OPEN.iter().copied()).filter(|name| !there(name));
    let unplaced =
        unplaced.map(|name| format!("Cargo.toml: {name} is new; fence it or call it open in tests/tidy/fences.rs"));
    unplaced.chain(gone.map(|name| format!("tests/tidy/fences.rs: {name} is no dependency any more"))).collect()
}

/// Status codes named where no sender's answer may be chosen: only `edge/reply.rs` does that. The admin listener has
/// answers of its own, and handlers read those of their targets.
pub(crate) fn status_codes(path: &str, text: &str) -> Vec<String> {
    let own = path == "edge/reply.rs" || matches!(module_of(path).first(), Some(&("admin" | "handlers")));
    if own {
        return Vec::new();
    }
    let named = tokens(text).into_iter().filter(|token| token.is("StatusCode"));
    named.map(|token| format!("src/{path}:{}: only edge/reply.rs names a status for senders", token.line)).collect()
}

#[test]
fn a_crate_over_its_fence_is_found_however_it_is_written() {
    for text in ["use axum::Router;", "use {axum as web};", "fn f() { axum::serve() }", "fn f(_: &axum::Router) {}"] {
        let found = problems("edge/door.rs", text);
        assert!(found.len() == 1 && found[0].starts_with("src/edge/door.rs:1: edge may not use axum"), "{found:?}");
        assert_eq!(problems("admin/mod.rs", text), [""; 0]);
    }
    assert_eq!(problems("intake.rs", "use tokio::{sync::Notify, net::{TcpStream}};").len(), 3, "twice tokio, once net");
    assert_eq!(problems("intake.rs", "use ::http::HeaderMap;").len(), 1);
    assert_eq!(problems("lib.rs", "use std::env;").len(), 1);
}

#[test]
fn what_only_looks_like_a_fenced_crate_passes() {
    let text =
        "// use axum::Router;\nuse crate::hyper::X; use hyperion::Y; use std::envelope; const A: &str = \"axum::B\";";
    assert_eq!(problems("intake.rs", text), [""; 0]);
}

#[test]
fn a_new_dependency_and_a_gone_one_are_found() {
    let manifest =
        |dependencies: &str| format!("[package]\n\n[dependencies]\n{dependencies}\n[dev-dependencies]\nx = \"1\"\n");
    let mut all: Vec<_> = FENCES.iter().map(|Fence(path, ..)| path.split("::").next().unwrap_or_default()).collect();
    all.extend(OPEN);
    let mut all: String =
        all.into_iter().filter(|name| *name != "std").map(|name| format!("{name} = \"1\"\n")).collect();
    assert_eq!(misplaced_dependencies(&manifest(&all)), [""; 0]);
    all.push_str("left-pad = { version = \"1\" }\n");
    assert_eq!(misplaced_dependencies(&manifest(&all)).len(), 1);
    assert_eq!(misplaced_dependencies(&manifest(&all.replace("\nurl =", "\nleft_pad ="))).len(), 3);
}

#[test]
fn a_status_named_elsewhere_is_found() {
    let text = "use http::StatusCode;";
    assert_eq!(status_codes("edge/door.rs", text).len(), 1);
    assert_eq!(status_codes("intake.rs", "fn f() -> u16 { http::StatusCode::OK.as_u16() }").len(), 1);
    assert_eq!(status_codes("edge/reply.rs", text), [""; 0]);
    assert_eq!(status_codes("edge/door.rs", "// StatusCode"), [""; 0]);
}
