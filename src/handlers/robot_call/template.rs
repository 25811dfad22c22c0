//! Texts with places that an event fills: `{id}`, `{kind}`, `{app}`, `{subject}`, `{verdict}` and `{data.a.b}`.

use std::fmt;

use crate::event::Event;
use crate::lenient::{Fields, Lenient};

/// A text with places.
///
/// ```
/// use offhook::Event;
/// use offhook::handlers::Template;
///
/// let event = Event::from_json(r#"{"eventType":20,"fromAccount":"mei","toAccountList":["an","bo"]}"#).expect("an event");
/// assert_eq!(Template::parse("a call by {data.fromAccount}")?.fill(&event)?, "a call by mei");
/// assert_eq!(Template::parse("{data.toAccountList}")?.fill_all(&event)?, ["an", "bo"]);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Id,
    Kind,
    App,
    Subject,
    Verdict,
    Data(Vec<String>),
}

const PLACES: &str = "{id}, {kind}, {app}, {subject}, {verdict} and {data.FIELD}";

impl Template {
    /// Reads a template. `{{` and `}}` stand for a brace.
    ///
    /// # Errors
    /// Says which place is not known, or that a brace is not closed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = vec![Part::Text(String::new())];
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            push(&mut parts, &rest[..at]);
            let brace = &rest[at..];
            if brace.starts_with("{{") || brace.starts_with("}}") {
                push(&mut parts, &brace[..1]);
                rest = &brace[2..];
                continue;
            }
            let end = brace.find('}').filter(|_| brace.starts_with('{'));
            let end = end.ok_or_else(|| "a brace stands alone; write {{ or }} for one that is meant".to_owned())?;
            parts.push(Part::Place(place(&brace[1..end])?));
            rest = &brace[end + 1..];
        }
        push(&mut parts, rest);
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Self { text: text.to_owned(), parts })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text that `event` makes of it.
    ///
    /// # Errors
    /// Says which place the event leaves empty.
    pub fn fill(&self, event: &Event) -> Result<String, String> {
        self.parts.iter().map(|part| part.fill(event)).collect()
    }

    /// The texts that `event` makes of it: several where it is one place alone that holds a list.
    ///
    /// # Errors
    /// Says which place the event leaves empty.
    pub fn fill_all(&self, event: &Event) -> Result<Vec<String>, String> {
        if let [Part::Place(Place::Data(path))] = &self.parts[..]
            && let Some(Ok(Some(items))) = find(event, path, Vec::<String>::read)
        {
            return Ok(items);
        }
        self.fill(event).map(|text| vec![text])
    }
}

impl Part {
    fn fill(&self, event: &Event) -> Result<String, String> {
        let place = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::Place(place) => place,
        };
        let found = match place {
            Place::Id => Some(event.id().to_string()),
            Place::Kind => Some(event.kind().name().to_owned()),
            Place::App => Some(event.app_key().to_string()),
            Place::Subject => event.subject().map(str::to_owned),
            Place::Verdict => event.decision().map(|decision| decision.verdict.word().to_owned()),
            Place::Data(path) => find(event, path, String::read).and_then(|read| read.ok().flatten()),
        };
        found.filter(|text| !text.is_empty()).ok_or_else(|| format!("the event has no text for {place}"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id => f.write_str("{id}"),
            Self::Kind => f.write_str("{kind}"),
            Self::App => f.write_str("{app}"),
            Self::Subject => f.write_str("{subject}"),
            Self::Verdict => f.write_str("{verdict}"),
            Self::Data(path) => write!(f, "{{data.{}}}", path.join(".")),
        }
    }
}

/// What `read` makes of the value at `path`, as the sender wrote it, so that no number loses a digit.
fn find<T>(event: &Event, path: &[String], read: impl Fn(&str) -> T) -> Option<T> {
    let mut text = event.text().to_owned();
    for name in path {
        // An object may come as JSON text.
        let object = if text.starts_with('"') { crate::lenient::unquote(&text)?.into_owned() } else { text };
        text = Fields::parse(&object).ok()?.get(name)?.get().to_owned();
    }
    Some(read(&text))
}

fn push(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(before)) => before.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

fn place(name: &str) -> Result<Place, String> {
    match name.trim() {
        "id" => Ok(Place::Id),
        "kind" => Ok(Place::Kind),
        "app" => Ok(Place::App),
        "subject" => Ok(Place::Subject),
        "verdict" => Ok(Place::Verdict),
        other => {
            let path: Option<Vec<String>> =
                other.strip_prefix("data.").map(|path| path.split('.').map(str::to_owned).collect());
            path.filter(|path| path.iter().all(|name| !name.is_empty()))
                .map(Place::Data)
                .ok_or_else(|| format!("there is no place {{{other}}}; there are {PLACES}"))
        }
    }
}
