//! Reads Markdown as far as the book's tests need it, and makes the pages that come from the program itself.

/// A block between fences.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
}

/// The blocks of a page, in order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut lines) = (Vec::new(), page.lines());
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block { language: language.to_owned(), text: text.join("\n") + "\n" });
        }
    }
    blocks
}

/// The lines of a page that are not in a block.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    page.lines().filter(move |line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

/// The headings of a page, each with its level.
pub(crate) fn headings(page: &str) -> Vec<(usize, &str)> {
    let heading = |line: &'_ str| line.find(|c| c != '#').filter(|level| *level > 0 && line[*level..].starts_with(' '));
    prose(page).filter_map(|line| heading(line).map(|level| (level, line[level..].trim()))).collect()
}

/// What a heading is called in a link.
pub(crate) fn anchor(title: &str) -> String {
    let kept =
        title.to_lowercase().chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c)).collect::<String>();
    kept.replace(' ', "-")
}

/// The targets of a page's links.
pub(crate) fn links(page: &str) -> Vec<&str> {
    let targets = |line: &'_ str| -> Vec<(usize, usize)> {
        let starts = line.match_indices("](").map(|(at, _)| at + 2);
        starts.filter_map(|start| Some((start, start + line[start..].find(')')?))).collect()
    };
    prose(page).flat_map(|line| targets(line).into_iter().map(move |(start, end)| &line[start..end])).collect()
}

/// A section for `command` and each command below it, made of what `--help` prints.
pub(crate) fn commands(command: &str, help: &impl Fn(&str) -> Vec<String>) -> String {
    let printed = help(command);
    let below =
        printed.iter().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| line.starts_with("  "));
    // A summary that is wrapped goes on further to the right.
    let names = below.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|name| !name.is_empty());
    let names: Vec<_> = names.filter(|name| *name != "help").collect();
    let mut page = format!("## `{command}`\n\n```text\n{}\n```\n", printed.join("\n").trim_end());
    for name in names {
        page.push('\n');
        page.push_str(&commands(&format!("{command} {name}"), help));
    }
    page
}

/// A section for each part of the defaults: the paragraphs from one header to the next.
pub(crate) fn sections(defaults: &str) -> String {
    let (mut page, mut open) = (String::new(), false);
    for paragraph in defaults.trim_end().split("\n\n") {
        let header = paragraph.lines().find(|line| line.trim_start_matches('#').starts_with('['));
        if let Some(header) = header {
            let kind = paragraph.lines().find_map(|line| line.trim_start_matches('#').strip_prefix("type = "));
            let kind = kind.map(|kind| format!(", type `{}`", kind.trim_matches('"'))).unwrap_or_default();
            page.push_str(if open { "```\n\n" } else { "" });
            page.push_str(&format!("## `{}`{kind}\n\n```toml\n", header.trim_start_matches('#')));
            open = true;
        } else if !open {
            page.push_str("```toml\n");
            open = true;
        } else {
            page.push('\n');
        }
        page.push_str(paragraph);
        page.push('\n');
    }
    page + "```\n"
}

#[test]
fn a_page_is_taken_apart_at_its_fences() {
    let page = "# A b\n\n[c](d.md#e)\n\n```toml\n# no heading\nf = \"](g)\"\n```\n\n## `h` 中文 i?\n";
    assert_eq!(blocks(page), [Block { language: "toml".to_owned(), text: "# no heading\nf = \"](g)\"\n".to_owned() }]);
    assert_eq!(headings(page), [(1, "A b"), (2, "`h` 中文 i?")]);
    assert_eq!(links(page), ["d.md#e"]);
    assert_eq!(anchor("`h` 中文 i?"), "h-中文-i");
}

#[test]
fn a_command_has_a_section_and_so_have_those_below_it() {
    let help = |command: &str| {
        let text = if command == "a" {
            "Does.\n\nCommands:\n  b     It is\n         long\n  help  No\n\nOptions:\n  -c"
        } else {
            "It is."
        };
        text.lines().map(str::to_owned).collect()
    };
    let page = commands("a", &help);
    assert!(
        page.starts_with("## `a`\n\n```text\nDoes.\n") && page.ends_with("```\n\n## `a b`\n\n```text\nIt is.\n```\n"),
        "{page}"
    );
    assert_eq!(page.matches("## ").count(), 2, "{page}");
}

#[test]
fn the_defaults_have_a_section_for_each_header() {
    let page = sections("# Intro.\n\n[a]\nb = 1\n\n# more of a\nc = 2\n\n# D.\n#[[d]]\n#type = \"e\"\n");
    let expected = "```toml\n# Intro.\n```\n\n## `[a]`\n\n```toml\n[a]\nb = 1\n\n# more of a\nc = 2\n```\n\n## `[[d]]`, type `e`\n\n```toml\n# D.\n#[[d]]\n#type = \"e\"\n```\n";
    assert_eq!(page, expected);
}
