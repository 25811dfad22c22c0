//! Papers that speak of the code: the README's map, the ports, and what no file may mention.

/// Entries of src that the README's map does not list, and the other way round. The map is the list or table under the
/// heading `## Map of src`, an entry in backticks at the beginning of each line.
pub(crate) fn map_differs(readme: &str, entries: &[String]) -> Vec<String> {
    let map = readme.split("\n## Map of src\n").nth(1).unwrap_or_default();
    let map = map.split("\n## ").next().unwrap_or_default();
    let listed: Vec<&str> = map.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let missing = entries.iter().filter(|entry| !listed.contains(&&***entry));
    let gone = listed.iter().filter(|listed| !entries.iter().any(|entry| entry == **listed));
    let missing = missing.map(|entry| format!("README.md: the map of src lacks {entry}"));
    missing.chain(gone.map(|entry| format!("README.md: the map of src has {entry}, which is not there"))).collect()
}

/// The port of `listen` in a section of the defaults.
pub(crate) fn default_port(defaults: &str, section: &str) -> Option<u16> {
    let section = defaults.split(&format!("\n[{section}]\n")).nth(1)?.split("\n[").next()?;
    let listen = section.lines().find_map(|line| line.strip_prefix("listen = \""))?;
    listen.strip_suffix('"')?.rsplit(':').next()?.parse().ok()
}

/// What a Dockerfile exposes or asks besides the public port, which it must, and the admin port, which it may expose.
pub(crate) fn wrong_ports(dockerfile: &str, public: u16, admin: u16) -> Vec<String> {
    let mut problems = Vec::new();
    let instruction = |name: &str| dockerfile.lines().find_map(|line| line.strip_prefix(name));
    match instruction("EXPOSE ") {
        None => problems.push("Dockerfile: nothing is exposed".to_owned()),
        Some(ports) => {
            let ports: Vec<u16> = ports.split_whitespace().filter_map(number).collect();
            if !ports.contains(&public) || ports.iter().any(|port| ![public, admin].contains(port)) {
                problems.push(format!("Dockerfile: exposes {ports:?}; the defaults are {public} and {admin}"));
            }
        }
    }
    match instruction("HEALTHCHECK ") {
        None => problems.push("Dockerfile: no health check".to_owned()),
        Some(check) => {
            let asked = check.match_indices(':').filter_map(|(at, _)| number(&check[at + 1..]));
            let wrong = asked.filter(|port| *port != public);
            problems.extend(wrong.map(|port| format!("Dockerfile: asks port {port}; the default is {public}")));
        }
    }
    problems
}

/// The number that `text` begins with.
fn number(text: &str) -> Option<u16> {
    text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse().ok()
}

/// Files that the source in `path` reads in as it is compiled, and that `.dockerignore` keeps out of the image's build.
pub(crate) fn missed_by_the_image(path: &str, source: &str, ignored: &str) -> Vec<String> {
    let read = ["include_str!(\"", "include_bytes!(\""].into_iter().flat_map(|call| source.split(call).skip(1));
    let read = read.filter_map(|rest| Some(resolved(path, rest.split('"').next()?)));
    let missed = read.filter(|file| is_ignored(file, ignored));
    missed.map(|file| format!("{path}: reads {file}, which .dockerignore keeps from the image's build")).collect()
}

/// Where `relative` leads from the file `path`.
fn resolved(path: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Whether the last line that is about `file` leaves it out: `/a` is about all below it too, `/a/*` about nothing else, and
/// `!/a` brings back.
fn is_ignored(file: &str, ignored: &str) -> bool {
    let is_about = |pattern: &str| {
        let rest = file.strip_prefix(pattern.trim_start_matches('/').trim_end_matches('*').trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let lines = ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let last = lines.rev().find(|line| is_about(line.trim_start_matches('!')));
    last.is_some_and(|line| !line.starts_with('!'))
}

/// Places that speak of files which only the authors have.
pub(crate) fn outside_mentions(path: &str, text: &str) -> Vec<String> {
    let needle = concat!("..", "/sha", "red");
    let found = (1..).zip(text.lines()).filter(|(_, line)| line.contains(needle));
    found.map(|(number, _)| format!("{path}:{number}: mentions {needle}, which nobody else has")).collect()
}

#[test]
fn a_map_that_lacks_something_or_has_too_much_is_found() {
    let entries = ["app.rs".to_owned(), "edge/".to_owned()];
    let readme =
        |map: &str| format!("# x\n\n| `else` | no |\n\n## Map of src\n\n{map}\n## More\n\n| `beyond` | no |\n");
    assert_eq!(map_differs(&readme("| `app.rs` | a |\n| `edge/` | b |\n"), &entries), [""; 0]);
    assert_eq!(map_differs(&readme("| `app.rs` | a |\n"), &entries).len(), 1);
    assert_eq!(map_differs(&readme("| `app.rs` | a |\n| `edge/` | b |\n| `old.rs` | c |\n"), &entries).len(), 1);
    assert_eq!(map_differs("# x\n", &entries).len(), 2);
}

#[test]
fn a_file_that_the_image_would_lack_is_found() {
    let source =
        r#"const A: &str = include_str!("../../docs/src/en/a.md"); const B: &[u8] = include_bytes!("b.json");"#;
    let missed = |ignored: &str| missed_by_the_image("src/admin/a.rs", source, ignored).len();
    assert_eq!(missed("# why\n/target\n/do\n/src/admin/b\n"), 0);
    assert_eq!(missed("/docs\n"), 1);
    assert_eq!(missed("/docs/*\n!/docs/src\n"), 0);
    assert_eq!(missed("/docs/*\n!/docs/book\n/src/admin/b.json\n"), 2);
}

#[test]
fn another_port_is_found_wherever_the_image_names_one() {
    let defaults =
        "[a]\nlisten = \"1.1.1.1:1\"\n\n[server]\n# where\nlisten = \"0.0.0.0:8080\"\n\n[b]\nlisten = \"2.2.2.2:2\"\n";
    assert_eq!(default_port(defaults, "server"), Some(8080));
    let good = "FROM x:12\nEXPOSE 8080\nHEALTHCHECK CMD [\"/offhook\", \"health\"]\n";
    assert_eq!(wrong_ports(good, 8080, 8081), [""; 0]);
    assert_eq!(wrong_ports(&good.replace("8080", "8080 8081/tcp"), 8080, 8081), [""; 0]);
    for bad in [
        good.replace("8080", "80"),
        good.replace("8080", "8081"),
        good.replace("8080", "8080 80"),
        good.replace("EXPOSE 8080\n", ""),
        good.replace("\"health\"", "\"health\", \"--url\", \"http://127.0.0.1:8081\""),
        good.replace("HEALTHCHECK", "LABEL"),
    ] {
        assert_eq!(wrong_ports(&bad, 8080, 8081).len(), 1, "{bad}");
    }
}

#[test]
fn a_mention_of_the_authors_own_files_is_found() {
    let text = format!("a\nsee {}{}/x\n", "../", "shared");
    assert_eq!(outside_mentions("a.md", &text).len(), 1);
    assert_eq!(outside_mentions("a.md", "a shared thing"), [""; 0]);
}
