//! What `[tencent]` says about requests that leave: the app's key, where to, and the pair of the Cloud API.

use crate::tencent::ingest::{self, Site};
use crate::tencent::tc3::Credentials;
use crate::tencent::{
    Account, DEV_CLOUD_SECRET_ID, DEV_CLOUD_SECRET_KEY, DEV_SECRET_KEY, Host, Patience, Region, RoomReading, UserId,
    UserSigKey,
};

use super::reader::{Field, Section};
use super::secrets;

/// Reads the keys of `[tencent]` for requests that leave; `None` without `secret_key`, with which they are signed.
pub(super) fn account(section: &mut Section<'_>, sdk_app_id: Option<u32>) -> Option<Account> {
    let key = section.take("secret_key").map(|field| secrets::not_published(&field, DEV_SECRET_KEY));
    let admin = section.take("admin").map(|field| admin(&field));
    let region = section.take("region").map(|field| field.word(&Region::WORDS));
    let host_field = section.take("host");
    let host = host_field.as_ref().map(|field| host(field));
    if let (Some(field), Some(_)) = (&host_field, &region) {
        field.reader.warn(format!("{} is set, so the region beside it counts for nothing", field.path()));
    }
    let ingest = section.take("ingest").map(|field| ingest_settings(&field));
    let Some(key) = key else {
        if region.is_some() || host.is_some() || ingest.is_some() {
            let hint = "the app's SDKSecretKey in the console; it signs every UserSig";
            section.fault("secret_key", "expected the app's key, found nothing".to_owned(), Some(hint.to_owned()));
        }
        return None;
    };
    if sdk_app_id.is_none() {
        let hint = "the number of the app in Tencent's console";
        section.fault("sdk_app_id", "expected the SDKAppID, found nothing usable".to_owned(), Some(hint.to_owned()));
    }
    let host = match (host, region) {
        (Some(host), _) => Some(host?),
        (None, Some(region)) => Some(region?.into()),
        (None, None) => None,
    };
    let ingest = match ingest {
        Some(ingest) => Some(ingest?),
        None => None,
    };
    let key = UserSigKey::new(sdk_app_id?, key?);
    Some(Account { key, admin: admin.unwrap_or_else(|| Some(UserId::administrator()))?, host, ingest })
}

fn admin(field: &Field<'_>) -> Option<UserId> {
    let text = field.text("an administrator of the app")?;
    UserId::parse(text).map_err(|error| field.fault(format!("expected a user id: {error}"), None)).ok()
}

/// A host; what stands there instead may hold a password.
fn host(field: &Field<'_>) -> Option<Host> {
    let text = field.text("a host")?;
    Host::parse(text).map_err(|error| field.fault_hiding(error.to_string(), None)).ok()
}

fn ingest_settings(field: &Field<'_>) -> Option<ingest::Settings> {
    let mut section = field.section()?;
    let secret_id = section.need("secret_id", "the SecretId of a pair of the Cloud API");
    let secret_id = secret_id.and_then(|field| secrets::not_published(&field, DEV_CLOUD_SECRET_ID));
    let secret_key = section.need("secret_key", "the SecretKey of that pair");
    let secret_key = secret_key.and_then(|field| secrets::not_published(&field, DEV_CLOUD_SECRET_KEY));
    let token = section.take("token").map(|field| secrets::secret(&field));
    let site = section.take("site").map(|field| field.word(&Site::WORDS));
    let endpoint = section.take("endpoint").map(|field| host(&field));
    let region = section.take("region").map(|field| region(&field));
    let reading = section.take("room_id_type").map(|field| field.word(&RoomReading::WORDS));
    section.finish();
    let site = site.unwrap_or(Some(Site::International))?;
    let token = match token {
        Some(token) => Some(token?),
        None => None,
    };
    let room_reading = match reading {
        Some(reading) => Some(reading?),
        None => None,
    };
    Some(ingest::Settings {
        credentials: Credentials { secret_id: secret_id?.expose().to_owned(), secret_key: secret_key?, token },
        site,
        endpoint: endpoint.unwrap_or_else(|| Some(site.endpoint()))?,
        region: region.unwrap_or_else(|| Some(site.usual_region().to_owned()))?,
        room_reading,
        patience: Patience::default(),
    })
}

fn region(field: &Field<'_>) -> Option<String> {
    let text = field.text("a region")?;
    if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        field.fault("expected a region of the Cloud API", Some("for example `ap-singapore`".to_owned()));
        return None;
    }
    Some(text.to_owned())
}
