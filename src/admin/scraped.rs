//! The text of `/metrics`: OpenMetrics for who asks for it, else the older Prometheus form that every scraper reads.

use std::collections::HashMap;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

const OPEN_METRICS: &str = "application/openmetrics-text";

/// The content type and the text for a scraper that sent `headers`; `text` is OpenMetrics.
pub(super) fn in_the_form_asked_for(headers: &HeaderMap, text: String) -> (&'static str, String) {
    let wanted = headers.get_all(ACCEPT).iter().any(|accept| accept.to_str().is_ok_and(|it| it.contains(OPEN_METRICS)));
    if wanted {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", as_prometheus(&text))
    }
}

/// OpenMetrics names a counter and an info without the end that its samples have, and knows lines that the older form does
/// not.
fn as_prometheus(text: &str) -> String {
    let types: HashMap<&str, &str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let mut lines = String::with_capacity(text.len() + 1024);
    for line in text.lines() {
        let said = ["HELP", "TYPE"].into_iter().find_map(|word| {
            let rest = line.strip_prefix("# ")?.strip_prefix(word)?.strip_prefix(' ')?;
            Some((word, rest.split_once(' ')?))
        });
        if let Some((word, (name, rest))) = said {
            let (end, older) = match types.get(name).copied() {
                Some("counter") => ("_total", "counter"),
                Some("info") => ("_info", "gauge"),
                Some("unknown") => ("", "untyped"),
                other => ("", other.unwrap_or_default()),
            };
            let rest = if word == "TYPE" { older } else { rest };
            lines.push_str(&format!("# {word} {name}{end} {rest}\n"));
        } else if !line.starts_with('#') {
            lines.push_str(line);
            lines.push('\n');
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a_build The build.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
        # HELP a_asked Asked.\n# TYPE a_asked counter\na_asked_total{kind=\"x\"} 2\n\
        # HELP a_took_seconds Time.\n# TYPE a_took_seconds histogram\n# UNIT a_took_seconds seconds\n\
        a_took_seconds_bucket{le=\"+Inf\"} 0\n# EOF\n";

    #[test]
    fn the_older_form_names_each_sample_as_it_is_written() {
        let older = as_prometheus(TEXT);
        let expected = "# HELP a_build_info The build.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
            # HELP a_asked_total Asked.\n# TYPE a_asked_total counter\na_asked_total{kind=\"x\"} 2\n\
            # HELP a_took_seconds Time.\n# TYPE a_took_seconds histogram\na_took_seconds_bucket{le=\"+Inf\"} 0\n";
        assert_eq!(older, expected);
    }

    #[test]
    fn who_asks_for_open_metrics_gets_it() {
        let mut headers = HeaderMap::new();
        assert!(in_the_form_asked_for(&headers, TEXT.to_owned()).0.starts_with("text/plain; version=0.0.4"));
        let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2";
        headers.insert(ACCEPT, accept.parse().expect("a header"));
        let (content_type, text) = in_the_form_asked_for(&headers, TEXT.to_owned());
        assert!(content_type.starts_with(OPEN_METRICS) && text == TEXT);
    }
}
