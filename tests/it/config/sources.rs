//! Defaults, the file and the environment, each stronger than the one before.

use std::time::Duration;

use offhook::clock::Clock;
use offhook::config::{self, DEV_APP_KEY, DEV_APP_SECRET, LogForm, Sources};
use offhook::decide::Word;
use offhook::edge::Endpoint;
use offhook::handlers::Action;

use super::{APP, clock, faults, load, owned};

#[test]
fn the_defaults_are_those_of_the_contract() {
    let config = load(APP, &[]).unwrap();
    assert_eq!(config.edge.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.edge.deadline, Duration::from_millis(1500));
    assert_eq!(config.edge.body_limit, 1 << 20);
    assert_eq!((config.edge.max_in_flight, config.edge.max_unproven), (1024, 512));
    assert_eq!(config.edge.idle_timeout, Duration::from_secs(120));
    assert_eq!(config.edge.endpoints, Endpoint::defaults());
    assert_eq!(config.log, LogForm::Text);
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.admin.token, None);
    let all = &config.policy.scope.all;
    assert_eq!((all.default, all.fallback), (Some(Word::Allow), None));
    assert_eq!(all.reject_code.map(|code| code.get()), Some(20099));
    assert!(config.policy.scope.kinds.is_empty() && config.handlers.is_empty());
    assert_eq!(config.journal.path.to_str(), Some("data"));
    assert_eq!(config.journal.spill.to_str(), Some("data/spill.jsonl"));
    assert_eq!(config.journal.min_free, 1 << 30);
    let app = config.apps.get("key-one").unwrap();
    assert_eq!(app.clock_tolerance, Duration::from_secs(300));
    assert_eq!(config.policy.apps["key-one"].console_default, Word::Reject);
}

#[test]
fn the_spill_file_follows_the_journal_unless_it_is_told_where_to_be() {
    let config = load(&format!("[journal]\npath = \"/var/lib/offhook\"\n{APP}"), &[]).unwrap();
    assert_eq!(config.journal.spill.to_str(), Some("/var/lib/offhook/spill.jsonl"));
    let config = load(&format!("[journal]\npath = \"/var/lib/offhook\"\nspill = \"s\"\n{APP}"), &[]).unwrap();
    assert_eq!(config.journal.spill.to_str(), Some("s"));
}

#[test]
fn a_variable_is_stronger_than_the_file_and_the_file_than_the_default() {
    let toml = format!("[server]\ndeadline = \"1s\"\nlog = \"json\"\n{APP}");
    let config = load(&toml, &[("OFFHOOK__SERVER__DEADLINE", "700ms")]).unwrap();
    assert_eq!(config.edge.deadline, Duration::from_millis(700));
    assert_eq!((config.log, config.edge.max_unproven), (LogForm::Json, 512));
}

#[test]
fn a_variables_text_becomes_what_its_key_needs() {
    let variables = [
        ("OFFHOOK__SERVER__MAX_IN_FLIGHT", "7"),
        ("OFFHOOK__SERVER__BODY_LIMIT", "4096"),
        ("OFFHOOK__ADMIN__LISTEN", "[::1]:9"),
        ("OFFHOOK__ADMIN__TOKEN__ENV", "TOKEN"),
        ("TOKEN", "[a-token"),
        ("OFFHOOK__VERDICT__REJECT_CODE", "20042"),
        ("OFFHOOK__VERDICT__KINDS", r#"{ "call.*" = { fallback = "allow" } }"#),
        ("OFFHOOK__APPS__0__APP_KEY", "12345"),
        ("OFFHOOK__APPS__0__SECRETS", r#"["one", { value = "two" }]"#),
        ("OFFHOOK__APPS__0__VERDICT__DEFAULT", "reject"),
        ("OFFHOOK__APPS__1__APP_KEY", "67890"),
        ("OFFHOOK__APPS__1__SECRETS", "only, one"),
        ("OFFHOOK__HANDLERS__0__TYPE", "log"),
        ("OFFHOOK__HANDLERS__0__DATA", "true"),
        ("OFFHOOK__HANDLERS__0__KINDS", "call.*, room.create"),
    ];
    let config = load("", &variables).unwrap();
    assert_eq!((config.edge.max_in_flight, config.edge.body_limit), (7, 4096));
    assert_eq!(config.admin.listen.to_string(), "[::1]:9");
    assert_eq!(config.admin.token.as_ref().map(|token| token.expose()), Some("[a-token"));
    assert_eq!(config.policy.scope.all.reject_code.map(|code| code.get()), Some(20042));
    assert_eq!(config.policy.scope.kinds[0].1.fallback, Some(Word::Allow));
    let secrets = |key: &str| {
        let app = config.apps.get(key).unwrap();
        app.secrets.iter().map(|secret| secret.secret.expose().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(secrets("12345"), ["one", "two"]);
    assert_eq!(secrets("67890"), ["only, one"]);
    assert_eq!(config.policy.apps["12345"].scope.all.default, Some(Word::Reject));
    let [handler] = config.handlers.as_slice() else { panic!("{:?}", config.handlers) };
    assert!(matches!(handler.action, Action::Log { data: true }));
    assert_eq!(handler.lane.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(), ["call.*", "room.create"]);
}

#[test]
fn a_variable_reaches_into_a_list_of_the_file_and_beyond_its_end() {
    let toml = format!("[[handlers]]\ntype = \"log\"\nname = \"a\"\n{APP}");
    let mut variables = vec![("OFFHOOK__HANDLERS__0__NAME".to_owned(), "b".to_owned())];
    for place in 1..12 {
        variables.push((format!("OFFHOOK__HANDLERS__{place}__TYPE"), "log".to_owned()));
        variables.push((format!("OFFHOOK__HANDLERS__{place}__NAME"), format!("more-{place}")));
    }
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    let config = load(&toml, &variables).unwrap();
    let names: Vec<&str> = config.handlers.iter().map(|handler| &*handler.lane.name).collect();
    assert_eq!((names.len(), names[0], names[1], names[11]), (12, "b", "more-1", "more-11"));
}

#[test]
fn a_variable_that_fits_nowhere_is_a_fault_that_names_it() {
    let rows = [
        ("OFFHOOK__SERVER__DEADLNE", "1s", "server.deadlne: unknown key (OFFHOOK__SERVER__DEADLNE)"),
        ("OFFHOOK__SEVER__DEADLINE", "1s", "sever: unknown key (OFFHOOK__SEVER__DEADLINE)"),
        ("OFFHOOK__", "1s", "\"\": unknown key (OFFHOOK__)"),
        ("OFFHOOK__SERVER", "1s", "server: expected a section of keys (OFFHOOK__SERVER)"),
        ("OFFHOOK__SERVER__LOG__FORM", "1s", "server.log.form: expected a section, but a value is set there"),
        ("OFFHOOK__SERVER__0", "1s", "server[0]: expected a key, not place 0 of a list (OFFHOOK__SERVER__0)"),
        ("OFFHOOK__APPS__KEY", "k", "apps.key: expected a place in the list, not `key` (OFFHOOK__APPS__KEY)"),
        ("OFFHOOK__APPS__2__APP_KEY", "k", "apps[2].app_key: expected place 1 to be set before place 2"),
        ("OFFHOOK__SERVER__DEADLINE", "5", "server.deadline = `5`: expected a duration from 50ms to 1m (OFFHOOK__"),
        ("OFFHOOK__SERVER__MAX_UNPROVEN", "many", "server.max_unproven = `many`: expected a whole number"),
        ("OFFHOOK__HANDLERS", "[{", "handlers: expected TOML, which its first character promises, but "),
    ];
    for (name, value, fault) in rows {
        let text = faults(APP, &[(name, value)]);
        assert!(text.contains(&format!("\n  {fault}")), "no `{fault}` in\n{text}");
        assert!(text.contains(name), "`{name}` is not named in\n{text}");
    }
}

#[test]
fn variables_that_a_cluster_injects_are_no_keys() {
    let injected = [("OFFHOOK_SERVICE_HOST", "10.0.0.7"), ("OFFHOOK_PORT", "tcp://10.0.0.7:8080"), ("PATH", "/bin")];
    assert!(load(APP, &injected).is_ok());
}

#[test]
fn two_variables_are_enough_for_one_app() {
    let variables = owned(&[("OFFHOOK_APP_KEY", "the-key"), ("OFFHOOK_APP_SECRET", "[the secret")]);
    let config = config::load(&Sources::new(None, variables), &clock()).unwrap();
    assert_eq!(config.apps.get("the-key").unwrap().secrets[0].secret.expose(), "[the secret");
    assert_eq!(config.apps.iter().count(), 1);
}

#[test]
fn the_two_variables_replace_the_secrets_of_the_app_with_this_key_and_add_any_other() {
    let toml = "[[apps]]\napp_key = \"key-one\"\nsecrets = [\"a\", \"b\"]\nclock_tolerance = \"1m\"\n";
    let config = load(toml, &[("OFFHOOK_APP_KEY", "key-one"), ("OFFHOOK_APP_SECRET", "c")]).unwrap();
    let app = config.apps.get("key-one").unwrap();
    assert_eq!((app.secrets.len(), app.secrets[0].secret.expose()), (1, "c"));
    assert_eq!(app.clock_tolerance, Duration::from_secs(60));
    let config = load(toml, &[("OFFHOOK_APP_KEY", "key-two"), ("OFFHOOK_APP_SECRET", "c")]).unwrap();
    assert_eq!(config.apps.iter().count(), 2);
}

#[test]
fn one_of_the_two_variables_alone_is_a_fault_that_names_the_other() {
    let expected = "error: 1 fault in offhook.toml
  apps: `OFFHOOK_APP_KEY` is set, but `OFFHOOK_APP_SECRET` is not (OFFHOOK_APP_KEY)

hint: apps: set `OFFHOOK_APP_SECRET` too, or neither";
    assert_eq!(faults(APP, &[("OFFHOOK_APP_KEY", "k")]), expected);
    let text = faults(APP, &[("OFFHOOK_APP_SECRET", "s3cr3t")]);
    assert!(text.contains("`OFFHOOK_APP_SECRET` is set, but `OFFHOOK_APP_KEY` is not") && !text.contains("s3cr3t"));
}

#[test]
fn without_a_file_the_headline_says_the_configuration() {
    let text = config::load(&Sources::new(None, []), &clock()).unwrap_err().to_string();
    assert!(text.starts_with("error: 1 fault in the configuration\n  apps: "), "{text}");
}

#[test]
fn dev_starts_from_the_published_test_app_and_nothing_else() {
    let config = config::load(&Sources::of_dev(), &clock()).unwrap();
    let app = config.apps.get(DEV_APP_KEY).unwrap();
    assert_eq!(app.secrets[0].secret.expose(), DEV_APP_SECRET);
}

#[test]
fn the_journal_is_found_without_an_app_and_without_a_readable_secret() {
    let path = tempfile::NamedTempFile::new().unwrap();
    let toml = "[journal]\npath = \"j\"\n[[apps]]\napp_key = \"k\"\nsecrets = [{ file = \"/nowhere/s\" }]\n";
    std::fs::write(path.path(), toml).unwrap();
    let sources = Sources::new(Some(path.path().to_owned()), owned(&[("OFFHOOK__JOURNAL__MIN_FREE", "5KiB")]));
    let options = config::load_journal(&sources, &Clock::system()).unwrap();
    assert_eq!((options.path.to_str(), options.min_free), (Some("j"), 5120));
}
