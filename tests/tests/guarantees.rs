//! `docs/guarantees.md` names each check of the public suites, under its number, and no other.
#![allow(clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use homing_conformance::checks::names;

const PAGE: &str = include_str!("../../docs/guarantees.md");

/// The modules that checks are in.
const GROUPS: [&str; 6] = ["sender", "router", "inlet", "pingee", "process", "duplex"];

/// The checks that the page names, each with the heading that it stands under.
fn on_the_page() -> Vec<(&'static str, &'static str)> {
    let mut heading = "";
    let mut found = Vec::new();
    for line in PAGE.lines() {
        if let Some(text) = line.strip_prefix("### ") {
            heading = text;
        }
        // Every second piece stands in backquotes.
        let quoted = line.split('`').skip(1).step_by(2);
        found.extend(quoted.filter(|name| is_check(name)).map(|name| (heading, name)));
    }
    found
}

fn is_check(name: &str) -> bool {
    name.split_once("::").is_some_and(|(group, _)| GROUPS.contains(&group))
}

fn in_the_suites() -> BTreeSet<&'static str> {
    let suites = [names::TRANSPORT, names::INLET, names::PINGEE, names::DUPLEX, names::ALONE];
    suites.into_iter().chain(names::PROCESS).flatten().copied().collect()
}

#[test]
fn the_page_names_all_checks_and_no_others() {
    let page: BTreeSet<_> = on_the_page().into_iter().map(|(_, name)| name).collect();
    let suites = in_the_suites();
    let missing: Vec<_> = suites.difference(&page).collect();
    let unknown: Vec<_> = page.difference(&suites).collect();
    assert!(missing.is_empty(), "checks that the page does not name: {missing:#?}");
    assert!(unknown.is_empty(), "no suite has the checks that the page names: {unknown:#?}");
}

#[test]
fn a_check_stands_under_its_number() {
    for (heading, name) in on_the_page() {
        let check = name.split("::").last().unwrap_or(name);
        let number = check.strip_prefix('b').and_then(|rest| rest.get(..2)?.parse::<u32>().ok());
        if let Some(number) = number {
            let expected = format!("{number}. ");
            assert!(heading.starts_with(&expected), "{name} stands under {heading:?}");
        }
    }
}
