//! What an expression may name: variables and functions, and how deeply it may nest.

use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, Expr, operators};

/// What every expression may name besides `data`, `raw` and `lists`.
pub(super) const VARIABLES: [&str; 5] = ["kind", "family", "app", "now", "sentat"];

/// The fields of an event, and the named lists; each is named with a field.
pub(super) const TABLES: [&str; 3] = ["data", "raw", "lists"];

/// Functions that are called with everything in the brackets, and with how many arguments.
pub(super) const FUNCTIONS: [(&str, usize); 9] = [
    ("size", 1),
    ("int", 1),
    ("uint", 1),
    ("double", 1),
    ("string", 1),
    ("timestamp", 1),
    ("duration", 1),
    ("matches", 2),
    ("calls_by", 2),
];

/// Functions that are called on a value.
pub(super) const METHODS: [(&str, usize); 5] =
    [("size", 0), ("contains", 1), ("startsWith", 1), ("endsWith", 1), ("matches", 1)];

/// Parts of a time, called on it, with a time zone or without.
pub(super) const TIMES: [&str; 10] = [
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
];

/// The operators, as the parser calls them.
pub(super) const OPERATORS: [&str; 18] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::IN,
];

/// How deeply comprehensions may be nested: what an expression costs grows with the body to this power.
pub(super) const LOOPS: u32 = 2;

/// The longest expression, in bytes.
pub(super) const LONGEST: usize = 16 << 10;

/// How deeply an expression may be nested.
pub(super) const DEEPEST: u16 = 64;

/// What a `map` or `filter` puts into its list for each element, as the parser writes these: `@result + [it]`, perhaps
/// under a condition.
pub(super) fn collected(comprehension: &ComprehensionExpr) -> Option<&IdedExpr> {
    let mut step = &comprehension.loop_step;
    if let Expr::Call(call) = &step.expr
        && call.func_name == operators::CONDITIONAL
    {
        step = call.args.get(1)?;
    }
    let Expr::Call(call) = &step.expr else { return None };
    call.args.get(1).filter(|added| call.func_name == operators::ADD && matches!(added.expr, Expr::List(_)))
}

/// Of `names` the one that `word` looks like.
pub(super) fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let near = |name: &'n str| (strsim::damerau_levenshtein(word, name), name);
    let (distance, name) = names.into_iter().map(near).min()?;
    (distance <= 1 + name.len() / 4).then_some(name)
}

/// A hint that names it.
pub(super) fn did_you_mean<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    nearest(word, names).map(|name| format!("did you mean `{name}`?"))
}
