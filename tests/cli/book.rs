//! The book under docs/: its commands are run, its configurations checked, its links followed, and both of its languages
//! and the pages that are made from the program are held to be current.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::run;
use crate::{pages, tour};

const LANGUAGES: [&str; 2] = ["en", "zh"];

/// Pages that are made from the program; what they show is tested elsewhere.
const MADE: [&str; 2] = ["commands.md", "configuration.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages of a language, by name.
fn book(language: &str) -> BTreeMap<String, String> {
    let directory = root().join("docs/src").join(language);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    paths.map(|path| (name(&path), read(&path))).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every page of both languages that people wrote, with its place in the book.
pub(crate) fn written() -> Vec<(String, String)> {
    let pages = |language: &'static str| {
        let pages = book(language).into_iter().filter(|(name, _)| !MADE.contains(&&**name));
        pages.map(move |(name, text)| (format!("{language}/{name}"), text))
    };
    LANGUAGES.into_iter().flat_map(pages).collect()
}

#[test]
fn the_book_shows_what_the_programs_print() {
    let (mut pages, mut commands) = (0, 0);
    for (_, page) in written().iter().filter(|(_, page)| page.contains("```console")) {
        let directory = tempfile::tempdir().expect("a directory");
        commands += tour::walk(&tour::steps(page), directory.path());
        pages += 1;
    }
    assert!(pages >= 8 && commands >= 20, "the book has become short: {commands} commands on {pages} pages");
}

#[test]
fn the_book_shows_configurations_that_can_be_served() {
    let mut count = 0;
    for (name, page) in written() {
        for block in pages::blocks(&page).iter().filter(|block| block.language == "toml") {
            let directory = tempfile::tempdir().expect("a directory");
            let secrets = directory.path().join("secrets");
            fs::create_dir(&secrets).expect("a directory");
            for secret in block.text.split("file = \"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let file = directory.path().join(secret.replace("/run/secrets", "secrets"));
                fs::write(&file, format!("made-up-{secret}"))
                    .unwrap_or_else(|error| panic!("{name}: {secret}: {error}"));
            }
            let app = "[[apps]]\napp_key = \"c2a1f0d94b7e4c5f8e21a6b3d9075e44\"\nsecrets = [\"made-up\"]\n\n";
            let app = if block.text.contains("[[apps]]") { "" } else { app };
            let text = format!("{app}{}", block.text).replace("/run/secrets", &secrets.display().to_string());
            fs::write(directory.path().join("offhook.toml"), text).expect("a file");
            let variables = block.text.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next());
            let variables: String = variables.map(|name| format!("{name}=made-up-{name} ")).collect();
            let (printed, status) = run(&format!("{variables}offhook check --config offhook.toml"), directory.path());
            assert!(status.success(), "{name}:\n{}\n{}", block.text, printed.join("\n"));
            count += 1;
        }
    }
    assert!(count >= 4, "the book shows {count} configurations");
}

/// What the page of recipes shows is what stands in `config/`, where the tests of rules take it from.
#[test]
fn the_recipes_are_those_that_are_tested() {
    let entries = fs::read_dir(root().join("config")).expect("configurations").flatten().map(|entry| entry.path());
    let recipes: Vec<_> = entries.filter(|path| path.to_string_lossy().contains("/recipe-")).collect();
    let texts: Vec<_> = recipes.iter().map(|path| read(path).replace("config/blocked.txt", "blocked.txt")).collect();
    for language in LANGUAGES {
        let blocks = pages::blocks(&book(language)["recipes.md"]);
        assert_eq!(blocks.len(), recipes.len(), "{language}: a block for each of {recipes:?}");
        for block in &blocks {
            // A section stands before the app or behind it.
            let parts: Vec<_> = block.text.split("\n\n").map(str::trim_end).collect();
            let is_shown = |text: &String| parts.iter().all(|part| text.contains(part));
            assert!(texts.iter().any(is_shown), "{language}/recipes.md: no recipe in config/ has\n{}", block.text);
        }
    }
}

/// A block of Rust is a piece of an example in `examples/`, which is compiled with the tests.
#[test]
fn the_book_shows_rust_that_compiles() {
    let examples: Vec<String> = fs::read_dir(root().join("examples"))
        .expect("examples")
        .map(|file| read(&file.expect("a file").path()))
        .collect();
    let mut count = 0;
    for (name, page) in written() {
        for block in pages::blocks(&page).iter().filter(|block| block.language == "rust") {
            let shown = block.text.trim_end();
            assert!(examples.iter().any(|example| example.contains(shown)), "{name}: no example has\n{shown}");
            count += 1;
        }
    }
    assert!(count >= 8, "the book shows {count} pieces of Rust");
}

#[test]
fn both_languages_have_the_same_pages_with_the_same_blocks() {
    let [english, chinese] = LANGUAGES.map(book);
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&english), names(&chinese));
    let summary = read(&root().join("docs/src/SUMMARY.md"));
    for (name, page) in &english {
        let other = &chinese[name];
        for (language, page) in LANGUAGES.into_iter().zip([page, other]) {
            assert_eq!(summary.matches(&format!("({language}/{name})")).count(), 1, "SUMMARY.md: {language}/{name}");
            assert!(page.starts_with("# ") && page.chars().count() > 300, "{language}/{name} says next to nothing");
        }
        assert_eq!(pages::blocks(page), pages::blocks(other), "the blocks of {name}");
        let levels = |page: &str| pages::headings(page).iter().map(|(level, _)| *level).collect::<Vec<_>>();
        assert_eq!(levels(page), levels(other), "the headings of {name}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut papers: Vec<PathBuf> =
        ["README.md", "README.zh-CN.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
            .map(|name| root().join(name))
            .to_vec();
    papers.extend(["benches/README.md", "docs/src/README.md", "docs/src/SUMMARY.md"].map(|name| root().join(name)));
    for language in LANGUAGES {
        papers.extend(book(language).keys().map(|name| root().join("docs/src").join(language).join(name)));
    }
    let mut dead = Vec::new();
    for paper in &papers {
        let text = read(paper);
        for link in pages::links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { paper.clone() } else { paper.parent().expect("a folder").join(path) };
            let leaves_the_book = paper.starts_with(root().join("docs/src"))
                && !fs::canonicalize(&target).is_ok_and(|path| path.starts_with(root().join("docs/src")));
            let has_anchor = || pages::headings(&read(&target)).iter().any(|(_, title)| pages::anchor(title) == anchor);
            if !target.exists() || leaves_the_book || (!anchor.is_empty() && !has_anchor()) {
                dead.push(format!("{}: {link}", paper.strip_prefix(root()).expect("ours").display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn every_refusal_has_its_cure_in_both_languages() {
    let source = read(&root().join("src/refusal.rs"));
    let codes: Vec<_> =
        source.lines().filter_map(|line| line.trim().split_once("=> \"")?.1.split('"').next()).collect();
    assert!(codes.len() >= 13, "{codes:?}");
    for language in LANGUAGES {
        let page = &book(language)["refused.md"];
        for code in &codes {
            assert!(page.contains(&format!("\n### `{code}`\n\n")), "{language}/refused.md does not tell about {code}");
        }
    }
}

#[test]
fn every_metric_that_is_named_is_there_and_every_one_is_told_about() {
    let source = read(&root().join("src/metrics.rs"));
    let registered = source.split(".register").skip(1).filter_map(|call| call.split(';').next());
    let there: BTreeSet<String> = registered
        .filter_map(|call| {
            let units = [("Unit::Seconds", "_seconds"), ("Unit::Bytes", "_bytes")];
            let unit = units.iter().find(|(unit, _)| call.contains(unit)).map_or("", |(_, ending)| ending);
            Some(format!("offhook_{}{unit}", call.split('"').nth(1)?))
        })
        .collect();
    assert!(there.len() >= 15, "{there:?}");
    for (name, page) in written() {
        for (at, _) in page.match_indices("offhook_") {
            let word = page[at..].split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap_or_default();
            let word = word.trim_end_matches("_total").trim_end_matches("_info");
            assert!(there.contains(word), "{name}: there is no metric {word}");
        }
    }
    for language in LANGUAGES {
        let page = &book(language)["operate.md"];
        for metric in &there {
            let is_told = ["`", "_total`", "_info`"].iter().any(|end| page.contains(&format!("\n| `{metric}{end} | ")));
            assert!(is_told, "{language}/operate.md does not tell about {metric}");
        }
    }
}

#[test]
fn the_pages_that_are_made_from_the_program_are_current() {
    let directory = tempfile::tempdir().expect("a directory");
    let help = |command: &str| {
        let (printed, status) = run(&format!("COLUMNS=100 {command} --help"), directory.path());
        assert!(status.success(), "{command} --help");
        printed
    };
    let commands = pages::commands("offhook", &help);
    let defaults = pages::sections(offhook::config::DEFAULT_TOML);
    let bless = std::env::var_os("BLESS").is_some();
    let mut stale = Vec::new();
    for (language, commands_head, configuration_head) in [
        ("en", include_str!("../../docs/heads/commands.en.md"), include_str!("../../docs/heads/configuration.en.md")),
        ("zh", include_str!("../../docs/heads/commands.zh.md"), include_str!("../../docs/heads/configuration.zh.md")),
    ] {
        let made = [format!("{commands_head}\n{commands}"), format!("{configuration_head}\n{defaults}")];
        for (name, made) in MADE.into_iter().zip(made) {
            let path = root().join("docs/src").join(language).join(name);
            if bless {
                fs::write(&path, &made).expect("a file that can be written");
            }
            if fs::read_to_string(&path).ok().as_ref() != Some(&made) {
                stale.push(format!("docs/src/{language}/{name}"));
            }
        }
    }
    assert!(
        stale.is_empty(),
        "not current: {}; run `just bless`: BLESS=1 cargo test --test cli made_from",
        stale.join(", ")
    );
}
