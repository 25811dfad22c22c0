//! Examples in the library's documentation: every type, trait and function that a user can reach has one that runs, its
//! own, or that of another, which its documentation names as `Example: [`Other`]`.

use crate::tree::module_of;

/// What needs no example: its file, its name, and why.
const WITHOUT: &[(&str, &str, &str)] = &[
    ("src/cli/mod.rs", "main", "it is the program; nobody calls it but `main.rs`"),
    ("src/journal/options.rs", "Tuning", "hidden: only tests turn at it"),
];

/// Macros that write an example into the documentation of what they write.
const WRITERS: &[&str] = &["sampled! {", "client_payload! {"];

/// Something public that is written in a file, with what its documentation has.
struct Item<'a> {
    path: &'a str,
    line: usize,
    name: &'a str,
    has_own: bool,
    /// What it names as its example.
    others: Vec<&'a str>,
}

/// Everything reachable without an example, and every exception that is none.
pub(crate) fn missing(files: &[(String, String)]) -> Vec<String> {
    let items: Vec<Item<'_>> = files.iter().flat_map(|(path, text)| items(path, text)).collect();
    let has_own = |name: &str| items.iter().any(|item| item.name == name && item.has_own);
    let has = |item: &Item<'_>| item.has_own || item.others.iter().any(|other| has_own(other));
    let is_exception = |item: &Item<'_>| WITHOUT.iter().any(|(path, name, _)| (*path, *name) == (item.path, item.name));
    let problem = |item: &Item<'_>| match (has(item), is_exception(item)) {
        (false, false) if is_reachable(files, &module(item.path), item.name) => {
            Some("has no example that runs; write one, or name what shows it: Example: [`Other`].")
        }
        (true, true) => Some("has an example; take it from the exceptions"),
        _ => None,
    };
    let problems = items.iter().filter_map(|item| Some((item, problem(item)?)));
    problems.map(|(item, what)| format!("{}:{}: {} {what}", item.path, item.line, item.name)).collect()
}

fn module(path: &str) -> Vec<&str> {
    module_of(path.strip_prefix("src/").unwrap_or(path))
}

/// The public types, traits and free functions in a file, but for its tests.
fn items<'a>(path: &'a str, text: &'a str) -> Vec<Item<'a>> {
    let lines: Vec<&str> = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).collect();
    let item = |at: usize| {
        let name = declared(lines[at])?;
        let documentation: Vec<&str> = lines[..at].iter().rev().take_while(|line| !line.is_empty()).copied().collect();
        let outermost = lines[..=at].iter().rev().find(|line| !line.starts_with([' ', '}', ')']) && !line.is_empty());
        let is_written = WRITERS.iter().any(|writer| outermost == Some(writer));
        let has_own = is_written || examples(documentation.iter().rev().copied()) > 0;
        let others = documentation.iter().filter_map(|line| Some(line.split_once("Example: [`")?.1.split_once('`')?.0));
        let others = others.map(|other| other.rsplit("::").next().unwrap_or(other)).collect();
        Some(Item { path, line: at + 1, name, has_own, others })
    };
    (0..lines.len()).filter_map(item).collect()
}

/// The name that a line makes public. Functions and types with blanks before them belong to something.
fn declared(line: &str) -> Option<&str> {
    let words = line.trim_start().strip_prefix("pub ")?;
    let words =
        ["const ", "async "].iter().fold(words, |words, modifier| words.strip_prefix(modifier).unwrap_or(words));
    let (what, rest) = words.split_once(' ')?;
    let is_free = !line.starts_with(' ');
    let counts = matches!(what, "struct" | "enum" | "trait") || (is_free && matches!(what, "fn" | "type"));
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (counts && !name.is_empty()).then_some(name)
}

/// How many examples that compile are in these lines of documentation.
fn examples<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    let fences = lines.filter_map(|line| line.trim_start().strip_prefix("/// ```"));
    fences.step_by(2).filter(|language| matches!(*language, "" | "no_run")).count()
}

/// Whether a user can name the item `name` of `module`: every module above it is public, or hands it on.
fn is_reachable(files: &[(String, String)], module: &[&str], name: &str) -> bool {
    let inside = format!("pub use crate::{}::{name};", module.join("::"));
    if files.iter().any(|(_, text)| text.lines().any(|line| line == inside)) {
        return true;
    }
    let Some((last, above)) = module.split_last() else { return true };
    let text = files.iter().find(|(path, _)| self::module(path) == above).map_or("", |(_, text)| text);
    let is_public = text.lines().any(|line| line == format!("pub mod {last};"));
    match handed_on(text, last, name) {
        Some(name) => is_reachable(files, above, name),
        None => is_public && is_public_up(files, above),
    }
}

/// Whether a user can name the module.
fn is_public_up(files: &[(String, String)], module: &[&str]) -> bool {
    let Some((last, above)) = module.split_last() else { return true };
    let text = files.iter().find(|(path, _)| self::module(path) == above).map_or("", |(_, text)| text);
    text.lines().any(|line| line == format!("pub mod {last};")) && is_public_up(files, above)
}

/// Under which name the module whose text this is hands on `name` of its module `child`.
fn handed_on<'a>(text: &'a str, child: &str, name: &'a str) -> Option<&'a str> {
    let begins = [format!("pub use {child}::"), format!("pub use self::{child}::")];
    let mut uses = text.split("\npub use ").skip(1).filter_map(|rest| rest.split_once(';').map(|(names, _)| names));
    uses.find_map(|names| {
        let names = begins.iter().find_map(|begin| names.strip_prefix(begin.trim_start_matches("pub use ")))?;
        let mut names = names.trim_matches(['{', '}']).split(',').map(str::trim);
        names.find_map(|handed| match handed.split_once(" as ") {
            Some((from, to)) => (from == name).then_some(to),
            None => (handed == name || handed == "*").then_some(name),
        })
    })
}

#[cfg(test)]
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<_> = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    missing(&files)
}

#[test]
fn an_item_without_an_example_is_found_where_a_user_can_reach_it() {
    let lib = ("src/lib.rs", "//! x\npub mod open;\nmod shut;\n\npub use shut::{Shown, Same as Other};\n");
    let open = ("src/open.rs", "/// A.\npub struct A;\n\n    pub fn method() {}\n\n/// F.\npub async fn f() {}\n");
    let shut = ("src/shut.rs", "pub struct Shown;\n\npub enum Same {}\n\npub struct Hidden;\n");
    let found = problems(&[lib, open, shut]);
    let told: Vec<_> = found.iter().map(|problem| problem.split(" has").next().unwrap_or_default()).collect();
    assert_eq!(told, ["src/open.rs:2: A", "src/open.rs:7: f", "src/shut.rs:1: Shown", "src/shut.rs:3: Same"]);
}

#[test]
fn only_an_example_that_compiles_counts_and_another_ones_does() {
    let lib = ("src/lib.rs", "//! x\npub mod a;\n");
    let item = |documentation: &str| format!("{documentation}\n#[derive(Debug)]\npub struct Item;\n");
    let with = |text: &str| problems(&[lib, ("src/a.rs", text)]).len();
    assert_eq!(with(&item("/// I.\n///\n/// ```\n/// a();\n/// ```")), 0);
    assert_eq!(with(&item("/// I.\n///\n/// ```no_run\n/// a();\n/// ```")), 0);
    assert_eq!(with(&item("/// I.\n///\n/// ```compile_fail\n/// a();\n/// ```")), 1);
    assert_eq!(with(&item("/// I.\n///\n/// ```json\n/// {}\n/// ```")), 1);
    let other = "\n/// ```\n/// ```\npub fn other() {}\n";
    assert_eq!(with(&(item("/// I. Example: [`super::other`].") + other)), 0);
    assert_eq!(with(&(item("/// I. Example: [`another`].") + other)), 1);
    assert_eq!(with("sampled! {\n    /// I.\n    pub struct Item for [\"a\"] {\n"), 0);
    assert_eq!(with("object! {\n    /// I.\n    pub struct Item {\n"), 1);
}
