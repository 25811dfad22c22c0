//! The house's rules, held: who may use whom, how files look, and that the papers say what the code does.
//!
//! Each rule is a function over the text of a file, with a test beside it that sees it fail. Here they meet the project.

#[path = "tidy/examples.rs"]
mod examples;
#[path = "tidy/fences.rs"]
mod fences;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/habits.rs"]
mod habits;
#[path = "tidy/papers.rs"]
mod papers;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tree.rs"]
mod tree;

use tree::{entries_of_src, files, read, root, rust_files};

/// Fails with every problem at once.
#[track_caller]
fn none(problems: impl IntoIterator<Item = String>) {
    let problems: Vec<_> = problems.into_iter().collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// What `check` says about each file of src, whose paths it gets without `src/`.
fn in_src(check: fn(&str, &str) -> Vec<String>) -> Vec<String> {
    let files = rust_files(&["src"]);
    files.iter().flat_map(|(path, text)| check(path.trim_start_matches("src/"), text)).collect()
}

fn in_files(files: &[(String, String)], check: impl Fn(&str, &str) -> Vec<String>) -> Vec<String> {
    files.iter().flat_map(|(path, text)| check(path, text)).collect()
}

#[test]
fn modules_use_only_what_stands_below_them() {
    none(in_src(floors::problems));
}

#[test]
fn every_module_stands_on_a_floor() {
    let name = |entry: &String| entry.trim_end_matches('/').trim_end_matches(".rs").to_owned();
    let mut modules: Vec<_> = entries_of_src().iter().map(name).collect();
    modules.dedup();
    none(floors::missing_or_gone(&modules));
}

#[test]
fn the_architecture_page_has_the_same_floors() {
    none(floors::not_as_written(&read("ARCHITECTURE.md")));
}

#[test]
fn outside_crates_stay_behind_their_fences() {
    none(in_src(fences::problems));
    none(fences::misplaced_dependencies(&read("Cargo.toml")));
}

#[test]
fn one_file_chooses_statuses_for_senders() {
    none(in_src(fences::status_codes));
}

#[test]
fn every_file_says_what_it_is_for_and_is_short() {
    let files = rust_files(&["src", "tests", "benches"]);
    none(in_files(&files, habits::head));
    none(in_files(&files, habits::length));
}

#[test]
fn tests_wait_for_conditions() {
    none(in_files(&rust_files(&["tests"]), habits::sleeps));
}

#[test]
fn nothing_is_left_unfinished() {
    none(in_files(&rust_files(&["src", "tests", "benches"]), habits::unfinished));
    none(in_files(&files(), habits::loose_ends));
}

#[test]
fn what_ships_is_what_is_tested() {
    none(in_files(&rust_files(&["src"]), habits::test_only_code));
}

#[test]
fn one_file_prints() {
    none(in_files(&rust_files(&["src"]), habits::prints));
}

#[test]
fn main_only_begins() {
    let lines = read("src/main.rs").lines().count();
    assert!(lines <= 40, "src/main.rs has {lines} lines; the most is 40");
}

#[test]
fn what_users_of_the_library_can_reach_has_an_example() {
    none(examples::missing(&rust_files(&["src"])));
}

#[test]
fn the_readme_maps_what_is_there() {
    none(papers::map_differs(&read("README.md"), &entries_of_src()));
}

#[test]
fn the_image_and_the_health_command_ask_the_default_port() {
    let defaults = read("config/default.toml");
    let port = |section| papers::default_port(&defaults, section).expect("a port to listen on by default");
    let (public, admin) = (port("server"), port("admin"));
    let health = format!("default_value = \"http://127.0.0.1:{public}\"");
    assert!(read("src/cli/health.rs").contains(&health), "src/cli/health.rs has no {health}");
    if root().join("Dockerfile").exists() {
        none(papers::wrong_ports(&read("Dockerfile"), public, admin));
    }
}

#[test]
fn the_image_is_built_with_all_that_the_source_reads() {
    if root().join(".dockerignore").exists() {
        let ignored = read(".dockerignore");
        none(in_files(&rust_files(&["src"]), |path, text| papers::missed_by_the_image(path, text, &ignored)));
    }
}

#[test]
fn nothing_speaks_of_what_only_its_authors_have() {
    none(in_files(&files(), papers::outside_mentions));
}
