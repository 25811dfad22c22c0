//! Which verdict is used when no decider has an opinion, and which when there was no time to ask.
//!
//! The most specific word wins: an app's kind, the app, a kind, everything. A login that nobody
//! else checks is rejected in either case, whatever is configured.

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::Event;
use crate::kind::KindPattern;
use crate::lenient::Fields;
use crate::verdict::{RejectCode, Verdict};

/// Allow or reject, as a configuration says it.
///
/// Example: [`Policy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// `allow`
    Allow,
    /// `reject`
    Reject,
}

/// What one place of a configuration says; what it leaves out, a less specific place says.
///
/// Example: [`Policy`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Say {
    /// When no decider has an opinion.
    pub default: Option<Word>,
    /// When deciding failed or there was no time or room for it.
    pub fallback: Option<Word>,
    /// The code of a rejection that comes from here.
    pub reject_code: Option<RejectCode>,
}

/// What is said for everything and for some kinds.
///
/// Example: [`Policy`].
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// For every kind.
    pub all: Say,
    /// For the kinds that match; the longest pattern wins.
    pub kinds: Vec<(KindPattern, Say)>,
}

/// What is said about one app.
///
/// ```
/// use std::collections::HashMap;
/// use offhook::decide::{AppPolicy, Policy, Scope, Word};
///
/// let app = AppPolicy { scope: Scope::default(), console_default: Word::Allow };
/// let policy = Policy { apps: HashMap::from([("app".into(), app)]), ..Policy::default() };
/// assert_eq!(policy.apps["app"].console_default, Word::Allow);
/// ```
#[derive(Debug, Clone)]
pub struct AppPolicy {
    /// What this app's own section says.
    pub scope: Scope,
    /// What the platform does when it hears nothing from us.
    pub console_default: Word,
}

/// The whole of it.
///
/// ```
/// use offhook::Event;
/// use offhook::decide::{Policy, Say, Scope, Word};
/// use offhook::kind::KindPattern;
///
/// let all = Say { fallback: Some(Word::Allow), ..Say::default() };
/// let calls = Say { fallback: Some(Word::Reject), ..Say::default() };
/// let scope = Scope { all, kinds: vec![(KindPattern::parse("call.*")?, calls)] };
/// let policy = Policy { scope, ..Policy::default() };
/// let call = Event::from_json(r#"{"eventType":20,"fromAccount":"mei"}"#).expect("an event");
/// let room = Event::from_json(r#"{"eventType":21,"fromAccount":"mei"}"#).expect("an event");
/// assert!(!policy.fallback_for(&call).allows() && policy.fallback_for(&room).allows());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// What is said for every app.
    pub scope: Scope,
    /// What is said for single apps, by key.
    pub apps: HashMap<Arc<str>, AppPolicy>,
}

impl Policy {
    /// The verdict when no decider has an opinion.
    pub fn default_for(&self, event: &Event) -> Verdict {
        self.verdict(event, |say| say.default, Word::Allow)
    }

    /// The verdict when deciding failed or there was no time or room for it.
    pub fn fallback_for(&self, event: &Event) -> Verdict {
        let unset = self.apps.get(&**event.app_key()).map_or(Word::Reject, |app| app.console_default);
        self.verdict(event, |say| say.fallback, unset)
    }

    fn verdict(&self, event: &Event, pick: impl Fn(&Say) -> Option<Word>, unset: Word) -> Verdict {
        self.word_for(event, self.said_for(event, pick).unwrap_or(unset))
    }

    /// The verdict that `word` means for `event` where no decider said it: a login that nobody else checks is rejected.
    pub(super) fn word_for(&self, event: &Event, word: Word) -> Verdict {
        if word == Word::Allow && !is_unchecked_login(event) {
            return Verdict::allow();
        }
        Verdict::Reject { code: self.reject_code_for(event), ext: String::new() }
    }

    /// The code of a rejection of `event` where nobody chose one.
    pub(super) fn reject_code_for(&self, event: &Event) -> RejectCode {
        self.said_for(event, |say| say.reject_code).unwrap_or(RejectCode::DEFAULT)
    }

    /// What the most specific place says about `event`.
    fn said_for<T>(&self, event: &Event, pick: impl Fn(&Say) -> Option<T>) -> Option<T> {
        let kind = event.kind().name();
        let app = self.apps.get(&**event.app_key()).map(|app| &app.scope);
        app.and_then(|scope| scope.say(kind, &pick)).or_else(|| self.scope.say(kind, &pick))
    }
}

impl Scope {
    /// What this scope says about `kind`.
    pub fn say<T>(&self, kind: &str, pick: impl Fn(&Say) -> Option<T>) -> Option<T> {
        let matching = self.kinds.iter().filter(|(pattern, say)| pattern.matches(kind) && pick(say).is_some());
        let longest = matching.max_by_key(|(pattern, _)| (!pattern.as_str().ends_with('*'), pattern.as_str().len()));
        longest.and_then(|(_, say)| pick(say)).or_else(|| pick(&self.all))
    }
}

/// Whether `event` is a login that only our answer authenticates: `authType` (`loginAuthType` for
/// chatrooms) is 2, the third-party-callback mode, or is not told at all.
///
/// ```
/// use offhook::Event;
/// use offhook::decide::{Policy, is_unchecked_login};
///
/// let login = Event::from_json(r#"{"eventType":36,"fromAccount":"mei","authType":2}"#)?;
/// assert!(is_unchecked_login(&login));
/// assert!(!Policy::default().default_for(&login).allows());
/// # Ok::<(), offhook::Refusal>(())
/// ```
pub fn is_unchecked_login(event: &Event) -> bool {
    if !event.kind().is_login() {
        return false;
    }
    let Ok(fields) = Fields::parse(event.text()) else { return true };
    let auth_type = fields.read::<i64>("authType").or_else(|| fields.read::<i64>("loginAuthType"));
    !matches!(auth_type, Some(0 | 1))
}
