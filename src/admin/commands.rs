//! An event as a command for a shell: with curl, which signs it anew, and with `offhook send`.
//!
//! No digest and no secret is in them: whoever runs one has the secret, or the command does nothing.

use super::Inspector;
use crate::edge::Endpoint;
use crate::event::Event;
use crate::kind::Family;

impl Inspector {
    /// Where the public listener is, as seen from this machine.
    pub(super) fn public_url(&self) -> String {
        let mut address = self.shown.public;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    }

    /// The address of a family's first path.
    pub(super) fn url_of(&self, family: Family) -> Option<String> {
        let endpoints = &self.shown.edge.settings().endpoints;
        let path = &endpoints.iter().find(|endpoint| endpoint.family == family)?.path;
        Some(format!("{}{}", self.public_url(), path.replace(Endpoint::TOKEN, "$OFFHOOK_TENCENT_TOKEN")))
    }
}

/// Sends `data` again with curl.
pub(super) fn curl(inspector: &Inspector, event: &Event, data: &str) -> Option<String> {
    if event.kind().is_overruled() {
        return None; // nobody sent it
    }
    let url = inspector.url_of(event.family())?;
    let body = quoted(data);
    let post = |headers: &str| {
        format!(
            "curl -sS \"{url}\" -H 'Content-Type: application/json; charset=utf-8'{headers} --data-binary \"$BODY\""
        )
    };
    Some(match event.family() {
        Family::YunxinCallback | Family::YunxinCopy => {
            let product = if event.kind().name().starts_with("rtc.") { " -H 'type: G2'" } else { "" };
            let headers = format!(
                " -H {} -H \"CurTime: $CURTIME\" -H \"MD5: $MD5\" -H \"CheckSum: $CHECKSUM\"{product}",
                quoted(&format!("AppKey: {}", event.app_key()))
            );
            format!(
                "# needs OFFHOOK_APP_SECRET\nBODY={body}\nCURTIME=$(date +%s)000\n\
                 MD5=$(printf %s \"$BODY\" | md5sum | cut -d' ' -f1)\n\
                 CHECKSUM=$(printf %s \"$OFFHOOK_APP_SECRET$MD5$CURTIME\" | sha1sum | cut -d' ' -f1)\n{}",
                post(&headers)
            )
        }
        Family::TencentCall => format!("# needs OFFHOOK_TENCENT_TOKEN\nBODY={body}\n{}", post("")),
        Family::TencentTrtc => {
            let headers = format!(" -H 'SdkAppId: {}' -H \"Sign: $SIGN\"", event.app_key());
            format!(
                "# needs TRTC_CALLBACK_KEY\nBODY={body}\n\
                 SIGN=$(printf %s \"$BODY\" | openssl dgst -sha256 -hmac \"$TRTC_CALLBACK_KEY\" -binary | base64)\n{}",
                post(&headers)
            )
        }
    })
}

/// Sends `data` again with `offhook send`.
pub(super) fn send(inspector: &Inspector, event: &Event, data: &str) -> Option<String> {
    if event.kind().is_overruled() || !matches!(event.family(), Family::YunxinCallback | Family::YunxinCopy) {
        return None;
    }
    let url = inspector.url_of(event.family())?;
    let (body, key) = (quoted(data), quoted(event.app_key()));
    Some(format!(
        "# needs OFFHOOK_APP_SECRET\nprintf %s {body} > event.json\noffhook send event.json --to {url} --app-key {key}"
    ))
}

/// `text` as one word of a shell's line.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
