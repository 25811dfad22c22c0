//! Everything that is wrong is told at once, with its place, its value and a hint.

use super::{APP, faults, load};

/// The faults of `toml` and an app, without the headline.
fn of(toml: &str) -> String {
    let text = faults(&format!("{toml}\n{APP}"), &[]);
    let (headline, faults) = text.split_once('\n').unwrap();
    assert!(headline.starts_with("error: ") && headline.ends_with(" in offhook.toml"), "{headline}");
    faults.to_owned()
}

#[test]
fn all_faults_come_at_once_in_the_order_of_the_sections_and_the_hints_after_them() {
    let toml = r#"
[server]
listen = ":8080"
dealine = "1s"

[verdict]
fallback = "deny"

[[handlers]]
type = "htpp"

[[apps]]
app_key = "changeme"
secrets = ["xxx"]
"#;
    let expected = r#"error: 6 faults in offhook.toml
  server.listen = `:8080`: expected an IP address and a port (line 3)
  server.dealine: unknown key (line 4)
  verdict.fallback = `deny`: expected `allow` or `reject` (line 7)
  apps[0].app_key = `changeme`: expected the App Key, not a placeholder (line 13)
  apps[0].secrets[0]: expected a secret, not a placeholder (line 14)
  handlers[0].type = `htpp`: expected `log`, `http`, `exec`, `nats` or `robot_call` (line 10)

hint: server.listen: for example `0.0.0.0:8080`, `127.0.0.1:8081` or `[::]:8080`; names are not looked up
hint: server.dealine: did you mean `deadline`?
hint: apps[0].app_key: the App Key and the App Secret stand in the Yunxin console, under the app's key management
hint: apps[0].secrets[0]: the App Key and the App Secret stand in the Yunxin console, under the app's key management
hint: handlers[0].type: did you mean `http`?"#;
    assert_eq!(faults(toml, &[]), expected);
}

#[test]
fn a_configuration_without_an_app_is_refused() {
    let expected = "error: 1 fault in offhook.toml
  apps: expected at least one app, found no app

hint: apps: set OFFHOOK_APP_KEY and OFFHOOK_APP_SECRET, or write an [[apps]] section; to try offhook without an app \
                    there is `offhook dev`";
    assert_eq!(faults("", &[]), expected);
    assert_eq!(faults("apps = []", &[]), expected);
}

#[test]
fn two_listeners_cannot_have_one_address() {
    let listens = |server: &str, admin: &str| {
        format!("[server]\nlisten = \"{server}\"\n[admin]\nlisten = \"{admin}\"\ntoken = \"a token of ours\"\n")
    };
    let one = [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("0.0.0.0:8080", "127.0.0.1:8080"),
        ("127.0.0.1:8080", "0.0.0.0:8080"),
        ("[::1]:8080", "[::]:8080"),
        ("[::ffff:127.0.0.1]:8080", "127.0.0.1:8080"),
        // Over IPv4 it listens too.
        ("[::]:8080", "127.0.0.1:8080"),
        ("127.0.0.1:8080", "[::]:8080"),
        ("0.0.0.0:8080", "[::]:8080"),
        ("[::]:8080", "[::ffff:127.0.0.1]:8080"),
    ];
    for (server, admin) in one {
        let said = of(&listens(server, admin));
        let fault = format!("admin.listen = `{admin}`: expected an address that server.listen leaves free (line 4)");
        assert!(said.contains(&fault) && said.contains(&format!("server.listen is {server}")), "{said}");
    }
    let two = [
        ("127.0.0.1:8080", "127.0.0.1:8081"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("10.0.0.1:8080", "127.0.0.1:8080"),
        ("[::1]:8080", "0.0.0.0:8080"),
        ("[::]:8080", "127.0.0.1:8081"),
    ];
    for (server, admin) in two {
        let config = load(&format!("{}\n{APP}", listens(server, admin)), &[]);
        assert!(config.is_ok(), "{server} and {admin}: {config:?}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_one_fault_with_line_and_column() {
    let text = faults("[server]\nlisten = \"0.0.0.0:8080\"\ndeadline = 1500ms\n[nonsense]\n", &[]);
    assert!(
        text.starts_with("error: 1 fault in offhook.toml\n  is not TOML in line 3, column 12: "),
        "the place is missing: {text}"
    );
}

#[test]
fn what_stands_in_a_line_that_is_not_toml_is_not_shown() {
    for toml in ["secrets = [\"s3cr3t\" \"t\"]", "secrets = [s3cr3t]", "secrets = \"s3cr3t", "secrets = 's3cr3t\n'"] {
        let text = faults(&format!("[[apps]]\napp_key = \"k\"\n{toml}\n"), &[]);
        assert!(text.contains("is not TOML in line ") && !text.contains("s3cr3t"), "{text}");
    }
}

#[test]
fn a_file_that_is_not_there_is_a_fault() {
    let sources = offhook::config::Sources::new(Some("nowhere/offhook.toml".into()), []);
    let text = offhook::config::load(&sources, &super::clock()).unwrap_err().to_string();
    let expected = "error: 1 fault in nowhere/offhook.toml\n  cannot be read: No such file or directory (os error 2)";
    assert_eq!(text, expected);
}

#[test]
fn an_unknown_key_is_refused_at_every_depth() {
    let rows = [
        ("servre = 1", "servre: unknown key (line 1)", "servre: did you mean `server`?"),
        ("[server]\nlogs = 1", "server.logs: unknown key (line 2)", "server.logs: did you mean `log`?"),
        ("[admin]\ntokne = 1", "admin.tokne: unknown key (line 2)", "admin.tokne: did you mean `token`?"),
        (
            "[journal]\nretain = \"7d\"",
            "journal.retain: unknown key (line 2)",
            "known here: `drop`, `encryption_key`, `keep`, `max_size`, `min_free`, `nats`, `path`, `spill`, `url`",
        ),
        ("[verdict]\ndefualt = 1", "verdict.defualt: unknown key (line 2)", "did you mean `default`?"),
        (
            "[verdict.kinds.\"call.*\"]\nfall_back = 1",
            "verdict.kinds.\"call.*\".fall_back: unknown key (line 2)",
            "did you mean `fallback`?",
        ),
        ("[[handlers]]\ntype = \"log\"\ndate = 1", "handlers[0].date: unknown key (line 3)", "did you mean `data`?"),
        (
            "[[handlers]]\ntype = \"log\"\nurl = \"https://example.org\"",
            "handlers[0].url: unknown key (line 3)",
            "`url` belongs to handlers of type `http`",
        ),
        (
            "[[handlers]]\ntype = \"http\"\nurl = \"http://t\"\ndata = true",
            "handlers[0].data: unknown key (line 4)",
            "`data` belongs to handlers of type `log`",
        ),
        (
            "[[handlers]]\ntype = \"http\"\nurl = \"http://t\"\nsigning_secret = \"a-password\"",
            "handlers[0].signing_secret: expected a Standard Webhooks secret, which begins with `whsec_` (line 4)",
            "make one with `echo whsec_$(head -c 32 /dev/urandom | base64)`",
        ),
        (
            "[[endpoints]]\npath = \"/a\"\nfamily = \"yunxin.callback\"\nname = 1",
            "endpoints[0].name: unknown key (line 4)",
            "known here: `family`, `path`",
        ),
        (
            "[[apps]]\napp_key = \"k\"\nsecrets = [{ env = \"A\", until = 1 }]",
            "apps[0].secrets[0].until: unknown key (line 3)",
            "known here: `env`, `file`, `not_after`, `value`",
        ),
        (
            "[[apps]]\napp_key = \"k\"\nsecrets = [\"s\"]\n[apps.verdict]\nkind = 1",
            "apps[0].verdict.kind: unknown key (line 5)",
            "did you mean `kinds`?",
        ),
        (
            "[[apps]]\napp_key = \"k\"\nsecrets = [\"s\"]\n[apps.verdict.kinds.\"call.start\"]\ncode = 1",
            "apps[0].verdict.kinds.\"call.start\".code: unknown key (line 5)",
            "known here: `default`, `fallback`, `reject_code`",
        ),
        (
            "[handlers]\ntype = \"log\"",
            "handlers: expected a list (line 1)",
            "handlers: there may be several of them: write `[[handlers]]`, with two brackets",
        ),
        (
            "[[verdict]]\ndefault = \"allow\"",
            "verdict: expected a section of keys (line 1)",
            "verdict: there is only one of it: write `[verdict]`, with one bracket",
        ),
        (
            "[[handlers]]\ntype = \"log\"\nkinds = [\"cal.*\"]",
            "handlers[0].kinds[0]: no such kind: `cal.*` (line 3)",
            "did you mean `call.*`?",
        ),
        (
            "[[handlers]]\ntype = \"log\"\nkinds = [\"room\"]",
            "handlers[0].kinds[0]: no such kind: `room` (line 3)",
            "did you mean `room.*`?",
        ),
        (
            "[[deciders]]\ntype = \"rules\"\nurl = \"http://a\"",
            "deciders[0].url: unknown key (line 3)",
            "`url` belongs to deciders of type `http`",
        ),
    ];
    for (toml, fault, hint) in rows {
        let text = of(toml);
        assert!(text.contains(&format!("  {fault}\n")), "no `{fault}` in\n{text}");
        assert!(text.contains(hint), "no `{hint}` in\n{text}");
    }
}

#[test]
fn a_value_that_cannot_be_is_shown_with_what_was_expected() {
    let rows = [
        ("[server]\nlisten = 8080", "server.listen = `8080`: expected an IP address and a port"),
        ("[server]\ndeadline = \"49ms\"", "server.deadline = `49ms`: expected a duration from 50ms to 1m"),
        ("[server]\ndeadline = \"61s\"", "server.deadline = `61s`: expected a duration from 50ms to 1m"),
        ("[server]\ndeadline = 1500", "server.deadline = `1500`: expected a duration from 50ms to 1m"),
        ("[server]\nbody_limit = \"1023\"", "server.body_limit = `1023`: expected a size from 1KiB to 64MiB"),
        ("[server]\nbody_limit = \"65MiB\"", "server.body_limit = `65MiB`: expected a size from 1KiB to 64MiB"),
        ("[server]\nbody_limit = -1", "server.body_limit = `-1`: expected a size from 1KiB to 64MiB"),
        ("[server]\nmax_in_flight = 0", "server.max_in_flight = `0`: expected a whole number from 1 to 1000000"),
        ("[server]\nmax_unproven = \"9\"", "server.max_unproven = `9`: expected a whole number from 1 to 1000000"),
        ("[server]\nidle_timeout = []", "server.idle_timeout: expected a duration from 1s to 1h, found a list"),
        ("[server]\nlog = \"Json\"", "server.log = `Json`: expected `text` or `json`"),
        ("server = 1", "server: expected a section of keys"),
        (
            "[verdict]\nreject_code = 20100",
            "verdict.reject_code = `20100`: expected a whole number from 20000 to 20099",
        ),
        (
            "[verdict]\nreject_code = 99999999999999999999",
            "verdict.reject_code = `99999999999999999999`: expected a whole",
        ),
        ("[verdict.kinds.\"cal.*\"]\n", "verdict.kinds.\"cal.*\": no such kind: `cal.*`"),
        ("[journal]\nkeep = \"a while\"", "journal.keep = `a while`: expected a duration from 1h to 3650d"),
        ("[journal]\nmin_free = \"lots\"", "journal.min_free = `lots`: expected a size from 0"),
        ("[journal]\npath = \" \"", "journal.path = ` `: expected a path, printable and not empty"),
        ("handlers = \"log\"", "handlers: expected a list"),
        (
            "[[handlers]]\nname = \"a\"",
            "handlers[0].type: expected `log`, `http`, `exec`, `nats` or `robot_call`, found nothing",
        ),
        ("[[handlers]]\ntype = \"log\"\ndata = \"yes\"", "handlers[0].data = `yes`: expected true or false"),
        (
            "[[handlers]]\ntype = \"log\"\nkinds = [\"call.start, room.create\"]",
            "handlers[0].kinds[0]: no such kind: `call.start, room.create`",
        ),
        (
            "[[handlers]]\ntype = \"log\"\nkinds = [\"call.start\", \"call.strat\"]",
            "handlers[0].kinds[1]: no such kind: `call.strat`",
        ),
        ("[[handlers]]\ntype = \"log\"\nkinds = []", "handlers[0].kinds: expected at least one kind"),
        ("[[handlers]]\ntype = \"http\"", "handlers[0].url: expected the URL to post to, found nothing"),
        (
            "[[handlers]]\ntype = \"http\"\nurl = \"http://t\"\nmax_attempts = 0",
            "handlers[0].max_attempts = `0`: expected a whole number from 1 to 1000",
        ),
        ("[[handlers]]\ntype = \"exec\"", "handlers[0].command: expected the path of a program, found nothing"),
        (
            "[[handlers]]\ntype = \"exec\"\ncommand = \"book\"",
            "handlers[0].command = `book`: expected the path of a program",
        ),
        (
            "[[handlers]]\ntype = \"exec\"\ncommand = \"/bin/book\"\nconcurrency = 257",
            "handlers[0].concurrency = `257`: expected a whole number from 1 to 256",
        ),
        (
            "[[handlers]]\ntype = \"http\"\nurl = \"http://x/\"\nbatch = 65",
            "handlers[0].batch = `65`: expected a whole number from 1 to 64",
        ),
        (
            "[[handlers]]\ntype = \"http\"\nurl = \"http://x/\"\nbatch = 8\nconcurrency = 2",
            "handlers[0].batch = `8`: expected no batches beside a `concurrency` of more than 1",
        ),
        ("[[handlers]]\ntype = \"log\"\nbatch = 8", "handlers[0].batch: unknown key"),
        ("[[handlers]]\ntype = \"log\"\nconcurrency = 2", "handlers[0].concurrency: unknown key"),
        ("[[handlers]]\ntype = \"nats\"", "handlers[0].url: expected the URL of a NATS server"),
        ("[[handlers]]\ntype = \"nats\"\nurl = \"http://bus\"", "handlers[0].url: expected URLs such as `nats://"),
        (
            "[[handlers]]\ntype = \"nats\"\nurl = \"nats://bus\"\nsubject = \"calls.>\"",
            "handlers[0].subject = `calls.>`: expected a subject: blanks,",
        ),
        (
            "[[endpoints]]\npath = \"a\"\nfamily = \"yunxin.callback\"",
            "endpoints[0].path = `a`: expected a path that begins with `/`",
        ),
        (
            "[[endpoints]]\npath = \"/a/{b}\"\nfamily = \"yunxin.callback\"",
            "endpoints[0].path = `/a/{b}`: expected a plain path of a URL",
        ),
        (
            "[[endpoints]]\npath = \"/readyz\"\nfamily = \"yunxin.callback\"",
            "endpoints[0].path = `/readyz`: expected a path that is not offhook's own",
        ),
        (
            "[[endpoints]]\npath = \"/a/{token}\"\nfamily = \"yunxin.copy\"",
            "endpoints[0].path = `/a/{token}`: expected a path without `{token}`",
        ),
        (
            "[[endpoints]]\npath = \"/a\"\nfamily = \"yunxin\"",
            "endpoints[0].family = `yunxin`: expected `yunxin.callback`, `yunxin.copy`, `tencent.call` or",
        ),
    ];
    for (toml, fault) in rows {
        let text = of(toml);
        assert!(text.contains(&format!("  {fault}")), "no `{fault}` in\n{text}");
    }
}

#[test]
fn values_at_the_ends_of_their_ranges_are_taken() {
    let toml = "[server]\ndeadline = \"50ms\"\nbody_limit = 1024\nmax_in_flight = 1\nmax_unproven = 1\n\
                [verdict]\nreject_code = 20000\n";
    let config = load(&format!("{toml}{APP}"), &[]).unwrap();
    assert_eq!((config.edge.deadline.as_millis(), config.edge.body_limit), (50, 1024));
    assert!(load(&format!("[server]\nbody_limit = \"64MiB\"\n{APP}"), &[]).is_ok());
    let patient = "[server]\ndeadline = \"59500ms\"\n[[apps]]\napp_key = \"k\"\nsecrets = [\"s\"]\n\
                   platform_timeout = \"60s\"\n";
    assert_eq!(load(patient, &[]).unwrap().edge.deadline.as_millis(), 59500);
}

#[test]
fn a_deadline_that_leaves_less_than_half_a_second_of_any_apps_time_is_refused() {
    let apps = "[[apps]]\napp_key = \"a\"\nsecrets = [\"s\"]\nplatform_timeout = \"3s\"\n\
                [[apps]]\napp_key = \"b\"\nsecrets = [\"s\"]\n";
    let expected = "error: 1 fault in offhook.toml
  server.deadline = `1501ms`: expected at most 1s 500ms: the platform gives up on apps[1] after 2s, of which 500ms \
                    must remain (line 2)

hint: server.deadline: where the console gives more time, say so in apps[1].platform_timeout";
    assert_eq!(faults(&format!("[server]\ndeadline = \"1501ms\"\n{apps}"), &[]), expected);
    assert!(load(&format!("[server]\ndeadline = \"1500ms\"\n{apps}"), &[]).is_ok());
}

#[test]
fn what_must_be_there_once_is_refused_twice() {
    let app = "[[apps]]\napp_key = \"key-one\"\nsecrets = [\"another\"]\n";
    let text = of(app);
    assert!(text.contains("  apps[1].app_key = `key-one`: expected an App Key of its own, but apps[0] has the same"));

    let text = of("[[handlers]]\ntype = \"log\"\n[[handlers]]\ntype = \"log\"\n");
    let fault = "  handlers[1]: expected a name of its own, but another handler is called `log` too (line 3)";
    assert!(text.contains(fault), "{text}");

    let endpoint = "[[endpoints]]\npath = \"/a\"\nfamily = \"yunxin.callback\"\n";
    let text = of(&format!("{endpoint}{endpoint}"));
    assert!(text.contains("  endpoints[1].path = `/a`: expected a path of its own"), "{text}");
}

#[test]
fn the_admin_listener_off_loopback_needs_a_token() {
    for address in ["0.0.0.0:8081", "[::]:8081", "10.0.0.1:80", "[::ffff:10.0.0.1]:80"] {
        let toml = format!("[admin]\nlisten = \"{address}\"\n");
        let fault = format!("admin.listen = `{address}`: expected a loopback address, since there is no admin.token");
        assert!(of(&toml).contains(&fault), "{address}");
        assert!(load(&format!("{toml}token = \"a-long-token\"\n{APP}"), &[]).is_ok(), "{address}");
    }
    for address in ["127.0.0.1:8081", "127.8.0.1:1", "[::1]:8081", "[::ffff:127.0.0.1]:80"] {
        assert!(load(&format!("[admin]\nlisten = \"{address}\"\n{APP}"), &[]).is_ok(), "{address}");
    }
}

#[test]
fn a_url_with_a_password_is_never_shown() {
    for url in ["htps://me:hunter2@target/", "https://me:hunter2@tar get/", "me:hunter2@target", "http://"] {
        let text = of(&format!("[[handlers]]\ntype = \"http\"\nurl = \"{url}\"\n"));
        assert!(text.contains("  handlers[0].url: expected a URL") && !text.contains("hunter2"), "{text}");
    }
}
