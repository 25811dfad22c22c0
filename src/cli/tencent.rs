//! Which app of Tencent's a command speaks for: flags, a configuration, else the published test app of `dev --tencent`.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::Value;

use super::{Exit, WrongUse, output, secret_in};
use crate::clock::Clock;
use crate::config::{self, Sources};
use crate::tencent::ingest::{self, Site};
use crate::tencent::tc3::Credentials;
use crate::tencent::{
    Account, Host, Outgoing, Patience, Region, RequestError, RoomId, RoomReading, UserId, UserSigKey,
};

/// The app, and its call engine.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct AppArgs {
    /// Take what is not given here from this configuration
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The app's number [default: the configuration's, or the test app of `dev --tencent`]
    #[arg(long, value_name = "NUMBER")]
    sdk_app_id: Option<u32>,
    /// The app's SDKSecretKey; visible to other users of this machine, so prefer a file or a configuration
    #[arg(long, value_name = "KEY", conflicts_with = "secret_key_file")]
    secret_key: Option<String>,
    /// A file that holds the app's SDKSecretKey
    #[arg(long, value_name = "FILE")]
    secret_key_file: Option<PathBuf>,
}

/// Where the app's call engine answers.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct EngineArgs {
    /// An administrator of the app [default: administrator]
    #[arg(long, value_name = "USER")]
    admin: Option<String>,
    /// The app's region: china, singapore, seoul, frankfurt, silicon-valley, jakarta, tokyo
    #[arg(long, value_name = "REGION", value_parser = region, conflicts_with = "host")]
    region: Option<Region>,
    /// Another host: https, or plain http on loopback
    #[arg(long, value_name = "URL", value_parser = host)]
    pub(super) host: Option<Host>,
}

/// The Cloud API. Its flags are short in `ingest`, where no others compete.
#[derive(Debug, Clone, Default)]
pub(super) struct Cloud {
    pub(super) secret_id: Option<String>,
    pub(super) secret_key: Option<String>,
    pub(super) secret_key_file: Option<PathBuf>,
    pub(super) region: Option<String>,
    pub(super) host: Option<Host>,
    pub(super) site: Option<Site>,
    pub(super) room_id_type: Option<RoomReading>,
}

/// Which room.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RoomArgs {
    /// A room with a name; take one with a letter in it
    #[arg(long, value_name = "TEXT", conflicts_with = "room_number")]
    room: Option<String>,
    /// A room with a number
    #[arg(long, value_name = "N")]
    room_number: Option<u64>,
}

impl AppArgs {
    /// The account that is meant; `engine` says where its call engine is.
    pub(super) fn account(&self, engine: Option<&EngineArgs>) -> anyhow::Result<Account> {
        let configured = config::load_account(&Sources::of_process(self.config.clone()), &Clock::system())?;
        if let (Some(file), None, None) = (&self.config, &configured, self.sdk_app_id) {
            let what = format!("{} has no [tencent] with a secret_key, and --sdk-app-id is not given", file.display());
            return Err(WrongUse(what).into());
        }
        let given_host = engine.and_then(|engine| engine.host.clone().or(engine.region.map(Host::from)));
        let key = self.key()?;
        let mut account = match (self.sdk_app_id, key, configured) {
            (Some(app), Some(key), configured) => {
                let host = configured.as_ref().and_then(|configured| configured.host.clone());
                let ingest = configured.and_then(|configured| configured.ingest);
                Account { key: UserSigKey::new(app, key), admin: UserId::administrator(), host, ingest }
            }
            (None, None, Some(configured)) => configured,
            (None, None, None) => {
                let dev = Account::of_dev();
                if given_host.as_ref().is_some_and(|host| !host.is_loopback()) {
                    let what =
                        "give --sdk-app-id and --secret-key-file, or --config: Tencent does not know the test app";
                    return Err(WrongUse(what.to_owned()).into());
                }
                dev
            }
            (None, Some(key), Some(configured)) => {
                Account { key: UserSigKey::new(configured.key.sdk_app_id(), key), ..configured }
            }
            (Some(app), None, Some(configured)) if configured.key.sdk_app_id() == app => configured,
            (None, Some(_), None) => return Err(WrongUse("a key without --sdk-app-id".to_owned()).into()),
            (Some(_), None, _) => {
                return Err(WrongUse("--sdk-app-id without --secret-key or --secret-key-file".to_owned()).into());
            }
        };
        if let Some(host) = given_host {
            account.host = Some(host);
        }
        if let Some(admin) = engine.and_then(|engine| engine.admin.as_deref()) {
            account.admin = UserId::parse(admin).map_err(|error| WrongUse(format!("--admin: {error}")))?;
        }
        Ok(account)
    }

    /// The key alone, where one is given or configured.
    pub(super) fn signing_key(&self) -> anyhow::Result<Option<UserSigKey>> {
        let given = self.sdk_app_id.is_some() || self.secret_key.is_some() || self.secret_key_file.is_some();
        if given {
            return self.account(None).map(|account| Some(account.key));
        }
        let configured = config::load_account(&Sources::of_process(self.config.clone()), &Clock::system())?;
        Ok(configured.map(|account| account.key))
    }

    fn key(&self) -> anyhow::Result<Option<String>> {
        secret(self.secret_key.as_ref(), self.secret_key_file.as_ref())
    }
}

impl Cloud {
    /// Puts what was typed over the account's settings.
    pub(super) fn over(&self, account: &mut Account) -> anyhow::Result<()> {
        let typed = secret(self.secret_key.as_ref(), self.secret_key_file.as_ref())?;
        let secret_id = self.secret_id.clone().or_else(|| variable("TENCENTCLOUD_SECRET_ID"));
        let secret_key = typed.or_else(|| variable("TENCENTCLOUD_SECRET_KEY"));
        let pair = match (secret_id, secret_key) {
            (Some(secret_id), Some(secret_key)) => {
                let token = variable("TENCENTCLOUD_TOKEN").map(Into::into);
                Some(Credentials { secret_id, secret_key: secret_key.into(), token })
            }
            (None, None) => None,
            _ if account.ingest.is_some() => None,
            _ => return Err(WrongUse("a SecretId and its SecretKey belong together; one is missing".to_owned()).into()),
        };
        let is_dev = account.ingest.as_ref().is_some_and(|ingest| ingest.endpoint.is_loopback());
        let typed_pair = self.secret_id.is_some() || self.secret_key.is_some() || self.secret_key_file.is_some();
        match (&mut account.ingest, pair) {
            // What stands in the environment for Tencent is nothing for the stand-in of `dev`.
            (Some(ingest), Some(pair)) if typed_pair || !is_dev => ingest.credentials = pair,
            (Some(_), _) | (None, None) => {}
            (None, Some(credentials)) => {
                let site = self.site.unwrap_or(Site::International);
                let (endpoint, region) = (site.endpoint(), site.usual_region().to_owned());
                let patience = Patience::default();
                account.ingest =
                    Some(ingest::Settings { credentials, site, endpoint, region, room_reading: None, patience });
            }
        }
        let Some(ingest) = &mut account.ingest else { return Ok(()) };
        if let Some(site) = self.site {
            (ingest.site, ingest.endpoint) = (site, site.endpoint());
            ingest.region = site.usual_region().to_owned();
        }
        if let Some(host) = &self.host {
            ingest.endpoint = host.clone();
        }
        if let Some(region) = &self.region {
            ingest.region.clone_from(region);
        }
        ingest.room_reading = self.room_id_type.or(ingest.room_reading);
        Ok(())
    }
}

impl RoomArgs {
    /// The room that is meant, if any.
    pub(super) fn room(&self) -> Result<Option<RoomId>, WrongUse> {
        let room = match (&self.room, self.room_number) {
            (Some(text), _) => RoomId::text(text.as_str()),
            (None, Some(number)) => RoomId::number(number),
            (None, None) => return Ok(None),
        };
        room.map(Some).map_err(|error| WrongUse(error.to_string()))
    }
}

/// Prints a request instead of sending it.
pub(super) fn show(outgoing: &Outgoing, json: bool) -> anyhow::Result<Exit> {
    if json {
        output::data(outgoing.masked())?;
    } else {
        output::data(outgoing)?;
    }
    Ok(Exit::Yes)
}

/// What Tencent said, or the exit code for a request that made no sense.
pub(super) fn answered<T>(answer: Result<T, RequestError>) -> anyhow::Result<T> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(error @ RequestError::Invalid(_)) => Err(WrongUse(error.to_string()).into()),
        Err(error) => Err(error.into()),
    }
}

/// A reply as one line of JSON, or what is said of it in words.
pub(super) fn tell(json: bool, reply: &impl serde::Serialize, words: impl FnOnce() -> String) -> anyhow::Result<()> {
    if json {
        let value: Value = serde_json::to_value(reply).context("a reply that is no JSON")?;
        output::data(value)?;
    } else {
        output::data(words().trim_end())?;
    }
    Ok(())
}

pub(super) fn warn(warnings: &[String]) {
    for warning in warnings {
        output::talk(format_args!("warning: {warning}"));
    }
}

pub(super) fn region(word: &str) -> Result<Region, String> {
    let names = || Region::WORDS.map(|(name, _)| name).join(", ");
    Region::named(word).ok_or_else(|| format!("no such region; there are {}, or give --host", names()))
}

pub(super) fn host(text: &str) -> Result<Host, String> {
    Host::parse(text).map_err(|error| error.to_string())
}

pub(super) fn site(word: &str) -> Result<Site, String> {
    named(word, &Site::WORDS)
}

pub(super) fn room_id_type(word: &str) -> Result<RoomReading, String> {
    named(word, &RoomReading::WORDS)
}

fn named<T: Copy>(word: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(name, _)| *name == word).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| words.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(" or "))
}

fn secret(typed: Option<&String>, file: Option<&PathBuf>) -> anyhow::Result<Option<String>> {
    match (typed, file) {
        (Some(secret), _) => Ok(Some(secret.clone())),
        (None, Some(file)) => Ok(Some(secret_in(file)?)),
        (None, None) => Ok(None),
    }
}

#[expect(clippy::disallowed_methods, reason = "a command may read its environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
