//! Deciders and handlers outside of the process, as a configuration describes them.

use super::{APP, faults, load};

const TWO: &str = r#"
[[deciders]]
type = "http"
url = "https://me:hunter2@decider.internal/ask?token=hunter3"
headers.authorization = { env = "DECIDER_TOKEN" }
headers.x-tenant = "hunter4"
late = "5s"
breaker_failures = 0

[[deciders]]
type = "exec"
name = "program"
command = "./decide"
args = ["--strict", ""]
env.TOKEN = "hunter5"
max_concurrent = 2
"#;

#[test]
fn they_are_shown_with_everything_but_their_secrets() {
    let config = load(&format!("{TWO}{APP}"), &[("DECIDER_TOKEN", "Bearer hunter6")]).unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter"), "{shown}");
    let expected = "[[deciders]]
type = \"http\"
name = \"http\"
shadow = false
on_error = \"fallback\"
max_concurrent = 128
late = \"5s\"
url = \"https://***@decider.internal/ask?***\"
headers.\"authorization\" = \"***\"
headers.\"x-tenant\" = \"***\"
breaker_failures = 0
breaker_pause = \"1s\"

[[deciders]]
type = \"exec\"
name = \"program\"
shadow = false
on_error = \"fallback\"
max_concurrent = 2
command = \"./decide\"
args = [\"--strict\", \"\"]
env.\"TOKEN\" = \"***\"
";
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn what_cannot_be_is_told_without_a_secret() {
    for (lines, fault) in [
        ("type = \"http\"", "deciders[0].url: expected the URL to ask, found nothing"),
        (
            "type = \"http\"\nurl = \"ftp://hunter2\"",
            "deciders[0].url: expected a URL of http or https, found one of ftp",
        ),
        (
            "type = \"http\"\nurl = \"http://a\"\nheaders.\"a b\" = \"hunter2\"",
            "deciders[0].headers.\"a b\": expected a name without",
        ),
        (
            "type = \"http\"\nurl = \"http://a\"\nheaders.a = \"hunter2\\n\"",
            "deciders[0].headers.a: expected a printable secret",
        ),
        ("type = \"http\"\nurl = \"http://a\"\nheaders = \"hunter2\"", "deciders[0].headers: expected a section"),
        (
            "type = \"http\"\nurl = \"http://a\"\nmax_concurrent = 0",
            "deciders[0].max_concurrent = `0`: expected a whole number from 1",
        ),
        (
            "type = \"http\"\nurl = \"http://a\"\nlate = \"2m\"",
            "deciders[0].late = `2m`: expected a duration from 100ms to 1m",
        ),
        ("type = \"http\"\nurl = \"http://a\"\ncommand = \"/bin/a\"", "deciders[0].command: unknown key"),
        ("type = \"exec\"", "deciders[0].command: expected the path of a program, found nothing"),
        ("type = \"exec\"\ncommand = \"decide\"", "deciders[0].command = `decide`: expected the path of a program"),
        ("type = \"exec\"\ncommand = \"/bin/a\"\nargs = \"-v\"", "deciders[0].args: expected a list"),
        (
            "type = \"exec\"\ncommand = \"/bin/a\"\nenv.\"A=B\" = \"hunter2\"",
            "deciders[0].env.\"A=B\": expected a name without",
        ),
        ("type = \"exec\"\ncommand = \"/bin/a\"\nbreaker_pause = \"1s\"", "deciders[0].breaker_pause: unknown key"),
        ("type = \"rules\"\nlate = \"1s\"\nrules = []", "deciders[0].late: unknown key"),
        ("type = \"https\"", "deciders[0].type = `https`: expected `rules`, `http` or `exec`"),
    ] {
        let text = faults(&format!("[[deciders]]\n{lines}\n{APP}"), &[]);
        assert!(text.contains(fault), "no `{fault}` in\n{text}");
        assert!(!text.contains("hunter"), "{text}");
    }
}

#[test]
fn handlers_outside_are_shown_with_everything_but_their_secrets() {
    let handlers = r#"
[[handlers]]
type = "exec"
command = "./book"
args = ["--strict"]
env.TOKEN = "hunter1"
concurrency = 4

[[handlers]]
type = "nats"
url = "nats://me:hunter2@bus-1:4222,tls://bus-2"
credentials = "hunter3"
ca_file = "/etc/ca.pem"
subject = "calls.{kind}"
jetstream = false
"#;
    let config = load(&format!("{APP}{handlers}"), &[]).unwrap();
    assert!(!format!("{config:?}").contains("hunter"), "{config:?}");
    let expected = "[[handlers]]
type = \"exec\"
name = \"exec\"
command = \"./book\"
args = [\"--strict\"]
env.\"TOKEN\" = \"***\"
timeout = \"10s\"
max_attempts = 12
concurrency = 4

[[handlers]]
type = \"nats\"
name = \"nats\"
url = \"nats://bus-1:4222,tls://bus-2:4222\"
credentials = \"***\"
ca_file = \"/etc/ca.pem\"
subject = \"calls.{kind}\"
jetstream = false
timeout = \"10s\"
max_attempts = 12
concurrency = 1
";
    let shown = config.masked_toml();
    assert!(shown.contains(expected), "no\n{expected}\nin\n{shown}");
}
