//! Recent refusals, each with its cure. The cures are those of the book's page about them.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::Inspector;
use super::answer::{Answer, json};
use super::asked::Asked;
use super::detail::log_unmasking;
use super::mask::{Show, mask_address, mask_text};
use crate::seen::TurnedAway;

const ENGLISH: &str = include_str!("../../docs/src/en/refused.md");
const CHINESE: &str = include_str!("../../docs/src/zh/refused.md");

/// `GET /api/refusals?lang=…`.
pub(super) async fn masked(State(inspector): State<Inspector>, RawQuery(query): RawQuery) -> Answer {
    tell(&inspector, query.as_deref(), Show::Masked)
}

/// `POST /api/refusals/unmask`: the same with whole addresses. It is logged.
pub(super) async fn unmasked(
    State(inspector): State<Inspector>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let answer = tell(&inspector, query.as_deref(), Show::Whole)?;
    log_unmasking(&inspector, &headers, "who was refused", None);
    Ok(answer)
}

fn tell(inspector: &Inspector, query: Option<&str>, show: Show) -> Answer {
    let asked = Asked::read(query, &inspector.shown.clock)?;
    let refused = inspector.shown.edge.seen().turned_away();
    let page = if asked.chinese { CHINESE } else { ENGLISH };
    let cures: Map<_, _> =
        refused.iter().filter_map(|away| Some((away.code.to_owned(), cure(page, away.code)?.into()))).collect();
    let rows: Vec<_> = refused.iter().map(|away| row(away, show)).collect();
    json(&json!({"masked": show == Show::Masked, "refusals": rows, "cures": cures}))
}

fn row(away: &TurnedAway, show: Show) -> Value {
    let whole = show == Show::Whole;
    json!({
        "code": away.code,
        "message": away.message,
        "peer": away.peer.map(|peer| if whole { peer.to_string() } else { mask_address(peer) }),
        "app": away.app.as_deref().map(|app| if whole { app.to_owned() } else { mask_text(app) }),
        "family": away.family.map(crate::kind::Family::name),
        "proven": away.proven,
        "at": away.at.as_millisecond(),
        "count": away.count,
    })
}

/// What the book says of `code`: the text below its heading.
fn cure(page: &str, code: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("\n### `{code}`\n"))?;
    let end = rest.find("\n#").unwrap_or(rest.len());
    Some(rest[..end].lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cure_is_what_stands_below_its_heading_in_either_language() {
        let cure_of = |page| cure(page, "check_sum_mismatch").unwrap_or_default();
        assert!(cure_of(ENGLISH).starts_with("401. No current secret") && !cure_of(ENGLISH).contains('#'));
        assert!(cure_of(CHINESE).starts_with("401。") && !cure_of(CHINESE).contains('#'));
        assert_eq!(cure(ENGLISH, "404"), None);
    }
}
