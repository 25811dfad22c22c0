//! What the platform makes of an answer.

use std::time::Duration;

use serde_json::{Value, json};

use super::Answer;
use super::profile::Profile;

/// How long the platform waits.
pub(in crate::cli) const PATIENCE: Duration = Duration::from_secs(2);

/// The platform's conclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Conclusion {
    /// A valid verdict: the user may act.
    Allowed,
    /// A valid verdict: the user is stopped, and told this code.
    Rejected(i64),
    /// A copy was taken; nothing comes back from it.
    Taken,
    /// A copy was not taken, and why.
    NotTaken(String),
    /// No valid verdict, and why; the console's default decides.
    ConsoleDefault(String),
}

impl Conclusion {
    pub(in crate::cli) fn is_verdict(&self) -> bool {
        !matches!(self, Self::ConsoleDefault(_) | Self::NotTaken(_))
    }

    pub(in crate::cli) fn allows(&self) -> bool {
        matches!(self, Self::Allowed | Self::Taken)
    }

    /// The verdict's word, where there is a verdict.
    fn word(&self) -> Option<&'static str> {
        match self {
            Self::Allowed => Some("allow"),
            Self::Rejected(_) => Some("reject"),
            Self::Taken | Self::NotTaken(_) | Self::ConsoleDefault(_) => None,
        }
    }

    /// The code of a rejection.
    pub(in crate::cli) fn code(&self) -> Option<i64> {
        if let Self::Rejected(code) = self { Some(*code) } else { None }
    }

    /// What becomes of the user.
    pub(in crate::cli) fn words(&self) -> String {
        match self {
            Self::Allowed => "allowed".to_owned(),
            Self::Rejected(code) => format!("rejected with {code}"),
            Self::Taken => "taken".to_owned(),
            Self::NotTaken(why) => format!("not taken ({why}): sent again where the console says so, else lost"),
            Self::ConsoleDefault(why) => format!("{why}: the console default decides"),
        }
    }
}

/// Reads an answer to what `profile` sent as the platform does.
pub(super) fn conclude_for(profile: Profile, answer: &Answer) -> Conclusion {
    if profile == Profile::Callback {
        return conclude(answer);
    }
    // Nothing is documented about the body of an answer to a copy.
    match &answer.reply {
        Ok((200, _)) => Conclusion::Taken,
        Ok((status, _)) => Conclusion::NotTaken(format!("status {status}")),
        Err(why) => Conclusion::NotTaken(why.clone()),
    }
}

/// Reads an answer to a callback as the platform does.
pub(in crate::cli) fn conclude(answer: &Answer) -> Conclusion {
    let (status, body) = match &answer.reply {
        Ok(reply) => reply,
        Err(why) if why.starts_with("no answer") => {
            return Conclusion::ConsoleDefault("no valid answer in 2 s".to_owned());
        }
        Err(why) => return Conclusion::ConsoleDefault(why.clone()),
    };
    let invalid = |why: String| Conclusion::ConsoleDefault(format!("no valid answer: {why}"));
    if *status != 200 {
        return invalid(format!("status {status}"));
    }
    let Ok(Value::Object(reply)) = serde_json::from_slice::<Value>(body) else {
        return invalid("the body is no JSON object".to_owned());
    };
    let code = reply.get("responseCode").and_then(Value::as_i64);
    match reply.get("errCode").and_then(Value::as_i64) {
        None => invalid("there is no integer errCode".to_owned()),
        Some(0) => Conclusion::Allowed,
        Some(_) => match code {
            Some(code @ 20000..=20099) => Conclusion::Rejected(code),
            Some(code) => invalid(format!("responseCode {code} is outside 20000..=20099")),
            None => invalid("there is no integer responseCode".to_owned()),
        },
    }
}

pub(super) fn as_text(answer: &Answer, conclusion: &Conclusion) -> String {
    let used = format!("{:.1} ms of {} ms", answer.took.as_secs_f64() * 1000.0, PATIENCE.as_millis());
    match &answer.reply {
        Ok((status, body)) => {
            let body = String::from_utf8_lossy(body);
            format!(
                "status      {status}\nreply       {}\ntime used   {used}\nconclusion  {}",
                body.trim_end(),
                conclusion.words()
            )
        }
        Err(why) => format!("status      none: {why}\ntime used   {used}\nconclusion  {}", conclusion.words()),
    }
}

pub(super) fn as_json(answer: &Answer, conclusion: &Conclusion) -> Value {
    let (status, reply) = match &answer.reply {
        Ok((status, body)) => (Some(status), Some(String::from_utf8_lossy(body).into_owned())),
        Err(_) => (None, None),
    };
    json!({
        "status": status,
        "reply": reply,
        "took_ms": answer.took.as_secs_f64() * 1000.0,
        "verdict": conclusion.word(),
        "conclusion": conclusion.words(),
    })
}
