//! Secrets come from where they are kept, and no fault or print shows one.

use std::fs;

use offhook::config::{DEV_APP_KEY, DEV_APP_SECRET};
use tempfile::TempDir;

use super::{faults, load};

/// A configuration with one app of these `secrets`.
fn app(secrets: &str) -> String {
    format!("[[apps]]\napp_key = \"key-one\"\nsecrets = {secrets}\n")
}

fn exposed(toml: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let config = load(toml, variables).unwrap();
    let app = config.apps.get("key-one").unwrap();
    app.secrets.iter().map(|secret| secret.secret.expose().to_owned()).collect()
}

#[test]
fn a_secret_is_a_text_a_variable_or_a_file() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (bare, unix, windows) = (path("a", "in-file"), path("b", "in-file-2\n"), path("c", "in-file-3\r\n"));
    let toml = app(&format!(
        r#"["here", {{ value = "there" }}, {{ env = "ELSEWHERE" }}, {{ file = "{bare}" }}, {{ file = "{unix}" }}, {{ file = "{windows}" }}]"#
    ));
    let found = exposed(&toml, &[("ELSEWHERE", "[in the] environment")]);
    assert_eq!(found, ["here", "there", "[in the] environment", "in-file", "in-file-2", "in-file-3"]);
}

#[test]
fn only_one_newline_at_the_end_of_a_file_is_dropped() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("secret");
    fs::write(&path, "two-newlines\n\n").unwrap();
    let text = faults(&app(&format!("[{{ file = \"{}\" }}]", path.display())), &[]);
    let fault = "apps[0].secrets[0].file: expected a printable secret; this one has a control character";
    assert!(text.contains(fault) && !text.contains("two-newlines"), "{text}");
}

#[test]
fn a_secret_that_is_not_where_it_is_said_to_be_is_a_fault() {
    let text = faults(&app(r#"[{ env = "NOT_SET" }, { file = "/nowhere/yunxin" }]"#), &[]);
    let expected = "error: 2 faults in offhook.toml
  apps[0].secrets[0].env = `NOT_SET`: expected a variable that is set (line 3)
  apps[0].secrets[1].file = `/nowhere/yunxin`: expected a readable file: No such file or directory (os error 2) (line 3)";
    assert_eq!(text, expected);
}

#[test]
fn a_secret_must_come_from_exactly_one_place() {
    for item in [
        r#"{ env = "A", file = "/b" }"#,
        r#"{ value = "v", env = "A" }"#,
        "{}",
        r#"{ not_after = "2030-01-01T00:00:00Z" }"#,
    ] {
        let text = faults(&app(&format!("[{item}]")), &[("A", "secret")]);
        assert!(
            text.contains("apps[0].secrets[0]: expected exactly one of `value`, `env` and `file` (line 3)"),
            "{text}"
        );
    }
    let text = faults(&format!("[admin]\ntoken = {{ value = \"v\" }}\n{}", app("[\"s\"]")), &[]);
    assert!(text.contains("admin.token: expected exactly one of `env` and `file` (line 2)"), "{text}");
}

#[test]
fn placeholders_and_the_published_test_app_are_refused_in_any_case() {
    for text in ["", "  ", "changeme", "ChangeMe", "your-app-secret", "YOUR-APP-KEY", "xxx", "XXX"] {
        let shown = faults(&app(&format!("[\"{text}\"]")), &[]);
        let why = if text.trim().is_empty() { "an empty text" } else { "a placeholder" };
        assert!(shown.contains(&format!("  apps[0].secrets[0]: expected a secret, not {why} (line 3)\n")), "{shown}");
        let shown = faults(&format!("[[apps]]\napp_key = \"{text}\"\nsecrets = [\"s\"]\n"), &[]);
        assert!(shown.contains(&format!("  apps[0].app_key = `{text}`: expected the App Key")), "{shown}");
    }
    for published in [DEV_APP_KEY, DEV_APP_SECRET, "OffHook-Dev-Secret"] {
        let shown = faults(&app(&format!("[\"{published}\"]")), &[]);
        assert!(shown.contains("expected a secret, not that of the published test app"), "{shown}");
    }
    let shown = faults(&format!("[[apps]]\napp_key = \"{DEV_APP_KEY}\"\nsecrets = [\"s\"]\n"), &[]);
    let fault = "apps[0].app_key = `offhook-dev`: expected the App Key, not that of the published test app, which \
                 anybody can sign for (line 2)";
    assert!(shown.contains(fault), "{shown}");
}

#[test]
fn a_placeholder_is_refused_wherever_the_secret_comes_from() {
    let shown = faults(&app("[{ env = \"S\" }, { value = \"xxx\" }]"), &[("S", "changeme")]);
    assert!(shown.contains("apps[0].secrets[0].env: expected a secret, not a placeholder"), "{shown}");
    assert!(shown.contains("apps[0].secrets[1].value: expected a secret, not a placeholder"), "{shown}");
    let shown = faults("", &[("OFFHOOK_APP_KEY", "k"), ("OFFHOOK_APP_SECRET", "")]);
    let fault = "apps[0].secrets[0]: expected a secret, not an empty text (OFFHOOK_APP_SECRET)";
    assert!(shown.contains(fault), "{shown}");
}

#[test]
fn any_printable_text_is_a_secret() {
    for text in ["a", "密钥", "with space inside", "{brace", "xxxx", "0"] {
        assert_eq!(exposed(&app(&format!("[\"{text}\"]")), &[]), [text]);
    }
}

#[test]
fn secrets_may_end_and_the_last_present_one_must_not_have() {
    let toml = app(
        r#"[{ value = "old", not_after = "2026-06-01T12:00:00Z" }, { value = "new", not_after = 2026-06-01T20:00:01+08:00 }]"#,
    );
    let config = load(&toml, &[]).unwrap();
    let ends: Vec<String> =
        config.apps.get("key-one").unwrap().secrets.iter().map(|s| s.not_after.unwrap().to_string()).collect();
    assert_eq!(ends, ["2026-06-01T12:00:00Z", "2026-06-01T12:00:01Z"]);
    assert!(
        config.warnings.contains(&"apps[0].secrets[0] has ended (not_after) and proves nothing any more".to_owned())
    );

    let expected = "error: 1 fault in offhook.toml
  apps[0].secrets: expected a secret that has not ended; every one has (not_after) (line 3)

hint: apps[0].secrets: add the app's present secret from the console";
    assert_eq!(faults(&app(r#"[{ value = "old", not_after = "2026-06-01T11:59:59Z" }]"#), &[]), expected);
    assert!(faults(&app("[]"), &[]).contains("apps[0].secrets: expected at least one secret, found an empty list"));
}

#[test]
fn an_end_needs_its_offset() {
    for end in ["\"2027-01-01\"", "2027-01-01", "2027-01-01T00:00:00", "\"soon\"", "5"] {
        let text = faults(&app(&format!("[{{ value = \"s3cr3t\", not_after = {end} }}]")), &[]);
        assert!(text.contains("].not_after = `") && text.contains("expected a moment as in RFC 3339"), "{text}");
        assert!(!text.contains("s3cr3t"));
    }
}

#[test]
fn no_fault_shows_a_secret() {
    let slips = [
        "secrets = \"s3cr3t\"",
        "secret = \"s3cr3t\"",
        "secrets = [{ env = \"s3cr3t\" }]",
        "secrets = [{ file = \"s3cr3t\" }]",
        "secrets = [{ value = \"s3cr3t\\n\" }]",
        "secrets = [{ value = \"s3cr3t\", not_after = \"never\" }]",
        "secrets = [{ secret = \"s3cr3t\" }]",
        "secrets = [[\"s3cr3t\"]]",
        "secrets = { value = \"s3cr3t\" }",
        "secrets = [\"s3cr3t\\u0007\"]",
    ];
    for slip in slips {
        let text = faults(&format!("[[apps]]\napp_key = \"k\"\n{slip}\n"), &[]);
        assert!(text.contains("apps[0].secret") && !text.contains("s3cr3t"), "{slip}:\n{text}");
    }
    let variables = ["s3cr3t\t", "[s3cr3t", "{s3cr3t", "[\"s3cr3t]", "[\"s3cr3t\" \"x\"]"];
    for value in variables {
        let text = faults("", &[("OFFHOOK__APPS__0__APP_KEY", "k"), ("OFFHOOK__APPS__0__SECRETS__0", value)]);
        assert!(text.contains("(OFFHOOK__APPS__0__SECRETS__0)") && !text.contains("s3cr3t"), "{value}:\n{text}");
    }
}

#[test]
fn the_print_shows_everything_but_secrets() {
    let toml = r#"
[admin]
token = "s3cr3t-token"
[[apps]]
app_key = "key-one"
secrets = ["s3cr3t-1", { value = "s3cr3t-2", not_after = "2030-01-01T00:00:00Z" }]
[apps.verdict.kinds."call.*"]
reject_code = 20020
[[handlers]]
type = "http"
url = "https://me:s3cr3t-3@target:8443/in?token=s3cr3t-4"
kinds = ["call.*", "login.im"]
"#;
    let config = load(toml, &[]).unwrap();
    let expected = r#"[server]
listen = "0.0.0.0:8080"
deadline = "1s 500ms"
body_limit = "1MiB"
max_in_flight = 1024
max_unproven = 512
idle_timeout = "2m"
forwarded_header = "x-forwarded-for"
log = "text"

[admin]
listen = "127.0.0.1:8081"
token = "***"
write = false

[verdict]
default = "allow"
reject_code = 20099

[journal]
path = "data"
min_free = "1GiB"
spill = "data/spill.jsonl"
keep = "7days"

[[apps]]
app_key = "key-one"
secrets = ["***", { value = "***", not_after = "2030-01-01T00:00:00Z" }]
clock_tolerance = "5m"
console_default = "reject"
platform_timeout = "2s"

[apps.verdict]

[apps.verdict.kinds."call.*"]
reject_code = 20020

[[handlers]]
type = "http"
name = "http"
kinds = ["call.*", "login.im"]
url = "https://***@target:8443/in?***"
connect_timeout = "3s"
timeout = "10s"
max_attempts = 12
concurrency = 1
batch = 1

[[endpoints]]
path = "/receiveMsg.action"
family = "yunxin.callback"

[[endpoints]]
path = "/yunxin/callback"
family = "yunxin.callback"

[[endpoints]]
path = "/yunxin/copy"
family = "yunxin.copy"

[[endpoints]]
path = "/tencent/call/{token}"
family = "tencent.call"

[[endpoints]]
path = "/tencent/trtc"
family = "tencent.trtc"
"#;
    assert_eq!(config.masked_toml(), expected);
    assert_eq!(format!("{config:?}"), expected);
    let again = load(&expected.replace("https://***@", "https://"), &[]).unwrap();
    assert_eq!(again.masked_toml().replace("https://", "https://***@"), expected);
}
