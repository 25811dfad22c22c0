//! What is wrong with a rule is told when it is loaded, with its place and a hint.

use super::{loaded, rules};

/// The fault of a rule with this expression, and the hint.
fn fault(when: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    match loaded(&dir, &rules(&[("it", when, "reject = true")])) {
        Ok(_) => panic!("no fault in {when}"),
        Err(faults) => faults,
    }
}

#[test]
fn every_mistake_in_an_expression_has_its_place_and_a_hint() {
    let rows = [
        ("kind == ", "line 1, column", ""),
        ("true &&\n  knid == 'call.start'", "in its line 2, column 3: unknown variable `knid`", "did you mean `kind`?"),
        ("foo == 1", "column 1: unknown variable `foo`", "known are `kind`, `family`, `app`, "),
        ("sise(data.toAccountList) > 8", "unknown function `sise`", "did you mean `size`?"),
        ("data.fromAccount.startWith('a')", "unknown function `startWith`", "did you mean `startsWith`?"),
        ("size(kind, kind) == 1", "`size` takes 1 argument(s), found 2", ""),
        ("kind == 'call.strat'", "column 9: no such kind: `call.strat`", "did you mean `call.start`?"),
        ("kind in ['call.start', 'rom.create']", "no such kind: `rom.create`", "did you mean `room.create`?"),
        ("kind.startsWith('cal.')", "no such kind: `cal.`", ""),
        ("kind == 'call.*'", "`call.*` is a pattern", ""),
        (
            "kind == 'call.start' && size(data.toAcountList) > 8",
            "`toAcountList` is no documented field of call.start",
            "did you mean `toAccountList`?",
        ),
        (
            "kind == 'call.start' && data.channelName == 'x'",
            "`channelName` is no documented field of call.start",
            "raw.channelName",
        ),
        ("size(data.toAcountList) > 8", "`toAcountList` is no documented field of any kind", "`toAccountList`"),
        ("kind == 'unknown.4711' && data.level == 3", "`level` is no documented field", "`raw.level`"),
        ("has(data.toAcountList) && kind == 'call.start'", "`toAcountList` is no documented field", "did you mean"),
        ("size(data) > 3", "`data` is read field by field", "data.fromAccount"),
        ("data[kind] == 1", "`data` is read field by field", ""),
        ("data.fromAccount in lists.blcked", "unknown list `blcked`", "lists.blcked = { file"),
        ("data.fromAccount.matches('(')", "the pattern cannot be read", ""),
        ("data.fromAccount.matches(kind)", "the pattern of `matches` must be written out", ""),
        ("now.getHours('Asia/Shangai') > 9", "unknown time zone `Asia/Shangai`", "Asia/Shanghai"),
        ("calls_by(data.fromAccount, '1 fortnight') > 5", "is a duration from 1s to 1day", "calls_by("),
        ("data.toAccountList.exists(a, calls_by(a, '1m') > 5)", "cannot depend on `a`", ""),
        ("kind == 'call.start' && kind == 'room.create'", "it can hold for no kind at all", "kind"),
        ("false", "it can hold for no kind at all", ""),
        ("[1].exists(a, [1].exists(b, [1].exists(c, a == c)))", "nested more than 2 deep", ""),
        ("data.toAccountList.map(a, data.toAccountList).size() > 1", "cannot put `data` into each", "`exists`"),
        ("[[1]].map(row, row.map(cell, row)).size() > 1", "cannot put `row` into each", "`exists`"),
        ("Foo{a: 1} == 1", "there are no types", ""),
        ("1 + 1", "line 1, column 3: a rule holds or does not, but this comes to a sum", "compare it with something"),
        ("kind == 'call.start' ?\n  'yes' :\n  0", "in its line 2, column 3: a rule holds or does not", "compare"),
    ];
    for (when, what, hint) in rows {
        let text = fault(when);
        assert!(text.contains(what) && text.contains(hint), "{when}\nshould say `{what}` and `{hint}`:\n{text}");
        assert!(text.contains("deciders[0].rules[0].when"), "{text}");
    }
}

#[test]
fn what_can_never_be_true_or_false_is_refused_and_nothing_else() {
    let never = [
        ("'true'", "text"),
        ("null", "null"),
        ("b'x'", "bytes"),
        ("1", "a number"),
        ("-data.callType", "a number"),
        ("data.callType % 2", "a number"),
        ("data.timestamp - 5", "a difference"),
        ("data.fromAccount + 'x'", "a sum"),
        ("[kind == 'call.start']", "a list"),
        ("{'a': true}", "a map"),
        ("size(data.toAccountList)", "a number"),
        ("data.toAccountList.size()", "a number"),
        ("string(data.callType)", "text"),
        ("kind", "text"),
        ("now", "a time"),
        ("now.getHours('Asia/Shanghai')", "a number"),
        ("sentat.getMinutes()", "a number"),
        ("calls_by(data.fromAccount, '1m')", "a number"),
        ("data.toAccountList.map(a, a == 'x')", "a list"),
        ("data.toAccountList.filter(a, a == 'x')", "a list"),
        ("!(1 + 1)", "a sum"),
        ("1 && 'x'", "a number"),
        ("1 || 'x'", "a number"),
        ("data.forceKeepCalling ? 1 : 2", "a number"),
    ];
    for (when, found) in never {
        let text = fault(when);
        assert!(text.contains(&format!("this comes to {found} (line ")) && text.contains("hint: "), "{when}\n{text}");
    }
    let perhaps = [
        "true",
        "data.forceKeepCalling",
        "raw.something",
        "raw.a.b",
        "raw['a'][0]",
        "[true][0]",
        "{'a': true}['a']",
        "has(data.notifyAttach)",
        "data.forceKeepCalling ? 1 : true",
        "raw.a || 1",
        "1 && raw.a",
        "1 + 1 == 2",
        "1 in [1]",
        "-1 < 0",
        "data.fromAccount.matches('x')",
        "matches(data.fromAccount, 'x')",
        "data.toAccountList.exists(a, a == 'x')",
        "data.toAccountList.all(a, a == 'x')",
        "data.toAccountList.exists_one(a, a == 'x')",
        "data.toAccountList.map(a, a == 'x')[0]",
        "[true].exists(kind, kind)",
    ];
    for when in perhaps {
        let dir = tempfile::tempdir().unwrap();
        let loaded = loaded(&dir, &rules(&[("it", when, "reject = true")]));
        assert!(loaded.is_ok(), "{when}: {:?}", loaded.err());
    }
}

#[test]
fn every_fault_of_every_rule_comes_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let text = loaded(&dir, &rules(&[("a", "foo == bar", "reject = true"), ("b", "sise(kind) == 1", "reject = true")]));
    let text = text.err().unwrap();
    assert!(text.starts_with("error: 3 faults in "), "{text}");
}

#[test]
fn a_rule_gives_exactly_one_verdict_that_its_kinds_can_have() {
    let rows = [
        ("true", "", "exactly one of `allow`, `reject` and `modify`"),
        ("true", "allow = true\nreject = true", "exactly one of `allow`, `reject` and `modify`"),
        ("true", "reject = 20010", "expected `true` or a table"),
        ("true", "reject = { code = 20100 }", "a whole number from 20000 to 20099"),
        ("true", "reject = { kode = 20010 }", "unknown key"),
        ("true", "modify = {}", "at least one of `body`, `attach` and `ext`"),
        ("true", "modify = { body = \"x\" }", "only messages can be changed, and this can hold for user.update"),
        ("kind == 'message.recall'", "modify = { body = \"x\" }", "this can hold for message.recall"),
    ];
    for (when, then, what) in rows {
        let dir = tempfile::tempdir().unwrap();
        let text = loaded(&dir, &rules(&[("it", when, then)])).err().unwrap();
        assert!(text.contains(what), "{then} should say `{what}`:\n{text}");
    }
}

#[test]
fn a_decider_is_told_what_is_wrong_with_it() {
    let rule = "[[deciders.rules]]\nname = \"a\"\nwhen = \"true\"\nallow = true\n";
    let rows = [
        ("[[deciders]]\ntype = \"rulez\"".to_owned(), "did you mean `rules`?"),
        ("[[deciders]]\ntype = \"rules\"".to_owned(), "expected at least one rule"),
        (format!("[[deciders]]\ntype = \"rules\"\nname = \"fallback:x\"\n{rule}"), "cannot be mistaken in `verdictby`"),
        (format!("[[deciders]]\ntype = \"rules\"\nkinds = [\"cal.*\"]\n{rule}"), "no such kind: `cal.*`"),
        (format!("[[deciders]]\ntype = \"rules\"\napps = [\"nobody\"]\n{rule}"), "the App Key of one of [[apps]]"),
        (format!("[[deciders]]\ntype = \"rules\"\non_error = \"ignore\"\n{rule}"), "expected `fallback`, `next`,"),
        (
            format!("[[deciders]]\ntype = \"rules\"\nlists.x = {{ file = \"/nowhere/x.txt\" }}\n{rule}"),
            "expected a readable file",
        ),
        (
            format!("[[deciders]]\ntype = \"rules\"\n{rule}[[deciders]]\ntype = \"rules\"\n{rule}"),
            "another decider is called `rules` too",
        ),
        (format!("[[deciders]]\ntype = \"rules\"\n{rule}{rule}"), "another rule is called `a` too"),
    ];
    for (toml, what) in rows {
        let text = loaded(&tempfile::tempdir().unwrap(), &toml).err().unwrap();
        assert!(text.contains(what), "{toml}\nshould say `{what}`:\n{text}");
    }
}
