//! The subject an event is published to: a text with places that the event fills.

use std::fmt;

use crate::event::Event;

/// A subject with places: `{family}`, `{kind}`, `{app}` and `{verdict}`.
///
/// What an event puts there never adds a wildcard or a blank: such characters become `_`. The points of a family and of
/// a kind stay, so that `offhook.{kind}` may be subscribed to as `offhook.call.*`.
///
/// ```
/// use offhook::handlers::Subject;
///
/// assert_eq!(Subject::parse("calls.{kind}")?.as_str(), "calls.{kind}");
/// assert!(Subject::parse("calls.{knd}").is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Family,
    Kind,
    App,
    Verdict,
}

impl Subject {
    /// Where events go unless something else is said.
    pub const DEFAULT: &'static str = "offhook.{family}.{kind}.{app}";

    /// Reads a subject.
    ///
    /// # Errors
    /// Says what of it cannot be one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (place, after) = after.split_once('}').ok_or_else(|| "a brace is not closed".to_owned())?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(match place {
                "family" => Part::Family,
                "kind" => Part::Kind,
                "app" => Part::App,
                "verdict" => Part::Verdict,
                _ => return Err(format!("the place {{{place}}} is not known; there are {PLACES}")),
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| *part != Part::Text(String::new()));
        let subject = Self { text: text.to_owned(), parts };
        subject.check()?;
        Ok(subject)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The subject that `event` makes of it.
    pub(super) fn of(&self, event: &Event) -> String {
        self.filled(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Family => tokens(event.family().name()),
            Part::Kind => tokens(event.kind().name()),
            Part::App => token(event.app_key()),
            Part::Verdict => event.decision().map_or("none", |decision| decision.verdict.word()).to_owned(),
        })
    }

    fn filled(&self, fill: impl Fn(&Part) -> String) -> String {
        self.parts.iter().map(fill).collect()
    }

    /// With something in each place it must be a subject to publish to.
    fn check(&self) -> Result<(), String> {
        let example = self.filled(|part| match part {
            Part::Text(text) => text.clone(),
            _ => "x".to_owned(),
        });
        if example.split('.').any(str::is_empty) {
            return Err("between its points there must be something".to_owned());
        }
        if example.contains(|char: char| char.is_whitespace() || char.is_control() || "*>}".contains(char)) {
            return Err("blanks, `*`, `>` and lone braces cannot be published to".to_owned());
        }
        if example.starts_with('$') {
            return Err("what begins with `$` belongs to NATS itself".to_owned());
        }
        Ok(())
    }
}

const PLACES: &str = "{family}, {kind}, {app} and {verdict}";

/// Words between points, none of them empty or a wildcard.
fn tokens(text: &str) -> String {
    text.split('.').map(token).collect::<Vec<_>>().join(".")
}

/// One word.
fn token(text: &str) -> String {
    let word: String = text
        .chars()
        .map(|char| if char.is_whitespace() || char.is_control() || ".*>".contains(char) { '_' } else { char })
        .collect();
    if word.is_empty() { "_".to_owned() } else { word }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_place_is_a_word_of_a_subject() {
        assert_eq!(tokens("call.start"), "call.start");
        assert_eq!(tokens("neroom.a b.*.>..x"), "neroom.a_b._._._.x");
        assert_eq!((token("a.b"), token("")), ("a_b".to_owned(), "_".to_owned()));
    }

    #[test]
    fn a_subject_that_nobody_can_publish_to_is_refused() {
        assert!(Subject::parse(Subject::DEFAULT).is_ok());
        assert!(Subject::parse("calls").is_ok());
        for wrong in ["", "a..b", ".a", "a.", "a b", "a.*", "a.>", "{kind", "kind}", "{id}", "$JS.{kind}"] {
            assert!(Subject::parse(wrong).is_err(), "{wrong}");
        }
    }
}
