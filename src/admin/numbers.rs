//! The numbers for the page's charts: what `/metrics` counts, read back from its own text.

use axum::extract::State;
use serde_json::{Value, json};

use super::Inspector;
use super::answer::{Answer, json};
use super::history::{Look, bounds};

/// Names that the page draws; the others are for those who scrape.
const DRAWN: [&str; 12] = [
    "offhook_requests_total",
    "offhook_refusals_total",
    "offhook_fallbacks_total",
    "offhook_in_flight",
    "offhook_deliveries_total",
    "offhook_delivery_lag_seconds",
    "offhook_parked",
    "offhook_platform_failures_total",
    "offhook_journal_bytes",
    "offhook_journal_free_bytes",
    "offhook_unkept_total",
    "offhook_spilled_total",
];

/// One number of the text form.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'a> {
    pub(super) name: &'a str,
    labels: &'a str,
    pub(super) value: f64,
}

impl<'a> Sample<'a> {
    /// The value of a label that has nothing escaped in it.
    pub(super) fn label(&self, name: &str) -> Option<&'a str> {
        self.pairs().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// Labels as names and values, the values as they are written.
    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.labels;
        std::iter::from_fn(move || {
            let (name, after) = rest.split_once("=\"")?;
            let mut escaped = false;
            let end = after.find(|c: char| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })?;
            rest = after[end + 1..].trim_start_matches(',');
            Some((name, &after[..end]))
        })
    }
}

/// Every number of the text form.
pub(super) fn samples(text: &str) -> impl Iterator<Item = Sample<'_>> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (head, value) = line.rsplit_once(' ')?;
        let value = value.parse().ok()?;
        Some(match head.split_once('{') {
            Some((name, labels)) => Sample { name, labels: labels.strip_suffix('}')?, value },
            None => Sample { name: head, labels: "", value },
        })
    })
}

/// `GET /api/numbers`: the numbers now, and the last half hour.
pub(super) async fn numbers(State(inspector): State<Inspector>) -> Answer {
    let text = inspector.shown.metrics.render();
    let drawn: Vec<Value> = samples(&text)
        .filter(|sample| DRAWN.contains(&sample.name))
        .map(|sample| {
            let labels: serde_json::Map<_, _> =
                sample.pairs().map(|(name, value)| (name.to_owned(), unescaped(value).into())).collect();
            json!({"name": sample.name, "labels": labels, "value": sample.value})
        })
        .collect();
    let mut looks = inspector.history.looks();
    looks.push(Look::at(&inspector.shown));
    json(&json!({
        "numbers": drawn,
        "bounds": bounds(&text),
        "looks": looks,
        "deadline": inspector.shown.edge.settings().deadline.as_secs_f64(),
        "degraded": inspector.shown.journal.is_degraded(),
    }))
}

fn unescaped(value: &str) -> String {
    value.replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_read_back() {
        let text = "# HELP a b\noffhook_in_flight 3\na_total{kind=\"x,}\",app=\"q\\\"=1\"} 2.5\nh_bucket{le=\"+Inf\"} 7\n# EOF\n";
        let all: Vec<_> = samples(text).collect();
        assert_eq!(all[0], Sample { name: "offhook_in_flight", labels: "", value: 3.0 });
        assert_eq!(all[1].pairs().collect::<Vec<_>>(), [("kind", "x,}"), ("app", "q\\\"=1")]);
        assert_eq!((all[1].value, unescaped(all[1].label("app").unwrap_or_default())), (2.5, "q\"=1".to_owned()));
        assert_eq!((all[2].name, all[2].label("le"), all.len()), ("h_bucket", Some("+Inf"), 3));
    }
}
