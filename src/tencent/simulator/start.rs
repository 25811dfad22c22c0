//! The request `start_call_by_robot`, read as strictly as trtc.io/document/74505 and 77715 describe it.

use std::time::Duration;

use serde_json::{Map, Value};

use super::fields::{Bad, Fields, is_account};

/// A call that somebody asks for.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) robot: String,
    pub(super) callees: Vec<String>,
    pub(super) timeout: Duration,
    pub(super) media: String,
    /// The room and its type: 1 number, 2 text.
    pub(super) room: Option<(String, i64)>,
}

/// Why there is no call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoStart {
    /// 60015: an account is no text.
    Account,
    /// 101002: a field is not as it is documented.
    Field(Bad),
}

impl From<Bad> for NoStart {
    fn from(bad: Bad) -> Self {
        Self::Field(bad)
    }
}

/// Reads the request.
pub(super) fn read(map: &Map<String, Value>) -> Result<Start, NoStart> {
    let is_no_text = |name: &str| map.get(name).is_some_and(|value| !value.is_string());
    let callees = map.get("CalleeList_Account").and_then(Value::as_array);
    if is_no_text("Robot_Account") || callees.is_some_and(|callees| callees.iter().any(|one| !one.is_string())) {
        return Err(NoStart::Account);
    }
    let body = Fields::of(map);
    body.only(&["Robot_Account", "CalleeList_Account", "Timeout", "UserData", "CallInfo", "OfflinePushInfo"])?;
    let robot = body.need("Robot_Account", body.account("Robot_Account"))?;
    let list = body.need("CalleeList_Account", body.list("CalleeList_Account"))?;
    let callees: Vec<String> = list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    if callees.is_empty() || !callees.iter().all(|callee| is_account(callee)) {
        return Err(body
            .bad("CalleeList_Account", "is empty, or has one that is not 1 to 32 of a-z A-Z 0-9 _ -")
            .into());
    }
    let timeout = body.need("Timeout", body.integer("Timeout", 10_000..=600_000))?;
    body.short_text("UserData", 1000)?;
    let info = body.need("CallInfo", body.object("CallInfo"))?;
    info.only(&["MediaType", "RoomId", "RoomIdType"])?;
    let media = info.need("MediaType", info.word("MediaType", &["Video", "Audio"]))?;
    let room = room(&info)?;
    if let Some(push) = body.object("OfflinePushInfo")? {
        self::push(&push)?;
    }
    Ok(Start {
        robot: robot.to_owned(),
        callees,
        timeout: Duration::from_millis(timeout.unsigned_abs()),
        media: media.to_owned(),
        room,
    })
}

fn room(info: &Fields<'_>) -> Result<Option<(String, i64)>, Bad> {
    let (id, of_type) = (info.short_text("RoomId", 64)?, info.integer("RoomIdType", 1..=2)?);
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(None) };
    let is_number = id.parse().is_ok_and(|number: u32| (1..u32::MAX).contains(&number));
    match of_type {
        Some(1) if !is_number => Err(info.bad("RoomId", "is no number from 1 to 4294967294, as RoomIdType 1 says")),
        of_type => Ok(Some((id.to_owned(), of_type.unwrap_or(if is_number { 1 } else { 2 })))),
    }
}

/// `OfflinePushInfo`. Vendors add fields often, so others than these pass.
fn push(push: &Fields<'_>) -> Result<(), Bad> {
    push.integer("PushFlag", 0..=1)?;
    let (desc, ext) = (push.text("Desc")?, push.text("Ext")?);
    if desc.map_or(0, str::len) + ext.map_or(0, str::len) >= 3 * 1024 {
        return Err(push.bad("Desc", "and Ext have 3 KB or more together"));
    }
    for name in ["Title", "PushTemplateId"] {
        push.text(name)?;
    }
    push.object("PushTemplateParam")?;
    push.integer("BadgeAddNum", 1..=99)?;
    push.integer("BadgeSetNum", 0..=999)?;
    for content in push.objects("MultiLanguageContent")? {
        for name in ["Language", "Title", "Desc"] {
            content.text(name)?;
        }
    }
    if let Some(android) = push.object("AndroidInfo")? {
        self::android(&android)?;
    }
    if let Some(apns) = push.object("ApnsInfo")? {
        self::apns(&apns)?;
    }
    if let Some(harmony) = push.object("HarmonyInfo")? {
        for name in ["Title", "Category", "Image", "Sound"] {
            harmony.text(name)?;
        }
        harmony.integer("SoundDuration", 1..=60)?;
    }
    Ok(())
}

fn android(android: &Fields<'_>) -> Result<(), Bad> {
    let texts = [
        "Sound",
        "XiaoMiChannelID",
        "OPPOChannelID",
        "HuaWeiChannelID",
        "GoogleChannelID",
        "OPPOCategory",
        "VIVOCategory",
        "HuaWeiCategory",
        "OPPOPrivateMsgTemplateId",
    ];
    for name in texts {
        android.text(name)?;
    }
    for name in ["OPPOPrivateTitleParameters", "OPPOPrivateContentParameters"] {
        android.object(name)?;
    }
    android.integer("PushStyle", 0..=1)?;
    let level = android.one_of("OPPONotifyLevel", &[1.0, 2.0, 16.0])?;
    if level.is_some() && android.text("OPPOCategory")?.is_none() {
        return Err(android.bad("OPPONotifyLevel", "needs OPPOCategory"));
    }
    android.integer("VIVOClassification", 0..=1)?;
    android.word("VIVONotifyType", &["1", "2", "3", "4"])?;
    for name in ["HuaWeiImportance", "HonorImportance"] {
        android.word(name, &["LOW", "NORMAL"])?;
    }
    for name in ["HuaWeiImage", "HonorImage", "GoogleImage"] {
        android.url(name, &["https"])?;
    }
    android.word("GooglePriority", &["normal", "high"])?;
    android.integer("MeiZuNoticeMsgType", 0..=1)?;
    Ok(())
}

fn apns(apns: &Fields<'_>) -> Result<(), Bad> {
    for name in ["Title", "SubTitle", "Image", "Sound"] {
        apns.text(name)?;
    }
    for name in ["BadgeMode", "MutableContent", "ContentAvailable", "IsVoipPush"] {
        apns.integer(name, 0..=1)?;
    }
    apns.word("InterruptionLevel", &["active", "critical", "passive", "time-sensitive"])?;
    if let Some(activity) = apns.object("LiveActivity")? {
        activity.text("LaId")?;
        activity.word("Event", &["update", "end"])?;
        activity.object("ContentState")?;
        activity.integer("DismissalDate", 0..=i64::MAX)?;
    }
    Ok(())
}
