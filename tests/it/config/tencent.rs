//! The section `[tencent]`: what it takes, what it refuses, and that nothing of a secret is shown.

use super::{faults, load};

const GOOD: &str = "[tencent]\nsdk_app_id = 1400004711\ncallback_tokens = [\"path-token-1\", { env = \"OLD\" }]\n";

#[test]
fn with_a_secret_of_tencents_no_app_is_needed() {
    let config = load(&format!("{GOOD}trtc_keys = [\"madeUpKey\"]\n"), &[("OLD", "path-token-0")]).expect("good");
    assert_eq!((config.callbacks.count(), &**config.callbacks.sdk_app_id()), ((2, 1), "1400004711"));
    let shown = config.masked_toml();
    assert!(
        shown.contains(
            "[tencent]\nsdk_app_id = 1400004711\ncallback_tokens = [\"***\", \"***\"]\ntrtc_keys = [\"***\"]\n"
        ),
        "{shown}"
    );
    assert!(!shown.contains("path-token"), "{shown}");
    assert!(faults("[tencent]\nsdk_app_id = 1400004711\n", &[]).contains("at least one app"));
}

#[test]
fn one_list_in_the_environment_is_enough_beside_the_number() {
    let environment = [("OFFHOOK__TENCENT__SDK_APP_ID", "1400004711"), ("OFFHOOK__TENCENT__TRTC_KEYS__0", "madeUpKey")];
    assert_eq!(load("", &environment).expect("good").callbacks.count(), (0, 1));
}

#[test]
fn what_is_wrong_is_told_without_the_secret() {
    for (section, expected) in [
        ("callback_tokens = [\"a-token\"]", "tencent.sdk_app_id: expected the SDKAppID"),
        ("sdk_app_id = 0\ntrtc_keys = [\"aKey\"]", "tencent.sdk_app_id"),
        ("sdk_app_id = 1\ncallback_tokens = [\"offhook-dev-test-token\"]", "published test app"),
        ("sdk_app_id = 1\ntrtc_keys = [\"offhookDevTestTrtcKey\"]", "published test app"),
        ("sdk_app_id = 1\ncallback_tokens = [\"\"]", "an empty text"),
        ("sdk_app_id = 1\ncallback_tokens = [\"changeme\"]", "a placeholder"),
        ("sdk_app_id = 1\ncallback_tokens = [\"a/token\"]", "it stands in a URL"),
        ("sdk_app_id = 1\ncallback_tokens = \"a-token\"", "expected a list"),
        ("sdk_app_id = 1\ntrtc_keys = [\"a-key\"]", "at most 32 letters and digits"),
        ("sdk_app_id = 1\ntrtc_keys = [\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]", "at most 32 letters and digits"),
        ("sdk_app_id = 1\ncallback_token = [\"a-token\"]", "did you mean `callback_tokens`?"),
    ] {
        let text = faults(&format!("[tencent]\n{section}\n"), &[]);
        assert!(text.contains(expected), "{section}\n{text}");
        assert!(!text.contains("a-token") && !text.contains("a-key") && !text.contains("TestTrtcKey"), "{text}");
    }
}
