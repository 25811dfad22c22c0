//! `config/default.toml` is the documentation: it names every key that is read and none that is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use offhook::config::{self, DEFAULT_TOML, Sources};
use tempfile::TempDir;

use super::{APP, clock, faults, load};

/// A key that nobody will ever ask for, and that resembles none.
const STRANGER: &str = "qqqqqqqqqqqqqqqq";

/// `default.toml` with its optional keys as if they were not commented out.
fn everything() -> String {
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(key) if !key.starts_with([' ', '#']) => key.to_owned(),
        _ => line.to_owned(),
    };
    DEFAULT_TOML.lines().map(uncommented).collect::<Vec<_>>().join("\n")
}

/// The keys of each section of `everything`, by a name of the section.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    walk("", &toml::Value::Table(everything().parse().unwrap()), &mut sections);
    sections
}

fn walk(path: &str, value: &toml::Value, sections: &mut BTreeMap<String, BTreeSet<String>>) {
    match value {
        toml::Value::Table(table) => {
            let kind = table.get("type").and_then(|kind| kind.as_str()).map(|kind| format!("({kind})"));
            let path = format!("{path}{}", kind.unwrap_or_default());
            sections.entry(path.clone()).or_default().extend(table.keys().cloned());
            table.iter().for_each(|(key, value)| walk(&format!("{path}.{key}"), value, sections));
        }
        toml::Value::Array(items) => items.iter().for_each(|item| walk(path, item, sections)),
        _ => {}
    }
}

/// The keys that are read in the section at `header`, as the hint about an unknown key lists them.
fn read_in(header: &str, before: &str) -> BTreeSet<String> {
    let text = faults(&format!("{before}\n{header}\n{STRANGER} = 1\n"), &[]);
    let (_, hint) =
        text.split_once(&format!("{STRANGER}: known here: ")).unwrap_or_else(|| panic!("no hint in\n{text}"));
    let hint = hint.lines().next().unwrap();
    hint.split(", ").map(|key| key.trim_matches('`').to_owned()).collect()
}

#[test]
fn every_key_that_is_read_is_documented_and_every_documented_key_is_read() {
    let mut read: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let http = "[[handlers]]\ntype = \"http\"\nurl = \"http://target\"";
    let rules = "[[deciders]]\ntype = \"rules\"";
    let rule = "[[deciders]]\ntype = \"rules\"\n[[deciders.rules]]";
    let rows = [
        ("", "", ""),
        (".server", "[server]", APP),
        (".admin", "[admin]", APP),
        (".verdict", "[verdict]", APP),
        (".verdict.kinds.call.*", "[verdict.kinds.\"call.*\"]", APP),
        (".journal", "[journal]", APP),
        (".journal.nats", "[journal]\nurl = \"nats://nats\"\n[journal.nats]", APP),
        (".apps", "", APP),
        (".apps.verdict", "[apps.verdict]", APP),
        (".apps.verdict.kinds.login.*", "[apps.verdict.kinds.\"login.*\"]", APP),
        (".deciders(rules)", rules, APP),
        (".deciders(rules).lists.blocked", "[[deciders]]\ntype = \"rules\"\n[deciders.lists.blocked]", APP),
        (".deciders(rules).rules", rule, APP),
        (".deciders(rules).rules.reject", &format!("{rule}\n[deciders.rules.reject]"), APP),
        (".deciders(rules).rules.allow", &format!("{rule}\n[deciders.rules.allow]"), APP),
        (".deciders(rules).rules.modify", &format!("{rule}\n[deciders.rules.modify]"), APP),
        (".deciders(http)", "[[deciders]]\ntype = \"http\"\nurl = \"http://service\"", APP),
        (".deciders(exec)", "[[deciders]]\ntype = \"exec\"\ncommand = \"/bin/decide\"", APP),
        (".handlers(log)", "[[handlers]]\ntype = \"log\"", APP),
        (".handlers(http)", http, APP),
        (".handlers(exec)", "[[handlers]]\ntype = \"exec\"\ncommand = \"/bin/book\"", APP),
        (".handlers(nats)", "[[handlers]]\ntype = \"nats\"\nurl = \"nats://bus\"", APP),
        (".handlers(robot_call)", "[[handlers]]\ntype = \"robot_call\"", APP),
        (".tencent", "[tencent]", APP),
        (".tencent.ingest", "[tencent.ingest]", APP),
        (".endpoints", "[[endpoints]]", APP),
    ];
    for (name, header, before) in rows {
        read.insert(name.to_owned(), read_in(header, before));
    }
    let mut documented = documented();
    // These hold names that the user chooses.
    for chosen in [
        ".deciders(rules).lists",
        ".deciders(http).headers",
        ".deciders(exec).env",
        ".handlers(exec).env",
        ".verdict.kinds",
        ".apps.verdict.kinds",
    ] {
        documented.remove(chosen);
    }
    // These are the forms of a secret, which the head of the file explains.
    let forms = [
        ".admin.token",
        ".journal.encryption_key",
        ".journal.nats.credentials",
        ".apps.secrets",
        ".deciders(http).headers.authorization",
        ".handlers(http).signing_secret",
        ".handlers(nats).credentials",
        ".tencent.secret_key",
        ".tencent.ingest.secret_id",
        ".tencent.ingest.secret_key",
        ".tencent.ingest.token",
        ".tencent.callback_tokens",
        ".tencent.trtc_keys",
    ];
    for key in forms.iter().filter_map(|form| documented.remove(*form)).flatten() {
        assert!(["env", "file", "not_after"].contains(&&*key), "{key}");
    }
    assert_eq!(documented, read);
}

#[test]
fn an_optional_key_is_commented_out_without_a_space_so_that_none_is_overlooked() {
    for line in DEFAULT_TOML.lines().filter_map(|line| line.strip_prefix("# ")) {
        let key = line.split_once(" = ").map_or("", |(key, _)| key);
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(!is_key && !line.starts_with('['), "a space too many: # {line}");
    }
}

#[test]
fn the_optional_keys_are_shown_with_their_defaults() {
    let dir = TempDir::new().unwrap();
    let secret = dir.path().join("yunxin");
    fs::write(&secret, "a-secret\n").unwrap();
    let blocked = dir.path().join("blocked.txt");
    fs::write(&blocked, "bo\n").unwrap();
    let text = everything().replace("/run/secrets/yunxin", secret.to_str().unwrap());
    let text = text.replace("/etc/offhook/blocked.txt", blocked.to_str().unwrap());
    let key = dir.path().join("journal-key");
    fs::write(&key, "0".repeat(64)).unwrap();
    let text = text.replace("/run/secrets/journal-key", key.to_str().unwrap());
    let text = text.replace("/run/secrets/nats.creds", secret.to_str().unwrap());
    let (in_nats, text) = (with_journal_in_nats(&text), with_journal_on_disk(&text));
    let signing = "whsec_bWFkZS11cC1zaWduaW5nLWtleS1udW1iZXItb25lIQ==";
    let environment = [
        ("OFFHOOK_ADMIN_TOKEN", "a-token"),
        ("YUNXIN_OLD_SECRET", "an-old-secret"),
        ("BILLING_WHSEC", signing),
        ("DECIDER_TOKEN", "a-token"),
        ("NATS_CREDENTIALS", "a-token"),
        ("TENCENT_SECRET_KEY", "a-key"),
        ("TENCENTCLOUD_SECRET_ID", "an-id"),
        ("TENCENTCLOUD_SECRET_KEY", "another-key"),
        ("TENCENTCLOUD_TOKEN", "a-short-token"),
        ("TENCENT_PATH_TOKEN", "a-path-token"),
        ("TRTC_CALLBACK_KEY", "aCallbackKey"),
    ];
    let shown = load(&in_nats, &environment).unwrap().masked_toml();
    assert!(shown.contains("\nstream = \"offhook\"\nreplicas = 1\nduplicate_window = \"10m\"\n"), "{shown}");
    let shown = load(&text, &environment).unwrap().masked_toml();
    let whole = dir.path().join("everything.toml");
    fs::write(&whole, &text).unwrap();
    // What is said about verdicts can be read out of a whole configuration, whatever else it says.
    let deciding = config::load_deciding(&Sources::new(Some(whole), []), &clock()).unwrap_or_else(|it| panic!("{it}"));
    assert_eq!(deciding.deciders.len(), load(&text, &environment).unwrap().deciders.len());

    let app = "[[apps]]\napp_key = \"c2a1f0d94b7e4c5f8e21a6b3d9075e44\"\nsecrets = [\"s\"]\n";
    let handlers = "[[handlers]]\ntype = \"log\"\n[[handlers]]\ntype = \"http\"\nurl = \"http://target\"\n\
                    [[handlers]]\ntype = \"exec\"\ncommand = \"/bin/book\"\n\
                    [[handlers]]\ntype = \"nats\"\nurl = \"nats://bus\"\n";
    let deciders = "[[deciders]]\ntype = \"http\"\nurl = \"http://service\"\n\
                    [[deciders]]\ntype = \"exec\"\ncommand = \"/bin/decide\"\n";
    let defaults = load(&format!("{app}{deciders}{handlers}"), &[]).unwrap().masked_toml();
    let chosen =
        ["token = ", "fallback = ", "secrets = ", "name = ", "kinds = ", "url = ", "command = ", "reject_code = "];
    for line in defaults.lines().filter(|line| !chosen.iter().any(|key| line.starts_with(key))) {
        assert!(shown.lines().any(|other| other == line), "`{line}` is a default, but not in\n{shown}");
    }
}

/// `text` without what is about a journal in NATS.
fn with_journal_on_disk(text: &str) -> String {
    let (before, rest) = text.split_once("\n[journal.nats]").unwrap();
    let (_, after) = rest.split_once("\n[").unwrap();
    let before =
        before.lines().filter(|line| !line.starts_with("url = \"nats://nats-1:4222,nats://nats-2:4222,nats://n"));
    format!("{}\n[{after}", before.collect::<Vec<_>>().join("\n"))
}

/// `text` without what is about a journal on a disk.
fn with_journal_in_nats(text: &str) -> String {
    let of_a_disk = |line: &&str| line.starts_with("min_free = ") || line.starts_with("max_size = ");
    text.lines().filter(|line| !of_a_disk(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_setups_are_complete() {
    let dir = TempDir::new().unwrap();
    let secret = dir.path().join("yunxin");
    fs::write(&secret, "a-secret\n").unwrap();
    let environment = [
        ("YUNXIN_APP_SECRET", "a-secret"),
        ("YUNXIN_NEW_SECRET", "a-new-secret"),
        ("YUNXIN_OLD_SECRET", "an-old-secret"),
        ("YUNXIN_STAGING_SECRET", "another-secret"),
        ("OFFHOOK_ADMIN_TOKEN", "a-token"),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut names: Vec<String> =
        fs::read_dir(folder.clone()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".toml") && name != "default.toml");
    names.sort();
    for name in ["billing-webhook.toml", "container-minimal.toml", "two-apps.toml"] {
        assert!(names.iter().any(|other| other == name), "{name} is gone");
    }
    for name in names {
        let text = fs::read_to_string(folder.join(&name)).unwrap();
        let text = text.replace("/run/secrets/yunxin", secret.to_str().unwrap());
        if let Err(faults) = load(&text, &environment) {
            panic!("{name}: {faults}");
        }
    }
}
