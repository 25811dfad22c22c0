//! The published test app for Tencent: what `dev --tencent` runs with, and what the Tencent commands use where nothing
//! is configured.
//!
//! Everybody knows these secrets, so `serve` refuses them.

/// The number of the test app: the one that Tencent's own pages show in their examples.
pub const DEV_SDK_APP_ID: u32 = 88_888_888;
/// Its key, which signs UserSigs.
pub const DEV_SECRET_KEY: &str = "offhook-dev-test-key";
/// The secret part of the path of its call callbacks.
pub const DEV_CALLBACK_TOKEN: &str = "offhook-dev-test-token";
/// The key of its room callbacks: at most 32 letters and digits.
pub const DEV_TRTC_KEY: &str = "offhookDevTestTrtcKey";
/// The first of its pair for the Cloud API.
pub const DEV_CLOUD_SECRET_ID: &str = "offhook-dev-test-id";
/// The second of its pair for the Cloud API.
pub const DEV_CLOUD_SECRET_KEY: &str = "offhook-dev-test-cloud-key";
/// Where `dev --tencent` plays Tencent: the call engine below `/v4/`, the Cloud API at `/`.
pub const DEV_HOST: &str = "http://127.0.0.1:8082";
