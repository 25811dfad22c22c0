//! The configuration: its sources, its faults, its documentation and its print.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

mod callers;
mod documentation;
mod faults;
mod outside;
mod secrets;
mod sources;
mod tencent;
mod warnings;

use std::fs;

use offhook::clock::Clock;
use offhook::config::{self, Config, Sources};
use tempfile::TempDir;

/// An app, so that a configuration is complete.
const APP: &str = "[[apps]]\napp_key = \"key-one\"\nsecrets = [\"first-secret\"]\n";

/// Reads `toml` with `variables` as the whole environment at noon of 2026-06-01; the faults as they are shown, with
/// the file called `offhook.toml`.
fn load(toml: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("offhook.toml");
    fs::write(&file, toml).unwrap();
    let sources = Sources::new(Some(file.clone()), owned(variables));
    config::load(&sources, &clock())
        .map_err(|faults| faults.to_string().replace(file.to_str().unwrap(), "offhook.toml"))
}

/// Reads `toml`, which must have faults.
fn faults(toml: &str, variables: &[(&str, &str)]) -> String {
    match load(toml, variables) {
        Ok(config) => panic!("no fault in\n{toml}\nbut\n{config:?}"),
        Err(faults) => faults,
    }
}

fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn clock() -> Clock {
    Clock::fixed("2026-06-01T12:00:00Z".parse().unwrap())
}
