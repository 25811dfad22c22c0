//! What is not wrong but should be known.

use super::load;

const LOGINS: &str = "a login whose authType (loginAuthType) is 2 or absent may be checked by nobody but us: it is \
                      rejected, as default and as fallback, unless a decider allows it";

/// The warnings of one app with `rest` in its section and below.
fn of(rest: &str) -> Vec<String> {
    load(&format!("[[apps]]\napp_key = \"key-one\"\nsecrets = [\"s\"]\n{rest}"), &[]).unwrap().warnings
}

#[test]
fn logins_are_explained_where_the_configuration_seems_to_allow_them() {
    assert_eq!(of(""), [LOGINS]);
    assert!(of("[verdict]\ndefault = \"reject\"\n").is_empty());
    assert!(of("[apps.verdict.kinds.\"login.*\"]\ndefault = \"reject\"\n").is_empty());
    let fallback = of("[apps.verdict.kinds.\"login.*\"]\ndefault = \"reject\"\nfallback = \"allow\"\n");
    assert_eq!(fallback.last().map(String::as_str), Some(LOGINS));
}

#[test]
fn kinds_whose_fallback_is_not_the_consoles_default_are_pointed_out() {
    let all = "app key-one: when deciding fails, offhook allows every kind; the console would reject (console_default)";
    assert_eq!(of("[verdict]\nfallback = \"allow\"\n")[0], all);
    let some = "app key-one: when deciding fails, offhook rejects call.*, room.*, login.im; the console would allow \
                (console_default)";
    let toml = "console_default = \"allow\"\n[verdict.kinds.\"call.*\"]\nfallback = \"reject\"\n\
                [apps.verdict.kinds.\"room.create\"]\nfallback = \"reject\"\n[verdict.kinds.\"login.im\"]\n\
                fallback = \"reject\"\n[verdict.kinds.\"team.*\"]\nfallback = \"allow\"\n";
    assert_eq!(of(toml), [some, LOGINS]);
    assert_eq!(of("console_default = \"allow\"\n[apps.verdict]\nfallback = \"allow\"\n"), [LOGINS]);
}

#[test]
fn reject_codes_that_the_desktop_sdk_uses_itself_are_pointed_out() {
    let expected = "verdict.kinds.\"call.*\".reject_code = 20007: the desktop SDK uses 20000 to 20007 for errors of its \
                    own, so its users cannot tell this rejection from those; 20008 to 20099 are free";
    assert_eq!(of("[verdict.kinds.\"call.*\"]\nreject_code = 20007\n"), [expected, LOGINS]);
    assert_eq!(of("[verdict.kinds.\"call.*\"]\nreject_code = 20008\n"), [LOGINS]);
}

#[test]
fn a_secret_with_a_space_at_its_end_is_pointed_out_and_taken_as_it_is() {
    let config = load("[[apps]]\napp_key = \"k\"\nsecrets = [\"s3cr3t \"]\n", &[]).unwrap();
    let expected = "the secret of apps[0].secrets[0] begins or ends with a space, which is taken as part of it";
    assert_eq!(config.warnings[0], expected);
    assert_eq!(config.apps.get("k").unwrap().secrets[0].secret.expose(), "s3cr3t ");
}
