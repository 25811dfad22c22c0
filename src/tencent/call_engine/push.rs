//! `OfflinePushInfo`: what a callee sees whose client is not running (trtc.io/document/77715).
//!
//! The documented fields are typed; vendors add others often, and those pass as they are.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::tencent::RequestFault;

/// Description and extension together must stay below this, or Apple's packet is too large.
const MAX_DESC_AND_EXT: usize = 3 * 1024;

/// Writes a struct of optional fields with the sender's names, and `other` for what else there is.
macro_rules! optional_fields {
    ($(#[$struct_doc:meta])* pub struct $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty = $wire:literal,)+ }) => {
        $(#[$struct_doc])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$doc])* #[serde(rename = $wire, default, skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)+
            /// Fields that are not documented, as they were given.
            #[serde(flatten)]
            pub other: Map<String, Value>,
        }
    };
}

optional_fields! {
    /// The whole push.
    ///
    /// ```
    /// use offhook::tencent::call_engine::{AndroidPush, ApnsPush, HarmonyPush, LanguageContent, Media, OfflinePush, StartCall};
    ///
    /// let mut chinese = LanguageContent::default();
    /// (chinese.language, chinese.title) = (Some("zh".to_owned()), Some("视频通话".to_owned()));
    /// let mut push = OfflinePush::default();
    /// (push.title, push.desc) = (Some("Video call".to_owned()), Some("The ward is calling".to_owned()));
    /// push.multi_language_content = Some(vec![chinese]);
    /// let (mut android, mut apns, mut harmony) = (AndroidPush::default(), ApnsPush::default(), HarmonyPush::default());
    /// android.xiaomi_channel_id = Some("calls".to_owned());
    /// apns.sound = Some("ring.caf".to_owned());
    /// harmony.sound = Some("ring.mp3".to_owned());
    /// (push.android, push.apns, push.harmony) = (Some(android), Some(apns), Some(harmony));
    /// let call = StartCall { push: Some(push), ..StartCall::new("ward-7", vec!["mei".to_owned()], Media::Video) };
    /// assert!(call.to_json().contains(r#""XiaoMiChannelID":"calls""#));
    /// ```
    pub struct OfflinePush {
        /// 0 push where the callee is offline, 1 do not.
        push_flag: u8 = "PushFlag",
        /// Its title.
        title: String = "Title",
        /// Its text.
        desc: String = "Desc",
        /// The same in other languages.
        multi_language_content: Vec<LanguageContent> = "MultiLanguageContent",
        /// For the app; must itself be JSON text, or some Android vendors drop the push.
        ext: String = "Ext",
        /// For Android.
        android: AndroidPush = "AndroidInfo",
        /// For Apple.
        apns: ApnsPush = "ApnsInfo",
        /// For `HarmonyOS`.
        harmony: HarmonyPush = "HarmonyInfo",
        /// Adds to the badge: 1 to 99.
        badge_add_num: u16 = "BadgeAddNum",
        /// Sets the badge: 0 to 999, 99 for Huawei, Honor and Harmony.
        badge_set_num: u16 = "BadgeSetNum",
        /// A template's id, such as `1400000000-1`.
        push_template_id: String = "PushTemplateId",
        /// What fills the template.
        push_template_param: Map<String, Value> = "PushTemplateParam",
    }
}

optional_fields! {
    /// A push in one language.
    ///
    /// Example: [`OfflinePush`].
    pub struct LanguageContent {
        /// Which.
        language: String = "Language",
        /// Its title.
        title: String = "Title",
        /// Its text.
        desc: String = "Desc",
    }
}

optional_fields! {
    /// For Android's vendors.
    ///
    /// Example: [`OfflinePush`].
    pub struct AndroidPush {
        /// A file's name without its suffix.
        sound: String = "Sound",
        /// 0 usual, 1 large text.
        push_style: u8 = "PushStyle",
        /// Xiaomi's channel.
        xiaomi_channel_id: String = "XiaoMiChannelID",
        /// OPPO's channel.
        oppo_channel_id: String = "OPPOChannelID",
        /// Huawei's channel.
        huawei_channel_id: String = "HuaWeiChannelID",
        /// Google's channel.
        google_channel_id: String = "GoogleChannelID",
        /// OPPO's category.
        oppo_category: String = "OPPOCategory",
        /// vivo's category.
        vivo_category: String = "VIVOCategory",
        /// Huawei's category.
        huawei_category: String = "HuaWeiCategory",
        /// OPPO's private template.
        oppo_private_msg_template_id: String = "OPPOPrivateMsgTemplateId",
        /// What fills its title.
        oppo_private_title_parameters: Map<String, Value> = "OPPOPrivateTitleParameters",
        /// What fills its text.
        oppo_private_content_parameters: Map<String, Value> = "OPPOPrivateContentParameters",
        /// 1, 2 or 16; needs OPPO's category.
        oppo_notify_level: u8 = "OPPONotifyLevel",
        /// 0 or 1.
        vivo_classification: u8 = "VIVOClassification",
        /// `1` to `4`.
        vivo_notify_type: String = "VIVONotifyType",
        /// `LOW` or `NORMAL`.
        huawei_importance: String = "HuaWeiImportance",
        /// `LOW` or `NORMAL`.
        honor_importance: String = "HonorImportance",
        /// https.
        huawei_image: String = "HuaWeiImage",
        /// https.
        honor_image: String = "HonorImage",
        /// https.
        google_image: String = "GoogleImage",
        /// `normal` or `high`.
        google_priority: String = "GooglePriority",
        /// 0 or 1.
        meizu_notice_msg_type: u8 = "MeiZuNoticeMsgType",
    }
}

optional_fields! {
    /// For Apple.
    ///
    /// Example: [`OfflinePush`].
    pub struct ApnsPush {
        /// 0 counts, 1 does not.
        badge_mode: u8 = "BadgeMode",
        /// Instead of the push's title.
        title: String = "Title",
        /// A second title.
        sub_title: String = "SubTitle",
        /// A picture.
        image: String = "Image",
        /// 1 for an extension that changes it.
        mutable_content: u8 = "MutableContent",
        /// A file's name with its suffix, of 30 s at most.
        sound: String = "Sound",
        /// `active`, `critical`, `passive` or `time-sensitive`.
        interruption_level: String = "InterruptionLevel",
        /// 1 silent.
        content_available: u8 = "ContentAvailable",
        /// 1 a VoIP push, which rings; an alert where the callee has no VoIP token.
        is_voip_push: u8 = "IsVoipPush",
        /// A live activity.
        live_activity: Map<String, Value> = "LiveActivity",
    }
}

optional_fields! {
    /// For `HarmonyOS`.
    ///
    /// Example: [`OfflinePush`].
    pub struct HarmonyPush {
        /// Instead of the push's title.
        title: String = "Title",
        /// Its category.
        category: String = "Category",
        /// A picture.
        image: String = "Image",
        /// A sound.
        sound: String = "Sound",
        /// 1 to 60.
        sound_duration: u8 = "SoundDuration",
    }
}

impl OfflinePush {
    /// What Tencent would refuse.
    pub(super) fn faults(&self) -> Vec<RequestFault> {
        let mut faults = Vec::new();
        let mut between = |field, value: Option<u16>, least, most| {
            if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
                faults.push(RequestFault { field, what: format!("{value} is not from {least} to {most}") });
            }
        };
        between("OfflinePushInfo.PushFlag", self.push_flag.map(u16::from), 0, 1);
        between("OfflinePushInfo.BadgeAddNum", self.badge_add_num, 1, 99);
        between("OfflinePushInfo.BadgeSetNum", self.badge_set_num, 0, 999);
        let voip = self.apns.as_ref().and_then(|apns| apns.is_voip_push);
        between("OfflinePushInfo.ApnsInfo.IsVoipPush", voip.map(u16::from), 0, 1);
        let duration = self.harmony.as_ref().and_then(|harmony| harmony.sound_duration);
        between("OfflinePushInfo.HarmonyInfo.SoundDuration", duration.map(u16::from), 1, 60);
        faults
    }

    /// What Tencent takes, but a person should know.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.ext.as_deref().is_some_and(|ext| serde_json::from_str::<Value>(ext).is_err()) {
            warnings.push("OfflinePushInfo.Ext is not JSON text: some Android vendors drop such a push".to_owned());
        }
        let length = [&self.desc, &self.ext].into_iter().flatten().map(String::len).sum::<usize>();
        if length >= MAX_DESC_AND_EXT {
            warnings.push(format!(
                "OfflinePushInfo: Desc and Ext have {length} bytes together; from {MAX_DESC_AND_EXT} on Apple may drop it"
            ));
        }
        warnings
    }
}
