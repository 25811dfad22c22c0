//! Whose key and secret `send` and `verify` use: flags, the environment, a configuration, else the test app of `dev`.

use std::path::{Path, PathBuf};

use super::{WrongUse, secret_in};
use crate::clock::Clock;
use crate::config::{self, Config, DEV_APP_KEY, DEV_APP_SECRET, Faults, Sources};
use crate::yunxin::{App, Apps};

#[derive(Debug, clap::Args)]
pub(super) struct AppArgs {
    /// The app's key [default: OFFHOOK_APP_KEY, the configuration, or the test app of `dev`]
    #[arg(long, value_name = "KEY")]
    app_key: Option<String>,
    /// The app's secret; visible to other users of this machine, so prefer a file or OFFHOOK_APP_SECRET
    #[arg(long, value_name = "SECRET", conflicts_with = "app_secret_file")]
    app_secret: Option<String>,
    /// A file that holds the app's secret
    #[arg(long, value_name = "FILE")]
    app_secret_file: Option<PathBuf>,
    /// Take the app from this configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl AppArgs {
    /// The apps that are meant.
    pub(super) fn apps(&self) -> anyhow::Result<Apps> {
        let secret = match (&self.app_secret, &self.app_secret_file) {
            (Some(secret), _) => Some(secret.clone()),
            (None, Some(file)) => Some(secret_in(file)?),
            (None, None) => None,
        };
        if let (Some(app_key), None, Some(file)) = (&self.app_key, &secret, &self.config) {
            let apps = read(file)?.apps;
            let Some(app) = apps.get(app_key) else {
                return Err(WrongUse(format!("--app-key {app_key}: {} has no such app", file.display())).into());
            };
            return Ok([app.clone()].into_iter().collect());
        }
        if self.app_key.is_some() || secret.is_some() {
            let app_key = self.app_key.clone().or_else(|| variable("OFFHOOK_APP_KEY"));
            let secret = secret.or_else(|| variable("OFFHOOK_APP_SECRET"));
            return match (app_key, secret) {
                (Some(app_key), Some(secret)) => Ok([App::new(app_key, secret)].into_iter().collect()),
                (None, _) => Err(WrongUse("a secret without --app-key".to_owned()).into()),
                (_, None) => Err(WrongUse("--app-key without --app-secret or --app-secret-file".to_owned()).into()),
            };
        }
        if let (Some(app_key), Some(secret)) = (variable("OFFHOOK_APP_KEY"), variable("OFFHOOK_APP_SECRET")) {
            return Ok([App::new(app_key, secret)].into_iter().collect());
        }
        if let Some(file) = &self.config {
            return Ok(read(file)?.apps);
        }
        Ok([App::new(DEV_APP_KEY, DEV_APP_SECRET)].into_iter().collect())
    }

    /// The configuration that was named, and its file.
    pub(super) fn configuration(&self) -> anyhow::Result<Option<(&Path, Config)>> {
        let Some(file) = &self.config else { return Ok(None) };
        Ok(Some((file, read(file)?)))
    }
}

fn read(file: &Path) -> Result<Config, Faults> {
    config::load(&Sources::of_process(Some(file.to_owned())), &Clock::system())
}

#[expect(clippy::disallowed_methods, reason = "a command may read its environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
