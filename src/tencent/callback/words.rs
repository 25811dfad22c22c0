//! Words that Tencent's pages spell in several ways: read leniently, kept as they were sent.

use serde::{Serialize, Serializer};

use crate::lenient::{Impossible, Lenient, Plain, Shape};

/// Writes a word's type, which keeps the text, and the enum of what it can mean.
macro_rules! words {
    (
        $(#[$word_doc:meta])* $word:ident,
        $(#[$meaning_doc:meta])* $meaning:ident { $($(#[$doc:meta])* $variant:ident = $($spelling:literal)|+,)+ }
    ) => {
        $(#[$word_doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $word(String);

        $(#[$meaning_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $meaning {
            $($(#[$doc])* $variant,)+
            /// A word nobody documented.
            Unknown,
        }

        impl $word {
            /// As it was sent.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// What it means: case, spaces, `_` and `-` make no difference.
            pub fn meaning(&self) -> $meaning {
                match &*plain(&self.0) {
                    $($($spelling)|+ => $meaning::$variant,)+
                    _ => $meaning::Unknown,
                }
            }
        }

        impl Lenient for $word {
            const EXPECTED: &'static str = "a word";
            const SHAPE: Shape = Shape::Text;

            fn read(raw: &str) -> Result<Option<Self>, Impossible> {
                Ok(String::read(raw)?.map(Self))
            }
        }

        impl From<$word> for Plain {
            fn from(word: $word) -> Self {
                Self::Text(word.0)
            }
        }

        impl Serialize for $word {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

    };
}

words! {
    /// `ActionType`, as it was sent. Example: [`MemberChanged`](super::MemberChanged).
    ActionWord,
    /// What a member of a call did.
    Action {
        /// `Accept`; the English pages say `Answer` too.
        Accept = "accept" | "answer",
        /// `Reject`.
        Reject = "reject",
        /// `NotAnswer`: the time to answer ran out.
        NotAnswer = "notanswer",
        /// `Hangup`, `HangUp` or `Hang Up`.
        HangUp = "hangup",
        /// `Join`.
        Join = "join",
        /// `Offline`: no heartbeat any more.
        Offline = "offline",
        /// `Invite` or `Invited`.
        Invite = "invite" | "invited",
        /// `Cancel_Invite`, also spelt `Canncel_Invite`.
        CancelInvite = "cancelinvite" | "canncelinvite",
    }
}

words! {
    /// `CallResult`, as it was sent. Example: [`CallEnded`](super::CallEnded).
    CallResultWord,
    /// How a call ended.
    CallResult {
        /// `Cancel`: the caller gave up.
        Cancel = "cancel",
        /// `Reject`.
        Reject = "reject",
        /// `NotAnswer`.
        NotAnswer = "notanswer",
        /// `NormalEnd`: there was a call, and it is over.
        NormalEnd = "normalend",
        /// `CallBusy`.
        CallBusy = "callbusy",
        /// `Interrupt`.
        Interrupt = "interrupt",
        /// `Offline`: no heartbeat any more.
        Offline = "offline",
    }
}

words! {
    /// `MediaType` or `CallMediaType`, as it was sent. Example: [`decode_call`](super::decode_call).
    MediaTypeWord,
    /// What a call carries.
    MediaType {
        /// `Audio`.
        Audio = "audio",
        /// `Video`.
        Video = "video",
    }
}

/// The letters and digits of a word, in lower case.
fn plain(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_that_was_seen_means_the_same() {
        let meaning = |word: &str| ActionWord(word.to_owned()).meaning();
        assert!(["Accept", "Answer", "ACCEPT"].iter().all(|word| meaning(word) == Action::Accept));
        assert!(["Hangup", "HangUp", "Hang Up", "hang_up"].iter().all(|word| meaning(word) == Action::HangUp));
        assert!(["Cancel_Invite", "Canncel_Invite"].iter().all(|word| meaning(word) == Action::CancelInvite));
        assert_eq!([meaning("Invited"), meaning("Not Answer")], [Action::Invite, Action::NotAnswer]);
        assert_eq!([meaning(""), meaning("Accepted?")], [Action::Unknown; 2]);
    }
}
