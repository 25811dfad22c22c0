//! Which kinds an expression can hold for at all, as far as that can be read off it.

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue, operators};

use crate::kind::{KINDS, Kind};

/// What `expression` comes to for events of `kind` of `family`, whatever else they hold; `None`: that depends.
pub(super) fn truth(expression: &IdedExpr, kind: &str, family: &str) -> Option<bool> {
    match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(truth)) => Some(*truth.inner()),
        Expr::Call(call) => {
            let said = |place: usize| truth(call.args.get(place)?, kind, family);
            let named = |of: &IdedExpr| match &of.expr {
                Expr::Ident(name) if name == "kind" => Some(kind),
                Expr::Ident(name) if name == "family" => Some(family),
                _ => None,
            };
            if let Some(target) = &call.target {
                let (name, text) = (named(target)?, text(call.args.first()?)?);
                return match call.func_name.as_str() {
                    "startsWith" => Some(name.starts_with(text)),
                    "endsWith" => Some(name.ends_with(text)),
                    _ => None,
                };
            }
            match (call.func_name.as_str(), call.args.as_slice()) {
                (operators::LOGICAL_AND, _) => match (said(0), said(1)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                },
                (operators::LOGICAL_OR, _) => match (said(0), said(1)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                },
                (operators::LOGICAL_NOT, _) => said(0).map(|truth| !truth),
                (operators::EQUALS, [left, right]) => pair(left, right, named).map(|(name, text)| name == text),
                (operators::NOT_EQUALS, [left, right]) => pair(left, right, named).map(|(name, text)| name != text),
                (operators::IN, [left, right]) => {
                    let (name, texts) = (named(left)?, texts(right)?);
                    Some(texts.contains(&name))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// A name and a text, in either order.
fn pair<'x>(
    left: &'x IdedExpr,
    right: &'x IdedExpr,
    named: impl Fn(&IdedExpr) -> Option<&'x str>,
) -> Option<(&'x str, &'x str)> {
    match named(left) {
        Some(name) => Some((name, text(right)?)),
        None => Some((named(right)?, text(left)?)),
    }
}

/// A text that is written out.
pub(super) fn text(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// Texts that are written out as a list.
pub(super) fn texts(expression: &IdedExpr) -> Option<Vec<&str>> {
    match &expression.expr {
        Expr::List(list) => list.elements.iter().map(text).collect(),
        _ => None,
    }
}

/// Whether the name of some kind begins like this.
pub(super) fn begins_one(prefix: &str) -> bool {
    let open_ended = ["unknown.", "neroom.", "trtc.", "copy.unknown.", "rtc.unknown."];
    KINDS
        .iter()
        .map(|row| row.name)
        .chain(open_ended)
        .any(|name| name.starts_with(prefix) || prefix.starts_with(name) && name.ends_with('.'))
}

/// Whether the verdict on an event of this kind may change it.
pub(super) fn is_changeable(kind: &str) -> bool {
    KINDS.iter().find(|row| row.name == kind).is_some_and(|row| Kind::of(row).is_changeable())
}

/// Whether the rule can hold for a kind that nobody documented.
pub(super) fn may_be_undocumented(when: &IdedExpr) -> bool {
    [("unknown.0", "yunxin.callback"), ("copy.unknown.0", "yunxin.copy"), ("trtc.0.0", "tencent.trtc")]
        .into_iter()
        .any(|(kind, family)| truth(when, kind, family) != Some(false))
}
