//! What is wrong with a rule as a whole, although nothing in it is: it never comes to true or false, holds for no kind at
//! all, or would change what cannot be changed.

use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, Expr, LiteralValue, operators};

use super::book::Hidden;
use super::{kinds, scope};
use crate::verdict::Verdict;

/// What is wrong, at which node, and what to do about it.
pub(super) struct Wrong {
    /// The whole expression where there is none.
    pub(super) node: Option<u64>,
    pub(super) what: String,
    pub(super) hint: String,
}

/// What is wrong with a rule of which every part was rewritten already; `kinds` are those it can hold for.
pub(super) fn wrong(when: &IdedExpr, then: &Verdict, kinds: &[&'static str]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if let Some((node, found)) = never_boolean(when) {
        let what = format!("a rule holds or does not, but this comes to {found}");
        let hint = "compare it with something, for example `size(data.toAccountList) > 8`".to_owned();
        wrong.push(Wrong { node: Some(node), what, hint });
    }
    if kinds.is_empty() && !kinds::may_be_undocumented(when) {
        let hint = "look at what it says of `kind` and `family`, and at the decider's `kinds`".to_owned();
        wrong.push(Wrong { node: None, what: "it can hold for no kind at all".to_owned(), hint });
    }
    if let (Verdict::Allow { modify, .. }, Some(other)) = (then, kinds.iter().find(|kind| !kinds::is_changeable(kind)))
        && !modify.is_empty()
    {
        let what = format!("only messages can be changed, and this can hold for {other}");
        let hint = "begin with `kind in [\"message.p2p\", \"message.team\"] && …`, or set the decider's `kinds`";
        wrong.push(Wrong { node: None, what, hint: hint.to_owned() });
    }
    wrong
}

/// The node at which it is certain that `expression` is neither true nor false whatever the event is, and what it is
/// instead. `None` also where that only depends on the event.
fn never_boolean(expression: &IdedExpr) -> Option<(u64, &'static str)> {
    let is = |found| Some((expression.id, found));
    match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(_)) => None,
        Expr::Literal(LiteralValue::String(_)) => is("text"),
        Expr::Literal(LiteralValue::Null) => is("null"),
        Expr::Literal(LiteralValue::Bytes(_)) => is("bytes"),
        Expr::Literal(_) => is("a number"),
        Expr::List(_) => is("a list"),
        Expr::Map(_) => is("a map"),
        Expr::Comprehension(comprehension) if is_list(comprehension) => is("a list"),
        Expr::Ident(name) => match (Hidden::named(name), name.as_str()) {
            (Some(Hidden::Count(_)), _) => is("a number"),
            (Some(Hidden::List(_)), _) => is("a list"),
            (None, "kind" | "family" | "app") => is("text"),
            (None, "now" | "sentat") => is("a time"),
            _ => None,
        },
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [_, one, other]) => never_boolean(other).and(never_boolean(one)),
            (operators::LOGICAL_NOT, [denied]) => never_boolean(denied),
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [one, other]) => {
                // One of them may decide alone.
                never_boolean(other).and(never_boolean(one))
            }
            (operators::ADD, _) => is("a sum"),
            (operators::SUBSTRACT, _) => is("a difference"),
            (operators::MULTIPLY | operators::DIVIDE | operators::MODULO | operators::NEGATE, _) => is("a number"),
            ("size" | "int" | "uint" | "double", _) => is("a number"),
            ("string", _) => is("text"),
            ("timestamp", _) => is("a time"),
            ("duration", _) => is("a duration"),
            (name, _) if call.target.is_some() && scope::TIMES.contains(&name) => is("a number"),
            _ => None,
        },
        _ => None,
    }
}

/// Whether it is a `map` or `filter`, as the parser writes these: what they collect is their result.
fn is_list(comprehension: &ComprehensionExpr) -> bool {
    let ComprehensionExpr { accu_init, accu_var, result, .. } = comprehension;
    matches!(&accu_init.expr, Expr::List(_)) && matches!(&result.expr, Expr::Ident(name) if name == accu_var)
}
