//! The project's files, as a walk finds them: no version control is asked, so that a copy without any is checked too.

use std::fs;
use std::path::{Path, PathBuf};

/// The project's directory.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of the file `path`; the check that asks for it cannot do without.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

/// Every file of text, its path from the root with `/` between the parts, and what is in it; sorted by path.
pub(crate) fn files() -> Vec<(String, String)> {
    let mut ignored: Vec<PathBuf> = vec![root().join(".git")];
    ignored.extend(read(".gitignore").lines().filter_map(|line| line.strip_prefix('/')).map(|name| root().join(name)));
    let mut files = Vec::new();
    walk(root(), &ignored, &mut files);
    files.sort();
    assert!(files.iter().any(|(path, _)| path == "src/lib.rs"), "the walk went past src");
    files
}

/// Those of [`files`] that are Rust and lie in one of `folders`.
pub(crate) fn rust_files(folders: &[&str]) -> Vec<(String, String)> {
    let inside =
        |path: &str| folders.iter().any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
    files().into_iter().filter(|(path, _)| path.ends_with(".rs") && inside(path)).collect()
}

/// What stands directly in src: `app.rs`, `edge/` and so on.
pub(crate) fn entries_of_src() -> Vec<String> {
    let mut entries: Vec<String> = entries(&root().join("src")).iter().map(|path| name(path)).collect();
    entries.sort();
    entries
}

/// The module that the file `path` below `src` is: `edge/gate.rs` is `["edge", "gate"]`, and lib.rs is nothing.
pub(crate) fn module_of(path: &str) -> Vec<&str> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if stem == "lib" { Vec::new() } else { stem.split('/').collect() }
}

fn walk(directory: &Path, ignored: &[PathBuf], files: &mut Vec<(String, String)>) {
    for path in entries(directory).into_iter().filter(|path| !ignored.contains(path)) {
        if path.is_dir() {
            walk(&path, ignored, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let parts: Vec<_> = path.strip_prefix(root()).expect("below the root").iter().collect();
            files.push((parts.join("/".as_ref()).to_string_lossy().into_owned(), text));
        }
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("cannot read {directory:?}: {error}"));
    entries.map(|entry| entry.expect("an entry of a directory").path()).collect()
}

fn name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if path.is_dir() { format!("{name}/") } else { name }
}

#[test]
fn a_file_is_the_module_that_rust_makes_of_it() {
    assert_eq!(module_of("edge/gate.rs"), ["edge", "gate"]);
    assert_eq!(module_of("edge/mod.rs"), ["edge"]);
    assert_eq!(module_of("intake.rs"), ["intake"]);
    assert_eq!(module_of("lib.rs"), [""; 0]);
}

#[test]
fn the_walk_sees_every_folder_that_holds_rust_but_not_what_was_built() {
    let found = files();
    for expected in ["src/edge/gate.rs", "tests/tidy/tree.rs", "Cargo.lock", ".gitignore"] {
        assert!(found.iter().any(|(path, _)| path == expected), "{expected}");
    }
    assert!(!found.iter().any(|(path, _)| path.starts_with("target/") || path.starts_with(".git/")));
}
