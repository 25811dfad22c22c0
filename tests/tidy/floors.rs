//! Floors: which module of the crate may use which. The table stands in ARCHITECTURE.md too, and both are held to be equal.

use crate::source::paths;
use crate::tree::module_of;

/// One module on its floor, and what it may use from this crate.
pub(crate) type Floor = (&'static str, &'static [&'static str]);

/// Stands for every module of the lowest floor.
const GROUND: &str = "ground";

/// From the ground up: a module may only name modules that stand above its own line here.
pub(crate) const FLOORS: &[Floor] = &[
    // ground: values; no I/O, and but for `budget` nothing that waits
    ("kind", &[]),
    ("lenient", &[]),
    ("verdict", &[]),
    ("event", &["kind", "lenient", "verdict"]),
    ("cloud_event", &["event"]),
    ("refusal", &[]),
    ("budget", &[]),
    ("clock", &[]),
    ("secret", &[]),
    ("metrics", &[]),
    ("seen", &["kind", "event"]),
    ("sparing", &[]),
    // first floor: what is outside: a sender's protocol, the disk, the log
    ("yunxin", &[GROUND]),
    ("tencent", &[GROUND]),
    ("nats", &[GROUND]),
    ("journal", &[GROUND, "nats"]),
    ("program", &[GROUND]),
    ("telemetry", &[]),
    ("payload", &[GROUND, "yunxin", "tencent"]),
    // second floor: one step of the road each
    ("family", &[GROUND, "yunxin", "tencent"]),
    ("decide", &[GROUND, "program", "payload"]),
    ("deliver", &[GROUND, "journal", "payload"]),
    // third floor: the road, and the ends it leads to
    ("intake", &[GROUND, "family", "decide", "journal"]),
    ("feedback", &[GROUND, "yunxin", "journal"]),
    ("handlers", &[GROUND, "tencent", "journal", "nats", "program", "deliver"]),
    // fourth floor: what listens
    ("edge", &[GROUND, "family", "decide", "intake"]),
    ("admin", &[GROUND, "yunxin", "journal", "deliver", "edge"]),
    // fifth floor: fills the settings of their owners, and is known to nobody below
    (
        "config",
        &[
            GROUND,
            "yunxin",
            "tencent",
            "journal",
            "nats",
            "telemetry",
            "decide",
            "deliver",
            "handlers",
            "edge",
            "admin",
        ],
    ),
    // roof: puts it together
    (
        "receiver",
        &[
            GROUND, "yunxin", "tencent", "journal", "payload", "family", "decide", "deliver", "feedback", "intake",
            "edge",
        ],
    ),
    ("verified", &[GROUND, "yunxin", "payload", "decide", "edge"]),
    ("app", &["edge", "admin", "receiver"]),
    (
        "cli",
        &[
            GROUND,
            "yunxin",
            "tencent",
            "journal",
            "telemetry",
            "payload",
            "decide",
            "deliver",
            "handlers",
            "admin",
            "config",
            "receiver",
            "app",
        ],
    ),
    ("main", &["cli"]),
];

/// The modules that [`GROUND`] stands for.
const GROUND_FLOOR: &[&str] = &[
    "kind",
    "lenient",
    "verdict",
    "event",
    "cloud_event",
    "refusal",
    "budget",
    "clock",
    "secret",
    "metrics",
    "seen",
    "sparing",
];

/// Uses in `text`, the file `path` below `src`, of modules that are not below its own.
pub(crate) fn problems(path: &str, text: &str) -> Vec<String> {
    let module = module_of(path);
    let Some(top) = module.first().copied() else { return Vec::new() }; // lib.rs declares them all
    let Some((_, listed)) = FLOORS.iter().find(|(name, _)| *name == top) else {
        return vec![format!("src/{path}: {top} stands on no floor; give it a row in FLOORS, tests/tidy/floors.rs")];
    };
    let allowed = expanded(listed);
    let mut problems = Vec::new();
    for path_used in paths(text, &module) {
        let own_crate = if top == "main" { "offhook" } else { "crate" };
        let [root, used, ..] = &path_used.segments[..] else { continue };
        if root != own_crate || used == top || allowed.contains(&&**used) {
            continue;
        }
        let known = FLOORS.iter().any(|(name, _)| name == used);
        let hint = if known { "" } else { ", which is no module: name the one it stands in" };
        let line = path_used.line;
        problems.push(format!("src/{path}:{line}: {top} may not use {used}{hint} (allowed: {allowed:?})"));
    }
    problems
}

fn expanded(listed: &[&'static str]) -> Vec<&'static str> {
    listed
        .iter()
        .flat_map(|name| if *name == GROUND { GROUND_FLOOR } else { std::slice::from_ref(name) })
        .copied()
        .collect()
}

/// Differences between [`FLOORS`] and the modules that are there.
pub(crate) fn missing_or_gone(modules: &[String]) -> Vec<String> {
    let rows = FLOORS.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
    let missing = modules.iter().filter(|name| !rows.contains(name) && *name != "lib");
    let gone = rows.iter().filter(|name| !modules.contains(name));
    missing.map(|name| format!("{name} stands on no floor")).chain(gone.map(|name| format!("{name} is gone"))).collect()
}

/// Rows of the table in ARCHITECTURE.md that are not rows of [`FLOORS`], and the other way round.
pub(crate) fn not_as_written(architecture: &str) -> Vec<String> {
    let written: Vec<String> = architecture.lines().filter_map(row).collect();
    let rows: Vec<String> = FLOORS.iter().map(|(name, uses)| format!("{name} › {}", uses.join(" "))).collect();
    let only_there = written.iter().filter(|row| !rows.contains(row));
    let only_here = rows.iter().filter(|row| !written.contains(row));
    let there = only_there.map(|row| format!("ARCHITECTURE.md says `{row}`, FLOORS does not"));
    there.chain(only_here.map(|row| format!("FLOORS says `{row}`, ARCHITECTURE.md does not"))).collect()
}

/// ``| `edge` | ground family … | what it is |`` as `edge › ground family …`.
fn row(line: &str) -> Option<String> {
    let mut cells = line.strip_prefix("| `")?.split(" | ");
    let name = cells.next()?.strip_suffix('`')?;
    let uses = cells.next().filter(|_| cells.next().is_some())?;
    Some(format!("{name} › {}", if uses == "–" { "" } else { uses }))
}

#[test]
fn an_import_from_above_is_found_with_its_line() {
    let text = "//! A handler.\n\nuse crate::edge::Reply;\n";
    let found = problems("handlers/log.rs", text);
    assert!(found[0].starts_with("src/handlers/log.rs:3: handlers may not use edge (allowed: ["), "{found:?}");
}

#[test]
fn no_way_of_writing_an_import_hides_it() {
    for text in [
        "use crate::{event::Event, edge::{Reply}};",
        "use crate::{\n    event::Event,\n    edge,\n};",
        "fn f() { crate::edge::serve() }",
        "fn f(_: Vec<crate::edge::Reply>) {}",
        "use super::super::super::edge;",
        "mod tests { use crate::edge; }",
        "use crate::Verdict;",
        "use crate::*;",
    ] {
        assert_eq!(problems("handlers/http/reply.rs", text).len(), 1, "{text}");
    }
    assert_eq!(problems("main.rs", "fn main() { offhook::config::load() }").len(), 1);
}

#[test]
fn what_stands_below_what_is_ones_own_and_what_is_only_said_passes() {
    let text = "//! Not `crate::edge::Reply`.
        use crate::event::{Event, EventId}; use crate::handlers::Log; use super::super::deliver::Handler;
        pub(crate) const A: &str = \"use crate::edge;\"; /* crate::edge::b */ use http::crate_edge;
        mod tests { use super::*; }";
    assert_eq!(problems("handlers/http/mod.rs", text), [""; 0]);
    assert_eq!(problems("main.rs", "fn main() { offhook::cli::main() }"), [""; 0]);
}

#[test]
fn floors_point_down_only() {
    for (place, (module, uses)) in FLOORS.iter().enumerate() {
        let below = |name: &str| FLOORS[..place].iter().any(|(lower, _)| *lower == name);
        let above: Vec<_> = expanded(uses).into_iter().filter(|name| !below(name)).collect();
        assert!(above.is_empty(), "{module} may use {above:?}, which do not stand below it");
    }
}

#[test]
fn a_module_without_a_floor_and_a_floor_without_a_module_are_found() {
    assert_eq!(problems("attic/box.rs", "").len(), 1);
    let mut modules: Vec<_> = FLOORS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(missing_or_gone(&modules), [""; 0]);
    modules[0] = "attic".to_owned();
    assert_eq!(missing_or_gone(&modules), ["attic stands on no floor", "kind is gone"]);
}

#[test]
fn a_table_that_says_something_else_is_found() {
    let mut table: String =
        FLOORS.iter().map(|(name, uses)| format!("| `{name}` | {} | words |\n", uses.join(" "))).collect();
    assert_eq!(not_as_written(&table), [""; 0]);
    table = table.replace("| `app` | edge admin receiver |", "| `app` | edge admin |");
    assert_eq!(not_as_written(&table).len(), 2);
}
