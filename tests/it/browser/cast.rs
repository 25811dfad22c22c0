//! A real browser without a window, driven as a person drives one: it looks, clicks, types, and tells what went wrong.

use std::io::Write;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};

use super::driver::{Driver, Key};
use crate::world::World;

/// Browsers are large: one at a time.
static ONE: Mutex<()> = Mutex::const_new(());

/// How a browser is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looks {
    pub(crate) language: &'static str,
    pub(crate) dark: bool,
    /// Width and height.
    pub(crate) size: (u32, u32),
}

impl Default for Looks {
    fn default() -> Self {
        Self { language: "en-US", dark: false, size: (1280, 800) }
    }
}

/// A browser that is open.
pub(crate) struct Browser {
    driver: Driver,
    base: String,
    _one: MutexGuard<'static, ()>,
}

/// Writes down what goes wrong in a page before anything of it runs.
const WITNESS: &str = "window.trouble = []; \
    for (const name of ['error', 'unhandledrejection', 'securitypolicyviolation']) \
      addEventListener(name, (event) => window.trouble.push(`${name}: ${event.message ?? event.reason ?? event.blockedURI}`));";

impl Browser {
    /// Opens one at `world`'s inspector. `None` where this machine has no browser, which is said; in CI that fails.
    pub(crate) async fn opens(world: &World, looks: Looks) -> Option<Self> {
        let one = ONE.lock().await;
        let (width, height) = looks.size;
        let mut arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--force-prefers-reduced-motion",
            "--hide-scrollbars",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.extend([format!("--window-size={width},{height}"), format!("--lang={}", looks.language)]);
        let preferences = json!({"intl.accept_languages": looks.language});
        let Some(driver) = Driver::starts(&arguments, preferences).await else {
            assert!(std::env::var_os("CI").is_none(), "no chromedriver: scripts/browser installs it; CI skips nothing");
            let _ = writeln!(std::io::stderr(), "skipped: no chromedriver here; scripts/browser installs it");
            return None;
        };
        let base = format!("http://{}", world.addresses().admin.expect("an admin listener"));
        let browser = Self { driver, base, _one: one };
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        browser.driver.tells("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if looks.dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.driver.tells("Emulation.setEmulatedMedia", media).await;
        browser.driver.tells("Page.addScriptToEvaluateOnNewDocument", json!({"source": WITNESS})).await;
        browser.goes_to("/").await;
        Some(browser)
    }

    pub(crate) async fn goes_to(&self, path: &str) {
        self.driver.does("/url", json!({"url": format!("{}{path}", self.base)})).await;
    }

    /// Loads the page again.
    pub(crate) async fn reloads(&self) {
        self.driver.does("/refresh", json!({})).await;
    }

    /// What a script gives.
    pub(crate) async fn runs(&self, script: &str) -> Value {
        self.driver.does("/execute/sync", json!({"script": script, "args": []})).await
    }

    /// Waits until the expression is true.
    pub(crate) async fn sees(&self, expression: &str) {
        let began = Instant::now();
        while self.runs(&format!("return Boolean({expression})")).await != true {
            if began.elapsed() > Duration::from_secs(30) {
                let text = self.runs("return document.body.innerText").await;
                panic!(
                    "it never was so: {expression}\n{}\n{:?}",
                    text.as_str().unwrap_or_default(),
                    self.trouble().await
                );
            }
        }
    }

    /// Waits until the page shows `text`.
    pub(crate) async fn reads(&self, text: &str) {
        self.sees(&format!("document.body.innerText.includes({})", json!(text))).await;
    }

    /// The text of the first element there.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let text = self.runs(&format!("return document.querySelector({})?.innerText", json!(selector))).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks on the first element there, as soon as there is one.
    pub(crate) async fn clicks(&self, selector: &str) {
        self.sees(&format!("document.querySelector({})", json!(selector))).await;
        let element = self.driver.finds(selector).await;
        self.driver.does(&format!("/element/{element}/click"), json!({})).await;
    }

    /// Types into the first element there, and leaves it with Enter.
    pub(crate) async fn types(&self, selector: &str, text: &str) {
        self.driver.types(&self.driver.finds(selector).await, text).await;
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn presses(&self, keys: &[Key]) {
        for key in keys {
            self.driver.presses(*key).await;
        }
    }

    /// A picture of what is seen, as PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        use base64::Engine as _;
        let picture = self.driver.asks("/screenshot", None).await.expect("a picture");
        base64::engine::general_purpose::STANDARD.decode(picture.as_str().unwrap_or_default()).expect("a picture")
    }

    /// What went wrong in the page, and what it asked of other places.
    pub(crate) async fn trouble(&self) -> Vec<String> {
        let told = self.runs("return window.trouble").await;
        let mut trouble: Vec<String> =
            told.as_array().into_iter().flatten().filter_map(|line| line.as_str().map(str::to_owned)).collect();
        let log = self.driver.does("/se/log", json!({"type": "browser"})).await;
        let log = log.as_array().into_iter().flatten().filter_map(|entry| entry["message"].as_str().map(str::to_owned));
        // That a wrong token is answered 401 is noted by the browser itself.
        trouble.extend(log.filter(|message| !message.contains("status of 401")));
        let foreign = format!(
            "return performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => !name.startsWith({}))",
            json!(self.base)
        );
        let foreign = self.runs(&foreign).await;
        trouble.extend(foreign.as_array().into_iter().flatten().map(|name| format!("asked {name}")));
        trouble
    }

    /// Closes it; nothing may have gone wrong.
    pub(crate) async fn closes(self) {
        let trouble = self.trouble().await;
        assert!(trouble.is_empty(), "{trouble:#?}");
        self.driver.quits().await;
    }
}
