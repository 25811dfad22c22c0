//! Whom requests are taken from, as a configuration says it.

use super::{APP, faults, load};

#[test]
fn networks_are_read_from_a_file_and_from_variables() {
    let toml = "[server]\nallow_from = [\"203.0.113.0/24\", \"2001:db8::1\"]\nforwarded_header = \"forwarded\"\n";
    let proxies = ("OFFHOOK__SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 192.168.1.1");
    let config = load(&format!("{toml}{APP}"), &[proxies]).unwrap();
    let shown = config.masked_toml();
    for line in [
        "allow_from = [\"203.0.113.0/24\", \"2001:db8::1/128\"]",
        "trusted_proxies = [\"10.0.0.0/8\", \"192.168.1.1/32\"]",
        "forwarded_header = \"forwarded\"",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "no `{line}` in\n{shown}");
    }
    assert!(config.warnings.iter().all(|warning| !warning.contains("trusted_proxies")));
}

#[test]
fn what_is_no_network_is_a_fault() {
    for (value, shown) in [
        ("[\"proxy.internal\"]", "server.allow_from[0] = `proxy.internal`: expected an IP network or address"),
        ("[\"10.0.0.0/33\"]", "server.allow_from[0] = `10.0.0.0/33`: expected an IP network or address"),
        ("[\"\"]", "server.allow_from[0] = ``: expected a network, printable and not empty"),
        ("\"10.0.0.0/8\"", "server.allow_from: expected a list"),
    ] {
        let text = faults(&format!("[server]\nallow_from = {value}\n{APP}"), &[]);
        assert!(text.contains(shown), "no `{shown}` in\n{text}");
    }
}

#[test]
fn to_trust_everybody_is_warned_about() {
    let toml = format!("[server]\ntrusted_proxies = [\"0.0.0.0/0\"]\n{APP}");
    let warnings = load(&toml, &[]).unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.contains("anybody may claim to be anybody")), "{warnings:?}");
}

#[test]
fn a_deadline_that_is_too_long_is_told_with_all_the_other_faults() {
    let toml = "[server]\ndeadline = \"1600ms\"\nlisten = \"nowhere\"\n\
                [[apps]]\napp_key = \"a\"\nsecrets = []\n[[apps]]\napp_key = \"b\"\nsecrets = [\"s\"]\nplatform_timeout = \"9\"\n";
    let text = faults(toml, &[]);
    for fault in [
        "server.listen = `nowhere`",
        "apps[0].secrets",
        "apps[1].platform_timeout",
        "the platform gives up on apps[0] after 2s",
    ] {
        assert!(text.contains(fault), "no `{fault}` in\n{text}");
    }
    assert!(!text.contains("gives up on apps[1]"), "its time is not known: {text}");
}
